import type { Metadata } from 'sharp';
import { colorTransformOf, curveTransform, type ColorTransform } from './color-transform.ts';
import { parseIcc, type IccProfile } from './icc.ts';

/** How a file's color values become working values, and back. */
export type ColorPlan = {
  /** The file's profile can be written back into a result. */
  readonly reversible: boolean;
  readonly iccName: string | undefined;
} & (
  | { readonly kind: 'as-is' }
  | { readonly kind: 'transform'; readonly transform: ColorTransform }
  /** The color engine of libvips converts to sRGB. */
  | { readonly kind: 'engine' }
);

/** Gray pictures as libvips names them. */
export function isGraySpace(space: string): boolean {
  return space === 'b-w' || space === 'grey16';
}

/** Decides by what the header says, adding sentences for the user to `notices`. */
export function planColor(found: Metadata, notices: string[]): ColorPlan {
  const profile = found.icc === undefined ? undefined : parseIcc(found.icc);
  const iccName = profile?.name;
  const engine = { kind: 'engine', reversible: false, iccName } as const;
  if (found.space === 'cmyk') {
    notices.push('The photo is in printing colors (CMYK); it was converted to sRGB.');
    return engine;
  }
  if (found.depth !== 'uchar' && found.depth !== 'ushort') {
    const kind = found.depth === 'float' || found.depth === 'double' ? 'floating point' : 'unusual';
    notices.push(`The photo has ${kind} samples; it was converted to 16 bit.`);
    return engine;
  }
  if (!['srgb', 'rgb16', 'rgb'].includes(found.space) && !isGraySpace(found.space)) {
    notices.push(`The photo is in the color space "${found.space}"; it was converted to sRGB.`);
    return engine;
  }
  if (found.icc === undefined) return { kind: 'as-is', reversible: false, iccName };
  if (profile === undefined) {
    notices.push('The color profile in the file is damaged and was ignored; the colors were read as sRGB.');
    return { kind: 'as-is', reversible: false, iccName };
  }
  return isGraySpace(found.space) ? planGray(profile, notices) : planRgb(profile, notices);
}

function planRgb(profile: IccProfile, notices: string[]): ColorPlan {
  const iccName = profile.name;
  const transform = profile.kind === 'matrix' ? colorTransformOf(profile) : undefined;
  if (transform === 'srgb') return { kind: 'as-is', reversible: true, iccName };
  if (transform !== undefined) return { kind: 'transform', transform, reversible: true, iccName };
  if (profile.kind === 'gray' || (profile.kind === 'table' && profile.space !== 'RGB')) {
    notices.push(
      `The color profile "${iccName}" does not fit the picture and was ignored; the colors were read as sRGB.`,
    );
    return { kind: 'as-is', reversible: false, iccName };
  }
  notices.push(`The color profile "${iccName}" uses tables; the colors were converted to sRGB.`);
  return { kind: 'engine', reversible: false, iccName };
}

function planGray(profile: IccProfile, notices: string[]): ColorPlan {
  const iccName = profile.name;
  if (profile.kind === 'table') {
    notices.push(
      `The gray profile "${iccName}" is of a kind Heirloom does not use; the grays were left as they are.`,
    );
    return { kind: 'as-is', reversible: false, iccName };
  }
  // A gray picture with an RGB profile lies on that profile's gray axis, where only its curve matters.
  const transform = profile.kind === 'gray' ? colorTransformOf(profile) : curveTransform(profile.curves[1]);
  const reversible = profile.kind === 'gray';
  if (transform === 'srgb' || transform === undefined) return { kind: 'as-is', reversible, iccName };
  return { kind: 'transform', transform, reversible, iccName };
}
