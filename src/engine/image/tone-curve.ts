/** A device transfer curve: from encoded to linear light and back, both on 0 to 1. */
export interface ToneCurve {
  toLinear(encoded: number): number;
  /** The encoded value of a linear one; clamps to 0..1. */
  toEncoded(linear: number): number;
}

/** sRGB encoding to linear light, odd-symmetric below 0 and continued above 1 (IEC 61966-2-1; extended as in scRGB). */
export function srgbToLinear(encoded: number): number {
  const size = Math.abs(encoded);
  const linear = size <= 0.04045 ? size / 12.92 : ((size + 0.055) / 1.055) ** 2.4;
  return encoded < 0 ? -linear : linear;
}

/** The inverse of `srgbToLinear`. */
export function linearToSrgb(linear: number): number {
  const size = Math.abs(linear);
  const encoded = size <= 0.0031308 ? size * 12.92 : 1.055 * size ** (1 / 2.4) - 0.055;
  return linear < 0 ? -encoded : encoded;
}

const clamp01 = (value: number): number => (value > 0 ? (value < 1 ? value : 1) : 0);

export function gammaCurve(gamma: number): ToneCurve {
  return {
    toLinear: (encoded) => clamp01(encoded) ** gamma,
    toEncoded: (linear) => clamp01(linear) ** (1 / gamma),
  };
}

/**
 * A sampled curve, linearly interpolated.
 *
 * @returns undefined if it is not rising (it could not be inverted).
 */
export function tableCurve(table: Float64Array): ToneCurve | undefined {
  const last = table.length - 1;
  for (let i = 1; i <= last; i++) if (table[i]! < table[i - 1]!) return undefined;
  if (last < 1 || table[last]! <= table[0]!) return undefined;
  return {
    toLinear: (encoded) => {
      const position = clamp01(encoded) * last;
      const index = Math.min(last - 1, Math.floor(position));
      return table[index]! + (table[index + 1]! - table[index]!) * (position - index);
    },
    toEncoded: (linear) => {
      let low = 0;
      let high = last;
      if (!(linear > table[0]!)) return 0;
      if (linear >= table[last]!) return 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (table[middle]! <= linear) low = middle;
        else high = middle;
      }
      return (low + (linear - table[low]!) / (table[high]! - table[low]!)) / last;
    },
  };
}

/**
 * ICC parametric curve types 0 to 4 (ICC.1:2022 table 68), given g a b c d e f (missing ones 0).
 *
 * @returns undefined where it is not rising on 0 to 1.
 */
export function parametricCurve(type: number, params: readonly number[]): ToneCurve | undefined {
  const [g = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = params;
  if (type === 0) return g > 0 ? gammaCurve(g) : undefined;
  if (!(g > 0 && a > 0)) return undefined;
  // Types 1 and 2 break where the power part starts, below it they are constant.
  const start = type <= 2 ? -b / a : d;
  const slope = type <= 2 ? 0 : c;
  const low = type === 2 ? c : type === 4 ? f : 0;
  const high = type === 2 ? c : type === 4 ? e : 0;
  const power = (x: number) => Math.max(0, a * x + b) ** g + high;
  const toLinear = (encoded: number) => {
    const x = clamp01(encoded);
    return clamp01(x >= start ? power(x) : slope * x + low);
  };
  const corner = power(start);
  const toEncoded = (linear: number) => {
    const y = clamp01(linear);
    if (y >= corner) return clamp01((Math.max(0, y - high) ** (1 / g) - b) / a);
    return slope > 0 ? clamp01((y - low) / slope) : clamp01(start);
  };
  for (let i = 1, before = toLinear(0); i <= 256; i++) {
    const value = toLinear(i / 256);
    if (!(value >= before)) return undefined;
    before = value;
  }
  return toLinear(1) > toLinear(0) ? { toLinear, toEncoded } : undefined;
}
