import { boxSum } from './box-sum.ts';
import { extendSmoothly } from './extend-smoothly.ts';

/** Patches are squares of 7 × 7 pixels. */
export const patchRadius = 3;
export const patchSide = 2 * patchRadius + 1;

/** One size of the picture around a hole, as the patch search sees it. */
export interface PatchLevel {
  readonly width: number;
  readonly height: number;
  /** Values per pixel: the colors, two that say how much texture is there (not at full size), then those of the guide if there is one. */
  readonly channels: number;
  /** How many of them are invented in the hole: all but the guide's. */
  readonly voted: number;
  /** What the guide's colors are multiplied with; 0 without a guide. */
  readonly guideWeight: number;
  /** (height, width, channels) */
  readonly data: Float32Array;
  /** 1 where pixels are to be invented. */
  readonly hole: Uint8Array;
  /** 1 where a patch may be taken from: its center, the whole patch known. */
  readonly isSource: Uint8Array;
  readonly sources: Int32Array;
  /** Centers of the patches that hold a pixel of the hole, in reading order. */
  readonly targets: Int32Array;
  /** How many pixels of the hole lie within a patch around each pixel. */
  readonly nearHole: Float32Array;
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

/** A result for the whole picture that is right in the large: the search keeps to its structure. */
export interface Guide {
  /** (height, width, channels); known parts as smooth as the hole is. */
  readonly pixels: Float32Array;
  /** The smallest thing it shows, in pixels: sizes at which that is less than a pixel are filled without it. */
  readonly detailPx: number;
  /** How much a difference from it counts against one in color, where it is at its most trustworthy. */
  readonly weight: number;
  /** Whether it is what the coarse sizes would have found: they are left out then. */
  readonly replacesCoarse: boolean;
}

/** How much a difference in texture counts against one in color: sqrt(50) of Newson et al. 2014, whose features these are. */
const textureWeight = Math.sqrt(50);
const textureReachPx = 4;

/**
 * The picture at full size first, then at halves, until the hole is no wider than a patch or the picture would hold too few of them.
 *
 * The texture features are the mean absolute differences across and down in a window (Newson, Almansa, Fradet, Gousseau and Perez, "Video
 * Inpainting of Complex Scenes", 2014): they keep a textured hole from being filled with the smoothest patch. The full size goes without
 * them when there are others: by then the texture is chosen. The guide's colors are there as far down as the guide shows anything.
 */
export function buildPatchLevels(image: HoleImage, holeRadiusPx: number, guide?: Guide): PatchLevel[] {
  const count = Math.max(1, Math.ceil(Math.log2(Math.max(1, holeRadiusPx / patchRadius))) + 1);
  const isMany = count > 1 && Math.min(image.width, image.height) >= 8 * patchSide;
  const { width, height, channels, hole } = image;
  const blocked = image.blocked ?? new Uint8Array(hole.length);
  const full: Raw = { width, height, hole, blocked, channels, data: image.pixels.slice() };
  const guideAt = guideSizes(guide, image);
  if (!isMany) return [finishLevel(withTexture(full, textureOf(image, 1)), guideAt(0))];
  const levels = [finishLevel(full, guideAt(0))];
  let raw = withTexture(halve(full), textureOf(image, 2));
  while (levels.length < count) {
    const level = finishLevel(raw, guideAt(levels.length));
    if (level.sources.length < 3 * patchSide) break;
    levels.push(level);
    if (Math.min(raw.width, raw.height) < 8 * patchSide) break;
    raw = halve(raw);
  }
  return levels;
}

/** A level before its patches are listed; no guide in its data yet. */
interface Raw {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
  readonly hole: Uint8Array;
  readonly blocked: Uint8Array;
}
/** How much texture is known around each pixel at 1 / factor of the size, across and down: (height, width, 2). */
function textureOf({ width, height, channels, pixels, hole }: HoleImage, factor: number): Float32Array {
  const smallWidth = Math.ceil(width / factor);
  const smallHeight = Math.ceil(height / factor);
  // Steps across, steps down, and how many were counted.
  const steps = new Float32Array(smallWidth * smallHeight * 3);
  for (let y = 0; y < height - 1; y++) {
    const row = Math.floor(y / factor) * smallWidth;
    for (let x = 0, i = y * width; x < width - 1; x++, i++) {
      if (hole[i] !== 0 || hole[i + 1] !== 0 || hole[i + width] !== 0) continue;
      let [across, down] = [0, 0];
      for (let c = 0; c < channels; c++) {
        const value = pixels[i * channels + c]!;
        across += Math.abs(pixels[(i + 1) * channels + c]! - value);
        down += Math.abs(pixels[(i + width) * channels + c]! - value);
      }
      const to = 3 * (row + Math.floor(x / factor));
      steps[to]! += across / channels;
      steps[to + 1]! += down / channels;
      steps[to + 2]! += 1;
    }
  }
  const sums = boxSum(steps, smallWidth, smallHeight, 3, textureReachPx / factor);
  const texture = new Float32Array(smallWidth * smallHeight * 2);
  for (let i = 0; i < sums.length / 3; i++) {
    const near = sums[3 * i + 2]!;
    const weight = near > 0.5 ? textureWeight / near : 0;
    // Running sums of floats may end a hair below zero.
    texture[2 * i] = weight * Math.max(0, sums[3 * i]!);
    texture[2 * i + 1] = weight * Math.max(0, sums[3 * i + 1]!);
  }
  return texture;
}

function withTexture(raw: Raw, texture: Float32Array): Raw {
  const colors = raw.channels;
  const channels = colors + 2;
  const data = new Float32Array(raw.hole.length * channels);
  for (let i = 0, to = 0; to < data.length; i++, to += channels) {
    for (let c = 0; c < colors; c++) data[to + c] = raw.data[i * colors + c]!;
    data[to + colors] = texture[2 * i]!;
    data[to + colors + 1] = texture[2 * i + 1]!;
  }
  return { ...raw, channels, data };
}

/** Half the size: means of what is known; a pixel with less than half known is part of the hole. */
function halve(level: Raw): Raw {
  const { channels, data: from, hole: fromHole } = level;
  const width = Math.ceil(level.width / 2);
  const height = Math.ceil(level.height / 2);
  const data = new Float32Array(width * height * channels);
  const hole = new Uint8Array(width * height);
  const blocked = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      let known = 0;
      let all = 0;
      for (let dy = 0; dy < 2 && 2 * y + dy < level.height; dy++) {
        for (let dx = 0; dx < 2 && 2 * x + dx < level.width; dx++) {
          const at = (2 * y + dy) * level.width + 2 * x + dx;
          all++;
          blocked[to]! |= level.blocked[at]!;
          if (fromHole[at] !== 0) continue;
          known++;
          for (let c = 0; c < channels; c++) data[to * channels + c]! += from[at * channels + c]!;
        }
      }
      hole[to] = 2 * known < all || known === 0 ? 1 : 0;
      for (let c = 0; c < channels; c++) data[to * channels + c]! /= Math.max(1, known);
    }
  }
  return { data, hole, blocked, width, height, channels };
}

/** The guide at the size of each level in turn, times its weight there; undefined where it shows too little. */
function guideSizes(guide: Guide | undefined, image: HoleImage): (index: number) => LevelGuide | undefined {
  let half = { ...image, data: guide?.pixels ?? image.pixels };
  let halves = 0;
  return (index) => {
    const scale = 2 ** index;
    if (guide === undefined || 2 * scale <= guide.detailPx) return undefined;
    const weight = guide.weight * Math.min(1, scale / guide.detailPx);
    for (; halves < index; halves++) half = { ...half, ...halfOf(half) };
    return { weight, data: half.data.map((value) => weight * value) };
  };
}

/** Half the size: means. */
function halfOf({ width, height, channels, data }: Pick<Raw, 'width' | 'height' | 'channels' | 'data'>): Pick<Raw, 'width' | 'height' | 'data'> {
  const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const half = new Float32Array(halfWidth * halfHeight * channels);
  for (let y = 0, to = 0; y < halfHeight; y++) {
    const upper = 2 * y * width;
    const lower = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < halfWidth; x++) {
      const [left, right] = [2 * x, Math.min(2 * x + 1, width - 1)];
      const [a, b] = [(upper + left) * channels, (upper + right) * channels];
      const [c, d] = [(lower + left) * channels, (lower + right) * channels];
      for (let k = 0; k < channels; k++, to++) half[to] = (data[a + k]! + data[b + k]! + data[c + k]! + data[d + k]!) / 4;
    }
  }
  return { width: halfWidth, height: halfHeight, data: half };
}

interface LevelGuide {
  readonly weight: number;
  readonly data: Float32Array;
}

/** Lists the patches of a level and adds the guide's colors. */
function finishLevel(raw: Raw, guide?: LevelGuide): PatchLevel {
  const { width, height, hole, blocked } = raw;
  const unusable = new Float32Array(hole.length);
  const holes = new Float32Array(hole.length);
  for (let i = 0; i < hole.length; i++) {
    holes[i] = hole[i]!;
    unusable[i] = hole[i]! | blocked[i]!;
  }
  const near = boxSum(unusable, width, height, 1, patchRadius);
  const nearHole = boxSum(holes, width, height, 1, patchRadius);
  const isSource = new Uint8Array(hole.length);
  const sources = new Int32Array(hole.length);
  const targets = new Int32Array(hole.length);
  let [sourceCount, targetCount] = [0, 0];
  for (let y = patchRadius; y < height - patchRadius; y++) {
    for (let i = y * width + patchRadius; i < (y + 1) * width - patchRadius; i++) {
      if (nearHole[i]! > 0.5) targets[targetCount++] = i;
      if (near[i]! > 0.5) continue;
      isSource[i] = 1;
      sources[sourceCount++] = i;
    }
  }
  return {
    ...{ width, height, hole, isSource, voted: raw.channels, nearHole },
    ...joinGuide(raw, guide),
    sources: sources.slice(0, sourceCount),
    targets: targets.slice(0, targetCount),
  };
}

function joinGuide(
  { data, channels: voted, hole }: Raw,
  guide: LevelGuide | undefined,
): Pick<PatchLevel, 'data' | 'channels' | 'guideWeight'> {
  if (guide === undefined) return { data, channels: voted, guideWeight: 0 };
  const colors = guide.data.length / hole.length;
  const channels = voted + colors;
  const joined = new Float32Array(hole.length * channels);
  for (let i = 0; i < hole.length; i++) {
    for (let c = 0; c < voted; c++) joined[i * channels + c] = data[i * voted + c]!;
    for (let c = 0; c < colors; c++) joined[i * channels + voted + c] = guide.data[i * colors + c]!;
  }
  return { data: joined, channels, guideWeight: guide.weight };
}

/** Starts a level with the smoothest continuation of what is known; the guide's colors stay. */
export function startSmoothly({ data, hole, width, height, channels, voted }: PatchLevel): void {
  const known = hole.map((value) => 1 - value);
  const guide = voted < channels ? data.slice() : undefined;
  extendSmoothly(data, known, width, height, channels);
  for (let i = 0; guide !== undefined && i < hole.length; i++)
    for (let c = voted; c < channels; c++) data[i * channels + c] = guide[i * channels + c]!;
}
