import { createHash } from 'node:crypto';

import { type Mask, maskForPart } from '../../shared/mask.ts';
import type { Mending } from '../faces/restore-located.ts';
import { fillImage } from '../fill/fill-image.ts';
import { cropImage } from '../image/crop-image.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';

/** The same on every run. */
const seed = 1;

/** Fills damage that crosses faces, so that no network takes a crack for a scar; undefined when there is none. */
export function mendingOf(image: Image, damage: readonly Mask[], store: ImageStore): Mending | undefined {
  if (damage.length === 0) return undefined;
  return {
    key: createHash('sha256').update(JSON.stringify(damage)).digest('hex'),
    fill: async (rect, context) => {
      let current = cropImage(image, rect);
      for (const [index, mask] of damage.entries()) {
        const part = context.part(index / damage.length, (index + 1) / damage.length);
        const next = await fillImage(
          current,
          maskForPart(mask, rect, image),
          { method: 'auto', seed, store },
          part,
        );
        if (next !== current) await current.dispose();
        current = next;
      }
      return current;
    },
  };
}
