import type { Point, Viewport } from './viewport.ts';

/** A pointer over the photo. */
export interface OverlayPointer extends Point {
  /** x and y are frame pixels; this is the same place in device pixels of the canvas. */
  readonly canvas: Point;
  /** 0 to 1; 1 for what has no pressure (mouse, finger). */
  readonly pressure: number;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** What follows after a press, until the pointer is let go. */
export interface OverlayDrag {
  /** All positions since the last call, the newest last. */
  move(points: readonly OverlayPointer[]): void;
  end(): void;
  /** It became something else (a second finger came, the system took the pointer): as if it had not been pressed. */
  cancel(): void;
}

/** Something drawn over the photo that may also be worked on by pointer: a mask, frames round faces, a brush. */
export interface Overlay {
  readonly id: string;
  /** Higher ones are drawn later and asked first. */
  readonly order: number;
  /** Draws onto a canvas of device pixels that was cleared; must leave the state of the context as it was. */
  paint(canvas: CanvasRenderingContext2D, viewport: Viewport, density: number): void;
  /** A press of the main button; answers with what follows, or undefined to leave it to others and to moving the photo. */
  press?(pointer: OverlayPointer): OverlayDrag | undefined;
  /** The pointer moves without a press; undefined once it has left. */
  hover?(pointer: OverlayPointer | undefined): void;
  /** Answers true when it used up the turn of the wheel, which then does not zoom. */
  wheel?(event: WheelEvent, pointer: OverlayPointer): boolean;
  /** How the pointer looks over this place; undefined to leave it to others. */
  cursor?(pointer: OverlayPointer): string | undefined;
}
