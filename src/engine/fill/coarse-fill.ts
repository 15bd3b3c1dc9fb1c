import type { Mask } from '../../shared/mask.ts';
import { colorChannels, hasAlpha, type Image, type Rect } from '../image/image.ts';
import type { Guide, HoleImage } from './patch-level.ts';
import { growPart } from './shrink-hole.ts';
import { rasterizeMask } from '../../shared/raster/rasterize-mask.ts';

/** A large hole filled at a fraction of the size. */
export interface CoarseFill {
  /** Where it lies in the picture, in full pixels. */
  readonly rect: Rect;
  readonly factor: number;
  readonly width: number;
  readonly height: number;
  /** (height, width, color channels) */
  readonly pixels: Float32Array;
}

/** Fills the mask inside `rect` at 1 / factor of the size, by `fill`; undefined when nothing is known there. */
export async function coarseFill(
  view: Image,
  mask: Mask,
  rect: Rect,
  factor: number,
  fill: (image: HoleImage) => Promise<Float32Array>,
): Promise<CoarseFill | undefined> {
  const channels = colorChannels(view);
  const width = Math.ceil(rect.width / factor);
  const height = Math.ceil(rect.height / factor);
  const pixels = new Float32Array(width * height * channels);
  const counts = new Uint32Array(width * height);
  const selected = new Uint32Array(width * height);
  const blocked = new Uint8Array(width * height);
  const band = factor * Math.max(1, Math.floor(256 / factor));
  for (let y0 = 0; y0 < rect.height; y0 += band) {
    const strip = { x: rect.x, y: rect.y + y0, width: rect.width, height: Math.min(band, rect.height - y0) };
    const coverage = rasterizeMask(mask, view, strip);
    const rows = await view.read(strip);
    for (let i = 0; i < coverage.length; i++) {
      const x = i % strip.width;
      const to = Math.floor((y0 + (i - x) / strip.width) / factor) * width + Math.floor(x / factor);
      if (hasAlpha(view) && rows[i * view.channels + channels]! < 0.5) blocked[to] = 1;
      if (coverage[i]! > 0) {
        selected[to]!++;
        continue;
      }
      counts[to]!++;
      for (let c = 0; c < channels; c++) pixels[to * channels + c]! += rows[i * view.channels + c]!;
    }
  }
  const hole = new Uint8Array(counts.length);
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    hole[i] = count < selected[i]! ? 1 : 0;
    if (count > 0) for (let c = 0; c < channels; c++) pixels[i * channels + c]! /= count;
  }
  if (!hole.includes(0)) return undefined;
  const filled = await fill({ width, height, channels, pixels, hole, blocked });
  return { rect, factor, width, height, pixels: filled };
}

/** The coarse fill at full size where `around` lies: (around.height, around.width, channels). */
export function partOf(fill: CoarseFill, around: Rect, channels: number): Float32Array {
  const { factor, rect } = fill;
  return growPart({ ...fill, channels }, factor, { ...around, x: around.x - rect.x, y: around.y - rect.y });
}

/** The coarse fill as what patches in `around` follow. */
export function guideFrom(fill: CoarseFill, around: Rect, channels: number): Guide {
  return {
    pixels: partOf(fill, around, channels),
    detailPx: fill.factor,
    weight: 1.5,
    replacesCoarse: true,
  };
}
