import { quietContext, type Context } from '../context.ts';
import { colorChannels, hasAlpha, type Image } from '../image/image.ts';
import { eachRows } from '../image/map-rows.ts';
import type { Triple } from './tone-levels.ts';

/** A reduced copy for statistics: whole blocks averaged, without the outer twentieth, transparent places left out. */
export interface ToneThumbnail {
  readonly colors: readonly Triple[];
  /** False when every pixel of the picture has three equal channels (or only one). */
  readonly hasColor: boolean;
  /** Rec. 601 luma that 0.5 % of the single pixels are below: thin lines and grain that averaging hides. */
  readonly finestBlackLuma: number;
}

const longestSidePx = 384;
const borderShare = 0.05;

/** Reads the picture once, strip by strip. */
export async function makeToneThumbnail(image: Image, context: Context = quietContext()): Promise<ToneThumbnail> {
  const block = Math.max(1, Math.ceil(Math.max(image.width, image.height) / longestSidePx));
  const border = Math.floor(borderShare * Math.min(image.width, image.height));
  const width = Math.max(1, Math.floor((image.width - 2 * border) / block));
  const height = Math.max(1, Math.floor((image.height - 2 * border) / block));
  const { channels } = image;
  const gray = colorChannels(image) === 1;
  const sums = new Float64Array(width * height * 4);
  const histogram = new Float64Array(256);
  let hasColor = false;
  const addRow = (rows: Float32Array, from: number, row: number): void => {
    for (let x = border; x < image.width - border; x++) {
      const column = Math.floor((x - border) / block);
      if (column >= width) break;
      const at = from + x * channels;
      if (hasAlpha(image) && rows[at + channels - 1]! < 0.5) continue;
      const to = 4 * (row * width + column);
      const [r, g, b] = gray ? [rows[at]!, rows[at]!, rows[at]!] : [rows[at]!, rows[at + 1]!, rows[at + 2]!];
      if (r !== g || g !== b) hasColor = true;
      histogram[Math.min(255, Math.max(0, Math.floor(256 * (0.299 * r + 0.587 * g + 0.114 * b))))]! += 1;
      sums[to]! += r;
      sums[to + 1]! += g;
      sums[to + 2]! += b;
      sums[to + 3]! += 1;
    }
  };
  await eachRows(
    image,
    (rows, top, count) => {
      for (let y = top; y < top + count; y++) {
        const row = Math.floor((y - border) / block);
        if (y >= border && row < height) addRow(rows, (y - top) * image.width * channels, row);
      }
    },
    context,
  );
  const colors: Triple[] = [];
  for (let i = 0; i < sums.length; i += 4) {
    const count = sums[i + 3]!;
    if (count > 0) colors.push([sums[i]! / count, sums[i + 1]! / count, sums[i + 2]! / count]);
  }
  return { colors, hasColor, finestBlackLuma: lowQuantile(histogram, 0.005) };
}

function lowQuantile(histogram: Float64Array, share: number): number {
  let left = share * histogram.reduce((sum, count) => sum + count, 0);
  const index = histogram.findIndex((count) => (left -= count) < 0);
  return Math.max(0, index) / histogram.length;
}
