import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { FaceInspection, FaceReport, Job } from '../../shared/contract.ts';
import { type FaceBox, type FaceEdit, faceEditsAt } from '../../shared/face-edit.ts';
import { fromFailure } from '../../shared/failure.ts';
import type { Recipe, StepUse } from '../../shared/recipe.ts';
import {
  changeFace,
  drawFace,
  editOf,
  type FaceChange,
  forgetFace,
  isOn,
  switchFaces,
} from '../face-edits.ts';
import { injectStudio } from '../inject-studio.ts';
import { useJobs } from './jobs.ts';
import { usePhoto } from './photo.ts';
import { usePreview } from './preview.ts';
import { useSession } from './session.ts';

/** A face in the panel: what was found and what was decided. */
export interface FaceEntry {
  readonly report: FaceReport;
  readonly edit: FaceEdit | undefined;
  readonly on: boolean;
  readonly strength: number;
  /** 'Face 3', from the top left on. */
  readonly name: string;
}

interface Look {
  readonly inspection: FaceInspection;
  /** What the look depended on: of the use itself, and of everything before and after it. */
  readonly ownKey: string;
  readonly otherKey: string;
}

/** After the last change of a decision, before the faces are looked at again. */
const settleMs = 250;

/** The faces of the photo as uses of a step see them, and what the user is doing with them. */
export const useFaces = defineStore('faces', () => {
  const studio = injectStudio();
  const photo = usePhoto();
  const jobs = useJobs();
  const preview = usePreview();
  const session = useSession();

  const looks = shallowRef<ReadonlyMap<string, Look>>(new Map());
  const running = shallowRef<{ readonly use: string; readonly job: Job | undefined }>();
  const problem = shallowRef<{ readonly use: string; readonly message: string; readonly hint: string }>();
  /** The use whose faces are framed in the photo; '' for none. */
  const framed = ref('');
  /** The face whose points can be moved, and the one that is seen large. */
  const selected = ref('');
  const opened = shallowRef<{ readonly use: string; readonly face: string }>();
  /** A box is about to be drawn. */
  const drawing = ref(false);
  let settleTimer: ReturnType<typeof setTimeout> | undefined;
  let turn = 0;

  const useOf = (id: string): StepUse | undefined => photo.recipe.steps.find((use) => use.id === id);
  const inspectionOf = (use: string): FaceInspection | undefined => looks.value.get(use)?.inspection;
  const isBusy = (use: string): boolean => running.value?.use === use;
  const progressOf = (use: string): Job | undefined => {
    const id = isBusy(use) ? running.value?.job?.id : undefined;
    return id === undefined ? undefined : jobs.byId.get(id);
  };

  /** What was found for a use, with what was decided. */
  function entriesOf(id: string): readonly FaceEntry[] {
    const use = useOf(id);
    const inspection = inspectionOf(id);
    if (use === undefined || inspection === undefined) return [];
    const edits = use.faces === undefined ? [] : faceEditsAt(use.faces, inspection);
    const isGone = ({ id: face, source }: FaceReport): boolean =>
      source === 'drawn' && !edits.some((edit) => edit.id === face);
    return inspection.faces
      .filter((report) => !isGone(report))
      .map((report, index) => {
        const edit = edits.find((entry) => entry.id === report.id);
        return {
          report:
            edit === undefined
              ? report
              : {
                  ...report,
                  box: edit.source === 'drawn' ? edit.box : report.box,
                  points: edit.points ?? report.points,
                },
          edit,
          on: isOn(report, edit),
          strength: edit?.strength ?? use.strength,
          name: `Face ${index + 1}`,
        };
      });
  }

  /** The steps around the use changed since its faces were looked at. */
  const isStale = (use: string): boolean => {
    const look = looks.value.get(use);
    return look !== undefined && look.otherKey !== otherKeyOf(photo.info?.id, photo.recipe, use);
  };

  /** Looks at the faces of a use, or again after something changed. */
  async function look(use: string): Promise<void> {
    const info = photo.info;
    if (info === undefined || useOf(use) === undefined) return;
    clearTimeout(settleTimer);
    const own = ++turn;
    stop();
    running.value = { use, job: undefined };
    problem.value = undefined;
    const recipe = photo.recipe;
    try {
      const job = await studio.call('faces.inspect', { photo: info.id, recipe, use });
      if (own !== turn) return void jobs.cancel(job).catch(() => undefined);
      running.value = { use, job };
      const over = await jobs.whenOver(job);
      if (own !== turn || photo.info?.id !== info.id) return;
      running.value = undefined;
      if (over.failure !== undefined) throw fromFailure(over.failure);
      const inspection = over.result?.faces;
      if (inspection !== undefined)
        keep(use, { inspection, ownKey: ownKeyOf(recipe, use), otherKey: otherKeyOf(info.id, recipe, use) });
    } catch (error) {
      if (own !== turn) return;
      running.value = undefined;
      const { message, hint } = error as { readonly message: string; readonly hint?: string };
      problem.value = { use, message, hint: hint ?? '' };
    }
  }

  function keep(use: string, value: Look): void {
    looks.value = new Map(looks.value).set(use, value);
    // What was decided while it was looked at.
    if (value.ownKey !== ownKeyOf(photo.recipe, use)) lookSoon(use);
  }

  function stop(): void {
    const job = running.value?.job;
    running.value = undefined;
    if (job !== undefined) void jobs.cancel(job).catch(() => undefined);
  }

  function lookSoon(use: string): void {
    clearTimeout(settleTimer);
    settleTimer = setTimeout(() => void look(use), settleMs);
  }

  function edit(next: Recipe, commit: boolean): void {
    preview.begin();
    photo.edit(next);
    if (commit) photo.commit();
  }

  /** Changes what is decided about a face; with `commit` it is one entry of the history. */
  function change(use: string, face: FaceReport, what: FaceChange, commit = true): void {
    const inspection = inspectionOf(use);
    if (inspection !== undefined) edit(changeFace(photo.recipe, use, inspection, face, what), commit);
  }

  /** Turns faces on or off. */
  function turnTo(use: string, faces: readonly FaceReport[], on: boolean): void {
    const inspection = inspectionOf(use);
    if (inspection !== undefined) edit(switchFaces(photo.recipe, use, inspection, faces, on), true);
  }

  /** Moves one of the five points; a face that was found is then a corrected one. */
  function movePoint(
    use: string,
    face: FaceReport,
    index: number,
    to: { readonly x: number; readonly y: number },
    commit = true,
  ): void {
    const points = face.points.map((point, i) => (i === index ? to : point));
    change(use, face, { points, source: face.source === 'drawn' ? 'drawn' : 'corrected' }, commit);
  }

  /** Marks a face where the detector saw none; the box is in pixels of the photo. */
  function draw(use: string, box: FaceBox): void {
    const size = photo.info?.image;
    if (size === undefined) return;
    const drawn = drawFace(photo.recipe, use, size, box);
    edit(drawn.recipe, true);
    drawing.value = false;
    selected.value = drawn.id;
    if (!looks.value.has(use)) lookSoon(use);
  }

  function forget(use: string, face: string): void {
    edit(forgetFace(photo.recipe, use, face), true);
    if (selected.value === face) selected.value = '';
  }

  function frame(use: string): void {
    framed.value = framed.value === use ? '' : use;
    if (framed.value === '') {
      drawing.value = false;
      selected.value = '';
    }
  }

  function clear(): void {
    turn += 1;
    clearTimeout(settleTimer);
    stop();
    looks.value = new Map();
    problem.value = undefined;
    framed.value = '';
    selected.value = '';
    opened.value = undefined;
    drawing.value = false;
  }

  /** The use whose decisions changed so that what is shown of its faces is no longer true. */
  const outdated = computed(() => {
    for (const [use, { ownKey }] of looks.value)
      if (useOf(use) !== undefined && ownKey !== ownKeyOf(photo.recipe, use)) return use;
    return undefined;
  });
  watch([outdated, () => photo.recipe], ([use]) => {
    if (use !== undefined) lookSoon(use);
  });
  watch([() => photo.info?.id, () => session.engineRun], clear);
  // Restoring must not wait for a look; what was found by then is remembered by the engine.
  let interrupted = '';
  watch(
    () => photo.restoring !== undefined,
    (restoring) => {
      if (restoring && running.value !== undefined) {
        interrupted = running.value.use;
        turn += 1;
        stop();
      } else if (!restoring && interrupted !== '') {
        lookSoon(interrupted);
        interrupted = '';
      }
    },
  );

  return {
    framed,
    selected,
    opened,
    drawing,
    problem,
    entriesOf,
    inspectionOf,
    editOf: (use: string, face: string) => editOf(useOf(use), face),
    isBusy,
    progressOf,
    isStale,
    look,
    stop,
    change,
    turnTo,
    movePoint,
    draw,
    forget,
    frame,
  };
});

/** What of a use decides how its faces come out at full strength; whether they are on and how strong is seen without looking again. */
function ownKeyOf(recipe: Recipe, id: string): string {
  const use = recipe.steps.find((entry) => entry.id === id);
  const faces = use?.faces?.faces.map(({ strength: _own, state, ...face }) => ({
    ...face,
    accepted: state === 'accepted',
  }));
  return JSON.stringify([use?.params, faces ?? []]);
}

function otherKeyOf(photo: string | undefined, recipe: Recipe, id: string): string {
  const index = recipe.steps.findIndex((use) => use.id === id);
  const before = recipe.steps.slice(0, index).filter((use) => use.enabled && use.strength > 0);
  const masks = recipe.steps.slice(index + 1).flatMap((use) => (use.enabled ? [use.mask, use.entries] : []));
  return JSON.stringify([photo, before, masks.filter((mask) => mask !== undefined)]);
}
