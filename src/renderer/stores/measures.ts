import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { Job, SourceRef } from '../../shared/contract.ts';
import { type Failure, fromFailure, toFailure } from '../../shared/failure.ts';
import type { MeasureReport } from '../../shared/measures.ts';
import type { Recipe } from '../../shared/recipe.ts';
import { injectStudio } from '../inject-studio.ts';
import { sameRecipe } from '../recipe-edits.ts';
import { useJobs } from './jobs.ts';
import { usePhoto } from './photo.ts';

interface Measured {
  readonly report: MeasureReport;
  readonly recipe: Recipe;
  readonly reference: SourceRef | undefined;
  readonly niqe: SourceRef | undefined;
}

/** What is measured of the result that is shown, and against what. */
export const useMeasures = defineStore('measures', () => {
  const studio = injectStudio();
  const photo = usePhoto();
  const jobs = useJobs();

  /** A picture of what the result should look like. */
  const reference = shallowRef<SourceRef>();
  /** A file with the parameters of NIQE. */
  const niqe = shallowRef<SourceRef>();
  const measured = shallowRef<Measured>();
  const failure = shallowRef<Failure>();
  const starting = ref(false);
  const jobId = ref('');
  let turn = 0;

  const job = computed<Job | undefined>(() => jobs.unfinished.find(({ id }) => id === jobId.value));
  const isBusy = computed(() => starting.value || job.value !== undefined);
  /** The figures are those of the result that is shown, against what is chosen. */
  const isCurrent = computed(() => {
    const shown = photo.restored?.recipe;
    return (
      measured.value !== undefined &&
      shown !== undefined &&
      sameRecipe(measured.value.recipe, shown) &&
      measured.value.reference?.source === reference.value?.source &&
      measured.value.niqe?.source === niqe.value?.source
    );
  });
  const report = computed(() => (isCurrent.value ? measured.value?.report : undefined));

  /** Measures the result that is shown, not the steps as they may have changed since. */
  async function run(): Promise<void> {
    const info = photo.info;
    const recipe = photo.restored?.recipe;
    if (info === undefined || recipe === undefined) return;
    const own = ++turn;
    stop();
    const against = { reference: reference.value, niqe: niqe.value };
    failure.value = undefined;
    starting.value = true;
    try {
      const started = await studio.call('measure.run', {
        photo: info.id,
        recipe,
        ...(against.reference === undefined ? {} : { reference: against.reference.source }),
        ...(against.niqe === undefined ? {} : { niqe: against.niqe.source }),
      });
      if (own !== turn) return void jobs.cancel(started).catch(() => undefined);
      jobId.value = started.id;
      jobs.take(started);
      starting.value = false;
      const over = await jobs.whenOver(started);
      if (own !== turn) return;
      if (over.failure !== undefined) throw fromFailure(over.failure);
      const found = over.result?.measures;
      if (found !== undefined) measured.value = { report: found, recipe, ...against };
    } catch (error) {
      if (own === turn) failure.value = toFailure(error);
    } finally {
      if (own === turn) starting.value = false;
    }
  }

  /** Ends what is being measured; figures that are there stay. */
  function cancel(): void {
    turn += 1;
    starting.value = false;
    stop();
  }

  function stop(): void {
    const running = job.value;
    jobId.value = '';
    if (running !== undefined) void jobs.cancel(running).catch(() => undefined);
  }

  watch(
    () => photo.info?.id,
    () => {
      cancel();
      measured.value = undefined;
      failure.value = undefined;
      reference.value = undefined;
    },
  );

  return { reference, niqe, report, failure, job, isBusy, run, cancel };
});
