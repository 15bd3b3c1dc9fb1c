import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { ImageInfo, Preview } from '../../shared/contract.ts';
import type { Recipe } from '../../shared/recipe.ts';
import { previewRect, type Rect } from '../canvas/viewport.ts';
import { injectStudio } from '../inject-studio.ts';
import { NewestWins } from '../newest-wins.ts';
import { sameRecipe } from '../recipe-edits.ts';
import { usePhoto } from './photo.ts';
import { useView } from './view.ts';

export interface PreviewLayer {
  readonly image: ImageInfo;
  readonly rect: Rect;
  readonly coarse: boolean;
  readonly elapsedMs?: number;
}

interface Wanted {
  readonly photo: string;
  readonly recipe: Recipe;
  readonly rect: Rect;
}

/** A complete preview should not take longer than this; where the whole view would, its middle is shown. */
const wantedMs = 2500;
const startPixels = 300_000;
const fewestPixels = 40_000;
const mostPixels = 2_000_000;
/** Quicker answers came from the cache and tell nothing of the speed. */
const cachedMs = 50;
const patienceMs = 2500;
const settleMs = 160;

/** The live preview: what is seen, with the recipe as it is being changed. */
export const usePreview = defineStore('preview', () => {
  const studio = injectStudio();
  const photo = usePhoto();
  const view = useView();
  const enabled = ref(true);
  /** True from the first change of a parameter until there is a result for the recipe. */
  const active = ref(false);
  /** Something else is looked at meanwhile, and no preview is asked for. */
  const suspended = ref(false);
  /** The newest that arrived; the viewer shows it as soon as its pixels are there. */
  const incoming = shallowRef<PreviewLayer>();
  /** What is shown: the last complete preview, and over it the quick one of its middle that came after. */
  const shown = shallowRef<readonly PreviewLayer[]>([]);
  const busy = ref(false);
  const problem = ref('');
  /** The most source pixels a preview covers, learned from how long the last ones took. */
  let pixelBudget = startPixels;
  let frameHandle = 0;
  let settleTimer: ReturnType<typeof setTimeout> | undefined;

  const requests = new NewestWins<Wanted>((wanted, request) => {
    busy.value = true;
    problem.value = '';
    studio.call('preview.request', { request, ...wanted }).catch((error: unknown) => {
      requests.answered(request);
      if (request !== requests.newest) return;
      busy.value = false;
      problem.value = error instanceof Error ? error.message : String(error);
    });
  }, patienceMs);

  /** There is something to preview that the result does not show already. */
  const useful = computed(
    () =>
      enabled.value &&
      active.value &&
      !suspended.value &&
      photo.info !== undefined &&
      photo.hasWork &&
      photo.restoring === undefined &&
      !(photo.restored !== undefined && sameRecipe(photo.restored.recipe, photo.recipe)),
  );

  /** Asks for the view as it is now, at most once an animation frame. */
  function ask(): void {
    if (frameHandle !== 0) return;
    frameHandle = requestAnimationFrame(() => {
      frameHandle = 0;
      const info = photo.info;
      if (!useful.value || info === undefined) return;
      const rect = previewRect(view.viewport, info.image, pixelBudget);
      if (rect !== undefined) requests.ask({ photo: info.id, recipe: photo.recipe, rect });
    });
  }

  /** A parameter was moved by hand: from now on the view follows the recipe. */
  function begin(): void {
    active.value = true;
  }

  function stop(): void {
    requests.stop();
    busy.value = false;
    problem.value = '';
    releaseLayer(incoming.value);
    shown.value.forEach(releaseLayer);
    incoming.value = undefined;
    shown.value = [];
    const info = photo.info;
    if (info !== undefined) void studio.call('preview.cancel', { photo: info.id }).catch(() => undefined);
  }

  /** The viewer has the pixels of the incoming layer: it takes the place of the one before. */
  function present(layer: PreviewLayer): void {
    if (layer !== incoming.value) return;
    const before = shown.value;
    const base = before.filter((entry) => !entry.coarse);
    shown.value = layer.coarse ? [...base, layer] : [layer];
    incoming.value = undefined;
    before.filter((entry) => !shown.value.includes(entry)).forEach(releaseLayer);
  }

  function releaseLayer(layer: PreviewLayer | undefined): void {
    if (layer !== undefined)
      void studio.call('image.release', { image: layer.image.id }).catch(() => undefined);
  }

  function learn({ state, rect, elapsedMs }: Preview): void {
    if (state !== 'final' || elapsedMs === undefined || elapsedMs < cachedMs) return;
    const affordable = (rect.width * rect.height * wantedMs) / elapsedMs;
    pixelBudget = Math.min(mostPixels, 2 * pixelBudget, Math.max(fewestPixels, affordable));
  }

  function changed(preview: Preview): void {
    learn(preview);
    // Another window's pictures are that window's to keep and to let go.
    if (!requests.isOwn(preview.request)) return;
    requests.answered(preview.request);
    const { image, rect, elapsedMs } = preview;
    const layer = image && {
      image,
      rect,
      coarse: preview.state === 'coarse',
      ...(elapsedMs === undefined ? {} : { elapsedMs }),
    };
    if (!useful.value || preview.state === 'superseded') return releaseLayer(layer);
    // An older answer is still nearer to the hand than what is shown; it only must not replace a newer one.
    if (preview.request === requests.newest) busy.value = preview.state === 'coarse';
    if (preview.state === 'failed') problem.value = preview.failure?.message ?? 'The preview failed.';
    if (layer === undefined) return;
    if (incoming.value?.image.id !== layer.image.id) releaseLayer(incoming.value);
    incoming.value = layer;
  }

  studio.on('preview.changed', changed);
  watch(useful, (now) => (now ? ask() : stop()));
  watch(() => photo.recipe, ask);
  watch(
    () => photo.source,
    () => {
      active.value = false;
    },
  );
  watch(
    () => view.viewport,
    () => {
      if (!useful.value) return;
      clearTimeout(settleTimer);
      settleTimer = setTimeout(ask, settleMs);
    },
  );

  return { enabled, active, suspended, incoming, shown, busy, problem, useful, begin, stop, present };
});
