import { quietContext } from '../../src/engine/context.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { resizeImage } from '../../src/engine/image/resize.ts';
import type { Remember } from '../../src/engine/memo.ts';
import { type Pixels, readPixels } from '../../src/engine/metrics/pixels.ts';
import { enlarge } from '../../src/engine/steps/enlarge.ts';
import { faces } from '../../src/engine/steps/faces.ts';
import { defaultParams, type ParamValues } from '../../src/shared/params.ts';
import type { Study } from './study.ts';

/** A small picture, and what became of it without the step Faces. */
export interface Trial {
  readonly small: Image;
  /** Enlarged by Lanczos, and by the network of the step Enlarge. */
  readonly plain: Image;
  readonly enlarged: Image;
  /** What is known about the small picture. */
  readonly remember: Remember;
}

/** What came out, and of a treatment that restores faces whether it did. */
export interface Outcome {
  readonly pixels: Pixels;
  readonly restored?: boolean;
}

/** A way to make a small picture large. */
export interface Treatment {
  readonly name: string;
  apply(trial: Trial): Promise<Outcome>;
}

type FaceParams = ParamValues<typeof faces.params>;

/** What all treatments start from. */
export async function openTrial(
  study: Study,
  small: Image,
  scale: number,
  remember: Remember,
): Promise<Trial> {
  const { store, hub: models } = study;
  const tools = { store, models, strength: 1, photo: { dpi: undefined } };
  const params = { ...defaultParams(enlarge.params), factor: scale };
  return {
    small,
    remember,
    plain: await resizeImage(small, small.width * scale, small.height * scale, {
      kernel: 'lanczos3',
      store,
      context: quietContext(),
    }),
    enlarged: await enlarge.run(small, params, tools, quietContext()),
  };
}

export async function closeTrial({ plain, enlarged }: Trial): Promise<void> {
  await plain.dispose();
  await enlarged.dispose();
}

/** The input, plain enlargement, the enlarging network, and the step Faces over both. */
export function treatments(study: Study): readonly Treatment[] {
  const step = (
    name: string,
    over: 'plain' | 'enlarged',
    strength: number,
    change: Partial<FaceParams> = {},
  ): Treatment => ({
    name,
    apply: (trial) => putFaces(study, trial, trial[over], faceParams(study, change), strength),
  });
  const unguarded = { guard: false };
  const hasPair = study.hub.entry(study.restorer).partner !== undefined;
  return [
    { name: '(a) input, its pixels as squares', apply: async ({ small, plain }) => squares(small, plain) },
    { name: '(b) plain enlargement (Lanczos)', apply: async ({ plain }) => takenFrom(plain) },
    { name: 'Heirloom enlarge, α 0.3', apply: async ({ enlarged }) => takenFrom(enlarged) },
    step('(c) plain enlargement + faces at 0.5', 'plain', 0.5, unguarded),
    step('(c) plain enlargement + faces at 1', 'plain', 1, unguarded),
    ...(hasPair ? [step('the same at 1, restorer at α 1', 'plain', 1, { ...unguarded, faceAlpha: 1 })] : []),
    step('plain enlargement + faces at 1, guarded', 'plain', 1),
    step('Heirloom enlarge + faces at 1, guarded', 'enlarged', 1),
  ];
}

export function faceParams(study: Study, change: Partial<FaceParams>): FaceParams {
  return { ...defaultParams(faces.params), detector: study.detector, model: study.restorer, ...change };
}

/** The step Faces after an enlargement. */
export async function putFaces(
  study: Study,
  { small, remember }: Pick<Trial, 'small' | 'remember'>,
  background: Image,
  params: FaceParams,
  strength: number,
): Promise<Outcome> {
  const { store, hub: models } = study;
  const tools = { store, models, strength, photo: { dpi: undefined }, facesFrom: small, remember };
  const result = await faces.run(background, params, tools, quietContext());
  const restored = result !== background;
  const { pixels } = await takenFrom(result);
  if (restored) await result.dispose();
  return { pixels, restored };
}

async function takenFrom(image: Image): Promise<Outcome> {
  return { pixels: await readPixels(image) };
}

async function squares(
  small: Image,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<Outcome> {
  const { data: from, channels } = await readPixels(small);
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    const x = Math.floor(((pixel % width) * small.width) / width);
    const y = Math.floor((Math.floor(pixel / width) * small.height) / height);
    data[i] = from[(y * small.width + x) * channels + (i % channels)]!;
  }
  return { pixels: { width, height, channels, data } };
}
