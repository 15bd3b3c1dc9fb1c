import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { listSupportedBackends } from 'onnxruntime-node';

import type { DeviceInfo, EngineCalls, EngineEvents, EngineInfo, EventValue, Job, PhotoInfo, Settings } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';
import { checkParams, type ParamValues } from '../shared/params.ts';
import type { Recipe } from '../shared/recipe.ts';
import type { Handlers } from '../shared/rpc.ts';
import { findDamage } from './damage/find-damage.ts';
import { FaceInspections } from './face-inspections.ts';
import { openFillNetwork } from './fill/fill-network.ts';
import { createFillThread } from './fill/fill-thread.ts';
import { prepareFilling } from './fill/prepare-filling.ts';
import { openPhoto } from './image/decode.ts';
import { defaultExportOptions, savePhoto } from './image/encode.ts';
import type { Image } from './image/image.ts';
import { createImageStore } from './image/image-store.ts';
import type { PhotoMetadata } from './image/photo-metadata.ts';
import { ImageShelf, type PixelAnswer } from './image-shelf.ts';
import { createJobQueue, type JobQueue } from './jobs.ts';
import { Memo } from './memo.ts';
import { measureResult } from './measure-result.ts';
import { measureConsistency } from './metrics/consistency.ts';
import { createProcessProbe, fastestDevice, loadOrProbeDevices, type Probe, probeDevices } from './models/devices.ts';
import { openModelFiles } from './models/model-files.ts';
import { createModelHub, type ModelHub } from './models/model-hub.ts';
import { createInlineRuntime, createWorkerRuntime } from './models/runtime.ts';
import { Previews } from './previews.ts';
import { Proposals } from './proposals.ts';
import { quietContext } from './context.ts';
import { maskFromImage } from './fill/mask-from-image.ts';
import { writeMask } from './fill/write-mask.ts';
import { Retouches } from './retouches.ts';
import { describeStep, steps } from './steps/registry.ts';
import { checkRecipe, recipeNotices, runRecipe } from './steps/run-recipe.ts';
import { RemovalCache } from './steps/removal-cache.ts';
import { StepCache } from './steps/step-cache.ts';
import { repair } from './steps/repair.ts';
import { suggestRecipe } from './suggest.ts';

export interface EngineOptions {
  /** Added models and the device probe's results. */
  readonly dataDirectory: string;
  readonly scratchDirectory: string;
  /** Folders with a catalog; the shipped one first. */
  readonly modelDirectories: readonly string[];
  readonly settings: Settings;
  readonly version: string;
  /** Built modules that run outside this thread. Without them inference runs inline and only the CPU is used: for tests and tools. */
  readonly entries?: { readonly inferenceWorker: string; readonly fillWorker: string; readonly deviceProbe: string };
  log?(line: string): void;
}

/** Everything Heirloom can do with photos and models, behind one door. */
export interface Engine {
  readonly handlers: Handlers<EngineCalls>;
  readonly models: ModelHub;
  readonly jobs: JobQueue;
  onEvent(listener: <K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>) => void): () => void;
  /** Answers the contract's pixel paths; undefined when there is no such picture. */
  pixels(path: string): Promise<PixelAnswer | undefined>;
  close(): Promise<void>;
}

interface OpenPhoto {
  readonly name: string;
  readonly image: Image;
  readonly metadata: PhotoMetadata;
  readonly key: string;
  readonly info: PhotoInfo;
  readonly results: string[];
}

/** Rises when the self-test or its sentences change, so that every device is tested anew. */
const selfTestVersion = 2;
/** Results of a photo that stay viewable; older ones are let go. */
const resultsKept = 2;
/** Measuring consistency reads both pictures whole; beyond this it would hold up the job. */
const consistencyPixels = 64e6;
/** What steps found out about their inputs: some hundred restored faces. */
const memoBytes = 192 * 2 ** 20;

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { version, log = () => {} } = options;
  let settings = options.settings;
  const budgetBytes = (): number => settings.memoryBudgetMiB * 2 ** 20;
  await mkdir(options.dataDirectory, { recursive: true });
  const store = createImageStore({ directory: options.scratchDirectory, memoryBudgetBytes: Math.floor(budgetBytes() / 2) });
  const cache = new StepCache(Math.floor(budgetBytes() / 2));
  const memo = new Memo(memoBytes);
  const removals = new RemovalCache(Math.floor(budgetBytes() / 8));
  const shelf = new ImageShelf(store);
  const proposals = new Proposals();
  const faces = new FaceInspections(shelf);
  const retouches = new Retouches(shelf);
  const photos = new Map<string, OpenPhoto>();

  const listeners = new Set<Parameters<Engine['onEvent']>[0]>();
  const emit = <K extends keyof EngineEvents & string>(name: K, value: EventValue<EngineEvents[K]>): void => {
    for (const listener of listeners) listener(name, value);
  };
  const jobs = createJobQueue((job) => emit('job.changed', job), log);
  const previews = new Previews(shelf, (preview) => emit('preview.changed', preview));

  const devices = await findDevices(options);
  const deviceFor = (wanted: string): string => (devices.some(({ id, state }) => id === wanted && state === 'ready') ? wanted : fastestDevice(devices));
  const runtime = options.entries === undefined ? createInlineRuntime() : createWorkerRuntime(options.entries.inferenceWorker);
  const fills = options.entries === undefined ? undefined : createFillThread(options.entries.fillWorker);
  const files = openModelFiles(options.modelDirectories, join(options.dataDirectory, 'models'));
  const models = createModelHub({ files, runtime, settings, device: deviceFor(settings.device), threads: availableParallelism(), log, onSpeed: () => void announceModels() });
  const info = (): EngineInfo => ({ version, devices, device: deviceFor(settings.device) });
  const announceModels = async (): Promise<void> => emit('model.changed', await models.list());

  const photoOf = (id: string): OpenPhoto => {
    const photo = photos.get(id);
    if (photo === undefined) throw new HeirloomError('bad-input', 'This photo is not open any more.', 'Open it again.');
    return photo;
  };
  const benchOf = (photo: OpenPhoto): Parameters<typeof runRecipe>[3] => ({ store, models, cache, memo, removals, ...(fills === undefined ? {} : { filler: fills.fill }), photo: { dpi: photo.metadata.dpi } });

  const closePhoto = (id: string): void => {
    const photo = photos.get(id);
    if (photo === undefined) return;
    photos.delete(id);
    previews.forget(id);
    proposals.forget(id);
    faces.forget(id);
    retouches.forget(id);
    for (const image of photo.results) shelf.take(image);
    shelf.take(photo.info.image.id);
    cache.release(photo.image);
  };

  const showResult = (photo: OpenPhoto, image: Image): ReturnType<ImageShelf['put']> => {
    const shown = shelf.put(image, () => cache.release(image));
    photo.results.push(shown.id);
    for (const old of photo.results.splice(0, Math.max(0, photo.results.length - resultsKept))) shelf.take(old);
    return shown;
  };

  const handlers: Handlers<EngineCalls> = {
    'engine.info': info,
    'settings.apply': async (next) => {
      settings = next;
      await models.applySettings(next, deviceFor(next.device));
      return info();
    },
    'step.list': () => steps.map(describeStep),
    'photo.open': async ({ id, path, name, allowDamaged }) => {
      closePhoto(id);
      const { image, metadata } = await openPhoto(path, { store, allowDamaged });
      cache.retain(image);
      const photoInfo: PhotoInfo = {
        id,
        name,
        image: shelf.put(image, () => {}),
        format: metadata.format,
        bitDepth: metadata.bitDepth,
        sizeBytes: metadata.sizeBytes,
        notices: metadata.notices,
        suggestion: await suggestRecipe(image, metadata, models, store),
        exportDefaults: defaultExportOptions(metadata),
        ...(metadata.iccName === undefined ? {} : { profile: metadata.iccName }),
        ...(metadata.dpi === undefined ? {} : { dpi: metadata.dpi }),
      };
      photos.set(id, { name, image, metadata, key: `${id}/${path}`, info: photoInfo, results: [] });
      return photoInfo;
    },
    'photo.close': ({ photo }) => closePhoto(photo),
    'recipe.run': ({ photo: id, recipe }) => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      return jobs.start({
        kind: 'restore',
        title: `Restoring ${photo.name}`,
        run: async (context) => {
          const image = await runRecipe(photo.image, photo.key, recipe, benchOf(photo), context.part(0, 0.97));
          const consistencyDb = image.width * image.height <= consistencyPixels ? (await measureConsistency(photo.image, image, store, context.part(0.97, 1))).psnrDb : undefined;
          context.report(1);
          const notices = recipeNotices(photo.image, recipe, benchOf(photo));
          return { image: showResult(photo, image), ...(notices.length === 0 ? {} : { notices }), ...(consistencyDb === undefined ? {} : { consistencyDb: Math.min(consistencyDb, 120) }) };
        },
      });
    },
    'measure.run': ({ photo: id, recipe, reference, niqe }) => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      return jobs.start({
        kind: 'measure',
        title: `Measuring ${photo.name}`,
        run: async (context) => {
          const image = await runRecipe(photo.image, photo.key, recipe, benchOf(photo), context.part(0, 0.5));
          try {
            return { measures: await measureResult(photo.image, image, { reference, niqe, store, context: context.part(0.5, 1) }) };
          } finally {
            cache.release(image);
          }
        },
      });
    },
    'faces.inspect': ({ photo: id, recipe, use }) => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      return jobs.start({
        kind: 'inspect',
        title: `Looking at the faces in ${photo.name}`,
        run: async (context) => {
          const found = await faces.look({ photo: id, image: photo.image, key: photo.key, recipe, use }, benchOf(photo), context);
          // A photo that was closed meanwhile keeps nothing on the shelf.
          if (photos.get(id) !== photo) faces.forget(id);
          return { faces: found };
        },
      });
    },
    'preview.request': ({ request, photo: id, recipe, rect }) => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      previews.request({ request, photo: id, recipe, rect }, { image: photo.image, key: photo.key, bench: benchOf(photo), framesOf: (use) => faces.framesOf(id, use) });
      return undefined;
    },
    'preview.cancel': ({ photo }) => previews.cancel(photo),
    'image.release': ({ image }) => shelf.take(image),
    'mask.propose': ({ photo: id, recipe, use }) => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      const { before, params } = upToUse(recipe, use);
      return jobs.start({
        kind: 'propose',
        title: `Looking for damage in ${photo.name}`,
        run: async (context) => {
          const image = await runRecipe(photo.image, photo.key, before, benchOf(photo), context.part(0, before.steps.length > 0 ? 0.3 : 0));
          try {
            const found = await findDamage(image, { model: params.model, models, store, context: context.part(before.steps.length > 0 ? 0.3 : 0, 1) });
            return { damage: proposals.put(id, found), notices: found.notices };
          } finally {
            cache.release(image);
          }
        },
      });
    },
    'retouch.prepare': ({ model }) => {
      openFillNetwork(models, model)
        .then((network) => prepareFilling(network, fills?.fill))
        .catch((error: unknown) => log(`What fills could not be loaded ahead: ${error instanceof Error ? error.message : String(error)}`));
    },
    'retouch.run': ({ photo: id, recipe, use }) => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      return jobs.start({
        kind: 'retouch',
        title: `Removing from ${photo.name}`,
        run: async (context, showDraft) => {
          const layers = await retouches.show({ id, image: photo.image, key: photo.key, bench: benchOf(photo) }, recipe, use, context, showDraft);
          // Closed meanwhile: nobody will look at them.
          if (!photos.has(id)) retouches.forget(id);
          return { layers };
        },
      });
    },
    'mask.read': async ({ path }) => {
      const { image } = await openPhoto(path, { store });
      return maskFromImage(image, quietContext()).finally(() => image.dispose());
    },
    'mask.write': ({ photo: id, mask, path, overwrite }) => {
      const photo = photoOf(id);
      return jobs.start({
        kind: 'export',
        title: `Saving a mask of ${photo.name}`,
        run: async (context) => {
          await writeMask(mask, path, { photo: photo.metadata.path, overwrite }, context);
          return { savedAs: path };
        },
      });
    },
    'mask.threshold': (input) => proposals.threshold(input),
    'mask.release': ({ damage }) => proposals.release(damage),
    'job.list': () => jobs.list(),
    'job.cancel': ({ job }) => jobs.cancel(job),
    'model.list': () => models.list(),
    'model.inspect': ({ path }) => models.inspect(path),
    'model.add': async ({ path }) => {
      const card = await models.add(path);
      await announceModels();
      return card;
    },
    'model.remove': async ({ model }) => {
      await models.remove(model);
      await announceModels();
      return undefined;
    },
    'model.install': ({ model }) =>
      jobs.start({
        kind: 'model',
        title: `Installing ${models.entry(model).title}`,
        run: async (context) => {
          await models.install(model, context);
          await announceModels();
          return {};
        },
      }),
    'model.compare': ({ a, b }) => models.compare(a, b),
    'model.interpolate': ({ a, b, alpha, path }) =>
      jobs.start({
        kind: 'model',
        title: `Mixing ${models.entry(a).title} and ${models.entry(b).title}`,
        run: async (context) => {
          context.report(0, 'Mixing weights');
          await models.interpolate({ id: a, partner: b, alpha }, path);
          return { savedAs: path };
        },
      }),
    'export.start': ({ photo: id, recipe, path, options: exportOptions, overwrite }): Job => {
      const photo = photoOf(id);
      checkRecipe(photo.image, recipe, benchOf(photo));
      return jobs.start({
        kind: 'export',
        title: `Exporting ${photo.name}`,
        run: async (context) => {
          const image = await runRecipe(photo.image, photo.key, recipe, benchOf(photo), context.part(0, 0.7));
          try {
            const { notices } = await savePhoto(image, photo.metadata, path, exportOptions, { store, context: context.part(0.7, 1), overwrite });
            return { savedAs: path, notices: [...recipeNotices(photo.image, recipe, benchOf(photo)), ...notices] };
          } finally {
            cache.release(image);
          }
        },
      });
    },
  };

  return {
    handlers,
    models,
    jobs,
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    pixels: (path) => shelf.pixels(path),
    close: async () => {
      await jobs.close();
      previews.clear();
      faces.clear();
      retouches.clear();
      for (const id of [...photos.keys()]) closePhoto(id);
      shelf.clear();
      cache.clear();
      memo.clear();
      await fills?.close();
      removals.clear();
      await models.close();
      await store.close();
    },
  };
}

/** The steps that come before the use of Repair `id`, and that use's params. */
function upToUse(recipe: Recipe, id: string): { readonly before: Recipe; readonly params: ParamValues<typeof repair.params> } {
  const at = recipe.steps.findIndex((use) => use.id === id && use.step === repair.id);
  const use = recipe.steps[at];
  if (use === undefined) throw new HeirloomError('bad-input', 'The recipe has no such step to look for damage for.', 'Add the step Repair.');
  const before = recipe.steps.slice(0, at).filter((other) => other.enabled && other.strength > 0);
  return { before: { ...recipe, steps: before }, params: checkParams(repair.params, use.params, repair.title) };
}

async function findDevices({ entries, dataDirectory, version }: EngineOptions): Promise<readonly DeviceInfo[]> {
  if (entries === undefined) return [{ id: 'cpu', label: 'CPU', state: 'ready', note: 'Runs in this process.' }];
  const supported = listSupportedBackends().map(({ name }) => name);
  const probe: Probe = createProcessProbe(entries.deviceProbe);
  return loadOrProbeDevices(dataDirectory, `${version} test ${selfTestVersion} ${process.platform} ${process.arch} ${supported.join(' ')}`, () => probeDevices(supported, probe));
}
