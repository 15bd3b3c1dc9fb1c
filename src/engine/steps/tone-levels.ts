import type { ParamValues } from '../../shared/params.ts';

/** The parameters of the tone step; the defaults change nothing. */
export const toneParams = {
  black: { kind: 'number', label: 'Black point', help: 'The level that becomes black: takes away the gray veil of faded shadows.', min: 0, max: 60, step: 0.1, default: 0, unit: '%' },
  white: { kind: 'number', label: 'White point', help: 'The level that becomes white: brightens yellowed or gray paper.', min: 40, max: 120, step: 0.1, default: 100, unit: '%' },
  gamma: { kind: 'number', label: 'Midtones', help: 'Above 1 brightens the midtones, below 1 darkens them.', min: 0.4, max: 2.5, step: 0.01, default: 1 },
  saturation: { kind: 'number', label: 'Saturation', help: 'Strength of the colors; 0 makes the photo gray.', min: 0, max: 200, step: 1, default: 100, unit: '%' },
  shadowsWarmth: { kind: 'number', label: 'Red cast in the shadows', help: 'How much redder than blue the shadows are; taken away. Negative for a blue cast.', min: -40, max: 40, step: 0.1, default: 0, unit: '%' },
  shadowsTint: { kind: 'number', label: 'Magenta cast in the shadows', help: 'How much more magenta than green the shadows are; taken away. Negative for a green cast.', min: -40, max: 40, step: 0.1, default: 0, unit: '%' },
  lightsWarmth: { kind: 'number', label: 'Red cast in the lights', help: 'How much redder than blue the lights are; taken away. Negative for a blue cast.', min: -40, max: 40, step: 0.1, default: 0, unit: '%' },
  lightsTint: { kind: 'number', label: 'Magenta cast in the lights', help: 'How much more magenta than green the lights are; taken away. Negative for a green cast.', min: -40, max: 40, step: 0.1, default: 0, unit: '%' },
} as const;

export type ToneValues = ParamValues<typeof toneParams>;
export type Triple = readonly [number, number, number];

/** A color as its mean, its warmth (red over blue) and its tint (magenta over green): a reversible change of axes. */
export interface Cast {
  readonly warmth: number;
  readonly tint: number;
}

/** The cast of a color. */
export function castOf([red, green, blue]: Triple): Cast {
  return { warmth: red - blue, tint: (red + blue) / 2 - green };
}

/** The color with this mean and cast. */
export function colorWithCast(mean: number, { warmth, tint }: Cast): Triple {
  return [mean + tint / 3 + warmth / 2, mean - (2 * tint) / 3, mean + tint / 3 - warmth / 2];
}

/** Whether these parameters leave every picture as it is. */
export function isNeutral(values: ToneValues): boolean {
  return Object.entries(toneParams).every(([name, spec]) => values[name as keyof ToneValues] === spec.default);
}

/**
 * The change of tone for rows of interleaved pixels, in place: each color channel from its own black and white point to 0..1, then the gamma, then the
 * saturation about Rec. 601 luma. Alpha stays. Values that were inside 0..1 stay inside; what was outside (wide gamut) goes no further out.
 */
export function createToner(values: ToneValues, channels: 1 | 2 | 3 | 4): (rows: Float32Array) => void {
  const black = colorWithCast(values.black / 100, { warmth: values.shadowsWarmth / 100, tint: values.shadowsTint / 100 });
  const white = colorWithCast(values.white / 100, { warmth: values.lightsWarmth / 100, tint: values.lightsTint / 100 });
  const power = 1 / values.gamma;
  const bend = (value: number): number => (power === 1 || value <= 0 ? value : value ** power);
  if (channels <= 2) {
    const [low, gain] = [values.black / 100, levelGain(values.black / 100, values.white / 100)];
    return (rows) => {
      for (let i = 0; i < rows.length; i += channels) rows[i] = within(bend((rows[i]! - low) * gain), rows[i]!);
    };
  }
  const gains = black.map((low, c) => levelGain(low, white[c]!)) as unknown as Triple;
  const saturation = values.saturation / 100;
  return (rows) => {
    for (let i = 0; i < rows.length; i += channels) {
      const red = bend((rows[i]! - black[0]) * gains[0]);
      const green = bend((rows[i + 1]! - black[1]) * gains[1]);
      const blue = bend((rows[i + 2]! - black[2]) * gains[2]);
      const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
      rows[i] = within(luma + saturation * (red - luma), rows[i]!);
      rows[i + 1] = within(luma + saturation * (green - luma), rows[i + 1]!);
      rows[i + 2] = within(luma + saturation * (blue - luma), rows[i + 2]!);
    }
  };
}

/** At most tenfold, so that extreme settings stay a picture. */
function levelGain(low: number, high: number): number {
  return 1 / Math.max(0.1, high - low);
}

function within(value: number, before: number): number {
  return Math.min(Math.max(1, before), Math.max(Math.min(0, before), value));
}
