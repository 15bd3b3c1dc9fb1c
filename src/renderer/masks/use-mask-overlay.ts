import { computed, onBeforeUnmount, type Ref, watch } from 'vue';
import type { Mask, MaskShape } from '../../shared/mask.ts';
import { emptyMask } from '../../shared/mask.ts';
import type { Overlay, OverlayDrag, OverlayPointer } from '../canvas/overlay.ts';
import { type Point, toCanvas, type Viewport } from '../canvas/viewport.ts';
import { useMasks } from '../stores/masks.ts';
import { useOverlays } from '../stores/overlays.ts';
import { usePhoto } from '../stores/photo.ts';
import { useRetouch } from '../stores/retouch.ts';
import { useView } from '../stores/view.ts';
import { PlanePainter } from './plane-painter.ts';
import { StrokePath } from './stroke-path.ts';

/** A drag shorter than this many screen pixels draws no rectangle or lasso. */
const leastDragPx = 3;

/**
 * Lets the mask being edited (or the removal being painted) be seen and painted on over the photo.
 *
 * @returns whether there is something to paint on.
 */
export function useMaskOverlay(): Readonly<Ref<boolean>> {
  const overlays = useOverlays();
  const masks = useMasks();
  const retouch = useRetouch();
  const photo = usePhoto();
  const view = useView();
  const painter = new PlanePainter(overlays.repaint);
  let hovered: OverlayPointer | undefined;
  /** What is being drawn, whole. */
  let live: { shape(): MaskShape; readonly erase: boolean } | undefined;

  const isOn = computed(() => photo.info !== undefined && (retouch.active || masks.target !== undefined));
  const blank = computed(() => photo.info && emptyMask(photo.info.image));
  const base = computed<Mask | undefined>(() => {
    const shown = retouch.active ? retouch.overlayMask : masks.mask;
    return masks.visible || retouch.painting ? (shown ?? blank.value) : blank.value;
  });

  function isErasing(pointer: OverlayPointer): boolean {
    const canErase = !retouch.active || retouch.selected !== undefined;
    return canErase && (masks.tool === 'eraser' || (pointer.altKey && !copies()));
  }

  function copies(): boolean {
    return retouch.active && retouch.kind !== 'fill';
  }

  function press(pointer: OverlayPointer): OverlayDrag | undefined {
    if (!isOn.value || view.holdingOriginal) return undefined;
    if (copies() && pointer.altKey) {
      retouch.takeFrom(pointer);
      overlays.repaint();
      return { move: () => {}, end: () => {}, cancel: () => {} };
    }
    if (retouch.active && !retouch.mayPaint(pointer))
      return { move: () => {}, end: () => {}, cancel: () => {} };
    const erase = isErasing(pointer);
    const isOutline = masks.tool === 'lasso' || masks.tool === 'rectangle';
    return isOutline ? drawOutline(pointer, erase) : paintStroke(pointer, erase);
  }

  function paintStroke(pointer: OverlayPointer, erase: boolean): OverlayDrag {
    const path = new StrokePath(masks.brush, erase, 1 / view.viewport.zoom);
    begin({ shape: () => path.stroke(), erase });
    const add = (points: readonly OverlayPointer[]): void => {
      const before = path.length;
      for (const { x, y, pressure } of points) path.add(x, y, pressure);
      if (path.length > before) painter.extend(path.stroke(Math.max(0, before - 1)), erase);
      hovered = points.at(-1) ?? hovered;
      overlays.repaint();
    };
    add([pointer]);
    return { move: add, end: () => finish(path.finished()), cancel };
  }

  function drawOutline(start: OverlayPointer, erase: boolean): OverlayDrag {
    const points: Point[] = [{ x: start.x, y: start.y }];
    let last: OverlayPointer = start;
    const shape = (): MaskShape =>
      masks.tool === 'lasso'
        ? { kind: 'lasso', points: points.map(rounded), erase }
        : { kind: 'rectangle', ...boxBetween(start, last), erase };
    begin({ shape, erase });
    return {
      move: (moves) => {
        for (const each of moves) {
          const from = points.at(-1) ?? each;
          if (Math.hypot(each.x - from.x, each.y - from.y) * view.viewport.zoom < 1) continue;
          points.push({ x: each.x, y: each.y });
        }
        last = moves.at(-1) ?? last;
        hovered = last;
        painter.redraw(shape(), erase);
        overlays.repaint();
      },
      end: () => {
        const far = points.some(
          (each) => Math.hypot(each.x - start.x, each.y - start.y) * view.viewport.zoom >= leastDragPx,
        );
        if (far) finish(shape());
        else cancel();
      },
      cancel,
    };
  }

  function begin(next: NonNullable<typeof live>): void {
    live = next;
    retouch.painting = true;
    // The mask is brought up before anything is painted on it.
    painter.prepare(options());
  }

  function finish(shape: MaskShape): void {
    live = undefined;
    retouch.painting = false;
    if (retouch.active) retouch.take(shape);
    else masks.add(shape);
    overlays.repaint();
  }

  function cancel(): void {
    live = undefined;
    retouch.painting = false;
    if (base.value !== undefined) painter.dropLive(base.value);
    overlays.repaint();
  }

  function options(): Parameters<PlanePainter['prepare']>[0] {
    return {
      mask: base.value,
      viewport: view.viewport,
      frame: photo.info?.image ?? { width: 1, height: 1 },
      color: masks.color.rgb,
      opacity: masks.opacity,
      live: live && { shape: live.shape(), erase: live.erase },
    };
  }

  const overlay: Overlay = {
    id: 'mask',
    order: 20,
    paint: (canvas, viewport, density) => {
      if (view.holdingOriginal) return;
      painter.paint(canvas, options());
      if (copies()) drawSource(canvas, viewport, density);
      if (hovered !== undefined) drawBrush(canvas, hovered, viewport, density);
    },
    press,
    hover: (pointer) => {
      hovered = pointer;
      overlays.repaint();
    },
    wheel: (event) => {
      if (!event.altKey || event.ctrlKey) return false;
      if (event.deltaY + event.deltaX < 0) masks.larger();
      else masks.smaller();
      return true;
    },
    cursor: () => 'crosshair',
  };

  /** The circle the brush paints. */
  function drawBrush(
    canvas: CanvasRenderingContext2D,
    pointer: OverlayPointer,
    viewport: Viewport,
    density: number,
  ): void {
    if (overlays.moving || masks.tool === 'lasso' || masks.tool === 'rectangle') return;
    const pressure = masks.brush.usesPressure && retouch.painting ? pointer.pressure : 1;
    const radius = Math.max(1.5 * density, masks.brush.radiusPx * pressure * viewport.zoom);
    ring(canvas, pointer.canvas, radius, density);
  }

  /** A cross where clone and heal take from now. */
  function drawSource(canvas: CanvasRenderingContext2D, viewport: Viewport, density: number): void {
    const { source, offset } = retouch;
    if (source === undefined) return;
    const isAway = offset !== undefined && hovered !== undefined;
    const at = toCanvas(viewport, isAway ? { x: hovered!.x + offset.x, y: hovered!.y + offset.y } : source);
    ring(canvas, at, Math.max(4 * density, masks.brush.radiusPx * viewport.zoom), density, true);
    for (const [color, width] of [
      ['rgb(0 0 0 / 70%)', 3],
      ['#fff', 1.25],
    ] as const) {
      canvas.strokeStyle = color;
      canvas.lineWidth = width * density;
      canvas.beginPath();
      canvas.moveTo(at.x - 7 * density, at.y);
      canvas.lineTo(at.x + 7 * density, at.y);
      canvas.moveTo(at.x, at.y - 7 * density);
      canvas.lineTo(at.x, at.y + 7 * density);
      canvas.stroke();
    }
  }

  let remove: (() => void) | undefined;
  watch(
    isOn,
    (on) => {
      remove?.();
      remove = on ? overlays.add(overlay) : undefined;
      if (!on) painter.forget();
    },
    { immediate: true },
  );
  watch(
    [base, () => masks.color, () => masks.opacity, () => masks.brush, () => masks.tool],
    overlays.repaint,
  );
  watch([() => view.holdingOriginal, () => overlays.moving], overlays.repaint);
  onBeforeUnmount(() => remove?.());
  return isOn;
}

function rounded({ x, y }: Point): Point {
  return { x: Math.round(x * 100) / 100, y: Math.round(y * 100) / 100 };
}

function boxBetween(a: Point, b: Point): { x: number; y: number; width: number; height: number } {
  const from = rounded({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y) });
  const to = rounded({ x: Math.max(a.x, b.x), y: Math.max(a.y, b.y) });
  return { ...from, width: to.x - from.x, height: to.y - from.y };
}

/** A line that is seen on light and on dark. */
function ring(
  canvas: CanvasRenderingContext2D,
  at: Point,
  radius: number,
  density: number,
  isDashed = false,
): void {
  canvas.save();
  if (isDashed) canvas.setLineDash([4 * density, 3 * density]);
  for (const [color, width] of [
    ['rgb(0 0 0 / 55%)', 3],
    ['#fff', 1.25],
  ] as const) {
    canvas.beginPath();
    canvas.arc(at.x, at.y, radius, 0, 2 * Math.PI);
    canvas.strokeStyle = color;
    canvas.lineWidth = width * density;
    canvas.stroke();
  }
  canvas.restore();
}
