import { HeirloomError } from '../../shared/failure.ts';
import type { ModelHub } from '../models/model-hub.ts';
import { createFaceDetector, type FaceDetector } from './face-detector.ts';

/**
 * Id of the detector to use: the chosen one, or the first that is on this machine.
 *
 * @throws HeirloomError `missing-model` when there is none.
 */
export function chooseFaceDetector(hub: Pick<ModelHub, 'defaultFor'>, id = ''): string {
  const chosen = id || hub.defaultFor('face-detect');
  if (chosen !== undefined) return chosen;
  throw new HeirloomError(
    'missing-model',
    'There is no model for finding faces on this machine.',
    'Add one, such as YuNet or RetinaFace, in the models panel or with "heirloom models add FILE".',
  );
}

/** @throws HeirloomError `missing-model`; `unsupported-model` for a model that does not find faces. */
export async function openFaceDetector(
  hub: Pick<ModelHub, 'defaultFor' | 'openNetwork'>,
  id = '',
): Promise<FaceDetector> {
  return createFaceDetector(await hub.openNetwork(chooseFaceDetector(hub, id)));
}
