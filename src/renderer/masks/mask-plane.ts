import type { Mask, MaskShape } from '../../shared/mask.ts';
import { drawShape, type Placement, shapeBounds } from '../../shared/raster/draw-shapes.ts';
import { finishSelection, placementOf } from '../../shared/raster/rasterize-mask.ts';
import type { Rect, Size } from '../../shared/rect.ts';

type Drawn = { readonly mask: Mask; readonly place: Placement };

/**
 * What of a mask is seen in a window, as coverages 0 to 1 at the resolution of the screen: opaque, so that it may be laid over the photo at
 * any opacity. What a mask had before is not drawn again when a shape is added, and a stroke being painted only where it is new.
 */
export class MaskPlane {
  readonly size: Size;
  /** The part of the photo it shows, in image pixels. */
  readonly window: Rect;
  /** Coverages, (height, width). */
  readonly values: Float32Array;
  readonly #shapes: Float32Array;
  /** The selection without the stroke being painted. */
  #selection: Float32Array;
  readonly #live: Float32Array;
  #liveBounds: Rect | undefined;
  #drawn: Drawn | undefined;

  constructor(size: Size, window: Rect) {
    const pixels = size.width * size.height;
    this.size = size;
    this.window = window;
    this.values = new Float32Array(pixels);
    this.#shapes = new Float32Array(pixels);
    this.#selection = new Float32Array(pixels);
    this.#live = new Float32Array(pixels);
  }

  /** Whether this very mask is what it shows, apart from what is being painted. */
  shows(mask: Mask): boolean {
    return this.#drawn?.mask === mask;
  }

  /** Shows a mask, without anything that is being painted. Answers with the part that may have changed. */
  show(mask: Mask): Rect | undefined {
    const live = this.#clearLive();
    if (this.#drawn?.mask === mask) return live;
    const before = this.#drawn;
    const place = before?.place ?? {
      ...placementOf({ ...mask, window: this.window }, this.size),
      touches: true,
    };
    this.#drawn = { mask, place };
    const added = before === undefined ? undefined : addedShapes(before.mask, mask);
    if (added === undefined) {
      this.#shapes.fill(0);
      for (const shape of mask.shapes) this.#lay(shape, mask, place);
      this.#finish(mask, place);
      return this.#whole();
    }
    let changed = live;
    for (const shape of added) changed = union(changed, this.#lay(shape, mask, place));
    if (changed === undefined) return undefined;
    if (mask.growPx !== 0 || mask.featherPx !== 0) {
      this.#finish(mask, place);
      return this.#whole();
    }
    eachRow(changed, this.size.width, (from, to) => {
      for (let i = from; i < to; i++) this.values[i] = mask.invert ? 1 - this.#shapes[i]! : this.#shapes[i]!;
    });
    this.#keepSelection(changed);
    return changed;
  }

  /** Adds to the shape being painted: `part` of it, of which everything before was added already. `erase` as the user means it. */
  paint(part: MaskShape, erase: boolean): Rect | undefined {
    if (this.#drawn === undefined) return undefined;
    const { mask, place } = this.#drawn;
    const box = this.#visible(shapeBounds(part, place, mask));
    if (box === undefined) return undefined;
    drawShape(part, this.#live, this.#whole(), place, mask);
    this.#liveBounds = union(this.#liveBounds, box);
    eachRow(box, this.size.width, (from, to) => {
      for (let i = from; i < to; i++) {
        const [now, live] = [this.#selection[i]!, this.#live[i]!];
        this.values[i] = erase ? Math.min(now, 1 - live) : Math.max(now, live);
      }
    });
    return box;
  }

  /** Shows a shape being painted that is not a longer version of the one before (a rectangle, a lasso). */
  repaint(shape: MaskShape, erase: boolean): Rect | undefined {
    return union(this.#clearLive(), this.paint(shape, erase));
  }

  /** Draws a shape into `#shapes`; answers where. */
  #lay(shape: MaskShape, mask: Mask, place: Placement): Rect | undefined {
    const box = this.#visible(shapeBounds(shape, place, mask));
    if (box === undefined) return undefined;
    const layer = new Float32Array(box.width * box.height);
    drawShape(shape, layer, box, place, mask);
    for (let y = 0; y < box.height; y++) {
      const at = (box.y + y) * this.size.width + box.x;
      for (let x = 0; x < box.width; x++) {
        const value = layer[y * box.width + x]!;
        const before = this.#shapes[at + x]!;
        this.#shapes[at + x] = shape.erase ? Math.min(before, 1 - value) : Math.max(before, value);
      }
    }
    return box;
  }

  #finish(mask: Mask, place: Placement): void {
    const scale = (place.scaleX + place.scaleY) / 2;
    const { invert, growPx, featherPx } = mask;
    this.#selection = this.#shapes.slice();
    const edges = { invert, growPx: growPx * scale, featherPx: featherPx * scale };
    finishSelection(this.#selection, this.size, edges);
    this.values.set(this.#selection);
  }

  #keepSelection(box: Rect): void {
    eachRow(box, this.size.width, (from, to) => {
      this.#selection.set(this.values.subarray(from, to), from);
    });
  }

  /** Takes away what was being painted; answers where it was. */
  #clearLive(): Rect | undefined {
    const box = this.#liveBounds;
    this.#liveBounds = undefined;
    if (box === undefined) return undefined;
    eachRow(box, this.size.width, (from, to) => {
      this.#live.fill(0, from, to);
      this.values.set(this.#selection.subarray(from, to), from);
    });
    return box;
  }

  #whole(): Rect {
    return { x: 0, y: 0, ...this.size };
  }

  #visible(bounds: Rect | undefined): Rect | undefined {
    if (bounds === undefined) return undefined;
    const x = Math.max(0, bounds.x);
    const y = Math.max(0, bounds.y);
    const width = Math.min(this.size.width, bounds.x + bounds.width) - x;
    const height = Math.min(this.size.height, bounds.y + bounds.height) - y;
    return width > 0 && height > 0 ? { x, y, width, height } : undefined;
  }
}

/** The shapes a mask has more than another, where that is all it differs in. */
function addedShapes(before: Mask, after: Mask): readonly MaskShape[] | undefined {
  const isSame =
    before.width === after.width &&
    before.height === after.height &&
    before.invert === after.invert &&
    before.growPx === after.growPx &&
    before.featherPx === after.featherPx &&
    before.shapes.length <= after.shapes.length &&
    before.shapes.every((shape, index) => shape === after.shapes[index]);
  return isSame ? after.shapes.slice(before.shapes.length) : undefined;
}

/** Index ranges of the rows of a rectangle on a plane. */
function eachRow(rect: Rect, width: number, fn: (from: number, to: number) => void): void {
  for (let y = rect.y; y < rect.y + rect.height; y++) fn(y * width + rect.x, y * width + rect.x + rect.width);
}

function union(a: Rect | undefined, b: Rect | undefined): Rect | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const width = Math.max(a.x + a.width, b.x + b.width) - x;
  return { x, y, width, height: Math.max(a.y + a.height, b.y + b.height) - y };
}
