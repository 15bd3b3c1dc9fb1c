import type { Mask, MaskShape } from '../../shared/mask.ts';
import type { Rect, Size } from '../../shared/rect.ts';
import { toCanvas, type Viewport, visibleFrame } from '../canvas/viewport.ts';
import { MaskPlane } from './mask-plane.ts';

type Rgb = readonly [number, number, number];

/** What is to be seen of a mask. */
export interface PlaneView {
  /** None shows nothing. */
  readonly mask: Mask | undefined;
  readonly viewport: Viewport;
  /** Size of the photo. */
  readonly frame: Size;
  readonly color: Rgb;
  /** 0 to 1. */
  readonly opacity: number;
  /** What is being painted, whole; `erase` as the user means it. */
  readonly live?: { readonly shape: MaskShape; readonly erase: boolean } | undefined;
}

/** More than this many pixels are drawn at half the resolution of the screen or less. */
const mostPixels = 1_600_000;
/** A mask that takes longer to draw is moved as a picture while the photo moves, and drawn anew when it stands. */
const smoothMs = 8;
const settleMs = 90;

/** Keeps a mask drawn for what is in view, and lays it over the photo in one color. */
export class PlanePainter {
  readonly #repaint: () => void;
  #plane: MaskPlane | undefined;
  #bitmap: OffscreenCanvas | undefined;
  #color: Rgb | undefined;
  #lastMs = 0;
  #settle: ReturnType<typeof setTimeout> | undefined;
  #viewport: Viewport | undefined;

  constructor(repaint: () => void) {
    this.#repaint = repaint;
  }

  /** Brings the mask up for a view without laying it over the photo yet. */
  prepare({ mask, viewport, frame, color, live }: PlaneView): void {
    if (mask === undefined) return this.forget();
    this.#color ??= color;
    const isColored = this.#color.every((value, i) => value === color[i]);
    this.#color = color;
    if (this.#plane === undefined || (viewport !== this.#viewport && this.#lastMs <= smoothMs))
      return this.#start(mask, viewport, frame, live);
    if (viewport !== this.#viewport) {
      clearTimeout(this.#settle);
      this.#settle = setTimeout(() => {
        this.#plane = undefined;
        this.#repaint();
      }, settleMs);
    }
    const changed = this.#plane.shows(mask) ? undefined : this.#plane.show(mask);
    this.#draw(isColored ? changed : { x: 0, y: 0, ...this.#plane.size });
  }

  /** Lays the mask over the photo. */
  paint(canvas: CanvasRenderingContext2D, view: PlaneView): void {
    this.prepare(view);
    if (this.#plane === undefined || this.#bitmap === undefined) return;
    const { window } = this.#plane;
    const { viewport, opacity } = view;
    const from = toCanvas(viewport, window);
    canvas.save();
    canvas.globalAlpha = opacity;
    canvas.imageSmoothingEnabled = true;
    canvas.drawImage(
      this.#bitmap,
      from.x,
      from.y,
      window.width * viewport.zoom,
      window.height * viewport.zoom,
    );
    canvas.restore();
  }

  /** Adds a new part of the stroke being painted. */
  extend(part: MaskShape, erase: boolean): void {
    this.#draw(this.#plane?.paint(part, erase));
  }

  /** Shows a shape being drawn in place of the one before. */
  redraw(shape: MaskShape, erase: boolean): void {
    this.#draw(this.#plane?.repaint(shape, erase));
  }

  /** Takes back what was being painted. */
  dropLive(mask: Mask): void {
    this.#draw(this.#plane?.show(mask));
  }

  forget(): void {
    clearTimeout(this.#settle);
    this.#plane = undefined;
    this.#bitmap = undefined;
  }

  #start(mask: Mask, viewport: Viewport, frame: Size, live: PlaneView['live']): void {
    clearTimeout(this.#settle);
    const started = performance.now();
    const window = visibleFrame(viewport, frame);
    this.#viewport = viewport;
    this.#plane = undefined;
    if (window === undefined) return;
    const [width, height] = [window.width * viewport.zoom, window.height * viewport.zoom];
    const shrink = Math.min(1, Math.sqrt(mostPixels / (width * height)));
    const size = {
      width: Math.max(1, Math.round(width * shrink)),
      height: Math.max(1, Math.round(height * shrink)),
    };
    this.#plane = new MaskPlane(size, window);
    this.#bitmap = new OffscreenCanvas(size.width, size.height);
    this.#draw(this.#plane.show(mask));
    if (live !== undefined) this.#draw(this.#plane.paint(live.shape, live.erase));
    this.#lastMs = performance.now() - started;
  }

  /** Brings the changed part of the plane onto the bitmap: opaque in the end, so that strokes over each other do not add up. */
  #draw(rect: Rect | undefined): void {
    const context = this.#bitmap?.getContext('2d');
    if (rect === undefined || context == null || this.#plane === undefined || this.#color === undefined)
      return;
    const { values, size } = this.#plane;
    const [red, green, blue] = this.#color;
    const pixels = context.createImageData(rect.width, rect.height);
    const words = new Uint32Array(pixels.data.buffer);
    const rgb = (blue << 16) | (green << 8) | red;
    for (let y = 0, to = 0; y < rect.height; y++) {
      const from = (rect.y + y) * size.width + rect.x;
      for (let x = 0; x < rect.width; x++, to++) {
        const alpha = (values[from + x]! * 255 + 0.5) | 0;
        words[to] = alpha === 0 ? 0 : ((alpha << 24) | rgb) >>> 0;
      }
    }
    context.putImageData(pixels, rect.x, rect.y);
  }
}
