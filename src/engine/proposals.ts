import { randomUUID } from 'node:crypto';

import type { DamageKind, DamageProposal, DamageSearch } from '../shared/damage.ts';
import { HeirloomError } from '../shared/failure.ts';
import type { DamageMap } from './damage/damage-map.ts';
import type { FoundDamage } from './damage/find-damage.ts';
import { proposeMask } from './damage/propose-mask.ts';

interface Kept {
  readonly photo: string;
  readonly map: DamageMap;
}

/** Searches of one photo that stay; older ones are let go. */
const keptPerPhoto = 2;

/** What searches for damage found, kept so that a sensitivity can be tried at once. */
export class Proposals {
  readonly #kept = new Map<string, Kept>();

  put(photo: string, { map, notices }: FoundDamage): DamageSearch {
    const id = randomUUID();
    this.#kept.set(id, { photo, map });
    const own = [...this.#kept].filter(([, kept]) => kept.photo === photo);
    for (const [old] of own.slice(0, Math.max(0, own.length - keptPerPhoto))) this.#kept.delete(old);
    return { id, ...map.picture, kinds: map.kinds, notices };
  }

  /** @throws HeirloomError `bad-input` when the search was let go. */
  threshold(options: {
    readonly damage: string;
    readonly sensitivity: number;
    readonly kinds: readonly DamageKind[];
    readonly growPx: number;
  }): DamageProposal {
    const kept = this.#kept.get(options.damage);
    if (kept === undefined)
      throw new HeirloomError(
        'bad-input',
        'This search for damage is not kept any more.',
        'Look for damage again.',
      );
    return proposeMask(kept.map, options);
  }

  release(id: string): void {
    this.#kept.delete(id);
  }

  /** Forgets all searches of a photo. */
  forget(photo: string): void {
    for (const [id, kept] of this.#kept) if (kept.photo === photo) this.#kept.delete(id);
  }
}
