import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openOnnxFile } from '../../../src/engine/weights/onnx-file.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';

const folder = join(sharedData ?? '', 'weights');

/** Format, wrappers, tensors, elements and the sum of their absolute values, as `torch.load` gives them. */
const checkpoints: readonly (readonly [path: string, format: string, unwrapped: readonly string[], tensors: number, elements: number, sum: number])[] = [
  ['derived_rebuilt_pth/realesr-animevideov3.rebuilt.pth', 'pth-zip', ['params'], 53, 621_424, 28266.760310627476],
  ['face_1mb_landmark/RBF_Final.pth', 'pth-legacy', [], 258, 364_435, 3671509.2352136867],
  ['face_1mb_landmark/mobilenet0.25_Final.pth', 'pth-legacy', [], 300, 433_343, 7449886.876449896],
  ['face_blazeface/blazeface.pth', 'pth-legacy', [], 74, 101_390, 13533.46549043766],
  ['face_blazeface/blazefaceback.pth', 'pth-zip', [], 138, 136_240, 76714.2794418931],
  ['face_ultralight/pretrained/version-RFB-320.pth', 'pth-legacy', [], 244, 281_135, 3027981.061048236],
  ['face_yunet/weights/yunet_n.pth', 'pth-zip', ['state_dict'], 208, 77_890, 4129368.44229534],
  ['kair/dncnn_25.pth', 'pth-legacy', [], 34, 555_137, 20690.757702605548],
  ['lpips/v0.0/squeeze.pth', 'pth-legacy', [], 7, 2240, 104.92856640435657],
  ['lpips/v0.1/squeeze.pth', 'pth-legacy', [], 7, 2240, 173.4387181383333],
];

describe(`real files${sharedDataNote}`, () => {
  it.skipIf(sharedData === undefined).each(checkpoints)('%s', (path, format, unwrapped, count, elements, sum) => {
    const weights = openWeights(join(folder, path));
    expect(weights).toMatchObject({ format, unwrapped });
    expect(weights.tensors.size).toBe(count);
    const numbers = [...weights.tensors.keys()].map((name) => weights.read(name));
    expect(numbers.reduce((total, { length }) => total + length, 0)).toBe(elements);
    const absolute = numbers.reduce((total, values) => values.reduce((subtotal, value) => subtotal + Math.abs(value), total), 0);
    expect(Math.abs(absolute / sum - 1)).toBeLessThan(1e-9);
    weights.close();
  });

  it.skipIf(sharedData === undefined).each([
    ['derived_rebuilt_pth/realesr-animevideov3.rebuilt.pth', 'realesr-animevideov3-onnx/realesr-animevideov3.onnx', 36],
    ['face_ultralight/pretrained/version-RFB-320.pth', 'face_ultralight/onnx/version-RFB-320.onnx', 244],
  ])('%s holds the numbers of its ONNX twin', (checkpoint, graph, count) => {
    const weights = openWeights(join(folder, checkpoint));
    const onnx = openOnnxFile(join(folder, graph));
    const shared = [...weights.tensors.keys()].filter((name) => onnx.initializers.has(name));
    expect(shared).toHaveLength(count);
    for (const name of shared) expect(onnx.read(name), name).toEqual(weights.read(name));
    // The exporter renamed the slopes of PReLU.
    const renamed = [...onnx.initializers.keys()].filter((name) => !weights.tensors.has(name)).map((name) => [...onnx.read(name)]);
    for (const name of weights.tensors.keys()) if (!shared.includes(name)) expect(renamed).toContainEqual([...weights.read(name)]);
    weights.close();
  });

  it.skipIf(sharedData === undefined)('refuses a file with NumPy objects by the first name it asks for', () => {
    expect(() => openWeights(join(folder, 'odd', 'test_eye_mouth_landmarks.pth'))).toThrow(
      'test_eye_mouth_landmarks.pth asks to run numpy.core.multiarray.scalar; a weights file must not run anything, so it was refused.',
    );
  });
});
