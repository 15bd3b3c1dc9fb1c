import { damageKinds, type DamageKind, type DamageProposal } from '../../src/shared/damage.ts';
import { emptyMask } from '../../src/shared/mask.ts';

/**
 * A proposal as simple as one can be: one horizontal bar in the middle of the picture, 2 pixels high at sensitivity 0.1 and 20 at 1; nothing
 * below 0.1, and nothing without scratches among the kinds.
 */
export function fakeProposal(
  size: { readonly width: number; readonly height: number },
  options: { readonly sensitivity: number; readonly kinds: readonly DamageKind[]; readonly growPx: number },
): DamageProposal {
  const { width, height } = size;
  const { sensitivity, kinds, growPx } = options;
  const rows = sensitivity < 0.1 || !kinds.includes(damageKinds[0]) ? 0 : Math.round(20 * sensitivity);
  const top = Math.floor((height - rows) / 2);
  const share = rows / height;
  return {
    mask: {
      ...emptyMask(size),
      growPx,
      shapes: rows === 0 ? [] : [{ kind: 'bitmap', runs: [top * width, rows * width], erase: false }],
    },
    share,
    found: rows === 0 ? [] : [{ kind: 'scratch', places: 1, share }],
    sentence:
      rows === 0
        ? 'Nothing that needs repair was found at this sensitivity.'
        : `Found 1 scratch: ${(100 * share).toFixed(1)} % of the picture.`,
  };
}
