import { damageKinds, type DamageProposal, type DamageSearch } from './damage.ts';
import type { ExportOptions } from './export-options.ts';
import { exportOptionsSchema } from './export-options.ts';
import type { FaceBox } from './face-edit.ts';
import type { Failure } from './failure.ts';
import { type Mask, maskSchema } from './mask.ts';
import type { MeasureReport } from './measures.ts';
import type { ParamSet } from './params.ts';
import { type Recipe, recipeSchema } from './recipe.ts';
import type { Rect } from './rect.ts';
import {
  array,
  boolean,
  type Infer,
  integer,
  nothing,
  number,
  object,
  oneOf,
  optional,
  type Schema,
  string,
} from './schema.ts';

/** One call: the run-time check of its input, and the type of its output. */
export interface Call<I, O> {
  readonly input: Schema<I>;
  /** Never set: carries the output type only. */
  readonly output?: O;
}

/** One event; its value is always the whole new state. */
export interface EventOf<T> {
  readonly value?: T;
}

function call<O>(): <I>(input: Schema<I>) => Call<I, O> {
  return (input) => ({ input });
}

function event<T>(): EventOf<T> {
  return {};
}

/** A picture the engine holds; `PixelPaths` says where its pixels are. Pixels never travel in messages. */
export interface ImageInfo {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  /** Tiles are squares of this side; level 0 is full size, every further level half of the one before. */
  readonly tilePx: number;
  readonly levels: number;
}

export interface PhotoInfo {
  readonly id: string;
  /** File name without its folder. */
  readonly name: string;
  readonly image: ImageInfo;
  readonly format: string;
  readonly bitDepth: number;
  /** Name of the color profile found in the file, if any. */
  readonly profile?: string;
  readonly dpi?: number;
  readonly sizeBytes: number;
  /** Sentences the user should know: "This TIFF has 3 pages; the first one was opened." */
  readonly notices: readonly string[];
  /** What Heirloom proposes for this photo. */
  readonly suggestion: Recipe;
  /** How a result would be saved if nothing is changed. */
  readonly exportDefaults: ExportOptions;
}

export interface StepDescription {
  readonly id: string;
  readonly version: number;
  readonly title: string;
  readonly summary: string;
  readonly strength: 'blend' | 'own' | 'none';
  readonly params: ParamSet;
  /** It does nothing without a mask: of no use to an interface that cannot make one. */
  readonly needsMask?: boolean;
  /** It can look for what its mask should be (`mask.propose`); nothing is done until that was accepted. */
  readonly proposesMask?: boolean;
  /** It takes decisions about single faces, and `faces.inspect` says which there are. */
  readonly perFace?: boolean;
  /** Faces that are put in right after it are restored from the picture before it: what it does is done to the background alone. */
  readonly behindFaces?: boolean;
  /** Its uses hold removals (`entries`), each with its own mask; `retouch.run` shows what becomes of them. */
  readonly holdsEntries?: boolean;
  /** It may change the size of the picture, so it acts on all of it and takes no mask. */
  readonly changesSize?: boolean;
}

export interface DeviceInfo {
  /** 'cpu', 'webgpu', 'cuda', 'dml', 'coreml', ... */
  readonly id: string;
  readonly label: string;
  /** 'struck-off': it crashed or gave wrong numbers in the self-test. 'unavailable': this machine or build lacks it. */
  readonly state: 'ready' | 'struck-off' | 'unavailable';
  /** One sentence why, or that it passed the self-test. */
  readonly note: string;
  /** Shortest time of the self-test network; present when the device passed. */
  readonly selfTestMs?: number;
}

export interface EngineInfo {
  readonly version: string;
  readonly devices: readonly DeviceInfo[];
  /** Id of the device in use. */
  readonly device: string;
}

export interface ModelCard {
  readonly id: string;
  readonly title: string;
  readonly role: string;
  /** 'embedded' ships with Heirloom, 'added' was dropped in by the user, 'catalog' can be (or was) installed from its source. */
  readonly origin: 'embedded' | 'added' | 'catalog';
  readonly present: boolean;
  readonly architecture: string;
  readonly parameters?: number;
  readonly scale?: number;
  readonly receptiveFieldPx?: number;
  readonly gflopPerMegapixel?: number;
  /** Measured on this machine; absent until it was. */
  readonly msPerMegapixel?: number;
  readonly hyperparameters?: Readonly<Record<string, number | string | boolean>>;
  readonly license: string;
  readonly sha256?: string;
  readonly sizeBytes?: number;
  readonly url?: string;
  /** Id of the other end of the pair that α interpolates. */
  readonly partner?: string;
  /** 'fidelity' or 'perception' end of a pair, 'gentle' or 'strong'. */
  readonly end?: string;
  readonly note?: string;
}

/** What two sets of weights have in common, for interpolation. */
export interface Compatibility {
  readonly compatible: boolean;
  readonly verdict: string;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  readonly shapeDifferent: readonly string[];
  readonly nonFinite: readonly string[];
  /** Set when a textured probe shows that the middle of the path is broken although the shapes agree. */
  readonly warning?: string;
}

/** One face as the step that restores faces sees it; lengths in pixels of the picture as it reaches that step. */
export interface FaceReport {
  /** The same for the same face in the next search. */
  readonly id: string;
  /** 'drawn': marked by hand. */
  readonly source: 'found' | 'corrected' | 'drawn';
  readonly box: FaceBox;
  /** Left eye, right eye, nose, left and right corner of the mouth, as seen in the photo. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** How sure the detector is, 0 to 1; absent when it did not find the face. */
  readonly score?: number;
  readonly eyeDistancePx: number;
  /** How far the structure of the restored face is from the person's, 0 to 1; absent when it was not restored for a look. */
  readonly identityDistance?: number;
  /** How far a network that recognizes faces takes the two to be, 0 to 2; absent when none is installed. */
  readonly embeddingDistance?: number;
  /** One sentence why it starts off. */
  readonly warning?: string;
  /** Whether it is restored when nobody decides. */
  readonly startsOn: boolean;
  /** The upright, square crop as it is in the photo. */
  readonly before: ImageInfo;
  /** The same at full strength; absent when it was not restored for a look. */
  readonly after?: ImageInfo;
}

export interface FaceInspection {
  /** Size of the picture the coordinates speak of. */
  readonly width: number;
  readonly height: number;
  /** From the top left on. */
  readonly faces: readonly FaceReport[];
}

export interface JobResult {
  /** The restored picture. */
  readonly image?: ImageInfo;
  /** Peak signal-to-noise ratio in dB between the original and the result brought back to its size: how far the result can be explained by the original. */
  readonly consistencyDb?: number;
  /** Where an export went, as the user named it. */
  readonly savedAs?: string;
  /** Web host only: where the browser fetches the exported file. */
  readonly download?: string;
  readonly notices?: readonly string[];
  /** What a search for damage left for `mask.threshold`. */
  readonly damage?: DamageSearch;
  /** What looking for faces found. */
  readonly faces?: FaceInspection;
  /** What was measured of the restored picture. */
  readonly measures?: MeasureReport;
  /** What removals changed, to be laid over the photo; theirs until four newer results or drafts of the photo have come. */
  readonly layers?: readonly ImageLayer[];
}

/** A picture and the part of the photo it shows, in pixels of the photo. */
export interface ImageLayer {
  readonly image: ImageInfo;
  readonly rect: Rect;
}

/** Removals as far as they are. */
export interface RetouchDraft {
  /** To be laid over the photo until those of the next draft or of the result are. */
  readonly layers: readonly ImageLayer[];
  /** Ids of the removals that are in it, the last one only as a network or a coarse filling draws it, or in part. */
  readonly removals: readonly string[];
}

export interface Job {
  readonly id: string;
  /** 'propose', 'inspect' and 'measure' look at a photo and change nothing. */
  readonly kind: 'restore' | 'export' | 'model' | 'propose' | 'inspect' | 'retouch' | 'measure';
  readonly title: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  /** 0 to 1, never falls. */
  readonly progress: number;
  readonly stage: string;
  readonly etaSeconds?: number;
  readonly failure?: Failure;
  readonly result?: JobResult;
  /** What a running 'retouch' has so far. */
  readonly draft?: RetouchDraft;
}

const rect = object({ x: integer(0), y: integer(0), width: integer(1), height: integer(1) });

export interface Preview {
  /** The id the caller gave its request. */
  readonly request: string;
  readonly state: 'coarse' | 'final' | 'failed' | 'superseded';
  readonly image?: ImageInfo;
  /** The part of the source photo that `image` shows. */
  readonly rect: Infer<typeof rect>;
  readonly elapsedMs?: number;
  readonly failure?: Failure;
}

export const settingsSchema = object({
  /** Device id or 'auto'. */
  device: string(40),
  /** Longest tile side; 0 chooses by memory. */
  tilePx: integer(0, 4096),
  /** Memory the engine may use for pictures and tiles. */
  memoryBudgetMiB: integer(256, 1_048_576),
  theme: oneOf('system', 'light', 'dark'),
});
export type Settings = Infer<typeof settingsSchema>;

const id = string(200);

/** How much of a search for damage becomes the mask. */
const thresholdSchema = object({
  /** Id of the `DamageSearch`. */
  damage: id,
  /** 0 = only what is beyond doubt, 1 = whatever looks like damage. */
  sensitivity: number(0, 1),
  kinds: array(oneOf(...damageKinds), damageKinds.length),
  /** Of the mask. */
  growPx: number(0, 200),
});

/** A file the user named, with its name for sentences. */
const namedFile = object({ path: string(), name: string(1000) });

/** What host and engine say to each other. The host is trusted with paths; a user interface is not. */
export const engineCalls = {
  'engine.info': call<EngineInfo>()(nothing()),
  'settings.apply': call<EngineInfo>()(settingsSchema),
  'step.list': call<readonly StepDescription[]>()(nothing()),
  'photo.open': call<PhotoInfo>()(object({ id, path: string(), name: string(1000), allowDamaged: boolean() })),
  'photo.close': call<void>()(object({ photo: id })),
  'recipe.run': call<Job>()(object({ photo: id, recipe: recipeSchema })),
  /** Measures the restored result against the original and, where one was chosen, against a reference; `niqe` are that measure's parameters. */
  'measure.run': call<Job>()(object({ photo: id, recipe: recipeSchema, reference: optional(namedFile), niqe: optional(namedFile) })),
  /** Looks at the faces that the use of a step would restore; the decisions of that use count. */
  'faces.inspect': call<Job>()(object({ photo: id, recipe: recipeSchema, use: id })),
  'preview.request': call<void>()(object({ request: id, photo: id, recipe: recipeSchema, rect })),
  'preview.cancel': call<void>()(object({ photo: id })),
  'image.release': call<void>()(object({ image: id })),
  /** Searches for damage what the step `use` of the recipe gets to see. */
  'mask.propose': call<Job>()(object({ photo: id, recipe: recipeSchema, use: id })),
  /** Quick enough to follow a slider. */
  'mask.threshold': call<DamageProposal>()(thresholdSchema),
  'mask.release': call<void>()(object({ damage: id })),
  /** Removals will be asked for soon: loads what fills them, the network `model` or (empty) the usual one. Answers at once. */
  'retouch.prepare': call<void>()(object({ model: string(200) })),
  /** Carries out the removals of the step `use`, and shows them without the steps after it. Done ones are not done again. */
  'retouch.run': call<Job>()(object({ photo: id, recipe: recipeSchema, use: id })),
  /** A mask from a picture: white = act. */
  'mask.read': call<Mask>()(object({ path: string() })),
  /** Saves a mask as a gray PNG of the size it was painted on; never over the photo. */
  'mask.write': call<Job>()(object({ photo: id, mask: maskSchema, path: string(), overwrite: boolean() })),
  'job.list': call<readonly Job[]>()(nothing()),
  'job.cancel': call<void>()(object({ job: id })),
  'model.list': call<readonly ModelCard[]>()(nothing()),
  'model.inspect': call<ModelCard>()(object({ path: string() })),
  'model.add': call<ModelCard>()(object({ path: string() })),
  'model.remove': call<void>()(object({ model: id })),
  'model.install': call<Job>()(object({ model: id })),
  'model.compare': call<Compatibility>()(object({ a: id, b: id })),
  'model.interpolate': call<Job>()(object({ a: id, b: id, alpha: number(0, 1), path: string() })),
  'export.start': call<Job>()(
    object({ photo: id, recipe: recipeSchema, path: string(), options: exportOptionsSchema, overwrite: boolean() }),
  ),
} as const satisfies Record<string, Call<unknown, unknown>>;

export const engineEvents = {
  'job.changed': event<Job>(),
  'preview.changed': event<Preview>(),
  'model.changed': event<readonly ModelCard[]>(),
} as const;

/** A thing the user named to the host (a file picked, dropped, uploaded or pasted); the user interface only ever sees the token. */
export interface SourceRef {
  readonly source: string;
  readonly name: string;
}

/** A place the user chose to save to. */
export interface TargetRef {
  readonly target: string;
  /** As the user named it. */
  readonly label: string;
  /** The user was already asked and agreed to replace what is there. */
  readonly overwrite: boolean;
}

export interface HostInfo {
  readonly host: 'electron' | 'web';
  readonly version: string;
  readonly platform: string;
}

/** 'ready', or why not: the engine process was lost and is being started again. */
export interface EngineState {
  readonly state: 'starting' | 'ready' | 'restarting' | 'failed';
  readonly message: string;
}

/** What a user interface may ask its host. */
export const studioCalls = {
  'host.info': call<HostInfo>()(nothing()),
  'engine.state': call<EngineState>()(nothing()),
  'engine.info': engineCalls['engine.info'],
  'settings.get': call<Settings>()(nothing()),
  'settings.set': call<Settings>()(settingsSchema),
  'dialog.openPhoto': call<readonly SourceRef[]>()(nothing()),
  'dialog.openModel': call<readonly SourceRef[]>()(nothing()),
  'dialog.saveImage': call<TargetRef | null>()(object({ suggestedName: string(1000), format: string(20) })),
  'dialog.saveModel': call<TargetRef | null>()(object({ suggestedName: string(1000) })),
  'recent.list': call<readonly SourceRef[]>()(nothing()),
  'target.show': call<void>()(object({ target: id })),
  'step.list': engineCalls['step.list'],
  'photo.open': call<PhotoInfo>()(object({ source: id, allowDamaged: optional(boolean()) })),
  'photo.close': engineCalls['photo.close'],
  'recipe.run': engineCalls['recipe.run'],
  'measure.run': call<Job>()(object({ photo: id, recipe: recipeSchema, reference: optional(id), niqe: optional(id) })),
  'faces.inspect': engineCalls['faces.inspect'],
  'preview.request': engineCalls['preview.request'],
  'preview.cancel': engineCalls['preview.cancel'],
  'image.release': engineCalls['image.release'],
  'mask.propose': engineCalls['mask.propose'],
  'mask.threshold': engineCalls['mask.threshold'],
  'mask.release': engineCalls['mask.release'],
  'retouch.prepare': engineCalls['retouch.prepare'],
  'retouch.run': engineCalls['retouch.run'],
  'mask.read': call<Mask>()(object({ source: id })),
  'mask.write': call<Job>()(object({ photo: id, mask: maskSchema, target: id })),
  'job.list': engineCalls['job.list'],
  'job.cancel': engineCalls['job.cancel'],
  'model.list': engineCalls['model.list'],
  'model.inspect': call<ModelCard>()(object({ source: id })),
  'model.add': call<ModelCard>()(object({ source: id })),
  'model.remove': engineCalls['model.remove'],
  'model.install': engineCalls['model.install'],
  'model.compare': engineCalls['model.compare'],
  'model.interpolate': call<Job>()(object({ a: id, b: id, alpha: number(0, 1), target: id })),
  'export.start': call<Job>()(object({ photo: id, recipe: recipeSchema, target: id, options: exportOptionsSchema })),
} as const satisfies Record<string, Call<unknown, unknown>>;

export const studioEvents = {
  ...engineEvents,
  'engine.changed': event<EngineState>(),
  'settings.changed': event<Settings>(),
  /** Open-with, a file dragged onto the icon, the menu, a second start. */
  'photo.requested': event<SourceRef>(),
  /** A command chosen in the native menu: 'open', 'export', 'undo', 'redo', 'zoom-in', 'zoom-out', 'fit', 'actual-size', 'measures', 'settings'. */
  'menu.chosen': event<string>(),
} as const;

export type Calls = Readonly<Record<string, Call<unknown, unknown>>>;
export type Events = Readonly<Record<string, EventOf<unknown>>>;
export type CallInput<C> = C extends { readonly input: Schema<infer I> } ? I : never;
export type CallOutput<C> = C extends Call<unknown, infer O> ? O : never;
export type EventValue<E> = E extends EventOf<infer T> ? T : never;

export type EngineCalls = typeof engineCalls;
export type EngineEvents = typeof engineEvents;
export type StudioCalls = typeof studioCalls;
export type StudioEvents = typeof studioEvents;

/** Where pixels are served, relative to the host's base (`/pixels/` on the web host, `studio://pixels/` in Electron). */
export const pixelPaths = {
  tile: (image: string, level: number, column: number, row: number): string =>
    `${encodeURIComponent(image)}/tile/${level}/${column}/${row}`,
  thumbnail: (image: string, maxPx: number): string => `${encodeURIComponent(image)}/thumbnail/${maxPx}`,
} as const;

/** A request for pixels, parsed from such a path; undefined when it is none. */
export function parsePixelPath(path: string):
  | { readonly image: string; readonly kind: 'tile'; readonly level: number; readonly column: number; readonly row: number }
  | { readonly image: string; readonly kind: 'thumbnail'; readonly maxPx: number }
  | undefined {
  const tile = /^([^/]{1,300})\/tile\/(\d{1,3})\/(\d{1,7})\/(\d{1,7})$/.exec(path);
  const thumbnail = /^([^/]{1,300})\/thumbnail\/(\d{1,5})$/.exec(path);
  const image = decode((tile ?? thumbnail)?.[1]);
  if (image === undefined) return undefined;
  if (tile !== null) return { image, kind: 'tile', level: Number(tile[2]), column: Number(tile[3]), row: Number(tile[4]) };
  return { image, kind: 'thumbnail', maxPx: Number(thumbnail?.[2]) };
}

function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

