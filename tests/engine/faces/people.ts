import { openPhoto } from '../../../src/engine/image/decode.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { degradePixels } from '../../../src/engine/metrics/degrade-photo.ts';
import { type Pixels, readPixels } from '../../../src/engine/metrics/pixels.ts';

/** A portrait that a restorer can get wrong, under ../shared/data. */
export interface Person {
  readonly about: string;
  readonly file: string;
  /** Long side it is reduced to. */
  readonly longestPx: number;
  readonly damage: 'medium' | 'strong';
  /** Turned so far away that it need not be found. */
  readonly mayBeMissed?: true;
  readonly darkSkin?: true;
}

const heldOut = 'train/portraits';
const old = 'eval/restricted/old-photos';

/** Portraits that were not trained on, and restricted photographs that are only measured. */
export const people: readonly Person[] = [
  { about: 'glasses', file: `${heldOut}/modern/wiki_021520.jpg`, longestPx: 240, damage: 'medium' },
  { about: 'glasses', file: `${heldOut}/modern/wiki_021959.jpg`, longestPx: 200, damage: 'strong' },
  { about: 'a child with glasses', file: `${old}/bopbl/old/a.png`, longestPx: 300, damage: 'medium' },
  { about: 'a full beard', file: `${heldOut}/historic/wiki_001935.jpg`, longestPx: 240, damage: 'medium' },
  { about: 'a long beard', file: `${heldOut}/historic/wiki_002419.jpg`, longestPx: 240, damage: 'strong' },
  { about: 'a mustache', file: `${heldOut}/historic/wiki_003077.jpg`, longestPx: 240, damage: 'medium' },
  {
    about: 'a fur hat and a scarf',
    file: 'eval/restricted/small-faces/face_10.png',
    longestPx: 160,
    damage: 'medium',
  },
  {
    about: 'a headscarf and a beard',
    file: 'eval/restricted/small-faces/face_12.png',
    longestPx: 170,
    damage: 'medium',
  },
  { about: 'a hat', file: 'eval/restricted/small-faces/face_13.png', longestPx: 160, damage: 'strong' },
  {
    about: 'a toddler',
    file: `${old}/gfpgan/cropped_faces/Justin_Timberlake_crop.png`,
    longestPx: 200,
    damage: 'medium',
  },
  {
    about: 'a child with gaps in the teeth',
    file: `${old}/gfpgan/cropped_faces/Adele_crop.png`,
    longestPx: 200,
    damage: 'medium',
  },
  {
    about: 'a girl, gray',
    file: `${old}/gfpgan/cropped_faces/Julia_Roberts_crop.png`,
    longestPx: 160,
    damage: 'strong',
  },
  {
    about: 'a profile',
    file: `${heldOut}/historic/wiki_005496.jpg`,
    longestPx: 300,
    damage: 'medium',
    mayBeMissed: true,
  },
  {
    about: 'a face turned and lowered',
    file: `${old}/bopbl/old/g.png`,
    longestPx: 420,
    damage: 'medium',
    mayBeMissed: true,
  },
  {
    about: 'a face turned to the side',
    file: `${heldOut}/historic/wiki_006319.jpg`,
    longestPx: 260,
    damage: 'medium',
  },
  {
    about: 'dark skin, a woman with glasses',
    file: `${heldOut}/modern/wiki_021110.jpg`,
    longestPx: 300,
    damage: 'medium',
    darkSkin: true,
  },
  {
    about: 'dark skin, a man',
    file: `${heldOut}/modern/wiki_039307.jpg`,
    longestPx: 240,
    damage: 'strong',
    darkSkin: true,
  },
  { about: 'dark skin', file: 'eval/open/faces/obama.jpg', longestPx: 260, damage: 'medium', darkSkin: true },
];

/** The portrait reduced and damaged, the same on every run. */
export async function degradedPortrait(data: string, person: Person, store: ImageStore): Promise<Pixels> {
  const { image } = await openPhoto(`${data}/${person.file}`, {
    store,
    signal: new AbortController().signal,
  });
  const factor = person.longestPx / Math.max(image.width, image.height);
  const small = await resizeImage(
    image,
    Math.round(image.width * factor),
    Math.round(image.height * factor),
    {
      kernel: 'lanczos3',
      store,
      context: quietContext(),
    },
  );
  return degradePixels(await readPixels(small), { damage: person.damage, scale: 1, seed: 1896 });
}
