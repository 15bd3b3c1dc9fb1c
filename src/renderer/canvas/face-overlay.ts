import type { Overlay, OverlayDrag, OverlayPointer } from './overlay.ts';
import { type Point, type Rect, toCanvas, type Viewport } from './viewport.ts';

/** A face framed in the photo, in frame pixels. */
export interface FramedFace {
  readonly id: string;
  readonly name: string;
  readonly on: boolean;
  readonly box: Rect;
  readonly points: readonly Point[];
}

/** What the frames show and tell. */
export interface FaceOverlayModel {
  faces(): readonly FramedFace[];
  /** The face whose five points are shown and can be moved; '' for none. */
  selected(): string;
  drawing(): boolean;
  /** A face was clicked. */
  open(id: string): void;
  /** A point of the selected face is where it was dragged to; `done` once it is let go. */
  movePoint(id: string, index: number, to: Point, done: boolean): void;
  draw(box: Rect): void;
  /** The photo is to be moved by device pixels: a press on a face that became a drag. */
  pan(deltaX: number, deltaY: number): void;
  repaint(): void;
}

const handlePx = 5;
/** A finger is wider than a handle. */
const reachPx = 12;
const clickPx = 4;
const smallestBoxPx = 8;

/** Frames round faces, the five points of the selected one, and the box that is being drawn. */
export function createFaceOverlay(model: FaceOverlayModel): Overlay {
  let drawn: Rect | undefined;
  let viewport: Viewport | undefined;
  let density = 1;

  const selectedFace = (): FramedFace | undefined => model.faces().find(({ id }) => id === model.selected());

  function pointAt({ canvas }: OverlayPointer): number {
    if (viewport === undefined) return -1;
    const points = selectedFace()?.points ?? [];
    let [best, bestPx] = [-1, reachPx * density];
    for (const [index, point] of points.entries()) {
      const shown = toCanvas(viewport, point);
      const awayPx = Math.hypot(shown.x - canvas.x, shown.y - canvas.y);
      if (awayPx <= bestPx) [best, bestPx] = [index, awayPx];
    }
    return best;
  }

  /** The smallest box under the pointer. */
  function faceAt({ x, y }: Point): FramedFace | undefined {
    return model
      .faces()
      .filter(({ box }) => x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height)
      .sort((a, b) => a.box.width - b.box.width)[0];
  }

  function startBox(from: Point): OverlayDrag {
    return {
      move: (points) => {
        const to = points.at(-1) ?? from;
        drawn = {
          x: Math.min(from.x, to.x),
          y: Math.min(from.y, to.y),
          width: Math.abs(to.x - from.x),
          height: Math.abs(to.y - from.y),
        };
        model.repaint();
      },
      end: () => {
        const box = drawn;
        drawn = undefined;
        model.repaint();
        if (box !== undefined && Math.min(box.width, box.height) >= smallestBoxPx) model.draw(box);
      },
      cancel: () => {
        drawn = undefined;
        model.repaint();
      },
    };
  }

  function startPoint(face: FramedFace, index: number): OverlayDrag {
    const from = face.points[index]!;
    let last = from;
    return {
      move: (points) => {
        const to = points.at(-1);
        if (to === undefined) return;
        last = { x: to.x, y: to.y };
        model.movePoint(face.id, index, last, false);
      },
      end: () => {
        if (last !== from) model.movePoint(face.id, index, last, true);
      },
      cancel: () => {
        if (last !== from) model.movePoint(face.id, index, from, true);
      },
    };
  }

  function startClick(face: FramedFace, start: OverlayPointer): OverlayDrag {
    let last: Point = start.canvas;
    let isDrag = false;
    return {
      move: (points) => {
        for (const { canvas } of points) {
          isDrag ||= Math.hypot(canvas.x - start.canvas.x, canvas.y - start.canvas.y) > clickPx * density;
          if (isDrag) model.pan(canvas.x - last.x, canvas.y - last.y);
          last = canvas;
        }
      },
      end: () => {
        if (!isDrag) model.open(face.id);
      },
      cancel: () => {},
    };
  }

  return {
    id: 'faces',
    order: 30,
    paint: (context, shownViewport, shownDensity) => {
      [viewport, density] = [shownViewport, shownDensity];
      context.save();
      for (const face of model.faces())
        paintFace(context, face, face.id === model.selected(), shownViewport, shownDensity);
      if (drawn !== undefined)
        paintBox(context, drawn, { isOn: true, isStrong: true }, shownViewport, shownDensity);
      context.restore();
    },
    press: (pointer) => {
      if (model.drawing()) return startBox(pointer);
      const face = selectedFace();
      const index = pointAt(pointer);
      if (face !== undefined && index >= 0) return startPoint(face, index);
      const under = faceAt(pointer);
      return under === undefined ? undefined : startClick(under, pointer);
    },
    cursor: (pointer) => {
      if (model.drawing()) return 'crosshair';
      if (pointAt(pointer) >= 0) return 'move';
      return faceAt(pointer) === undefined ? undefined : 'pointer';
    },
  };
}

function paintFace(
  context: CanvasRenderingContext2D,
  face: FramedFace,
  isSelected: boolean,
  viewport: Viewport,
  density: number,
): void {
  paintBox(context, face.box, { isOn: face.on, isStrong: isSelected }, viewport, density);
  const corner = toCanvas(viewport, face.box);
  context.font = `600 ${12 * density}px system-ui, sans-serif`;
  const label = face.on ? face.name : `${face.name}, off`;
  const width = context.measureText(label).width + 10 * density;
  context.fillStyle = 'rgb(20 20 20 / 72%)';
  context.fillRect(corner.x, corner.y - 18 * density, width, 18 * density);
  context.fillStyle = '#f0f0f0';
  context.fillText(label, corner.x + 5 * density, corner.y - 5 * density);
  if (!isSelected) return;
  for (const point of face.points) {
    const { x, y } = toCanvas(viewport, point);
    context.beginPath();
    context.arc(x, y, handlePx * density, 0, 2 * Math.PI);
    context.fillStyle = '#e0a95a';
    context.fill();
    context.lineWidth = 1.5 * density;
    context.strokeStyle = 'rgb(0 0 0 / 75%)';
    context.stroke();
  }
}

/** A light line over a dark one, so that it is seen on any photo; dashed for a face that is off. */
function paintBox(
  context: CanvasRenderingContext2D,
  box: Rect,
  { isOn, isStrong }: { readonly isOn: boolean; readonly isStrong: boolean },
  viewport: Viewport,
  density: number,
): void {
  const { x, y } = toCanvas(viewport, box);
  const [width, height] = [box.width * viewport.zoom, box.height * viewport.zoom];
  context.setLineDash(isOn ? [] : [6 * density, 5 * density]);
  for (const [color, extraPx] of [
    ['rgb(0 0 0 / 60%)', 2],
    [isOn ? '#e0a95a' : '#e6e6e6', 0],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = ((isStrong ? 2.5 : 1.5) + extraPx) * density;
    context.strokeRect(x, y, width, height);
  }
  context.setLineDash([]);
}
