import { computed, onBeforeUnmount, watch } from 'vue';
import { useFaces } from '../stores/faces.ts';
import { useOverlays } from '../stores/overlays.ts';
import { usePanels } from '../stores/panels.ts';
import { usePhoto } from '../stores/photo.ts';
import { useView } from '../stores/view.ts';
import { createFaceOverlay, type FramedFace } from './face-overlay.ts';
import type { Point, Rect } from './viewport.ts';

/** Shows the frames round faces over the photo while they are wanted. */
export function useFaceOverlay(): void {
  const faces = useFaces();
  const overlays = useOverlays();
  const panels = usePanels();
  const photo = usePhoto();
  const view = useView();

  /** Frame pixels per pixel of the picture that was looked at. */
  const scale = computed(() => {
    const inspection = faces.inspectionOf(faces.framed);
    return inspection === undefined || photo.info === undefined
      ? 1
      : photo.info.image.width / inspection.width;
  });
  const scaled = ({ x, y }: Point): Point => ({ x: x * scale.value, y: y * scale.value });
  const framed = computed<readonly FramedFace[]>(() =>
    faces.entriesOf(faces.framed).map(({ report: { id, box, points }, name, on }) => ({
      id,
      name,
      on,
      box: { ...scaled(box), width: box.width * scale.value, height: box.height * scale.value },
      points: points.map(scaled),
    })),
  );

  function open(face: string): void {
    faces.opened = { use: faces.framed, face };
    panels.show('face');
  }

  function movePoint(id: string, index: number, to: Point, done: boolean): void {
    const entry = faces.entriesOf(faces.framed).find(({ report }) => report.id === id);
    if (entry === undefined) return;
    faces.movePoint(
      faces.framed,
      entry.report,
      index,
      { x: to.x / scale.value, y: to.y / scale.value },
      done,
    );
  }

  const overlay = createFaceOverlay({
    faces: () => framed.value,
    selected: () => faces.selected,
    drawing: () => faces.drawing,
    open,
    movePoint,
    draw: (box: Rect) => faces.draw(faces.framed, box),
    pan: (x, y) => view.pan(x, y),
    repaint: () => overlays.repaint(),
  });
  let remove: (() => void) | undefined;
  watch(
    () => faces.framed !== '',
    (shown) => {
      remove?.();
      remove = shown ? overlays.add(overlay) : undefined;
    },
    { immediate: true },
  );
  watch([framed, () => faces.selected, () => faces.drawing], () => overlays.repaint());
  onBeforeUnmount(() => remove?.());
}
