import { HeirloomError } from '../../shared/failure.ts';
import type { DetectorOutputs, FaceDetection } from '../architectures/face-detection.ts';
import { decodeRetinaFace } from '../architectures/retina-face-decode.ts';
import { decodeYuNet } from '../architectures/yu-net-decode.ts';
import type { Network } from '../models/network.ts';
import type { Pixels } from '../models/tile-tensors.ts';

/**
 * Finds the faces in one small picture: gray or RGB, 0 to 1; answers in its pixels, with five points each, best first.
 *
 * @param leastScore of what is told; the detector's own limit unless given.
 */
export type FaceDetector = (pixels: Pixels, leastScore?: number) => Promise<readonly FaceDetection[]>;

type Decode = (
  outputs: DetectorOutputs,
  widthPx: number,
  heightPx: number,
  scoreThreshold: number,
) => FaceDetection[];

/** The families that give the five points; scores below the threshold are mostly patterns and folds in old prints. */
const families: Readonly<Record<string, { readonly decode: Decode; readonly scoreThreshold: number }>> = {
  RetinaFace: {
    decode: (outputs, width, height, scoreThreshold) =>
      decodeRetinaFace(outputs, width, height, { scoreThreshold }),
    scoreThreshold: 0.8,
  },
  YuNet: {
    decode: (outputs, width, height, scoreThreshold) =>
      decodeYuNet(outputs, width, height, { scoreThreshold, vote: true }),
    scoreThreshold: 0.7,
  },
};

/** Sides are filled up with black to this multiple: YuNet needs it, the others do not mind. */
const sizeMultiple = 32;

/**
 * A detector from an opened network.
 *
 * @param scoreThreshold the family's own unless given.
 * @throws HeirloomError `unsupported-model` for a network that does not find five points.
 */
export function createFaceDetector(network: Network, scoreThreshold?: number): FaceDetector {
  const family = families[network.architecture];
  if (family === undefined) {
    throw new HeirloomError(
      'unsupported-model',
      `${network.id} (${network.architecture}) does not find the eyes, nose and corners of the mouth that placing a face needs.`,
      `Choose a model of the kind ${Object.keys(families).join(' or ')}.`,
    );
  }
  return async (pixels, leastScore = scoreThreshold ?? family.scoreThreshold) => {
    const { data, width, height } = toPlanes(pixels);
    const results = await network.run({ input: { data, dims: [1, 3, height, width] } });
    const outputs = Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]),
    );
    return family.decode(outputs, width, height, leastScore);
  };
}

function toPlanes({ data, width, height, channels }: Pixels): {
  data: Float32Array;
  width: number;
  height: number;
} {
  const up = (length: number): number => Math.ceil(length / sizeMultiple) * sizeMultiple;
  const padded = { width: up(width), height: up(height) };
  const out = new Float32Array(3 * padded.width * padded.height);
  for (let plane = 0; plane < 3; plane++) {
    const channel = channels <= 2 ? 0 : plane;
    for (let y = 0; y < height; y++) {
      const target = (plane * padded.height + y) * padded.width;
      for (let x = 0; x < width; x++)
        out[target + x] = Math.min(1, Math.max(0, data[(y * width + x) * channels + channel]!));
    }
  }
  return { data: out, ...padded };
}
