import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue';
import type { useView } from '../stores/view.ts';
import type { Point } from './viewport.ts';

type View = ReturnType<typeof useView>;

/** Looking around by mouse, touch pad and fingers: drag moves, the wheel and two fingers zoom at the pointer, a double click switches between all and 1:1. */
export function usePointerMoves(
  root: Readonly<Ref<HTMLElement | null>>,
  view: View,
): { readonly dragging: Readonly<Ref<boolean>> } {
  const dragging = ref(false);
  const pointers = new Map<number, Point>();

  /** A pointer in device pixels of the canvas. */
  function at(event: MouseEvent): Point {
    const box = root.value?.getBoundingClientRect();
    return {
      x: (event.clientX - (box?.left ?? 0)) * view.density,
      y: (event.clientY - (box?.top ?? 0)) * view.density,
    };
  }

  const onPicture = (event: Event): boolean =>
    event.target === root.value || event.target instanceof HTMLCanvasElement;

  function down(event: PointerEvent): void {
    if (!onPicture(event) || (event.button !== 0 && event.button !== 1)) return;
    root.value?.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    dragging.value = true;
  }

  function move(event: PointerEvent): void {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = at(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other === undefined) return view.pan(now.x - before.x, now.y - before.y);
    const spread = distance(now, other) / Math.max(1, distance(before, other));
    view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    view.zoomBy(spread, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  function up(event: PointerEvent): void {
    pointers.delete(event.pointerId);
    dragging.value = pointers.size > 0;
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault();
    const unitPx =
      event.deltaMode === WheelEvent.DOM_DELTA_LINE
        ? 24
        : event.deltaMode === WheelEvent.DOM_DELTA_PAGE
          ? 240
          : 1;
    const deltaX = event.deltaX * unitPx;
    const deltaY = event.deltaY * unitPx;
    if (!event.ctrlKey && (event.shiftKey || Math.abs(deltaX) > Math.abs(deltaY))) {
      const sideways = event.shiftKey && deltaX === 0;
      return view.pan(-(sideways ? deltaY : deltaX) * view.density, sideways ? 0 : -deltaY * view.density);
    }
    view.zoomBy(Math.exp(-deltaY * (event.ctrlKey ? 0.01 : 0.0018)), at(event));
  }

  function doubleClick(event: MouseEvent): void {
    if (!onPicture(event)) return;
    if (view.fitted) view.actualSize(at(event));
    else view.fit();
  }

  const listeners = {
    pointerdown: down,
    pointermove: move,
    pointerup: up,
    pointercancel: up,
    dblclick: doubleClick,
  } as const;
  onMounted(() => {
    for (const [name, listener] of Object.entries(listeners))
      root.value?.addEventListener(name, listener as EventListener);
    root.value?.addEventListener('wheel', wheel, { passive: false });
  });
  onBeforeUnmount(() => {
    for (const [name, listener] of Object.entries(listeners))
      root.value?.removeEventListener(name, listener as EventListener);
    root.value?.removeEventListener('wheel', wheel);
  });
  return { dragging };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
