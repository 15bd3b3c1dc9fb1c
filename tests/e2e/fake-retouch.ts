import sharp from 'sharp';
import type { StudioCalls } from '../../src/shared/contract.ts';
import { emptyMask } from '../../src/shared/mask.ts';
import { maskBounds } from '../../src/shared/raster/rasterize-mask.ts';
import type { Handlers } from '../../src/shared/rpc.ts';
import type { FakeEngine } from './fake-engine.ts';

type Calls = Pick<Handlers<StudioCalls>, 'retouch.prepare' | 'retouch.run' | 'mask.read' | 'mask.write'>;

/** Removals that turn their places into the negative; a mask picture that always selects the upper half. */
export function fakeRetouch(engine: FakeEngine, pixelsOf: (photo: string) => Buffer): Calls {
  return {
    'retouch.prepare': () => undefined,
    'retouch.run': ({ photo, recipe, use }) => {
      const pixels = pixelsOf(photo);
      const entries = recipe.steps.find(({ id }) => id === use)?.entries ?? [];
      return engine.start('retouch', 'Removing', async () => {
        const layers = [];
        for (const { mask, enabled } of entries) {
          const rect = enabled ? maskBounds(mask, mask) : undefined;
          if (rect === undefined) continue;
          const part = { left: rect.x, top: rect.y, width: rect.width, height: rect.height };
          const image = await engine.store(await sharp(pixels).extract(part).negate({ alpha: false }).png().toBuffer());
          layers.push({ image, rect });
        }
        return { layers };
      });
    },
    'mask.read': () => ({
      ...emptyMask({ width: 40, height: 30 }),
      shapes: [{ kind: 'bitmap', runs: [0, 600], erase: false }],
    }),
    'mask.write': ({ target }) =>
      engine.start('export', 'Saving a mask', () =>
        Promise.resolve({ savedAs: target, download: '/download/result' }),
      ),
  };
}
