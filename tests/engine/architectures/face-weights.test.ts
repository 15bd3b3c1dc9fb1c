import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeBlazeFace } from '../../../src/engine/architectures/blaze-face-decode.ts';
import type { DetectorOutputs, FaceDetection } from '../../../src/engine/architectures/face-detection.ts';
import { overlapOf } from '../../../src/engine/architectures/face-detection.ts';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { decodeRetinaFace } from '../../../src/engine/architectures/retina-face-decode.ts';
import { decodeYuNet } from '../../../src/engine/architectures/yu-net-decode.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { createSession, maxAbsDifference } from './golden.ts';

const sizePx = 640;

/** A portrait at the top left of a square, RGB in [0, 1], (1, 3, side, side). */
async function portrait(name: string, side: number): Promise<Tensor> {
  const options = { fit: 'contain', position: 'left top', background: '#000' } as const;
  const pixels = await sharp(`${sharedData}/eval/open/faces/${name}`)
    .resize(side, side, options)
    .removeAlpha()
    .raw()
    .toBuffer();
  const area = side * side;
  const data = Float32Array.from(
    { length: 3 * area },
    (_, i) => (pixels[3 * (i % area) + Math.floor(i / area)] ?? 0) / 255,
  );
  return new Tensor('float32', data, [1, 3, side, side]);
}

async function detect(file: string, input: Tensor): Promise<DetectorOutputs> {
  const session = await createSession(openWeights(`${sharedData}/weights/${file}`));
  const outputs = await session.run({ input });
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([key, tensor]) => [key, tensor.data as Float32Array]),
  );
}

/** The best detection, at the scale of the 640 px image. */
function best(faces: readonly FaceDetection[], scale = 1): FaceDetection {
  const [face] = faces;
  if (face === undefined) throw new Error('No face was found.');
  const { left, top, right, bottom } = face;
  const points = face.points.map(([x, y]) => [x * scale, y * scale] as const);
  return {
    score: face.score,
    left: left * scale,
    top: top * scale,
    right: right * scale,
    bottom: bottom * scale,
    points,
  };
}

describe.skipIf(sharedData === undefined)(`released face detectors${sharedDataNote}`, () => {
  it.each(['obama.jpg', 'biden.jpg', 'obama2.jpg'])('four detectors agree on %s', async (name) => {
    const large = await portrait(name, sizePx);
    const retina = best(
      decodeRetinaFace(await detect('face_1mb_landmark/mobilenet0.25_Final.pth', large), sizePx, sizePx),
    );
    const yuNet = best(decodeYuNet(await detect('face_yunet/weights/yunet_n.pth', large), sizePx, sizePx));
    const front = best(
      decodeBlazeFace(await detect('face_blazeface/blazeface.pth', await portrait(name, 128)), 128),
      5,
    );
    const back = best(
      decodeBlazeFace(await detect('face_blazeface/blazefaceback.pth', await portrait(name, 256)), 256),
      2.5,
    );
    const eyes = (yuNet.points[1]?.[0] ?? 0) - (yuNet.points[0]?.[0] ?? 0);
    expect(eyes).toBeGreaterThan(20);
    expect(overlapOf(retina, yuNet)).toBeGreaterThan(0.8);
    expect(overlapOf(front, yuNet)).toBeGreaterThan(0.5);
    expect(overlapOf(back, yuNet)).toBeGreaterThan(0.5);
    for (const [k, [x, y]] of yuNet.points.entries()) {
      const [rx = NaN, ry = NaN] = retina.points[k] ?? [];
      expect(Math.hypot(rx - x, ry - y)).toBeLessThan(0.16 * eyes);
    }
    // Eyes lie above the nose, the nose above the mouth, and pairs from left to right.
    for (const { points } of [retina, yuNet]) {
      const [leftEye, rightEye, nose, leftMouth, rightMouth] = points;
      expect(leftEye?.[0]).toBeLessThan(rightEye?.[0] ?? NaN);
      expect(leftMouth?.[0]).toBeLessThan(rightMouth?.[0] ?? NaN);
      expect(Math.max(leftEye?.[1] ?? NaN, rightEye?.[1] ?? NaN)).toBeLessThan(nose?.[1] ?? NaN);
      expect(nose?.[1]).toBeLessThan(Math.min(leftMouth?.[1] ?? NaN, rightMouth?.[1] ?? NaN));
    }
  });

  it('YuNet from its checkpoint equals its ONNX export', async () => {
    const input = await portrait('obama.jpg', 320);
    const area = 320 * 320;
    const bgr = Float32Array.from(
      { length: 3 * area },
      (_, i) => Number(input.data[(2 - Math.floor(i / area)) * area + (i % area)]) * 255,
    );
    const twin = await InferenceSession.create(`${sharedData}/weights/face_yunet/onnx/yunet_n_dynamic.onnx`);
    const expected = await twin.run({ input: new Tensor('float32', bgr, [1, 3, 320, 320]) });
    const session = await createSession(openWeights(`${sharedData}/weights/face_yunet/weights/yunet_n.pth`));
    const actual = await session.run({ input });
    for (const key of twin.outputNames) {
      expect(maxAbsDifference(actual[key] as Tensor, expected[key] as Tensor)).toBeLessThan(5e-5);
    }
  });

  it('knows from the weights alone that Face-Detector-1MB was trained with plain ReLU', () => {
    const weights = openWeights(`${sharedData}/weights/face_1mb_landmark/mobilenet0.25_Final.pth`);
    const { architecture, params } = detectArchitecture(weights);
    expect(architecture.id).toBe('retina-face');
    expect(params).toMatchObject({
      backbone: 'mobilenet',
      blocks: [6, 6, 2],
      fpnWidth: 64,
      activation: 'relu',
    });
  });
});
