import { extendSmoothly } from './extend-smoothly.ts';

/** Patches are squares of 7 × 7 pixels. */
export const patchRadius = 3;
export const patchSide = 2 * patchRadius + 1;

/** One size of the picture around a hole, as the patch search sees it. */
export interface PatchLevel {
  readonly width: number;
  readonly height: number;
  /** Values per pixel: the colors, two that say how much texture is there, then the colors of the guide if there is one. */
  readonly channels: number;
  /** How many of them are invented in the hole: all but the guide's. */
  readonly voted: number;
  /** (height, width, channels) */
  readonly data: Float32Array;
  /** 1 where pixels are to be invented. */
  readonly hole: Uint8Array;
  /** 1 where a patch may be taken from: its center, the whole patch known. */
  readonly isSource: Uint8Array;
  readonly sources: Int32Array;
  /** Centers of the patches that hold a pixel of the hole, in reading order. */
  readonly targets: Int32Array;
}

export interface HoleImage {
  readonly width: number;
  readonly height: number;
  /** 1 or 3. */
  readonly channels: number;
  /** (height, width, channels), 0 to 1. */
  readonly pixels: Float32Array;
  readonly hole: Uint8Array;
  /** 1 where pixels are known but must not be copied. */
  readonly blocked?: Uint8Array;
}

/** How much a difference from the guide counts against one in color: more, or what the hole was first filled with would outweigh it. */
export const guideWeight = 1.5;
/** How much a difference in texture counts against one in color: sqrt(50) of Newson et al. 2014, whose features these are. */
const textureWeight = Math.sqrt(50);
const textureReachPx = 4;

/**
 * The picture at full size first, then at halves, until the hole is no wider than a patch or the picture would hold too few of them.
 *
 * The texture features are the mean absolute differences across and down in a window (Newson, Almansa, Fradet, Gousseau and Perez, "Video
 * Inpainting of Complex Scenes", 2014): they keep a textured hole from being filled with the smoothest patch.
 */
export function buildPatchLevels(image: HoleImage, holeRadiusPx: number, guide?: Float32Array): PatchLevel[] {
  const count = Math.max(1, Math.ceil(Math.log2(Math.max(1, holeRadiusPx / patchRadius))) + 1);
  const voted = image.channels + 2;
  const channels = voted + (guide === undefined ? 0 : image.channels);
  let data = withTexture(image, channels, guide);
  let { width, height, hole } = image;
  let blocked = image.blocked ?? new Uint8Array(hole.length);
  const levels = [finishLevel({ width, height, channels, voted, data, hole }, blocked)];
  while (levels.length < count && Math.min(width, height) >= 8 * patchSide) {
    ({ data, hole, blocked, width, height } = halve({ width, height, channels, voted, data, hole }, blocked));
    const level = finishLevel({ width, height, channels, voted, data, hole }, blocked);
    if (level.sources.length < 3 * patchSide) break;
    levels.push(level);
  }
  return levels;
}

type Raw = Pick<PatchLevel, 'width' | 'height' | 'channels' | 'voted' | 'data' | 'hole'>;

function withTexture(
  { width, height, channels, pixels, hole }: HoleImage,
  all: number,
  guide: Float32Array | undefined,
): Float32Array {
  const steps = new Float32Array(width * height * 2);
  const counted = new Float32Array(width * height);
  for (let y = 0; y < height - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      const i = y * width + x;
      if (hole[i] !== 0 || hole[i + 1] !== 0 || hole[i + width] !== 0) continue;
      counted[i] = 1;
      for (let c = 0; c < channels; c++) {
        const value = pixels[i * channels + c]!;
        steps[2 * i]! += Math.abs(pixels[(i + 1) * channels + c]! - value) / channels;
        steps[2 * i + 1]! += Math.abs(pixels[(i + width) * channels + c]! - value) / channels;
      }
    }
  }
  const sums = boxSum(steps, width, height, 2, textureReachPx);
  const counts = boxSum(counted, width, height, 1, textureReachPx);
  const data = new Float32Array(width * height * all);
  for (let i = 0; i < counted.length; i++) {
    const to = i * all;
    for (let c = 0; c < channels; c++) data[to + c] = pixels[i * channels + c]!;
    for (let c = 0; c < 2; c++)
      data[to + channels + c] = counts[i] === 0 ? 0 : (textureWeight * sums[2 * i + c]!) / counts[i]!;
    if (guide === undefined) continue;
    for (let c = 0; c < channels; c++) data[to + channels + 2 + c] = guideWeight * guide[i * channels + c]!;
  }
  return data;
}

/** Sums over windows of 2 reach + 1, separably, with running sums. */
function boxSum(
  values: Float32Array,
  width: number,
  height: number,
  channels: number,
  reach: number,
): Float32Array {
  const across = new Float32Array(values.length);
  const result = new Float32Array(values.length);
  const run = (from: Float32Array, to: Float32Array, start: number, stride: number, count: number): void => {
    let sum = 0;
    for (let i = 0; i < Math.min(reach, count); i++) sum += from[start + i * stride]!;
    for (let i = 0; i < count; i++) {
      if (i + reach < count) sum += from[start + (i + reach) * stride]!;
      if (i > reach) sum -= from[start + (i - reach - 1) * stride]!;
      to[start + i * stride] = sum;
    }
  };
  for (let y = 0; y < height; y++)
    for (let c = 0; c < channels; c++) run(values, across, y * width * channels + c, channels, width);
  for (let x = 0; x < width; x++)
    for (let c = 0; c < channels; c++) run(across, result, x * channels + c, width * channels, height);
  // Running sums of floats may end a hair below zero.
  return result.map((value) => Math.max(0, value));
}

/** Half the size: means of what is known; a pixel with less than half known is part of the hole. */
function halve(
  level: Raw,
  blocked: Uint8Array,
): { data: Float32Array; hole: Uint8Array; blocked: Uint8Array; width: number; height: number } {
  const { channels, voted } = level;
  const width = Math.ceil(level.width / 2);
  const height = Math.ceil(level.height / 2);
  const data = new Float32Array(width * height * channels);
  const hole = new Uint8Array(width * height);
  const nextBlocked = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = y * width + x;
      let known = 0;
      let all = 0;
      for (let dy = 0; dy < 2 && 2 * y + dy < level.height; dy++) {
        for (let dx = 0; dx < 2 && 2 * x + dx < level.width; dx++) {
          const from = (2 * y + dy) * level.width + 2 * x + dx;
          all++;
          nextBlocked[to]! |= blocked[from]!;
          for (let c = voted; c < channels; c++) data[to * channels + c]! += level.data[from * channels + c]!;
          if (level.hole[from] !== 0) continue;
          known++;
          for (let c = 0; c < voted; c++) data[to * channels + c]! += level.data[from * channels + c]!;
        }
      }
      hole[to] = 2 * known < all || known === 0 ? 1 : 0;
      for (let c = 0; c < channels; c++) data[to * channels + c]! /= Math.max(1, c < voted ? known : all);
    }
  }
  return { data, hole, blocked: nextBlocked, width, height };
}

function finishLevel(raw: Raw, blocked: Uint8Array): PatchLevel {
  const { width, height, hole } = raw;
  const unusable = new Float32Array(hole.length);
  const holes = new Float32Array(hole.length);
  for (let i = 0; i < hole.length; i++) {
    holes[i] = hole[i]!;
    unusable[i] = hole[i]! | blocked[i]!;
  }
  const near = boxSum(unusable, width, height, 1, patchRadius);
  const nearHole = boxSum(holes, width, height, 1, patchRadius);
  const isSource = new Uint8Array(hole.length);
  const sources: number[] = [];
  const targets: number[] = [];
  for (let y = patchRadius; y < height - patchRadius; y++) {
    for (let i = y * width + patchRadius; i < (y + 1) * width - patchRadius; i++) {
      if (nearHole[i]! > 0.5) targets.push(i);
      if (near[i]! > 0.5) continue;
      isSource[i] = 1;
      sources.push(i);
    }
  }
  const known = hole.map((value) => 1 - value);
  const guide = raw.voted < raw.channels ? raw.data.slice() : undefined;
  extendSmoothly(raw.data, known, width, height, raw.channels);
  for (let i = 0; guide !== undefined && i < hole.length; i++) {
    for (let c = raw.voted; c < raw.channels; c++)
      raw.data[i * raw.channels + c] = guide[i * raw.channels + c]!;
  }
  return { ...raw, isSource, sources: Int32Array.from(sources), targets: Int32Array.from(targets) };
}
