import { HeirloomError } from '../../shared/failure.ts';
import type { ModelInfo } from '../architectures/architecture.ts';
import type { RunEnvironment } from './model.ts';
import type { TensorData } from './runtime.ts';
import { hasNonFinite } from './tile-tensors.ts';

/** A described network that is not picture in, picture out: run by the names of its inputs and outputs. */
export interface Network {
  readonly id: string;
  /** The field's own name, as in `Architecture.name`. */
  readonly architecture: string;
  readonly info: ModelInfo;
  /**
   * Runs the network once on the first device that can.
   *
   * @throws HeirloomError `out-of-memory` or `device`.
   */
  run(inputs: Readonly<Record<string, TensorData>>): Promise<Readonly<Record<string, TensorData>>>;
}

/** Wraps a described network; the inputs stay the caller's. */
export function createNetwork(
  id: string,
  described: { readonly info: ModelInfo; readonly architecture: string },
  environment: Pick<RunEnvironment, 'devices' | 'withSession' | 'log'>,
): Network {
  const { devices, withSession, log } = environment;
  return {
    id,
    architecture: described.architecture,
    info: described.info,
    run: async (inputs) => {
      let last: unknown;
      for (const device of devices) {
        try {
          return await withSession(device, async (session) => {
            // The session takes the buffers over; another device may need them again.
            const copies = Object.entries(inputs).map(
              ([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }] as const,
            );
            const outputs = await session.run(Object.fromEntries(copies));
            if (Object.values(outputs).some(hasNonFinite)) {
              throw new HeirloomError(
                'device',
                'The device gave numbers that are not finite.',
                'Choose another device in the settings.',
              );
            }
            return outputs;
          });
        } catch (error) {
          if (
            !(error instanceof HeirloomError) ||
            (error.code !== 'out-of-memory' && error.code !== 'device')
          )
            throw error;
          log(`network ${id} on ${device}: ${error.message}`);
          last = error;
        }
      }
      throw last;
    },
  };
}
