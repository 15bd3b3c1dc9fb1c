import { HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Model } from '../models/model.ts';
import type { Network } from '../models/network.ts';
import { type Pixels, toTensor } from '../models/tile-tensors.ts';
import type { Point } from '../architectures/face-detection.ts';
import { type Affine, toAffine } from './affine.ts';
import { coveredRect, cropFace } from './crop-face.ts';
import { type FaceMask, maskFromClasses, maskFromPoints } from './face-mask.ts';
import {
  alignFace,
  applySimilarity,
  invertSimilarity,
  scaleOf,
  type Similarity,
  templateSizePx,
} from './geometry.ts';
import { type IdentityVerdict, judgeIdentity } from './identity-guard.ts';
import { changeOf } from './match-color.ts';
import { resampleArray } from '../image/resample.ts';

export interface RestoredFace extends IdentityVerdict {
  /** From pixels of the picture to pixels of the crop. */
  readonly toCrop: Similarity;
  /** The aligned crop as it was (without the damage that was filled) and as the network restored it, square and of the same size. */
  readonly input: Pixels;
  readonly restored: Pixels;
  /** What is to be pasted (see `changeOf`). */
  readonly change: Pixels;
  readonly mask: FaceMask;
}

const plainMaskPx = 256;

interface RestoreBench {
  readonly store: ImageStore;
  readonly context: Context;
  /** Damage that crosses the face is filled before the network sees it: a part of the picture without it. */
  readonly mending?: { fill(rect: Rect, context: Context): Promise<Image> };
}

/**
 * One face through a face restorer: aligned crop of the picture as it is (or mended), network, mask, color, and how far the result is from the person.
 *
 * @param parser separates face from hair and clothes; without it the mask comes from the five points.
 * @param recognizer tells people apart; without it the structure alone says how far the face is from the person.
 * @throws HeirloomError `unsupported-model` when the restorer or the parser does not take and give square faces; what running them throws.
 */
export async function restoreFace(
  image: Image,
  points: readonly Point[],
  networks: {
    readonly restorer: Model;
    readonly parser: Network | undefined;
    readonly recognizer: Network | undefined;
  },
  bench: RestoreBench,
): Promise<RestoredFace> {
  const { restorer, parser, recognizer } = networks;
  const sizePx = faceSizeOf(restorer);
  const toCrop = alignFace(points, sizePx);
  const input = await cropMended(image, toAffine(invertSimilarity(toCrop)), sizePx, bench);
  bench.context.report(0.3);
  const restored = await restorer.once(input);
  bench.context.report(0.8);
  const inCrop = points.map((point) => applySimilarity(toCrop, point));
  const mask = parser === undefined ? plainMask(inCrop, sizePx) : await parsedMask(restored, parser);
  const verdict = await judgeIdentity(input, restored, inCrop, scaleOf(toCrop), recognizer);
  return { toCrop, input, restored, change: changeOf(input, restored, mask), mask, ...verdict };
}

/** Pixels around the crop that are mended as well, in pixels of the crop. */
const mendedMarginPx = 16;

async function cropMended(
  image: Image,
  cropToImage: Affine,
  sizePx: number,
  bench: RestoreBench,
): Promise<Pixels> {
  const { mending, context } = bench;
  if (mending === undefined) return cropFace(image, cropToImage, sizePx, bench);
  const shrink = Math.max(1, Math.hypot(cropToImage.xx, cropToImage.yx));
  const rect = coveredRect(image, cropToImage, sizePx, mendedMarginPx * shrink);
  const window = await mending.fill(rect, context.part(0, 0.2));
  try {
    const shifted = { ...cropToImage, tx: cropToImage.tx - rect.x, ty: cropToImage.ty - rect.y };
    return await cropFace(window, shifted, sizePx, bench);
  } finally {
    await window.dispose();
  }
}

/** What a restorer that would take any size is given: the size Heirloom's own are trained at. */
const freeFacePx = 256;

function faceSizeOf({ id, info }: Model): number {
  const { width, height } = info.fixedSize ?? { width: freeFacePx, height: freeFacePx };
  if (width === height && info.scale === 1 && info.outputChannels === 3) return width;
  throw new HeirloomError(
    'unsupported-model',
    `${id} does not take one square face and give one back.`,
    'Choose another model for faces.',
  );
}

function plainMask(inCrop: readonly Point[], sizePx: number): FaceMask {
  const factor = plainMaskPx / sizePx;
  return maskFromPoints(
    inCrop.map(([x, y]): Point => [x * factor, y * factor]),
    plainMaskPx,
  );
}

/** The parser sees the restored face, which is clear. */
async function parsedMask(face: Pixels, parser: Network): Promise<FaceMask> {
  const { sizeMultiple, padMode, inputRange } = parser.info;
  const sizePx = Math.ceil(templateSizePx / sizeMultiple) * sizeMultiple;
  const { pixels } = resampleArray(
    { width: face.width, height: face.height, channels: face.channels as 1 | 3, pixels: face.data },
    sizePx,
    sizePx,
    'bicubic',
  );
  const planes = face.channels === 1 ? [[0, 0, 0]] : [[0, 1, 2]];
  const input = toTensor(
    { data: pixels, width: sizePx, height: sizePx, channels: face.channels },
    planes,
    { width: sizePx, height: sizePx, mode: padMode },
    inputRange,
  );
  const { output } = await parser.run({ input });
  const [, classes = 0, height = 0, width = 0] = output?.dims ?? [];
  if (output === undefined || classes < 16 || width !== height) {
    throw new HeirloomError(
      'unsupported-model',
      `${parser.id} does not tell the parts of a face apart as ParseNet does.`,
      'Remove it, or choose no parser.',
    );
  }
  return maskFromClasses(output);
}
