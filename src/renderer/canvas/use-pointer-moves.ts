import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue';
import type { useView } from '../stores/view.ts';
import type { useOverlays } from '../stores/overlays.ts';
import type { OverlayDrag, OverlayPointer } from './overlay.ts';
import { type Point, toFrame } from './viewport.ts';

type View = ReturnType<typeof useView>;
type Overlays = ReturnType<typeof useOverlays>;

/**
 * Looking around by mouse, touch pad and fingers: drag moves, the wheel and two fingers zoom at the pointer, a double click switches between
 * all and 1:1. Overlays come first: what one of them takes does not move the photo.
 */
export function usePointerMoves(
  root: Readonly<Ref<HTMLElement | null>>,
  view: View,
  overlays: Overlays,
): { readonly dragging: Readonly<Ref<boolean>>; readonly cursor: Readonly<Ref<string>> } {
  const dragging = ref(false);
  /** How the pointer looks by the wish of an overlay; empty for the photo's own. */
  const cursor = ref('');
  const pointers = new Map<number, Point>();
  /** The pointer an overlay has, and what it does with it. */
  let taken: { readonly id: number; readonly drag: OverlayDrag } | undefined;

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

  function overlayPointer(event: MouseEvent): OverlayPointer {
    const canvas = at(event);
    const isPen = event instanceof PointerEvent && event.pointerType === 'pen';
    const pressure = isPen ? event.pressure : 1;
    const { shiftKey, altKey } = event;
    return { ...toFrame(view.viewport, canvas), canvas, pressure, shiftKey, altKey };
  }

  /** Overlays, those on top first. */
  const fromTop = (): Overlays['list'] => [...overlays.list].reverse();

  function press(event: PointerEvent): OverlayDrag | undefined {
    const pointer = overlayPointer(event);
    for (const overlay of fromTop()) {
      const drag = overlay.press?.(pointer);
      if (drag !== undefined) return drag;
    }
    return undefined;
  }

  function down(event: PointerEvent): void {
    if (!onPicture(event) || (event.button !== 0 && event.button !== 1)) return;
    root.value?.setPointerCapture(event.pointerId);
    if (taken !== undefined) {
      // A second finger: two fingers look around.
      taken.drag.cancel();
      taken = undefined;
    } else if (event.button === 0 && !overlays.moving && pointers.size === 0) {
      const drag = press(event);
      if (drag !== undefined) taken = { id: event.pointerId, drag };
    }
    pointers.set(event.pointerId, at(event));
    dragging.value = taken === undefined;
  }

  function hover(event: PointerEvent | undefined): void {
    const pointer = event && overlayPointer(event);
    for (const overlay of overlays.list) overlay.hover?.(pointer);
    if (pointer !== undefined) showCursor(pointer);
  }

  function showCursor(pointer: OverlayPointer): void {
    for (const overlay of overlays.moving ? [] : fromTop()) {
      const wish = overlay.cursor?.(pointer);
      if (wish !== undefined) return void (cursor.value = wish);
    }
    cursor.value = '';
  }

  function move(event: PointerEvent): void {
    hover(onPicture(event) ? event : undefined);
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    if (taken !== undefined) {
      pointers.set(event.pointerId, at(event));
      if (event.pointerId === taken.id) taken.drag.move(allMoves(event).map(overlayPointer));
      return;
    }
    const now = at(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other === undefined) return view.pan(now.x - before.x, now.y - before.y);
    const spread = distance(now, other) / Math.max(1, distance(before, other));
    view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    view.zoomBy(spread, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  function up(event: PointerEvent): void {
    if (event.pointerId === taken?.id) {
      const { drag } = taken;
      taken = undefined;
      if (event.type === 'pointercancel') drag.cancel();
      else drag.end();
    }
    pointers.delete(event.pointerId);
    dragging.value = pointers.size > 0 && taken === undefined;
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault();
    const pointer = overlayPointer(event);
    if (fromTop().some((overlay) => overlay.wheel?.(event, pointer) === true)) return;
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
    // Two quick strokes of a brush are no double click.
    if (!onPicture(event) || cursor.value !== '') return;
    if (view.fitted) view.actualSize(at(event));
    else view.fit();
  }

  const listeners = {
    pointerdown: down,
    pointermove: move,
    pointerup: up,
    pointercancel: up,
    pointerleave: () => hover(undefined),
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
  return { dragging, cursor };
}

/** Every position since the last event, also those the browser put together. */
function allMoves(event: PointerEvent): readonly PointerEvent[] {
  const all = event.getCoalescedEvents();
  return all.length > 0 ? all : [event];
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
