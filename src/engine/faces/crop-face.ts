import type { Point } from '../architectures/face-detection.ts';
import type { Context } from '../context.ts';
import { cropImage } from '../image/crop-image.ts';
import { colorChannels, fullRect, type Image, type Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { Pixels } from '../models/tile-tensors.ts';
import { type Affine, applyAffine, thenScaled } from './affine.ts';
import { warpPixels } from './warp.ts';

/** Pixels around a face that the kernel and the prefilter may reach for. */
const marginPx = 8;

/**
 * The square crop of `sizePx` whose pixels lie at `cropToImage` in the picture: colors only, beyond the edge the mirrored picture.
 *
 * A face larger than the crop is first shrunk with an antialiasing Lanczos filter, in strips, so that nothing aliases and memory stays bounded.
 */
export async function cropFace(
  image: Image,
  cropToImage: Affine,
  sizePx: number,
  bench: { readonly store: ImageStore; readonly context: Context },
): Promise<Pixels> {
  const shrink = Math.hypot(cropToImage.xx, cropToImage.yx);
  const rect = coveredRect(image, cropToImage, sizePx, marginPx * Math.max(1, shrink));
  const window = cropImage(image, rect);
  const width = shrink > 1 ? Math.max(1, Math.round(rect.width / shrink)) : rect.width;
  const height = shrink > 1 ? Math.max(1, Math.round(rect.height / shrink)) : rect.height;
  const reduced = await resizeImage(window, width, height, { kernel: 'lanczos3', ...bench });
  try {
    const data = await reduced.read(fullRect(reduced));
    const colors = withoutAlpha({ data, width, height, channels: image.channels });
    const map = thenScaled(cropToImage, [rect.x, rect.y], width / rect.width, height / rect.height);
    const target = { x: 0, y: 0, width: sizePx, height: sizePx };
    return {
      data: warpPixels(colors, map, target, 'mirror'),
      width: sizePx,
      height: sizePx,
      channels: colors.channels,
    };
  } finally {
    if (reduced !== window) await reduced.dispose();
  }
}

/** The part of the picture that a crop sees; at least one pixel, also for a crop wholly outside. */
export function coveredRect(
  image: { readonly width: number; readonly height: number },
  toImage: Affine,
  sizePx: number,
  margin: number,
): Rect {
  const corners = (
    [
      [0, 0],
      [sizePx, 0],
      [0, sizePx],
      [sizePx, sizePx],
    ] as const
  ).map((corner: Point) => applyAffine(toImage, corner));
  const clamp = (value: number, high: number): number => Math.min(high, Math.max(0, value));
  const span = (axis: 0 | 1, length: number): readonly [number, number] => {
    const values = corners.map((corner) => corner[axis]);
    const from = clamp(Math.floor(Math.min(...values) - margin), length - 1);
    return [from, Math.max(from + 1, clamp(Math.ceil(Math.max(...values) + margin), length))];
  };
  const [left, right] = span(0, image.width);
  const [top, bottom] = span(1, image.height);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function withoutAlpha(pixels: Pixels): Pixels & { readonly channels: 1 | 3 } {
  const channels = colorChannels({ channels: pixels.channels as Image['channels'] });
  if (channels === pixels.channels) return { ...pixels, channels };
  const data = new Float32Array(pixels.width * pixels.height * channels);
  for (let i = 0; i < data.length; i++)
    data[i] = pixels.data[Math.floor(i / channels) * pixels.channels + (i % channels)]!;
  return { ...pixels, data, channels };
}
