import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import type { Overlay } from '../canvas/overlay.ts';

/** What lies over the photo. Whoever adds an overlay asks for a `repaint` when what it shows changed. */
export const useOverlays = defineStore('overlays', () => {
  /** In the order of drawing. */
  const list = shallowRef<readonly Overlay[]>([]);
  /** Rises with every wish to be drawn again. */
  const paints = ref(0);
  /** Space is held: a drag moves the photo, whatever lies over it. */
  const moving = ref(false);

  /** Shows an overlay; returns a function that takes it away. One of the same id is replaced. */
  function add(overlay: Overlay): () => void {
    list.value = [...list.value.filter(({ id }) => id !== overlay.id), overlay].sort(
      (a, b) => a.order - b.order,
    );
    return () => {
      list.value = list.value.filter((entry) => entry !== overlay);
    };
  }

  function repaint(): void {
    paints.value += 1;
  }

  return { list, paints, moving, add, repaint };
});
