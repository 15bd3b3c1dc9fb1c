import type { StepDescription } from '../../shared/contract.ts';
import { HeirloomError } from '../../shared/failure.ts';
import { defaultParams, type ParamSet } from '../../shared/params.ts';
import { clean } from './clean.ts';
import { descreen } from './descreen.ts';
import { enlarge } from './enlarge.ts';
import { faces } from './faces.ts';
import { grain } from './grain.ts';
import { remove } from './remove.ts';
import { repair } from './repair.ts';
import type { Step } from './step.ts';
import { tone } from './tone.ts';

/** Every step, in the order in which a new recipe uses them. */
export const steps: readonly Step[] = [widen(repair), widen(descreen), widen(remove), widen(tone), widen(clean), widen(enlarge), widen(faces), widen(grain)];

/** A step's parameter types are known to the step alone; everyone else hands over what `checkParams` returned. */
function widen<S extends ParamSet>(step: Step<S>): Step {
  return step as unknown as Step;
}

/** @throws HeirloomError `bad-input` naming the steps there are. */
export function findStep(id: string): Step {
  const step = steps.find((candidate) => candidate.id === id);
  if (step === undefined) throw new HeirloomError('bad-input', `There is no step "${id}".`, `Known steps: ${steps.map((known) => known.id).join(', ')}.`);
  return step;
}

/** A step as a user interface sees it. */
export function describeStep(step: Step): StepDescription {
  const { id, version, title, summary, strength, params, mask, proposesMask, perFace, behindFaces, holdsEntries } = step;
  const ownMask = proposesMask === true ? { proposesMask } : mask === 'own' ? { needsMask: true } : {};
  const size = { width: 1000, height: 1000 };
  const changesSize = step.outputSize(size, defaultParams(params), { dpi: undefined }).width !== size.width;
  return {
    id,
    version,
    title,
    summary,
    strength,
    params,
    ...ownMask,
    ...(perFace === true ? { perFace } : {}),
    ...(behindFaces === true ? { behindFaces } : {}),
    ...(holdsEntries === true ? { holdsEntries } : {}),
    ...(changesSize ? { changesSize } : {}),
  };
}
