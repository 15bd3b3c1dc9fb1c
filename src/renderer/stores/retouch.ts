import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { ImageInfo, Job, RetouchDraft } from '../../shared/contract.ts';
import { fromFailure, toFailure } from '../../shared/failure.ts';
import type { Mask, MaskShape } from '../../shared/mask.ts';
import type { Recipe } from '../../shared/recipe.ts';
import type { Rect } from '../../shared/rect.ts';
import type { Removal } from '../../shared/removal.ts';
import type { Point } from '../canvas/viewport.ts';
import { injectStudio } from '../inject-studio.ts';
import { withShape } from '../masks/mask-edits.ts';
import {
  addRemoval,
  anotherVariant,
  changeRemoval,
  newRemoval,
  type RemovalKind,
  removalsOf,
  removingUse,
  replaceRemoval,
  withRemovingUse,
} from '../masks/removal-edits.ts';
import { useJobs } from './jobs.ts';
import { useMasks } from './masks.ts';
import { useNotices } from './notices.ts';
import { usePhoto } from './photo.ts';
import { usePreview } from './preview.ts';
import { useSession } from './session.ts';

/** A filled place, to be laid over the photo. */
export interface RetouchLayer {
  readonly image: ImageInfo;
  readonly rect: Rect;
}

interface Shown {
  readonly layers: readonly RetouchLayer[];
  /** What is done in them. */
  readonly entries: readonly Removal[];
  /** What is seen in them as a draft at least. */
  readonly drafted: readonly Removal[];
}

const nothingShown: Shown = { layers: [], entries: [], drafted: [] };

/** The Remove tool: what is painted becomes a removal of its own, filled at once and laid over the photo. */
export const useRetouch = defineStore('retouch', () => {
  const studio = injectStudio();
  const photo = usePhoto();
  const preview = usePreview();
  const session = useSession();
  const masks = useMasks();
  const jobs = useJobs();
  const notices = useNotices();

  const active = ref(false);
  const kind = ref<RemovalKind>('fill');
  /** Where clone and heal copy from: chosen, and kept as the way from each place to its source once a stroke has begun. */
  const source = shallowRef<Point>();
  const offset = shallowRef<Point>();
  const painting = ref(false);
  /** The selected removal was opened to be looked at and has not been painted on since. */
  const opened = ref(false);
  const shown = shallowRef<Shown>(nothingShown);
  /** The newest that arrived; the viewer shows it as soon as its pixels are there. */
  const incoming = shallowRef<Shown>();
  const jobId = ref('');
  /** Removals that could not be filled; they are not tried again until they change. */
  const failed = shallowRef<readonly Removal[]>([]);
  let asking: { readonly photo: string; readonly entries: readonly Removal[] } | undefined;
  let isOutdated = false;

  const step = computed(() => session.steps.find((each) => each.holdsEntries === true));
  const use = computed(() =>
    step.value === undefined ? undefined : removingUse(photo.recipe, step.value.id),
  );
  const entries = computed(() => removalsOf(use.value));
  const wanted = computed<readonly Removal[]>(() =>
    use.value?.enabled === true ? entries.value.filter((entry) => entry.enabled) : [],
  );
  const selected = computed(() =>
    use.value !== undefined && masks.target?.use === use.value.id
      ? entries.value.find(({ id }) => id === masks.target?.entry)
      : undefined,
  );
  const pending = computed(() =>
    wanted.value.filter((entry) => !shown.value.entries.includes(entry) && !failed.value.includes(entry)),
  );
  const job = computed<Job | undefined>(() => jobs.unfinished.find(({ id }) => id === jobId.value));
  /** The newest place is there already, as a draft. */
  const isDrafted = computed(() => {
    const newest = pending.value.at(-1);
    return newest !== undefined && shown.value.drafted.includes(newest);
  });
  /** What the overlay shows while the tool is on: what was painted, until a draft of it is there. */
  const overlayMask = computed<Mask | undefined>(() => {
    const seen = new Set(shown.value.drafted.map(({ mask }) => mask));
    if (selected.value !== undefined)
      return painting.value || opened.value || !seen.has(selected.value.mask)
        ? selected.value.mask
        : undefined;
    const unseen = wanted.value.filter(({ mask }) => !seen.has(mask));
    const [first] = unseen;
    return first && { ...first.mask, shapes: unseen.flatMap(({ mask }) => mask.shapes) };
  });
  function start(next: RemovalKind = 'fill'): void {
    if (step.value === undefined || photo.info === undefined) return;
    if (kind.value !== next) masks.stop();
    if (!active.value && masks.target?.entry === undefined) masks.stop();
    kind.value = next;
    if (!active.value && next === 'fill') prepare();
    active.value = true;
    preview.suspended = true;
    if (masks.tool === 'eraser') masks.tool = 'brush';
  }

  /** What fills is loaded while the first stroke is painted; if that fails, the first filling says why. */
  function prepare(): void {
    const model = use.value?.params['model'];
    void studio.call('retouch.prepare', { model: typeof model === 'string' ? model : '' }).catch(() => undefined);
  }

  function stop(): void {
    if (!active.value) return;
    active.value = false;
    masks.stop();
    preview.suspended = false;
    if (wanted.value.length > 0) preview.begin();
  }

  /** Opens a removal, so that its mask is seen and painting changes it. */
  function open(id: string): void {
    const entry = entries.value.find((each) => each.id === id);
    if (use.value === undefined || entry === undefined) return;
    start(entry.kind);
    masks.edit({ use: use.value.id, entry: id });
    opened.value = true;
  }

  /** The next stroke is a removal of its own again. */
  function close(): void {
    masks.stop();
    opened.value = false;
  }

  /** Says where clone and heal copy from. */
  function takeFrom(point: Point): void {
    source.value = point;
    offset.value = undefined;
  }

  /** What is painted from `point` on may begin; says why not. */
  function mayPaint(point: Point): boolean {
    if (kind.value === 'fill' || selected.value !== undefined) return true;
    if (source.value === undefined) {
      const name = kind.value === 'heal' ? 'healing' : 'cloning';
      notices.info(`Choose where ${name} takes from first: hold Alt and click there.`, 'retouch-source');
      return false;
    }
    offset.value ??= {
      x: Math.round(source.value.x - point.x),
      y: Math.round(source.value.y - point.y),
    };
    return true;
  }

  /** A shape was painted: it changes the open removal, or is a new one. */
  function take(shape: MaskShape): void {
    const info = photo.info;
    if (info === undefined || step.value === undefined) return;
    opened.value = false;
    if (selected.value !== undefined) return masks.change(withShape(selected.value.mask, shape));
    const recipe = withRemovingUse(photo.recipe, step.value);
    const target = removingUse(recipe, step.value.id);
    if (target === undefined) return;
    const how =
      kind.value === 'fill' || offset.value === undefined
        ? { kind: kind.value }
        : { kind: kind.value, offset: offset.value };
    edit(addRemoval(recipe, target.id, newRemoval(target, shape, info.image, how)));
  }

  function edit(recipe: Recipe): void {
    preview.begin();
    photo.edit(recipe);
    photo.commit();
  }

  function change(id: string, next: Partial<Omit<Removal, 'id'>>): void {
    if (use.value !== undefined) edit(changeRemoval(photo.recipe, use.value.id, id, next));
  }

  /** Puts a removal in the place of the one of the same id. */
  function replace(id: string, next: Removal): void {
    if (use.value !== undefined) edit(replaceRemoval(photo.recipe, use.value.id, id, next));
  }

  /** The removal that is filled anew by a word: the open one, or the newest. */
  const repeatable = computed(() => {
    const chosen = selected.value ?? entries.value.at(-1);
    return chosen?.kind === 'fill' ? chosen : undefined;
  });

  /** Another filling of a removal. */
  function again(id = repeatable.value?.id): void {
    if (use.value !== undefined && id !== undefined) edit(anotherVariant(photo.recipe, use.value.id, id));
  }

  /** What is asked for: the removals that are on and may succeed. */
  const attempted = computed(() => wanted.value.filter((entry) => !failed.value.includes(entry)));

  /** Asks for the places as the recipe has them now; one question at a time, the newest next. */
  function ask(): void {
    const info = photo.info;
    const target = use.value;
    if (info === undefined) return;
    if (asking !== undefined) {
      isOutdated = true;
      const gone = asking.entries.some((entry) => !attempted.value.includes(entry));
      if ((gone || asking.photo !== info.id) && job.value !== undefined)
        void jobs.cancel(job.value).catch(() => undefined);
      return;
    }
    if (target === undefined || attempted.value.length === 0) {
      if (shown.value.layers.length > 0 || incoming.value !== undefined) incoming.value = nothingShown;
      return;
    }
    asking = { photo: info.id, entries: attempted.value };
    const tried = { ...target, entries: attempted.value };
    const steps = photo.recipe.steps.map((each) => (each === target ? tried : each));
    void carryOut(asking, { ...photo.recipe, steps }, target.id);
  }

  async function carryOut(asked: NonNullable<typeof asking>, recipe: Recipe, id: string): Promise<void> {
    try {
      const started = await studio.call('retouch.run', { photo: asked.photo, recipe, use: id });
      jobId.value = started.id;
      const over = await jobs.whenOver(started);
      if (photo.info?.id !== asked.photo) return;
      if (over.failure !== undefined) throw fromFailure(over.failure);
      if (over.state === 'done') {
        const { entries } = asked;
        incoming.value = { layers: over.result?.layers ?? [], entries, drafted: entries };
      } else if (!isOutdated) giveUp(asked.entries);
    } catch (error) {
      fail(asked.entries, error);
    } finally {
      asking = undefined;
      if (isOutdated) {
        isOutdated = false;
        ask();
      }
    }
  }

  /** Shows how far the places are. */
  function takeDraft(draft: RetouchDraft | undefined): void {
    if (asking === undefined || draft === undefined) return;
    const drafted = asking.entries.filter(({ id }) => draft.removals.includes(id));
    const before = (incoming.value ?? shown.value).entries;
    incoming.value = { layers: draft.layers, entries: drafted.filter((entry) => before.includes(entry)), drafted };
  }

  /** Somebody stopped it: what is not done is left out from now on, and its draft is taken away again. */
  function giveUp(tried: readonly Removal[]): void {
    const undone = tried.filter((entry) => !shown.value.entries.includes(entry));
    failed.value = [...new Set([...failed.value, ...undone])];
    isOutdated = incoming.value !== undefined || undone.some((entry) => shown.value.drafted.includes(entry));
  }

  /** The newest that was tried is left out from now on, and the others are tried without it. */
  function fail(tried: readonly Removal[], error: unknown): void {
    const { code, message, hint } = toFailure(error);
    // The engine was lost: once it is back everything is asked for anew.
    if (code === 'device') return;
    const culprit = tried.findLast((entry) => !shown.value.entries.includes(entry)) ?? tried.at(-1);
    if (culprit !== undefined) failed.value = [...failed.value, culprit];
    isOutdated = true;
    notices.show({
      kind: 'failure',
      text: message,
      topic: 'retouch',
      ...(hint === undefined ? {} : { hint }),
    });
  }

  /** The viewer has the pixels of what came. */
  function present(next: Shown): void {
    if (next !== incoming.value) return;
    shown.value = next;
    incoming.value = undefined;
  }

  function forget(): void {
    shown.value = nothingShown;
    incoming.value = undefined;
    failed.value = [];
    isOutdated = asking !== undefined;
  }

  async function cancel(): Promise<void> {
    if (job.value === undefined) return;
    failed.value = pending.value;
    await jobs.cancel(job.value).catch((error: unknown) => notices.failed(error));
  }

  /** Everything before the removing step that is on decides what they are filled from. */
  const basis = computed(() => {
    const index = photo.recipe.steps.findIndex(({ id }) => id === use.value?.id);
    const before = photo.recipe.steps.slice(0, Math.max(0, index)).filter((each) => each.enabled);
    return JSON.stringify([before, use.value?.params]);
  });
  watch(() => job.value?.draft, takeDraft);
  watch([wanted, basis], ([, now], [, before]) => {
    if (now !== before) failed.value = [];
    ask();
  });
  watch([() => photo.info, () => session.engineRun], () => {
    forget();
    ask();
  });
  watch(
    () => photo.source,
    () => {
      stop();
      source.value = undefined;
      offset.value = undefined;
    },
  );
  // A mask of another step is edited: the tool is put down.
  watch(
    () => masks.target,
    (target) => {
      if (active.value && target !== undefined && target.entry === undefined) {
        active.value = false;
        preview.suspended = false;
      }
      if (target === undefined) opened.value = false;
    },
  );

  return {
    active,
    kind,
    source,
    offset,
    painting,
    shown,
    incoming,
    job,
    failed,
    step,
    use,
    entries,
    selected,
    pending,
    isDrafted,
    overlayMask,
    opened,
    start,
    stop,
    open,
    close,
    takeFrom,
    mayPaint,
    take,
    edit,
    change,
    replace,
    again,
    canRepeat: computed(() => repeatable.value !== undefined),
    present,
    cancel,
  };
});
