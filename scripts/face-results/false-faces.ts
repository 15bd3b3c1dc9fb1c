import { readdirSync } from 'node:fs';
import path from 'node:path';
import { quietContext } from '../../src/engine/context.ts';
import { detectFaces } from '../../src/engine/faces/detect-faces.ts';
import { openFaceDetector } from '../../src/engine/faces/open-face-detector.ts';
import { openPhoto } from '../../src/engine/image/decode.ts';
import type { Study } from './study.ts';

/** Kodak photographs with people (4, 5, 9, 10, 12, 14, 15, 18), a statue's head (17) and painted figures (24), as in the training code. */
const withFaces = [4, 5, 9, 10, 12, 14, 15, 17, 18, 24];
/** As small as the step Faces and `heirloom faces` look for at most. */
export const smallestEyesPx = 6.4;

/** Photographs without faces and what Heirloom takes for one in them, looking at all four turns. */
export async function countFalseFaces(
  study: Study,
  folder: string,
): Promise<{ readonly photos: number; readonly found: readonly string[] }> {
  const detector = await openFaceDetector(study.hub, study.detector);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.png') && !withFaces.includes(Number.parseInt(name, 10)))
    .sort();
  const found: string[] = [];
  for (const name of files) {
    const { image } = await openPhoto(path.join(folder, name), { store: study.store });
    const faces = await detectFaces(image, detector, {
      smallestEyesPx,
      tryTurned: true,
      store: study.store,
      context: quietContext(),
    });
    for (const { score, left, right } of faces)
      found.push(`${path.parse(name).name} (${score.toFixed(2)}, ${Math.round(right - left)} px)`);
    await image.dispose();
  }
  return { photos: files.length, found };
}
