import type { IccProfile, Matrix3 } from './icc.ts';
import { linearToSrgb, srgbToLinear, type ToneCurve } from './tone-curve.ts';

/** Between the encoded values of a file's profile and the working values (sRGB-encoded, beyond 0..1 for wider gamuts). */
export interface ColorTransform {
  /** In place, on interleaved rows of integer samples read as v/maxValue; alpha is left alone. */
  toWorking(rows: Float32Array, channels: number, maxValue: 255 | 65535): void;
  /** In place; the result is clamped to 0..1. */
  fromWorking(rows: Float32Array, channels: number): void;
}

/** Linear sRGB to XYZ D50 (Bradford-adapted; Lindbloom, "RGB/XYZ matrices"). */
const srgbToXyzD50: Matrix3 = [
  0.4360747, 0.3850649, 0.1430804, 0.2225045, 0.7168786, 0.0606169, 0.0139322, 0.0971045, 0.7141733,
];

/**
 * The transform of a matrix or gray profile.
 *
 * @returns 'srgb' where the profile is sRGB as far as eight bits can tell (values stay untouched); undefined where it has no simple formula.
 */
export function colorTransformOf(profile: IccProfile): ColorTransform | 'srgb' | undefined {
  switch (profile.kind) {
    case 'table':
      return undefined;
    case 'gray':
      return curveTransform(profile.curve);
    case 'matrix': {
      const toSrgb = whiteToOne(multiply(invert(srgbToXyzD50), profile.toXyz));
      const back = toSrgb === undefined ? undefined : invert(toSrgb);
      if (toSrgb === undefined || back === undefined) return undefined;
      const isIdentity = toSrgb.every((value, i) => Math.abs(value - (i % 4 === 0 ? 1 : 0)) < 0.004);
      return isIdentity && profile.curves.every(isSrgbCurve)
        ? 'srgb'
        : matrixTransform(profile.curves, toSrgb, back);
    }
  }
}

/** The transform of gray values with this curve; 'srgb' where they can stay as they are. */
export function curveTransform(curve: ToneCurve): ColorTransform | 'srgb' {
  return isSrgbCurve(curve) ? 'srgb' : grayTransform(curve);
}

function isSrgbCurve(curve: ToneCurve): boolean {
  for (let value = 0; value <= 255; value++) {
    if (Math.abs(linearToSrgb(curve.toLinear(value / 255)) - value / 255) > 0.6 / 255) return false;
  }
  return true;
}

/** The curve at every integer sample value; made once per depth, on first use. */
function linearTables(curve: ToneCurve): (maxValue: 255 | 65535) => Float64Array {
  const made = new Map<number, Float64Array>();
  return (maxValue) => {
    let table = made.get(maxValue);
    if (table === undefined) {
      table = Float64Array.from({ length: maxValue + 1 }, (_, value) => curve.toLinear(value / maxValue));
      made.set(maxValue, table);
    }
    return table;
  };
}

function grayTransform(curve: ToneCurve): ColorTransform {
  const tables = linearTables(curve);
  return {
    toWorking(rows, channels, maxValue) {
      const table = tables(maxValue);
      for (let i = 0; i < rows.length; i += channels)
        rows[i] = linearToSrgb(table[Math.round(rows[i]! * maxValue)]!);
    },
    fromWorking(rows, channels) {
      for (let i = 0; i < rows.length; i += channels) rows[i] = curve.toEncoded(srgbToLinear(rows[i]!));
    },
  };
}

function matrixTransform(
  curves: readonly [ToneCurve, ToneCurve, ToneCurve],
  to: Matrix3,
  back: Matrix3,
): ColorTransform {
  const [redTables, greenTables, blueTables] = [
    linearTables(curves[0]),
    linearTables(curves[1]),
    linearTables(curves[2]),
  ];
  const [red, green, blue] = curves;
  return {
    toWorking(rows, channels, maxValue) {
      const [reds, greens, blues] = [redTables(maxValue), greenTables(maxValue), blueTables(maxValue)];
      for (let i = 0; i < rows.length; i += channels) {
        const r = reds[Math.round(rows[i]! * maxValue)]!;
        const g = greens[Math.round(rows[i + 1]! * maxValue)]!;
        const b = blues[Math.round(rows[i + 2]! * maxValue)]!;
        rows[i] = linearToSrgb(to[0] * r + to[1] * g + to[2] * b);
        rows[i + 1] = linearToSrgb(to[3] * r + to[4] * g + to[5] * b);
        rows[i + 2] = linearToSrgb(to[6] * r + to[7] * g + to[8] * b);
      }
    },
    fromWorking(rows, channels) {
      for (let i = 0; i < rows.length; i += channels) {
        const r = srgbToLinear(rows[i]!);
        const g = srgbToLinear(rows[i + 1]!);
        const b = srgbToLinear(rows[i + 2]!);
        rows[i] = red.toEncoded(back[0] * r + back[1] * g + back[2] * b);
        rows[i + 1] = green.toEncoded(back[3] * r + back[4] * g + back[5] * b);
        rows[i + 2] = blue.toEncoded(back[6] * r + back[7] * g + back[8] * b);
      }
    },
  };
}

/** Scales each row to sum 1, so that gray stays exactly gray; undefined if white is far from white, or the matrix is broken. */
function whiteToOne(m: Matrix3 | undefined): Matrix3 | undefined {
  if (m === undefined) return undefined;
  const sums = [m[0] + m[1] + m[2], m[3] + m[4] + m[5], m[6] + m[7] + m[8]];
  if (!sums.every((sum) => Math.abs(sum - 1) < 0.05)) return undefined;
  return m.map((value, i) => value / sums[Math.floor(i / 3)]!) as unknown as Matrix3;
}

function multiply(a: Matrix3 | undefined, b: Matrix3): Matrix3 | undefined {
  if (a === undefined) return undefined;
  const cell = (row: number, column: number) =>
    a[row * 3]! * b[column]! + a[row * 3 + 1]! * b[3 + column]! + a[row * 3 + 2]! * b[6 + column]!;
  return [
    cell(0, 0),
    cell(0, 1),
    cell(0, 2),
    cell(1, 0),
    cell(1, 1),
    cell(1, 2),
    cell(2, 0),
    cell(2, 1),
    cell(2, 2),
  ];
}

/** @returns undefined for a matrix (nearly) without inverse. */
function invert(m: Matrix3): Matrix3 | undefined {
  const [a, b, c, d, e, f, g, h, i] = m;
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!(Math.abs(determinant) > 1e-6)) return undefined;
  const s = 1 / determinant;
  return [
    (e * i - f * h) * s,
    (c * h - b * i) * s,
    (b * f - c * e) * s,
    (f * g - d * i) * s,
    (a * i - c * g) * s,
    (c * d - a * f) * s,
    (d * h - e * g) * s,
    (b * g - a * h) * s,
    (a * e - b * d) * s,
  ];
}
