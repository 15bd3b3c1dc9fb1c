import type { ModelHub } from '../models/model-hub.ts';
import type { Network } from '../models/network.ts';

/** Id of the network that recognizes faces on this machine, if there is one. */
export function chooseFaceRecognizer(hub: Pick<ModelHub, 'defaultFor'>): string | undefined {
  return hub.defaultFor('face-recognize');
}

/**
 * The network that recognizes faces, if there is one: opened when the first face asks for it, and the same for all others.
 *
 * @throws HeirloomError as `ModelHub.openNetwork`, when it is asked for.
 */
export function faceRecognizer(
  hub: Pick<ModelHub, 'defaultFor' | 'openNetwork'>,
): () => Promise<Network | undefined> {
  let opened: Promise<Network | undefined> | undefined;
  return () => {
    const id = chooseFaceRecognizer(hub);
    return (opened ??= id === undefined ? Promise.resolve(undefined) : hub.openNetwork(id));
  };
}
