import type { FaceEdits } from '../../shared/face-edit.ts';
import type { Mask } from '../../shared/mask.ts';
import type { ParamSet, ParamValues } from '../../shared/params.ts';
import type { Removal } from '../../shared/removal.ts';
import type { Context } from '../context.ts';
import type { HoleFiller } from '../fill/fill-hole.ts';
import type { Image, Rect } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Remember } from '../memo.ts';
import type { ModelHub } from '../models/model-hub.ts';
import type { RemovalCache } from './removal-cache.ts';

/** The photo before all steps, and what of it a step's input shows: all of it, or the part that a preview is made of. */
export interface OriginalPhoto {
  readonly image: Image;
  readonly part: Rect;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a step may use besides its input: other photos' pixels, files and the network are out of reach. */
export interface StepTools {
  readonly store: ImageStore;
  readonly models: ModelHub;
  /** 0 to 1. Only for steps with `strength: 'own'`; the runner blends for the others. */
  readonly strength: number;
  /** The mask of this use. Only for steps with `mask: 'own'`; the runner mixes for the others. */
  readonly mask?: Mask;
  /** What was decided about single faces. Only for steps with `perFace`. */
  readonly faces?: FaceEdits;
  /** The picture that faces are taken from, of any size, where that is not the input itself. Only for steps with `perFace`. */
  readonly facesFrom?: Image;
  /** Masks of later steps that will fill what they select: damage that is still in the picture. Only for steps with `perFace`. */
  readonly damage?: readonly Mask[];
  /** Where holes are filled; in the calling thread if left out. */
  readonly filler?: HoleFiller;
  /** Intermediate results about this very input. Left out: nothing is kept. */
  readonly remember?: Remember;
  /** For steps that measure the photo as it was; the input itself if left out. */
  readonly original?: OriginalPhoto;
  /** What this use takes away, in order. Only for steps with `holdsEntries`. */
  readonly entries?: readonly Removal[];
  /** What was taken away before from the same input, by its key. */
  readonly removals?: { readonly cache: RemovalCache; readonly inputKey: string };
  /** Facts about the photo that geometry may depend on. */
  readonly photo: { readonly dpi: number | undefined };
}

/** One pure operation on an image. Adding a step is adding a file and naming it in `registry.ts`. */
export interface Step<S extends ParamSet = ParamSet> {
  /** kebab-case. */
  readonly id: string;
  /** Rises when the same params would give other pixels. */
  readonly version: number;
  readonly title: string;
  /** One sentence for the user. */
  readonly summary: string;
  readonly params: S;
  /** 'blend': the runner mixes input and output; 'own': the step acts on it itself; 'none': a strength makes no sense. */
  readonly strength: 'blend' | 'own' | 'none';
  /** 'own': the step acts on the mask itself. Left out: the runner mixes input and output by it. */
  readonly mask?: 'own';
  /** Of a step with its own mask: what it should act on can be searched for, so it is of use without a brush. */
  readonly proposesMask?: boolean;
  /** It takes decisions about single faces. */
  readonly perFace?: boolean;
  /** Faces that come right after it are taken from the picture before it: what it does is done to the background alone. */
  readonly behindFaces?: boolean;
  /** Its uses hold removals, and `run` carries out those that are on. */
  readonly holdsEntries?: boolean;
  /** What it does to a place depends on more than a margin around it, so previews of a part run it on the whole picture. */
  readonly needsWhole?: boolean;
  /** Sentences the user should know about this use, before anything is computed. */
  notices?(
    params: ParamValues<S>,
    mask: Mask | undefined,
    input: Size,
    entries: readonly Removal[],
  ): readonly string[];
  /** Ids of the models this use would need; they are part of the cache key. */
  models(params: ParamValues<S>, hub: ModelHub, faces?: FaceEdits): readonly string[];
  outputSize(input: Size, params: ParamValues<S>, photo: StepTools['photo']): Size;
  /** The params that do to a part of a picture of size `whole` what `params` do to the whole; only for steps whose params speak of the whole. */
  forPart?(params: ParamValues<S>, whole: Size): ParamValues<S>;
  /** Input pixels around one that can change its result: what a preview of a part must see around it. Steps that look at single pixels leave it out. */
  contextPx?(params: ParamValues<S>, hub: ModelHub): Promise<number>;
  /** Returns a new image (or `image` itself when there is nothing to do). Never writes to `image`. */
  run(image: Image, params: ParamValues<S>, tools: StepTools, context: Context): Promise<Image>;
}

/** Keeps the parameter types of a step definition. */
export function defineStep<const S extends ParamSet>(step: Step<S>): Step<S> {
  return step;
}
