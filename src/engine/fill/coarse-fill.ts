import type { Mask } from '../../shared/mask.ts';
import type { Context } from '../context.ts';
import { colorChannels, hasAlpha, type Image, type Rect } from '../image/image.ts';
import { fillHole } from './fill-hole.ts';
import { reportTo } from './report-to.ts';
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

/** Fills the mask inside `rect` at 1 / factor of the size; undefined when nothing is known there. */
export async function coarseFill(
  view: Image,
  mask: Mask,
  rect: Rect,
  factor: number,
  seed: number,
  context: Context,
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
  const filled = await fillHole(
    { width, height, channels, pixels, hole, blocked },
    { method: 'exemplar', seed, report: reportTo(context) },
  );
  return { rect, factor, width, height, pixels: filled };
}

/** The coarse fill at full size where `around` lies, (around.height, around.width, channels), linear in between. */
export function guideFrom(fill: CoarseFill, around: Rect, channels: number): Float32Array {
  const result = new Float32Array(around.width * around.height * channels);
  const place = (position: number, count: number): { low: number; high: number; share: number } => {
    const at = Math.min(count - 1, Math.max(0, (position + 0.5) / fill.factor - 0.5));
    const low = Math.floor(at);
    return { low, high: Math.min(count - 1, low + 1), share: at - low };
  };
  for (let y = 0, i = 0; y < around.height; y++) {
    const down = place(y + around.y - fill.rect.y, fill.height);
    for (let x = 0; x < around.width; x++, i++) {
      const across = place(x + around.x - fill.rect.x, fill.width);
      for (let c = 0; c < channels; c++) {
        const at = (row: number, column: number): number =>
          fill.pixels[(row * fill.width + column) * channels + c]!;
        const upper =
          at(down.low, across.low) * (1 - across.share) + at(down.low, across.high) * across.share;
        const lower =
          at(down.high, across.low) * (1 - across.share) + at(down.high, across.high) * across.share;
        result[i * channels + c] = upper * (1 - down.share) + lower * down.share;
      }
    }
  }
  return result;
}
