import { sharp } from '../../src/engine/image/sharp.ts';
import { resizePixels } from '../../src/engine/metrics/bicubic.ts';
import { degradePixels } from '../../src/engine/metrics/degrade-photo.ts';
import { toBytes } from '../../src/engine/metrics/degrade-jpeg.ts';
import { cutPixels, type Pixels } from '../../src/engine/metrics/pixels.ts';
import { cutToMultiple } from './evaluate.ts';
import type { Contestant } from './networks.ts';

/** A place to look at: the part of a photograph shown, and how it was degraded. */
export interface View {
  readonly photo: Pixels;
  readonly left: number;
  readonly top: number;
  readonly damage: string;
}

const side = 240;
const labelPx = 18;

/** One row a view: the enlarged input by nearest neighbor, every contestant, the original; written as PNG to `path`. */
export async function writeContactSheet(views: readonly View[], contestants: readonly Contestant[], scale: number, path: string): Promise<void> {
  const titles = ['input', ...contestants.map(({ name }) => name), 'original'];
  const tiles: { input: Buffer; left: number; top: number }[] = [];
  for (const [column, title] of titles.entries()) tiles.push({ input: label(title, side), left: column * (side + 2), top: 0 });
  for (const [row, view] of views.entries()) {
    const reference = cutToMultiple(view.photo, scale);
    const small = await degradePixels(reference, { damage: view.damage, scale });
    const pictures = [nearest(small, scale)];
    for (const { restore } of contestants) pictures.push(await restore(small));
    pictures.push(reference);
    for (const [column, picture] of pictures.entries()) {
      const cut = cutPixels(picture, { x: view.left, y: view.top, width: side, height: side });
      tiles.push({ input: await png(cut), left: column * (side + 2), top: labelPx + row * (side + 2) });
    }
  }
  const width = titles.length * (side + 2);
  const height = labelPx + views.length * (side + 2);
  await sharp({ create: { width, height, channels: 3, background: '#222' } }).composite(tiles).png({ palette: true, colours: 256, effort: 8 }).toFile(path);
}

function nearest(small: Pixels, scale: number): Pixels {
  const [width, height] = [small.width * scale, small.height * scale];
  const data = Float32Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return small.data[3 * (Math.floor(y / scale) * small.width + Math.floor(x / scale)) + (i % 3)]!;
  });
  return { width, height, channels: 3, data };
}

async function png(pixels: Pixels): Promise<Buffer> {
  return sharp(toBytes(pixels), { raw: { width: pixels.width, height: pixels.height, channels: 3 } }).png().toBuffer();
}

/** A line of text as an SVG `width` pixels wide and 18 high. */
export function label(text: string, width: number): Buffer {
  const safe = text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return Buffer.from(`<svg width="${width}" height="${labelPx}"><text x="4" y="13" font-family="sans-serif" font-size="12" fill="#eee">${safe}</text></svg>`);
}

/** A photograph read as RGB, reduced so that its longer side is at most `longestPx`. */
export async function readPhoto(path: string, longestPx = Infinity): Promise<Pixels> {
  const { data, info } = await sharp(path).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const count = info.width * info.height;
  const rgb = info.channels === 3 ? Float32Array.from(data, (value) => value / 255) : Float32Array.from({ length: 3 * count }, (_, i) => data[Math.floor(i / 3) * info.channels]! / 255);
  const photo: Pixels = { width: info.width, height: info.height, channels: 3, data: rgb };
  const factor = longestPx / Math.max(info.width, info.height);
  return factor >= 1 ? photo : resizePixels(photo, Math.round(info.width * factor), Math.round(info.height * factor));
}
