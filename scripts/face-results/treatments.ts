import { quietContext } from '../../src/engine/context.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { floatImage } from '../../src/engine/image/memory-image.ts';
import { resizeImage } from '../../src/engine/image/resize.ts';
import type { Remember } from '../../src/engine/memo.ts';
import type { ModelHub } from '../../src/engine/models/model-hub.ts';
import { resizePixels } from '../../src/engine/metrics/bicubic.ts';
import { type Pixels, readPixels } from '../../src/engine/metrics/pixels.ts';
import { enlarge } from '../../src/engine/steps/enlarge.ts';
import { faces } from '../../src/engine/steps/faces.ts';
import { defaultParams, type ParamValues } from '../../src/shared/params.ts';
import type { Study } from './study.ts';

/** A way to make a small picture large. */
export interface Treatment {
  readonly name: string;
  /** Whether a face that would become somebody else is left alone. */
  readonly guarded: boolean;
  readonly restores: boolean;
  apply(small: Pixels, id: string): Promise<Pixels>;
}

/** The input, plain enlargement, the enlarging network, and the step Faces over both. */
export function treatments(study: Study, scale: number): readonly Treatment[] {
  const plainHub = withPlainEnlarging(study.hub);
  const step = (
    name: string,
    hub: ModelHub,
    strength: number,
    change: Partial<ParamValues<typeof faces.params>> = {},
  ): Treatment => {
    const params = faceParams(study, { together: true, factor: scale, ...change });
    return {
      name,
      restores: true,
      guarded: params.guard,
      apply: (small, id) => runFaces(study, hub, small, params, strength, study.rememberFor(id)),
    };
  };
  const plain = (name: string, apply: Treatment['apply']): Treatment => ({
    name,
    apply,
    restores: false,
    guarded: false,
  });
  const hasPair = study.hub.entry(study.restorer).partner !== undefined;
  return [
    plain('(a) input, its pixels as squares', async (small) => squares(small, scale)),
    plain('(b) plain enlargement (Lanczos)', async (small) =>
      resizePixels(small, small.width * scale, small.height * scale, 'lanczos3'),
    ),
    plain('Heirloom enlarge, α 0.3', (small) => runEnlarge(study, small, scale)),
    step('(c) plain enlargement + faces at 0.5', plainHub, 0.5, { guard: false }),
    step('(c) plain enlargement + faces at 1', plainHub, 1, { guard: false }),
    ...(hasPair
      ? [0, 1].map((faceAlpha) =>
          step(`the same at 1, restorer at α ${faceAlpha}`, plainHub, 1, { guard: false, faceAlpha }),
        )
      : []),
    step('plain enlargement + faces at 1, guarded', plainHub, 1),
    step('Heirloom enlarge + faces at 1, guarded', study.hub, 1),
  ];
}

export function faceParams(
  study: Study,
  change: Partial<ParamValues<typeof faces.params>>,
): ParamValues<typeof faces.params> {
  return { ...defaultParams(faces.params), detector: study.detector, model: study.restorer, ...change };
}

/** The step Faces over a picture in memory. */
export async function runFaces(
  study: Study,
  hub: ModelHub,
  small: Pixels,
  params: ParamValues<typeof faces.params>,
  strength: number,
  remember: Remember,
): Promise<Pixels> {
  const image = floatImage(small.width, small.height, small.channels, small.data);
  const tools = { store: study.store, models: hub, strength, photo: { dpi: undefined }, remember };
  return taken(await faces.run(image, params, tools, quietContext()));
}

async function runEnlarge(study: Study, small: Pixels, scale: number): Promise<Pixels> {
  const image = floatImage(small.width, small.height, small.channels, small.data);
  const tools = { store: study.store, models: study.hub, strength: 1, photo: { dpi: undefined } };
  return taken(
    await enlarge.run(image, { ...defaultParams(enlarge.params), factor: scale }, tools, quietContext()),
  );
}

async function taken(image: Image): Promise<Pixels> {
  const pixels = await readPixels(image);
  await image.dispose();
  return pixels;
}

/** The same networks, but the background is enlarged by Lanczos. */
export function withPlainEnlarging(hub: ModelHub): ModelHub {
  return {
    ...hub,
    open: async (choice) => {
      const model = await hub.open(choice);
      if (hub.entry(choice.id).role !== 'enlarge') return model;
      const factor = model.info.scale;
      return {
        ...model,
        apply: (image, store, context) =>
          resizeImage(image, image.width * factor, image.height * factor, {
            kernel: 'lanczos3',
            store,
            context,
          }),
      };
    },
  };
}

function squares(small: Pixels, scale: number): Pixels {
  const { channels } = small;
  const [width, height] = [small.width * scale, small.height * scale];
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    const [x, y] = [Math.floor((pixel % width) / scale), Math.floor(pixel / width / scale)];
    data[i] = small.data[(y * small.width + x) * channels + (i % channels)]!;
  }
  return { width, height, channels, data };
}
