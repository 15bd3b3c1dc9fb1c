import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import {
  type DamageKind,
  damageParams,
  type DamageProposal,
  type DamageSearch,
  kindsWanted,
} from '../../shared/damage.ts';
import { fromFailure } from '../../shared/failure.ts';
import type { Mask } from '../../shared/mask.ts';
import type { StepUse } from '../../shared/recipe.ts';
import { injectStudio } from '../inject-studio.ts';
import { changeStep } from '../recipe-edits.ts';
import { useJobs } from './jobs.ts';
import { useNotices } from './notices.ts';
import { usePhoto } from './photo.ts';
import { usePreview } from './preview.ts';

interface Searched {
  /** Id of the step use it was made for. */
  readonly use: string;
  readonly search: DamageSearch;
}

const defaultSensitivity = 0.5;
const defaultGrowPx = 2;

/**
 * Damage that was looked for and is proposed as the mask of a step: shown first, followed by the step's sensitivity and kinds, and part of the
 * recipe only once it is accepted.
 */
export const useDamage = defineStore('damage', () => {
  const studio = injectStudio();
  const photo = usePhoto();
  const preview = usePreview();
  const jobs = useJobs();
  const notices = useNotices();

  const searched = shallowRef<Searched>();
  const proposal = shallowRef<DamageProposal>();
  /** The step use that is being looked for, and its job. */
  const looking = ref('');
  const jobId = ref('');
  const job = computed(() => jobs.byId.get(jobId.value));
  /** The proposal that is the mask already. */
  let accepted: string | undefined;
  let asked = 0;
  /** Stopped before the engine said which job it is. */
  let stopsAtOnce = false;

  const useOf = (id: string | undefined): StepUse | undefined =>
    photo.recipe.steps.find((use) => use.id === id);

  /** What the proposal depends on besides the search. */
  const wanted = computed(() => {
    const use = useOf(searched.value?.use);
    if (use === undefined) return undefined;
    const { sensitivity = defaultSensitivity, growPx = defaultGrowPx } = use.params;
    return JSON.stringify({
      sensitivity: Number(sensitivity),
      kinds: kindsWanted(use.params),
      growPx: Number(growPx),
    });
  });

  /** Looks for damage for a step use, which is on from then on but does nothing until the proposal is accepted. */
  async function look(use: StepUse): Promise<void> {
    const { info } = photo;
    if (info === undefined || looking.value !== '') return;
    drop();
    looking.value = use.id;
    stopsAtOnce = false;
    if (!use.enabled) {
      photo.edit(changeStep(photo.recipe, use.id, { enabled: true }));
      photo.commit();
    }
    try {
      const started = await studio.call('mask.propose', {
        photo: info.id,
        recipe: photo.recipe,
        use: use.id,
      });
      jobId.value = started.id;
      if (stopsAtOnce) await jobs.cancel(started);
      const ended = await jobs.whenOver(started);
      const search = ended.result?.damage;
      if (ended.failure !== undefined) notices.failed(fromFailure(ended.failure));
      if (search === undefined) return;
      if (photo.info?.id !== info.id || useOf(use.id) === undefined) return void release(search.id);
      searched.value = { use: use.id, search };
      await ask();
    } catch (error) {
      notices.failed(error);
    } finally {
      looking.value = '';
      jobId.value = '';
    }
  }

  async function stop(): Promise<void> {
    stopsAtOnce = true;
    if (job.value !== undefined) await jobs.cancel(job.value);
  }

  /** Brings the proposal up to the parameters; of several that are on the way the newest counts. */
  async function ask(): Promise<void> {
    if (searched.value === undefined || wanted.value === undefined) return;
    const turn = ++asked;
    const { search } = searched.value;
    const options = JSON.parse(wanted.value) as {
      sensitivity: number;
      kinds: DamageKind[];
      growPx: number;
    };
    try {
      const found = await studio.call('mask.threshold', { damage: search.id, ...options });
      if (turn === asked && searched.value?.search.id === search.id) proposal.value = found;
    } catch (error) {
      if (turn !== asked) return;
      drop();
      notices.failed(error);
    }
  }

  /** Makes the proposal the step's mask; what was painted on an earlier one stays on top. */
  function accept(): void {
    const use = useOf(searched.value?.use);
    const found = proposal.value;
    if (use === undefined || found === undefined) return;
    const painted = use.mask?.shapes.filter(({ kind }) => kind !== 'bitmap') ?? [];
    const mask: Mask = { ...found.mask, shapes: [...found.mask.shapes, ...painted] };
    accepted = wanted.value;
    proposal.value = undefined;
    preview.begin();
    photo.edit({
      ...photo.recipe,
      steps: photo.recipe.steps.map((other) => (other.id === use.id ? { ...other, mask } : other)),
    });
    photo.commit();
  }

  /** Shows nothing any more; what was accepted before stays. */
  function drop(): void {
    const before = searched.value;
    searched.value = undefined;
    proposal.value = undefined;
    accepted = undefined;
    asked += 1;
    if (before !== undefined) release(before.search.id);
  }

  function release(damage: string): void {
    void studio.call('mask.release', { damage }).catch(() => undefined);
  }

  /** Whether a parameter is about a kind of damage that the search does not tell apart. */
  function isUntold(use: string, param: string): boolean {
    if (searched.value?.use !== use) return false;
    const kinds = Object.keys(damageParams) as DamageKind[];
    const kind = kinds.find((each) => damageParams[each] === param);
    return kind !== undefined && !searched.value.search.kinds.includes(kind);
  }

  watch(wanted, (now) => {
    if (searched.value === undefined) return;
    if (now === undefined) drop();
    else if (now !== accepted) void ask();
    else proposal.value = undefined;
  });
  watch(
    () => photo.info?.id,
    () => {
      // The engine lets go of the searches of a photo that is closed.
      searched.value = undefined;
      proposal.value = undefined;
      asked += 1;
    },
  );

  return { searched, proposal, looking, job, look, stop, accept, drop, isUntold };
});
