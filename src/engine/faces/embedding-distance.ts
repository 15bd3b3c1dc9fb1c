import { HeirloomError } from '../../shared/failure.ts';
import type { Point } from '../architectures/face-detection.ts';
import { resampleArray } from '../image/resample.ts';
import type { Network } from '../models/network.ts';
import { type Pixels, toTensor } from '../models/tile-tensors.ts';
import { toAffine } from './affine.ts';
import { fitSimilarity, invertSimilarity, scaleOf, type Similarity } from './geometry.ts';
import { sizeSeen } from './identity-distance.ts';
import { warpPixels } from './warp.ts';

/** Side of the aligned face for which `recognitionTemplate` is given. */
const templatePx = 112;

/**
 * Left eye, right eye, nose, left and right mouth corner of a face as ArcFace's networks were trained on, 112 × 112 pixels, in continuous coordinates.
 *
 * Source: the alignment of InsightFace, whose numbers count from the center of the first pixel.
 */
export const recognitionTemplate: readonly Point[] = [
  [38.7946, 52.1963],
  [74.0318, 52.0014],
  [56.5252, 72.2366],
  [42.0493, 92.8655],
  [71.2299, 92.7041],
];

/**
 * How far a recognition network takes the restored face to be from the face it was made from: 1 − the cosine similarity of their embeddings, 0 for the same, about 1 for two
 * people, 2 at most.
 *
 * Both crops are brought to the resolution that the input really has (see `identityDistance`) and warped to the network's template.
 *
 * @param points left eye, right eye, nose, left and right mouth corner, in pixels of the crop.
 * @param cropPxPerImagePx how many crop pixels came from one of the picture.
 * @param recognizer 'input' (n, 3, s, s), 'embedding' (n, length), as `arcFace`.
 * @throws HeirloomError `unsupported-model` when the network does not give an embedding; what running it throws.
 */
export async function embeddingDistance(
  input: Pixels,
  restored: Pixels,
  points: readonly Point[],
  cropPxPerImagePx: number,
  recognizer: Network,
): Promise<number> {
  const sizePx = recognizer.info.fixedSize?.width ?? templatePx;
  const toTemplate = fitSimilarity(
    points,
    recognitionTemplate.map(([x, y]): Point => [(x * sizePx) / templatePx, (y * sizePx) / templatePx]),
  );
  // Finer than the template nothing counts; the warp itself then hardly shrinks.
  const finestPx = Math.round(input.width * scaleOf(toTemplate));
  const seenPx = sizeSeen(input.width, cropPxPerImagePx, finestPx);
  const faces = [input, restored].map((crop) => aligned(crop, toTemplate, seenPx, recognizer, sizePx));
  const data = new Float32Array(2 * 3 * sizePx * sizePx);
  faces.forEach((face, index) => data.set(face, index * face.length));
  const { embedding } = await recognizer.run({ input: { data, dims: [2, 3, sizePx, sizePx] } });
  const [count, length = 0] = embedding?.dims ?? [];
  if (embedding === undefined || count !== 2 || length < 2) {
    throw new HeirloomError(
      'unsupported-model',
      `${recognizer.id} does not give an embedding for a face as ArcFace does.`,
      'Remove it in the models panel, or add another network for recognizing faces.',
    );
  }
  const values = embedding.data as Float32Array;
  return 1 - cosine(values.subarray(0, length), values.subarray(length));
}

/** The crop at `seenPx`, warped to the template, as planes in the network's range. */
function aligned(
  { data, width, height, channels }: Pixels,
  toTemplate: Similarity,
  seenPx: number,
  { info }: Network,
  sizePx: number,
): Float32Array {
  const seen = resampleArray(
    { width, height, channels: channels as 1 | 3, pixels: data },
    seenPx,
    seenPx,
    'lanczos3',
  );
  const { a, b, tx, ty } = invertSimilarity(toTemplate);
  const scale = seenPx / width;
  const toSeen = toAffine({ a: a * scale, b: b * scale, tx: tx * scale, ty: ty * scale });
  const square = { x: 0, y: 0, width: sizePx, height: sizePx };
  const face = {
    data: warpPixels({ data: seen.pixels, width: seenPx, height: seenPx, channels }, toSeen, square, 'zero'),
    width: sizePx,
    height: sizePx,
    channels,
  };
  const planes = channels === 1 ? [[0, 0, 0]] : [[0, 1, 2]];
  const padded = { width: sizePx, height: sizePx, mode: info.padMode };
  return toTensor(face, planes, padded, info.inputRange).data as Float32Array;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, squareA, squareB] = [0, 0, 0];
  a.forEach((value, i) => {
    product += value * b[i]!;
    squareA += value * value;
    squareB += b[i]! * b[i]!;
  });
  const lengths = Math.sqrt(squareA * squareB);
  return lengths > 0 ? Math.min(1, Math.max(-1, product / lengths)) : 0;
}
