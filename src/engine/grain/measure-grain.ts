import { cropImage } from '../image/crop-image.ts';
import { colorChannels, fullRect, type Image, type Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import { resizeImage } from '../image/resize.ts';
import type { Context } from '../context.ts';

/** What the grain of a photo is like. */
export interface Grain {
  /** Standard deviation in light of 0 to 1, for `levels` lights from black to white. */
  readonly deviation: Float64Array;
  /** Blur of white noise that has the same correlation from pixel to pixel, in pixels. */
  readonly sizePx: number;
  /** 0: all channels share the grain, 1: each has its own. */
  readonly color: number;
}

/** Lights for which the deviation is told: light i / (levels − 1). */
export const grainLevels = 9;

const windowPx = 192;
const windowsPerSide = 5;
const blockPx = 16;
/** Of the blocks of one light, the calmest of so many are flat; in the others there is detail. */
const calmShare = 0.2;
const fewestBlocks = 8;
/** Clipped blocks have lost their grain. */
const darkest = 0.015;
const lightest = 0.985;

interface Block {
  readonly light: number;
  readonly variance: number;
  /** Correlation of neighbors. */
  readonly correlation: number;
  /** Mean correlation between the channels' residuals; 1 for gray. */
  readonly shared: number;
}

/**
 * Measures grain where the photo is smooth: in blocks of 16 pixels, less the plane that fits each best, the calmest fifth of each light.
 * Takes well under a second whatever the size.
 *
 * @param factor how many times larger the picture is than the grain is to be measured for; it is brought back to that size before.
 */
export async function measureGrain(
  image: Image,
  store: ImageStore,
  context: Context,
  factor = 1,
): Promise<Grain> {
  const blocks: Block[] = [];
  for (const rect of windows(image, Math.max(blockPx, Math.round(windowPx * factor)))) {
    const window = cropImage(image, rect);
    const size = (length: number): number => Math.max(1, Math.round(length / factor));
    const small = await resizeImage(window, size(rect.width), size(rect.height), {
      kernel: 'area',
      store,
      context,
    });
    try {
      addBlocks(await small.read(fullRect(small)), small, blocks);
    } finally {
      if (small !== window) await small.dispose();
    }
  }
  return summarize(blocks);
}

function windows(image: Image, sidePx: number): Rect[] {
  const [width, height] = [Math.min(sidePx, image.width), Math.min(sidePx, image.height)];
  const starts = (length: number, side: number): number[] => {
    const count = Math.min(windowsPerSide, Math.ceil(length / side));
    return Array.from({ length: count }, (_, i) =>
      count === 1 ? 0 : Math.floor((i * (length - side)) / (count - 1)),
    );
  };
  return starts(image.height, height).flatMap((y) =>
    starts(image.width, width).map((x) => ({ x, y, width, height })),
  );
}

function addBlocks(pixels: Float32Array, { width, height, channels }: Image, blocks: Block[]): void {
  const colors = colorChannels({ channels });
  for (let top = 0; top + blockPx <= height; top += blockPx) {
    for (let left = 0; left + blockPx <= width; left += blockPx) {
      const residuals: Float64Array[] = [];
      let light = 0;
      for (let c = 0; c < colors; c++) {
        const values = new Float64Array(blockPx * blockPx);
        for (let y = 0; y < blockPx; y++)
          for (let x = 0; x < blockPx; x++)
            values[y * blockPx + x] = pixels[((top + y) * width + left + x) * channels + c]!;
        light += lessPlane(values) / colors;
        residuals.push(values);
      }
      if (light > darkest && light < lightest) blocks.push(describe(residuals, light));
    }
  }
}

/** Takes the least-squares plane off a block, in place; returns its mean. */
function lessPlane(values: Float64Array): number {
  const middle = (blockPx - 1) / 2;
  let [sum, across, down, spread] = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const [x, y] = [(i % blockPx) - middle, Math.floor(i / blockPx) - middle];
    sum += values[i]!;
    across += values[i]! * x;
    down += values[i]! * y;
    spread += x * x;
  }
  const mean = sum / values.length;
  for (let i = 0; i < values.length; i++) {
    const [x, y] = [(i % blockPx) - middle, Math.floor(i / blockPx) - middle];
    values[i]! -= mean + (across / spread) * x + (down / spread) * y;
  }
  return mean;
}

function describe(residuals: readonly Float64Array[], light: number): Block {
  const product = (a: Float64Array, b: Float64Array, offset = 0): number => {
    let [sum, count] = [0, 0];
    for (let i = 0; i < a.length - offset; i++) {
      if (offset === 1 && i % blockPx === blockPx - 1) continue;
      sum += a[i]! * b[i + offset]!;
      count++;
    }
    return sum / count;
  };
  const variances = residuals.map((plane) => product(plane, plane));
  const variance = variances.reduce((sum, value) => sum + value, 0) / variances.length;
  const next = residuals.map((plane) => product(plane, plane, 1) + product(plane, plane, blockPx));
  const correlation = next.reduce((sum, value) => sum + value, 0) / (2 * next.length) / (variance + 1e-20);
  let [shared, pairs] = [0, 0];
  for (let a = 0; a < residuals.length; a++) {
    for (let b = a + 1; b < residuals.length; b++) {
      shared += product(residuals[a]!, residuals[b]!) / (Math.sqrt(variances[a]! * variances[b]!) + 1e-20);
      pairs++;
    }
  }
  return { light, variance, correlation, shared: pairs === 0 ? 1 : shared / pairs };
}

function summarize(blocks: readonly Block[]): Grain {
  const deviation = new Float64Array(grainLevels);
  const known: number[] = [];
  const calm: Block[] = [];
  for (let level = 0; level < grainLevels; level++) {
    const near = blocks
      .filter(({ light }) => Math.round(light * (grainLevels - 1)) === level)
      .sort((a, b) => a.variance - b.variance);
    if (near.length < fewestBlocks) continue;
    const calmest = near.slice(0, Math.ceil(near.length * calmShare));
    calm.push(...calmest);
    deviation[level] = Math.sqrt(calmest.at(-1)!.variance);
    known.push(level);
  }
  const mean = (of: (block: Block) => number): number =>
    calm.length === 0 ? 0 : calm.reduce((sum, block) => sum + of(block), 0) / calm.length;
  const correlation = mean((block) => block.correlation);
  // White noise under a Gaussian of σ pixels has the correlation exp(−1 / 4σ²) between neighbors.
  const sizePx =
    correlation < 0.02 ? 0 : Math.min(4, Math.sqrt(-1 / (4 * Math.log(Math.min(0.98, correlation)))));
  // Where there is grain alone, the variances of blocks spread by √(2 / n), n the numbers in a block that are independent: what is found
  // in the calmest fifth, whose end lies 0.84 deviations below the middle, is raised to it.
  const independent = (blockPx * blockPx) / Math.max(1, 4 * Math.PI * sizePx ** 2);
  const calmness = Math.max(0.3, 1 - 0.84 * Math.sqrt(2 / independent));
  for (const level of known) deviation[level]! /= Math.sqrt(calmness);
  fillGaps(deviation, known);
  const shared = Math.min(
    1,
    Math.max(
      0,
      mean((block) => block.shared),
    ),
  );
  return { deviation, sizePx, color: calm.length === 0 || shared > 0.97 ? 0 : 1 - shared };
}

/** Lights that were not seen take what lies between, or the nearest. */
function fillGaps(deviation: Float64Array, known: readonly number[]): void {
  if (known.length === 0) return;
  for (let level = 0; level < deviation.length; level++) {
    const below = known.findLast((other) => other <= level);
    const above = known.find((other) => other >= level);
    const [from, to] = [below ?? above!, above ?? below!];
    const share = from === to ? 0 : (level - from) / (to - from);
    deviation[level] = deviation[from]! + share * (deviation[to]! - deviation[from]!);
  }
}
