import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import {
  centered,
  confine,
  fitZoom,
  panBy,
  type Point,
  type Rect,
  type Size,
  type Viewport,
  zoomAt,
} from '../canvas/viewport.ts';
import { usePhoto } from './photo.ts';

const marginPx = 24;
const maxZoom = 32;
const zoomStep = 1.25;

/** How the photo is looked at. The frame is the original's pixels; result and preview lie over it. */
export const useView = defineStore('view', () => {
  const photo = usePhoto();
  const viewport = shallowRef<Viewport>({ widthPx: 1, heightPx: 1, zoom: 1, centerX: 0, centerY: 0 });
  /** Device pixels per CSS pixel. */
  const density = ref(1);
  const fitted = ref(true);
  const compare = ref(false);
  /** Where the compare line stands, 0 (left) to 1 (right) of the canvas. */
  const split = ref(0.5);
  const holdingOriginal = ref(false);

  const frame = computed<Size | undefined>(() => photo.info?.image);
  /** Pixels of the picture that is judged (the result, if there is one) per frame pixel. */
  const detail = computed(() =>
    photo.restored === undefined || photo.info === undefined
      ? 1
      : photo.restored.image.width / photo.info.image.width,
  );
  /** Device pixels per pixel of the picture that is judged: what the readout says. */
  const magnification = computed(() => viewport.value.zoom / detail.value);

  function smallestZoom(size: Size): number {
    return Math.min(1, fitZoom(size, viewport.value, marginPx, detail.value) / 4);
  }

  function fit(): void {
    if (frame.value === undefined) return;
    viewport.value = centered(
      viewport.value,
      frame.value,
      fitZoom(frame.value, viewport.value, marginPx * density.value, 8 * density.value),
    );
    fitted.value = true;
  }

  /** Zooms to device pixels per frame pixel, keeping the point under `anchor` (device pixels; default the middle). */
  function zoomTo(zoom: number, anchor?: Point): void {
    if (frame.value === undefined) return;
    const { widthPx, heightPx } = viewport.value;
    const bounded = Math.min(maxZoom * detail.value, Math.max(smallestZoom(frame.value), zoom));
    viewport.value = confine(
      zoomAt(viewport.value, bounded, anchor ?? { x: widthPx / 2, y: heightPx / 2 }),
      frame.value,
    );
    fitted.value = false;
  }

  /** Brings a part of the frame to the middle of the canvas, with as much around it. */
  function showRect(rect: Rect): void {
    const { widthPx, heightPx } = viewport.value;
    zoomTo(Math.min(widthPx / rect.width, heightPx / rect.height) / 2);
    if (frame.value === undefined) return;
    const middle = { centerX: rect.x + rect.width / 2, centerY: rect.y + rect.height / 2 };
    viewport.value = confine({ ...viewport.value, ...middle }, frame.value);
  }

  function zoomBy(factor: number, anchor?: Point): void {
    zoomTo(viewport.value.zoom * factor, anchor);
  }

  function pan(deltaX: number, deltaY: number): void {
    if (frame.value === undefined) return;
    viewport.value = confine(panBy(viewport.value, deltaX, deltaY), frame.value);
    fitted.value = false;
  }

  function resize(widthPx: number, heightPx: number, pixelDensity: number): void {
    const change = pixelDensity / density.value;
    density.value = pixelDensity;
    viewport.value = { ...viewport.value, widthPx, heightPx, zoom: viewport.value.zoom * change };
    if (fitted.value) fit();
    else if (frame.value !== undefined) viewport.value = confine(viewport.value, frame.value);
  }

  watch(
    () => photo.source,
    () => fit(),
  );
  watch(
    () => photo.restored,
    (now, before) => {
      if (now === undefined) compare.value = false;
      else if (before === undefined) compare.value = true;
    },
  );

  return {
    viewport,
    density,
    fitted,
    compare,
    split,
    holdingOriginal,
    frame,
    detail,
    magnification,
    fit,
    zoomTo,
    zoomBy,
    showRect,
    pan,
    resize,
    zoomIn: () => zoomBy(zoomStep),
    zoomOut: () => zoomBy(1 / zoomStep),
    actualSize: (anchor?: Point) => zoomTo(detail.value, anchor),
  };
});
