import { defaultParams } from '../shared/params.ts';
import type { Recipe, StepUse } from '../shared/recipe.ts';
import type { Image } from './image/image.ts';
import type { ImageStore } from './image/image-store.ts';
import type { PhotoMetadata } from './image/photo-metadata.ts';
import type { ModelHub } from './models/model-hub.ts';
import { analyzeClean, suggestCleanStrength } from './steps/clean-analysis.ts';
import { measureScreen } from './screen/measure-screen.ts';
import { findStep } from './steps/registry.ts';
import { suggestFaces } from './suggest-faces.ts';
import { analyzeTone, suggestTone } from './steps/tone.ts';

/** Photos with a longer side are large enough to be seen and printed as they are. */
const largeSidePx = 2400;
const smallSidePx = 900;

/**
 * The recipe Heirloom proposes for a photo, from measurements of it: every step is listed, those it does not need are off. A clean, large photo comes out as
 * it went in.
 */
export async function suggestRecipe(image: Image, metadata: PhotoMetadata, models: ModelHub, store: ImageStore): Promise<Recipe> {
  const tone = suggestTone(await analyzeTone(image));
  const strength = suggestCleanStrength(await analyzeClean(image));
  const canClean = models.defaultFor('clean') !== undefined;
  const canEnlarge = models.defaultFor('enlarge') !== undefined;
  const longSidePx = Math.max(metadata.width, metadata.height);
  // A clean, large photo needs none.
  const needsFaces = (strength > 0 || longSidePx < largeSidePx) && (await suggestFaces(image, models, store));
  const screen = await measureScreen(image);
  const steps: StepUse[] = [
    // Nothing is repaired that nobody looked at.
    use('repair', false, 1, {}),
    use('descreen', screen !== undefined, 1, screen === undefined ? {} : { periodPx: round(screen.periodPx, 100), angleDeg: round(screen.angleDeg, 10) }),
    use('tone', tone.enabled, 1, tone.params),
    use('clean', canClean && strength > 0, strength > 0 ? strength : 0.3, {}),
    use('enlarge', canEnlarge && longSidePx < largeSidePx, 1, { factor: longSidePx < smallSidePx ? 4 : 2 }),
    // From the photo before the enlargement, and not in full: a part of the photo's own skin stays.
    use('faces', needsFaces, 0.7, {}),
    use('grain', false, 1, {}),
  ];
  return { format: 'heirloom-recipe', version: 1, steps };
}

function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}

function use(id: string, enabled: boolean, strength: number, params: StepUse['params']): StepUse {
  const step = findStep(id);
  return { id: `${id}-1`, step: id, version: step.version, enabled, strength, params: { ...defaultParams(step.params), ...params } };
}
