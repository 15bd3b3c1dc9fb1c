import type { Image, Rect } from '../image/image.ts';

/** How much there is to clean. */
export interface CleanAnalysis {
  /** Standard deviation of the noise in 8-bit steps (0 to 255), where the photo is smooth. */
  readonly noise: number;
  /** Mean step across 8×8 block borders over the mean step beside them; 1 without blocks. */
  readonly blocking: number;
}

const windowPx = 192;
const windowsPerSide = 4;

/** Measures noise and JPEG blocking in a grid of windows; takes milliseconds whatever the size. */
export async function analyzeClean(image: Image): Promise<CleanAnalysis> {
  const noises: number[] = [];
  let [across, beside] = [0, 0];
  for (const rect of windows(image)) {
    const luma = await lumaOf(image, rect);
    noises.push(noiseOf(luma, rect.width, rect.height));
    const steps = blockSteps(luma, rect);
    across += steps.across;
    beside += steps.beside;
  }
  noises.sort((a, b) => a - b);
  // The calmest quarter: detail elsewhere would be mistaken for noise.
  const noise = noises[Math.floor(noises.length / 4)] ?? 0;
  return { noise, blocking: beside === 0 ? 1 : across / beside };
}

/** Strength of the clean step for what was measured; 0 when the photo is better left alone. */
export function suggestCleanStrength({ noise, blocking }: CleanAnalysis): number {
  const forBlocks = blocking > 1.25 ? 0.3 : 0;
  const forNoise = noise < 2 ? 0 : noise < 4 ? 0.3 : noise < 8 ? 0.45 : 0.6;
  return Math.max(forBlocks, forNoise);
}

function windows(image: Image): Rect[] {
  const width = Math.min(windowPx, image.width);
  const height = Math.min(windowPx, image.height);
  const count = image.width <= windowPx && image.height <= windowPx ? 1 : windowsPerSide;
  const rects: Rect[] = [];
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      const at = (room: number, index: number): number => (count === 1 ? 0 : Math.floor((room * index) / (count - 1)));
      rects.push({ x: at(image.width - width, column), y: at(image.height - height, row), width, height });
    }
  }
  return rects;
}

async function lumaOf(image: Image, rect: Rect): Promise<Float32Array> {
  const pixels = await image.read(rect);
  const { channels } = image;
  const luma = new Float32Array(rect.width * rect.height);
  for (let i = 0; i < luma.length; i++) {
    const at = i * channels;
    const red = pixels[at] as number;
    luma[i] = 255 * (channels < 3 ? red : 0.299 * red + 0.587 * (pixels[at + 1] as number) + 0.114 * (pixels[at + 2] as number));
  }
  return luma;
}

/** Immerkær's estimator (Fast Noise Variance Estimation, CVIU 1996): mean absolute response of the difference of two Laplacians. */
function noiseOf(luma: Float32Array, width: number, height: number): number {
  if (width < 3 || height < 3) return 0;
  const at = (x: number, y: number): number => luma[y * width + x] as number;
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const corners = at(x - 1, y - 1) + at(x + 1, y - 1) + at(x - 1, y + 1) + at(x + 1, y + 1);
      const edges = at(x, y - 1) + at(x - 1, y) + at(x + 1, y) + at(x, y + 1);
      sum += Math.abs(corners - 2 * edges + 4 * at(x, y));
    }
  }
  return (sum * Math.sqrt(Math.PI / 2)) / (6 * (width - 2) * (height - 2));
}

/** Horizontal second differences at the borders of JPEG's 8×8 blocks and midway between them. */
function blockSteps(luma: Float32Array, rect: Rect): { readonly across: number; readonly beside: number } {
  let [across, beside] = [0, 0];
  for (let y = 0; y < rect.height; y++) {
    for (let x = 2; x < rect.width - 2; x++) {
      const phase = (rect.x + x) % 8;
      if (phase !== 0 && phase !== 4) continue;
      const row = y * rect.width;
      const bend = Math.abs((luma[row + x] as number) - (luma[row + x - 1] as number)) - Math.abs((luma[row + x + 1] as number) - (luma[row + x] as number)) / 2 - Math.abs((luma[row + x - 1] as number) - (luma[row + x - 2] as number)) / 2;
      const step = Math.max(0, bend);
      if (phase === 0) across += step;
      else beside += step;
    }
  }
  return { across, beside };
}
