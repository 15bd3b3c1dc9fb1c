import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Point } from '../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../src/engine/context.ts';
import { detectFaces } from '../../src/engine/faces/detect-faces.ts';
import { eyeDistance } from '../../src/engine/faces/geometry.ts';
import { openFaceDetector } from '../../src/engine/faces/open-face-detector.ts';
import { floatImage } from '../../src/engine/image/memory-image.ts';
import { damageDefaults, damageStrengths, degradePixels } from '../../src/engine/metrics/degrade-photo.ts';
import { cutPixels, type Pixels } from '../../src/engine/metrics/pixels.ts';
import { readPhoto } from '../results/contact-sheet.ts';
import type { Study } from './study.ts';

/** A portrait, what became of it, and where its face is in the untouched one. */
export interface FaceCase {
  readonly portrait: Pixels;
  readonly degraded: Pixels;
  readonly points: readonly Point[];
}

/** As the training code lists portraits. */
const pictureName = /\.(jpe?g|png|webp)$/i;
/** Every 12th of the sorted list, of both groups, is held out from training. */
const heldOutEvery = 12;
/** Faces smaller than this in the portrait leave nothing to be seen once it is degraded. */
const smallestEyesPx = 24;

/** Files of the held-out portraits; `wanted` evenly spread ones when there are more. */
export function heldOutPortraits(folder: string, wanted: number): string[] {
  const all = ['historic', 'modern'].flatMap((group) =>
    readdirSync(path.join(folder, group))
      .filter((name) => pictureName.test(name))
      .sort((a, b) => (a < b ? -1 : 1))
      .filter((_, index) => index % heldOutEvery === 0)
      .map((name) => path.join(folder, group, name)),
  );
  const count = Math.min(wanted, all.length);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}

/** The portraits in which a face is found, degraded, one after another; drawn damages differ from one to the next. */
export async function* findCases(
  study: Study,
  files: readonly string[],
  { damage, scale }: { readonly damage: string; readonly scale: number },
): AsyncGenerator<FaceCase> {
  const detector = await openFaceDetector(study.hub, study.detector);
  const isFixed = damageStrengths.some(({ name }) => name === damage);
  for (const [index, file] of files.entries()) {
    const photo = await readPhoto(file);
    const [width, height] = [photo.width - (photo.width % scale), photo.height - (photo.height % scale)];
    const portrait = cutPixels(photo, { x: 0, y: 0, width, height });
    const image = floatImage(width, height, 3, portrait.data);
    const found = await study.rememberFor(file)(
      'points',
      () =>
        detectFaces(image, detector, {
          smallestEyesPx,
          tryTurned: false,
          store: study.store,
          context: quietContext(),
        }),
      () => 1000,
    );
    const largest = [...found].sort((a, b) => eyeDistance(b.points) - eyeDistance(a.points))[0];
    if (largest === undefined) continue;
    const seed = damageDefaults.seed + (isFixed ? 0 : index);
    yield {
      portrait,
      points: largest.points,
      degraded: await degradePixels(portrait, { damage, scale, seed }),
    };
  }
}
