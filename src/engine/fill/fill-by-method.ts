import type { Context } from '../context.ts';
import { chooseMethod, needsNetwork } from './choose-method.ts';
import { fillHole, type HoleFiller, type HoleMethod, widest } from './fill-hole.ts';
import type { FillNetwork } from './fill-network.ts';
import { type Guide, type HoleImage, patchRadius } from './patch-level.ts';
import { predictHole } from './predict-hole.ts';
import { reportTo } from './report-to.ts';

/** 'auto' chooses by the width of each hole, see `chooseMethod`. */
export type FillMethod = 'auto' | HoleMethod;

export interface HoleOptions {
  readonly method: FillMethod;
  /** Another number gives another variant. */
  readonly seed: number;
  /** For 'together' and 'network'; 'auto' uses it when it is there. */
  readonly network?: FillNetwork;
  /** Where holes are filled; in this thread if left out. */
  readonly filler?: HoleFiller;
  /** Whether there are so many that speed counts more. */
  readonly isHurried: boolean;
  /** A coarse fill to refine; the network is not asked again then. */
  readonly guide?: Guide;
  /** Hears what the network drew, (height, width, channels), before patches follow it: soft, but in place long before they are. */
  onDraft?(pixels: Float32Array): void | Promise<void>;
}

/** Fills one hole by the method that was asked for or suits its width, `core` being what is fully selected of it. */
export async function fillByMethod(
  image: HoleImage,
  { method, seed, network, filler = fillHole, isHurried, guide, onDraft }: HoleOptions,
  context: Context,
  core: Uint8Array = image.hole,
): Promise<Float32Array> {
  const widthPx = (): number => 2 * widest(core, image.width, image.height);
  const chosen = method === 'auto' ? chooseMethod(widthPx, { isHurried, hasNetwork: network !== undefined }) : method;
  const holeRadiusPx = widest(image.hole, image.width, image.height);
  // Patches see across a hole that is narrower than two of them: what a network says about it would not be heard.
  const isHeard = chosen === 'network' || holeRadiusPx > patchRadius;
  const asks = network !== undefined && guide === undefined && needsNetwork(chosen) && isHeard;
  const prediction = asks
    ? await predictHole(image, holeRadiusPx, network, reportTo(context.part(0, 0.4)))
    : undefined;
  if (prediction !== undefined && chosen !== 'network') await onDraft?.(prediction.pixels);
  return filler(image, {
    method: chosen,
    seed,
    report: reportTo(asks ? context.part(0.4, 1) : context),
    ...(guide === undefined ? {} : { guide }),
    ...(prediction === undefined ? {} : { prediction }),
  });
}
