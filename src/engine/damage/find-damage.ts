import { damageKinds } from '../../shared/damage.ts';
import { HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import { detectFaces } from '../faces/detect-faces.ts';
import { openFaceDetector } from '../faces/open-face-detector.ts';
import type { Image } from '../image/image.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { ModelHub } from '../models/model-hub.ts';
import type { Network } from '../models/network.ts';
import { measureScreen } from '../screen/measure-screen.ts';
import { broadSpecksAreStains } from './broad-specks.ts';
import { type DamageMap, emptyMap, mapSizeOf, type PictureSort } from './damage-map.ts';
import { doubtMargins } from './doubt-margins.ts';
import { doubtPhoto } from './doubt-photo.ts';
import { findTears } from './find-tears.ts';
import { grayPicture } from './gray-picture.ts';
import { guardFaces } from './guard-faces.ts';
import { type PictureColor, weighTone } from './off-tone.ts';
import { raiseMap } from './raise-map.ts';
import { kindsOf, searchNetwork } from './search-network.ts';

export interface FindDamageOptions {
  /** Id of the network, or '' for the first on this machine. */
  readonly model: string;
  readonly models: Pick<ModelHub, 'defaultFor' | 'openNetwork'>;
  readonly store: ImageStore;
  readonly context: Context;
}

export interface FoundDamage {
  readonly map: DamageMap;
  /** Sentences the user should know. */
  readonly notices: readonly string[];
}

/** Faces smaller than this have no lashes that could be mistaken. */
const smallestEyesPx = 12;

/**
 * Searches a picture for damage: scratches, dust and so on by a network and, in a print of one tone, by their color; torn borders and corners by their
 * evenness. Around faces more certainty is asked for.
 *
 * @throws HeirloomError `unsupported-model` for a network that does not find damage; CancelledError.
 */
export async function findDamage(image: Image, options: FindDamageOptions): Promise<FoundDamage> {
  const { models, store, context } = options;
  const id = options.model || models.defaultFor('scratch-detect');
  const network = id === undefined ? undefined : await openDetector(models, id);
  const found = network === undefined ? [] : (kindsOf(network.info) ?? []);
  const kinds = damageKinds.filter((kind) => kind === 'tear' || found.includes(kind));
  const map = emptyMap(mapSizeOf(image), image, kinds);
  context.report(0, 'Looking for damage');
  const gray = await grayPicture(image, store, context.part(0, 0.03));
  try {
    const notices: string[] = [];
    let [sort, doubt]: [PictureSort, number] = ['color', 0];
    if (network === undefined)
      notices.push(
        'No network that finds scratches is installed, so only missing parts of the border were looked for.',
      );
    else {
      await searchNetwork(gray, map, network, { store, context: context.part(0.03, 0.83) });
      const color = await weighTone(image, map, { store, context: context.part(0.83, 0.85) });
      if (color === 'one')
        notices.push('The print is in one tone, so what has another color counts more as damage.');
      notices.push(await guard(image, map, options));
      doubtMargins(map);
      broadSpecksAreStains(map);
      sort = await sortOf(gray, color);
      doubt = doubtPhoto({ ...map, sort });
      const notice = noticeOf(sort, doubt);
      if (notice !== undefined) notices.push(notice);
    }
    raiseMap(map, await findTears(gray, { store, context: context.part(0.95, 1) }));
    return { map: { ...map, sort, doubt }, notices };
  } finally {
    await gray.dispose();
  }
}

async function sortOf(gray: Image, color: PictureColor): Promise<PictureSort> {
  if ((await measureScreen(gray)) !== undefined) return 'screened';
  return color === 'many' ? 'color' : 'monochrome';
}

/** What the picture as a whole says about its places, as a sentence; undefined where it says nothing. */
function noticeOf(sort: PictureSort, doubt: number): string | undefined {
  if (sort === 'screened')
    return 'The picture is printed in dots, which look like dust, so only what is nearly certain is proposed: put Descreen before Repair, or raise the sensitivity, to see more.';
  if (doubt > 0)
    return `As a whole the photo does not look damaged, so only what is ${sort === 'monochrome' ? 'fairly' : 'nearly'} certain is proposed: raise the sensitivity to see more.`;
  if (doubt < 0)
    return 'As a whole the photo looks damaged, so what is less certain is proposed as well: lower the sensitivity to see less.';
  return undefined;
}

async function openDetector(models: FindDamageOptions['models'], id: string): Promise<Network> {
  const network = await models.openNetwork(id);
  if (kindsOf(network.info) !== undefined) return network;
  throw new HeirloomError(
    'unsupported-model',
    `${id} (${network.architecture}) does not find scratches.`,
    'Choose a model that does, such as the scratch detector of "Bringing Old Photos Back to Life".',
  );
}

/** Asks for more certainty on faces; returns the sentence that says so. */
async function guard(
  image: Image,
  map: DamageMap,
  { models, store, context }: FindDamageOptions,
): Promise<string> {
  if (models.defaultFor('face-detect') === undefined)
    return 'No face detector is installed, so look closely at eyes and glasses before you accept what was found.';
  context.report(0.85, 'Looking for faces');
  const faces = await detectFaces(image, await openFaceDetector(models), {
    smallestEyesPx,
    tryTurned: true,
    store,
    context: context.part(0.85, 0.95),
  });
  guardFaces(map, faces);
  if (faces.length === 0) return 'No face was found, so no place is treated with more care than others.';
  const where = faces.length === 1 ? 'the face' : `the ${faces.length} faces`;
  return `On ${where} only what is more certain counts as damage, most of all around the eyes.`;
}
