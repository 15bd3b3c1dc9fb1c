import { sharp } from '../../src/engine/image/sharp.ts';
import { createRandom } from '../../src/engine/metrics/random.ts';
import type { Bytes } from './damaged-trial.ts';

/** Chroma (Rec. 601, of 255) that middle gray takes: that of weak to strong sepia scans; black and white take a quarter of it. */
const weakest = 8;
const strongest = 26;
const atEnds = 0.25;
/** Red over blue deviation: from brown to yellow. */
const reddest = 0.85;
const yellowest = 0.3;

/** The photograph as a print in one brown tone: the same for the same seed. */
export function tonedPrint(photo: Bytes, seed: number): Bytes {
  const random = createRandom(seed);
  const strength = random.uniform(weakest, strongest);
  const redness = random.uniform(yellowest, reddest);
  const [blue, red] = [-strength / Math.hypot(1, redness), (strength * redness) / Math.hypot(1, redness)];
  const data = new Uint8Array(photo.data.length);
  for (let i = 0; i < data.length; i += 3) {
    const luma = lumaOf(photo.data, i);
    const share = atEnds + (1 - atEnds) * (1 - Math.abs(luma / 127.5 - 1) ** 2);
    const [cb, cr] = [blue * share, red * share];
    data[i] = rounded(luma + cr / 0.713);
    data[i + 1] = rounded(luma - (0.114 / 0.587) * (cb / 0.564) - (0.299 / 0.587) * (cr / 0.713));
    data[i + 2] = rounded(luma + cb / 0.564);
  }
  return { ...photo, data };
}

/** The photograph in black and white. */
export function grayPrint(photo: Bytes): Bytes {
  const data = new Uint8Array(photo.data.length);
  for (let i = 0; i < data.length; i += 3) data.fill(rounded(lumaOf(photo.data, i)), i, i + 3);
  return { ...photo, data };
}

/** Rec. 601, of the pixel that begins at `at`. */
function lumaOf(data: Uint8Array, at: number): number {
  return 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
}

function rounded(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}

/** As it comes out of a JPEG file with one color for 2×2 pixels. */
export async function throughJpeg({ width, height, data }: Bytes, quality: number): Promise<Bytes> {
  const file = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0' })
    .toBuffer();
  return { width, height, data: await sharp(file).raw().toBuffer() };
}
