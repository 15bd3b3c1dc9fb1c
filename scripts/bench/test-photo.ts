import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import sharp from 'sharp';

/** A folder for one bench, deleted afterwards. */
export async function inBenchFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes a JPEG that is as hard to compress and to draw as a photograph: smooth shapes under grain. */
export async function writeTestPhoto(path: string, width: number, height: number): Promise<void> {
  const shapes = await sharp({ create: { width: Math.ceil(width / 40), height: Math.ceil(height / 40), channels: 3, background: '#777', noise: { type: 'gaussian', mean: 128, sigma: 60 } } })
    .png()
    .toBuffer();
  const grain = await sharp({ create: { width, height, channels: 3, background: '#777', noise: { type: 'gaussian', mean: 128, sigma: 12 } } }).png({ compressionLevel: 1 }).toBuffer();
  const scene = await sharp(shapes).resize(width, height, { kernel: 'cubic', fit: 'fill' }).png({ compressionLevel: 1 }).toBuffer();
  await sharp(scene).composite([{ input: grain, blend: 'soft-light' }]).jpeg({ quality: 92 }).toFile(path);
}
