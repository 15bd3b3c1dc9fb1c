import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import {
  type ImageInfo,
  type Job,
  type PhotoInfo,
  pixelPaths,
  type SourceRef,
} from '../../shared/contract.ts';
import type { ExportOptions } from '../../shared/export-options.ts';
import { type Failure, toFailure } from '../../shared/failure.ts';
import { emptyRecipe, type Recipe } from '../../shared/recipe.ts';
import { change, type History, mark, redo, startHistory, undo } from '../history.ts';
import { injectStudio } from '../inject-studio.ts';
import { sameRecipe } from '../recipe-edits.ts';
import { useJobs } from './jobs.ts';
import { useNotices } from './notices.ts';
import { useSession } from './session.ts';

/** A finished restoration and the recipe that made it. */
export interface Restored {
  readonly image: ImageInfo;
  readonly recipe: Recipe;
  readonly consistencyDb?: number;
  readonly notices: readonly string[];
}

/** The document: one photo, its recipe with history, and the newest result. */
export const usePhoto = defineStore('photo', () => {
  const studio = injectStudio();
  const notices = useNotices();
  const jobs = useJobs();
  const session = useSession();

  const source = shallowRef<SourceRef>();
  const info = shallowRef<PhotoInfo>();
  const opening = ref('');
  const history = shallowRef<History<Recipe>>(startHistory<Recipe>(emptyRecipe));
  const restored = shallowRef<Restored>();
  const restoreJobId = ref('');
  const failure = shallowRef<Failure>();
  const recent = shallowRef<readonly SourceRef[]>([]);
  /** How this photo is exported, kept while the dialog is closed. */
  const exportOptions = shallowRef<ExportOptions>();
  let openCount = 0;

  const recipe = computed(() => history.value.present);
  const canUndo = computed(() => history.value.past.length > 0);
  const canRedo = computed(() => history.value.future.length > 0);
  const isProposal = computed(
    () => info.value !== undefined && sameRecipe(recipe.value, info.value.suggestion),
  );
  const isStale = computed(
    () => restored.value !== undefined && !sameRecipe(restored.value.recipe, recipe.value),
  );
  const restoring = computed<Job | undefined>(() =>
    jobs.unfinished.find((job) => job.id === restoreJobId.value),
  );
  const hasWork = computed(() => recipe.value.steps.some((use) => use.enabled));

  /** Opens a photo; the one that is open stays until the new one is there. */
  async function open(from: SourceRef, allowDamaged = false): Promise<void> {
    const turn = ++openCount;
    opening.value = from.name;
    try {
      const next = await studio.call('photo.open', { source: from.source, allowDamaged });
      if (turn !== openCount) return void release(next.id);
      const before = info.value;
      show(from, next);
      failure.value = undefined;
      history.value = startHistory(next.suggestion);
      exportOptions.value = next.exportDefaults;
      if (before !== undefined && before.id !== next.id) release(before.id);
      void loadRecent();
    } catch (error) {
      if (turn !== openCount) return;
      const canForce = toFailure(error).retry === 'allow-damaged';
      notices.failed(
        error,
        canForce ? { label: 'Open what can be read', run: () => void open(from, true) } : undefined,
      );
    } finally {
      if (turn === openCount) opening.value = '';
    }
  }

  function show(from: SourceRef, next: PhotoInfo): void {
    const job = restoring.value;
    if (job !== undefined) void jobs.cancel(job).catch(() => undefined);
    restoreJobId.value = '';
    restored.value = undefined;
    source.value = from;
    info.value = next;
  }

  /** After the engine came back: a result that is gone is dropped, a photo that is gone is opened again. */
  /** While the photo is being opened again after the engine was lost: what is asked for meanwhile waits. */
  let recovering: Promise<void> | undefined;

  async function recover(): Promise<void> {
    const photo = info.value;
    const result = restored.value;
    if (photo === undefined) return;
    if (result !== undefined && !(await isThere(result.image)) && restored.value === result)
      restored.value = undefined;
    if (!(await isThere(photo.image)) && info.value === photo) await reopen();
  }

  function isThere(image: ImageInfo): Promise<boolean> {
    return studio.hasPixels(pixelPaths.thumbnail(image.id, 16));
  }

  /** Opens the same photo again; recipe and history stay. */
  async function reopen(): Promise<void> {
    const from = source.value;
    const before = info.value;
    if (from === undefined || before === undefined) return;
    try {
      const next = await studio.call('photo.open', { source: from.source, allowDamaged: true });
      if (info.value !== before) return void release(next.id);
      show(from, next);
      if (before.id !== next.id) release(before.id);
    } catch (error) {
      notices.failed(error, { label: 'Try again', run: () => void reopen() });
    }
  }

  async function close(): Promise<void> {
    const before = info.value;
    openCount += 1;
    info.value = undefined;
    source.value = undefined;
    restored.value = undefined;
    failure.value = undefined;
    restoreJobId.value = '';
    history.value = startHistory<Recipe>(emptyRecipe);
    if (before !== undefined) release(before.id);
    await loadRecent();
  }

  function release(photo: string): void {
    void studio.call('photo.close', { photo }).catch(() => undefined);
  }

  async function loadRecent(): Promise<void> {
    recent.value = await studio.call('recent.list').catch(() => []);
  }

  /** Changes the recipe; changes until the next `commit` are one entry of the history. */
  function edit(next: Recipe): void {
    history.value = change(history.value, next);
  }

  function commit(): void {
    history.value = mark(history.value);
  }

  /** Runs the recipe as it is now. The photo and the result before stay on screen until the new one is there. */
  async function restore(): Promise<void> {
    if (recovering !== undefined) await recovering;
    const photo = info.value;
    if (photo === undefined || restoring.value !== undefined) return;
    commit();
    const used = recipe.value;
    failure.value = undefined;
    try {
      const job = await studio.call('recipe.run', { photo: photo.id, recipe: used });
      restoreJobId.value = job.id;
      const over = await jobs.whenOver(job);
      if (info.value?.id !== photo.id) return;
      finish(over, used);
    } catch (error) {
      failure.value = toFailure(error);
    }
  }

  function finish(job: Job, used: Recipe): void {
    if (job.failure !== undefined) failure.value = job.failure;
    if (job.state === 'cancelled') notices.info('Restoring was cancelled. The photo is as it was.');
    const result = job.result;
    if (job.state !== 'done' || result?.image === undefined) return;
    const before = restored.value?.image;
    restored.value = {
      image: result.image,
      recipe: used,
      notices: result.notices ?? [],
      ...(result.consistencyDb === undefined ? {} : { consistencyDb: result.consistencyDb }),
    };
    if (before !== undefined && before.id !== result.image.id) {
      void studio.call('image.release', { image: before.id }).catch(() => undefined);
    }
  }

  async function cancel(): Promise<void> {
    if (restoring.value !== undefined)
      await jobs.cancel(restoring.value).catch((error: unknown) => notices.failed(error));
  }

  watch(
    () => session.engineRun,
    () => {
      const own = recover().finally(() => {
        if (recovering === own) recovering = undefined;
      });
      recovering = own;
    },
  );

  return {
    source,
    info,
    opening,
    recipe,
    restored,
    failure,
    exportOptions,
    recent,
    restoring,
    canUndo,
    canRedo,
    isProposal,
    isStale,
    hasWork,
    open,
    close,
    loadRecent,
    edit,
    commit,
    restore,
    cancel,
    undo: () => void (history.value = undo(history.value)),
    redo: () => void (history.value = redo(history.value)),
    reset: () => {
      commit();
      if (info.value !== undefined) edit(info.value.suggestion);
      commit();
    },
  };
});
