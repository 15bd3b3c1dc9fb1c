import { onBeforeUnmount, watch } from 'vue';
import type { Overlay } from '../canvas/overlay.ts';
import { useDamage } from '../stores/damage.ts';
import { useMasks } from '../stores/masks.ts';
import { useOverlays } from '../stores/overlays.ts';
import { usePhoto } from '../stores/photo.ts';
import { useView } from '../stores/view.ts';
import { PlanePainter } from './plane-painter.ts';

/** Damage that is thin must be seen: laid over more densely than a painted mask. */
const opacity = 0.75;

/** Shows proposed damage over the photo, in the color of masks, until it is accepted or discarded. */
export function useDamageOverlay(): void {
  const overlays = useOverlays();
  const damage = useDamage();
  const masks = useMasks();
  const photo = usePhoto();
  const view = useView();
  const painter = new PlanePainter(overlays.repaint);

  const overlay: Overlay = {
    id: 'damage',
    order: 10,
    paint: (canvas, viewport) => {
      const frame = photo.info?.image;
      if (view.holdingOriginal || frame === undefined) return;
      painter.paint(canvas, {
        mask: damage.proposal?.mask,
        viewport,
        frame,
        color: masks.color.rgb,
        opacity,
      });
    },
  };

  let remove: (() => void) | undefined;
  watch(
    () => damage.proposal,
    (proposal) => {
      if (proposal === undefined) {
        remove?.();
        remove = undefined;
        painter.forget();
      } else remove ??= overlays.add(overlay);
      overlays.repaint();
    },
  );
  watch([() => view.holdingOriginal, () => masks.color], overlays.repaint);
  onBeforeUnmount(() => remove?.());
}
