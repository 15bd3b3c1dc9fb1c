import { readdirSync } from 'node:fs';
import path from 'node:path';
import { sharp } from '../../src/engine/image/sharp.ts';
import { createRandom, type Random } from '../../src/engine/metrics/random.ts';

/** 8-bit RGB, row by row. */
export interface Bytes {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A photograph with damage laid over it, and where it can be seen. */
export interface DamagedTrial {
  readonly photo: Bytes;
  /** (height, width): 2 where the damage changed the brightness (rust: any channel) by more than 0.1, 1 where it is fainter than that, 0 elsewhere. */
  readonly seen: Uint8Array;
}

/** Film dirt that no network was trained on: the last four overlays of every kind (training/pack.py holds them out). */
const heldOut = 4;
/** What is laid on: film dirt in gray is scratches, hairs and lint, dust and dots, what a repair fills unless it is asked for more; rust is stains in brown. */
export type Dirt = 'film' | 'rust';
const kinds: Readonly<Record<Dirt, readonly string[]>> = {
  film: ['scratches', 'scratches', 'hair', 'hair', 'hair-short', 'lint', 'spots', 'dots'],
  rust: ['stain', 'smut', 'dirt'],
};
/** Of the brightest rust, from 0 to 1. */
const rust = [0.62, 0.36, 0.14] as const;
/** Side of an overlay. */
const overlayPx = 400;
/** As in training/scratch_scenes.py. */
const seenChange = 0.1;
const unseenChange = 0.025;

/** Lays `layers` overlays, light and dark, over a photograph: the same for the same seed. */
export async function damagedTrial(photo: Bytes, folder: string, layers: number, seed: number, dirt: Dirt = 'film'): Promise<DamagedTrial> {
  const random = createRandom(seed);
  const data = Float32Array.from(photo.data, (value) => value / 255);
  const pixels = photo.width * photo.height;
  for (let layer = 0; layer < layers; layer++) {
    const alpha = await drawOverlay(photo, folder, kinds[dirt], random);
    const opacity = 1 - 0.55 * random.unit() ** 2;
    const tone = random.some(0.6) ? random.uniform(0.72, 1) : random.uniform(0, 0.25);
    const colors = dirt === 'rust' ? rust.map((value) => value * random.uniform(0.6, 1)) : [tone, tone, tone];
    for (let i = 0; i < pixels; i++) {
      const share = (opacity * alpha[i]!) / 255;
      for (let c = 0; c < 3; c++) data[3 * i + c]! += share * (colors[c]! - data[3 * i + c]!);
    }
  }
  const seen = new Uint8Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const changes = [0, 1, 2].map((c) => data[3 * i + c]! - photo.data[3 * i + c]! / 255);
    // Rust may be as bright as what it covers.
    const change = dirt === 'rust' ? Math.max(...changes.map(Math.abs)) : changes.reduce((sum, value) => sum + value / 3, 0);
    seen[i] = Math.abs(change) > seenChange ? 2 : Math.abs(change) > unseenChange ? 1 : 0;
  }
  return { photo: { ...photo, data: Uint8Array.from(data, (value) => Math.round(255 * value)) }, seen };
}

/** The alpha of overlays of one kind at one scale near their own, as many side by side as cover the photograph, each at a quarter turn of chance. */
async function drawOverlay({ width, height }: Bytes, folder: string, kinds: readonly string[], random: Random): Promise<Uint8Array> {
  const kind = path.join(folder, random.pick(kinds));
  const files = readdirSync(kind).filter((name) => name.endsWith('.png')).sort().slice(-heldOut);
  const side = Math.round(overlayPx * random.uniform(0.6, 1.3));
  const alpha = new Uint8Array(width * height);
  for (let top = -random.below(side); top < height; top += side)
    for (let left = -random.below(side); left < width; left += side) {
      const tile = await sharp(path.join(kind, random.pick(files)))
        .ensureAlpha()
        .extractChannel(3)
        .rotate(90 * random.below(4))
        .resize(side, side)
        .raw()
        .toBuffer();
      for (let y = Math.max(0, top); y < Math.min(height, top + side); y++) {
        const [from, to] = [Math.max(0, left), Math.min(width, left + side)];
        alpha.set(tile.subarray((y - top) * side + from - left, (y - top) * side + to - left), y * width + from);
      }
    }
  return alpha;
}

export async function readBytes(file: string): Promise<Bytes> {
  const { data, info } = await sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
