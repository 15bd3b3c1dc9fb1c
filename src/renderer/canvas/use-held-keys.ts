import { onBeforeUnmount, onMounted } from 'vue';
import { useOverlays } from '../stores/overlays.ts';
import { useView } from '../stores/view.ts';

/**
 * Keys that count while they are held, wherever the focus is: Space moves the photo, backslash shows the original as long as `hasChange` says that there is
 * something else to be seen.
 */
export function useHeldKeys(hasChange: () => boolean): void {
  const view = useView();
  const overlays = useOverlays();

  /** Space held moves the photo, unless it would press a button that was reached by keyboard. */
  function holdSpace(event: KeyboardEvent): void {
    if (event.key !== ' ' || !(event.target instanceof HTMLElement)) return;
    if (event.type === 'keyup') return void (overlays.moving = false);
    const isField = event.target.matches('input:not([type=range]), select, textarea, summary');
    if (isField || (event.target.matches('button') && event.target.matches(':focus-visible'))) return;
    event.preventDefault();
    overlays.moving = true;
  }

  function holdKey(event: KeyboardEvent): void {
    holdSpace(event);
    const isTyped = event.target instanceof HTMLInputElement && event.target.type !== 'range';
    if (event.key !== '\\' || isTyped) return;
    view.holdingOriginal = event.type === 'keydown' && hasChange();
  }

  const letGo = (): void => {
    view.holdingOriginal = false;
    overlays.moving = false;
  };

  onMounted(() => {
    window.addEventListener('keydown', holdKey);
    window.addEventListener('keyup', holdKey);
    window.addEventListener('blur', letGo);
  });
  onBeforeUnmount(() => {
    window.removeEventListener('keydown', holdKey);
    window.removeEventListener('keyup', holdKey);
    window.removeEventListener('blur', letGo);
  });
}
