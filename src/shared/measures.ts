/** Everything that can be measured between two pictures of one size. `niqe` looks at each picture alone. */
export const measureNames = ['psnr-y', 'ssim-y', 'psnr-rgb', 'ssim-rgb', 'ms-ssim-y', 'feature-distance', 'lpips', 'niqe'] as const;
export type MeasureName = (typeof measureNames)[number];

export interface MeasureFacts {
  readonly label: string;
  readonly better: 'higher' | 'lower';
  /** One sentence: what it says. */
  readonly about: string;
}

/** What each measure is, for tables and help: unit, direction and a sentence. */
export const measureFacts: Readonly<Record<MeasureName, MeasureFacts>> = {
  'psnr-y': { label: 'PSNR (Y), dB', better: 'higher', about: 'Peak signal-to-noise ratio of the luma; infinite for equal pictures.' },
  'ssim-y': { label: 'SSIM (Y)', better: 'higher', about: 'Structural similarity of the luma; 1 for equal pictures.' },
  'psnr-rgb': { label: 'PSNR (RGB), dB', better: 'higher', about: 'Peak signal-to-noise ratio of all channels.' },
  'ssim-rgb': { label: 'SSIM (RGB)', better: 'higher', about: 'Structural similarity, mean of the channels.' },
  'ms-ssim-y': { label: 'MS-SSIM (Y)', better: 'higher', about: 'Structural similarity over five scales; needs 176 pixels a side.' },
  'feature-distance': { label: 'Feature distance', better: 'lower', about: "Heirloom's own perceptual distance on oriented filters; 0 for equal pictures." },
  lpips: { label: 'LPIPS (squeeze)', better: 'lower', about: 'Learned perceptual distance; needs the SqueezeNet files.' },
  niqe: { label: 'NIQE', better: 'lower', about: 'Naturalness of each picture alone; needs texture and 96×192 pixels.' },
};

/** Consistency, which two pictures of different sizes have as well. */
export const consistencyFacts: MeasureFacts = {
  label: 'Consistency, dB',
  better: 'higher',
  about: 'The larger picture brought to the size of the smaller and compared with it, as PSNR (RGB).',
};

/** Pixels that the protocol of SRGAN cuts from every side before measuring. */
export const protocolCropPx = 4;

/** A number on the wire, where JSON has no infinity; undefined where it could not be measured (too small, no texture). */
export type MeasuredValue = number | 'infinite' | undefined;

/** One measure that was asked for. */
export interface Measured {
  readonly name: MeasureName;
  readonly value?: MeasuredValue;
}

/** Two pictures of one size compared. */
export interface MeasuredPictures {
  /** Pixels cut from every side. */
  readonly cropPx: number;
  /** Share of the pixels that was measured, 0 to 1: large pictures are measured in nine places. */
  readonly share: number;
  readonly measures: readonly Measured[];
}

/** What was measured of a result; sizes in pixels. */
export interface MeasureReport {
  readonly width: number;
  readonly height: number;
  /** PSNR in dB between the original and the result brought to its size. */
  readonly consistency: Exclude<MeasuredValue, undefined>;
  /** How much was changed; absent when the result has another size than the original. */
  readonly change?: MeasuredPictures;
  readonly reference?: {
    readonly name: string;
    readonly width: number;
    readonly height: number;
    /** Absent when the sizes differ; then `problem` says so in one sentence. */
    readonly compared?: MeasuredPictures;
    readonly problem?: string;
  };
  /** Of original and result, each alone; present when its parameters were given. */
  readonly niqe?: { readonly original?: MeasuredValue; readonly result?: MeasuredValue };
}
