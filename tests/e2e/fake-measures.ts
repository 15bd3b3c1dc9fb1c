import sharp from 'sharp';
import type { StudioCalls } from '../../src/shared/contract.ts';
import type { MeasuredPictures } from '../../src/shared/measures.ts';
import type { Recipe } from '../../src/shared/recipe.ts';
import type { Handlers } from '../../src/shared/rpc.ts';
import type { FakeEngine } from './fake-engine.ts';

interface File {
  readonly name: string;
  readonly bytes: Buffer;
}

const change: MeasuredPictures = {
  cropPx: 4,
  share: 1,
  measures: [
    { name: 'psnr-y', value: 31.256 },
    { name: 'ssim-y', value: 0.91234 },
  ],
};

/** Scripted figures, of the real sizes: what depends on them is decided as the engine decides it. */
export function fakeMeasures(
  engine: FakeEngine,
  pixelsOf: (photo: string) => Buffer,
  sources: ReadonlyMap<string, File>,
): Pick<Handlers<StudioCalls>, 'measure.run'> {
  return {
    'measure.run': ({ photo, recipe, reference }) =>
      engine.start('measure', 'Measuring', async () => {
        const original = await sizeOf(pixelsOf(photo));
        const result = await sizeOf(await engine.restore(pixelsOf(photo), recipe as Recipe));
        const file = reference === undefined ? undefined : sources.get(reference);
        const size = file === undefined ? undefined : await sizeOf(file.bytes);
        return {
          measures: {
            ...result,
            consistency: 38.24,
            ...(same(original, result) ? { change } : {}),
            ...(file === undefined || size === undefined
              ? {}
              : {
                  reference: {
                    name: file.name,
                    ...size,
                    ...(same(size, result)
                      ? { compared: { ...change, measures: [{ name: 'psnr-y', value: 'infinite' }, { name: 'ms-ssim-y' }] } as const }
                      : { problem: `"${file.name}" has another size than the result.` }),
                  },
                }),
          },
        };
      }),
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

async function sizeOf(bytes: Buffer): Promise<Size> {
  const { width = 1, height = 1 } = await sharp(bytes).metadata();
  return { width, height };
}

function same(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}
