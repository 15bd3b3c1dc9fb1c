import { maskSchema } from './mask.ts';
import { boolean, type Infer, integer, number, object, oneOf, optional, string } from './schema.ts';

const offsetPx = number(-1e6, 1e6);

/** One thing taken away by a step that holds several: each has its own place and can be changed, moved, switched off by itself. */
export const removalSchema = object({
  /** Unique within the step use. */
  id: string(100),
  enabled: boolean(),
  /**
   * 'fill': filled from the surroundings; 'clone': covered by what lies at `offset`; 'heal': the same, but only its texture: tones and
   * colors follow the rim of the place.
   */
  kind: oneOf('fill', 'clone', 'heal'),
  mask: maskSchema,
  /** How it is filled, one of the step's choices for its `method`; the step's own if left out. */
  method: optional(string(100)),
  /** Another number gives another filling. */
  seed: integer(0, 999_999),
  /** From each place to the one it is covered by, in the pixels the mask speaks of; for 'clone' and 'heal'. */
  offset: optional(object({ x: offsetPx, y: offsetPx })),
});

export type Removal = Infer<typeof removalSchema>;
