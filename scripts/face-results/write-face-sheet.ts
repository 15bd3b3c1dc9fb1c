import path from 'node:path';
import { quietContext } from '../../src/engine/context.ts';
import { detectFaces } from '../../src/engine/faces/detect-faces.ts';
import { openFaceDetector } from '../../src/engine/faces/open-face-detector.ts';
import { floatImage } from '../../src/engine/image/memory-image.ts';
import { resizeImage } from '../../src/engine/image/resize.ts';
import { sharp } from '../../src/engine/image/sharp.ts';
import { toBytes } from '../../src/engine/metrics/degrade-jpeg.ts';
import { cutPixels, type Pixels, readPixels } from '../../src/engine/metrics/pixels.ts';
import { readPhoto } from '../results/contact-sheet.ts';
import type { Study } from './study.ts';
import { faceParams, putFaces } from './treatments.ts';

/** Photographs that may be shown, and how large they are looked at: old prints as they are, portraits reduced to the size of a face in a group. */
const shown: readonly { readonly file: string; readonly longestPx: number }[] = [
  { file: 'historic-photos/migrant-mother-1936.jpg', longestPx: 500 },
  { file: 'historic-photos/detroit-1915.jpg', longestPx: 3000 },
  { file: 'faces/biden.jpg', longestPx: 260 },
  { file: 'faces/obama.jpg', longestPx: 260 },
  { file: 'faces/obama_small.jpg', longestPx: 200 },
];
const factor = 2;
const tilePx = 220;
/** Faces shown of one photograph. */
const mostFaces = 2;

/** One row a face: the photo plainly enlarged, with the step Faces at strength 0.5 and 1; written as PNG. */
export async function writeFaceSheet(study: Study, folder: string, target: string): Promise<void> {
  const tiles: { input: Buffer; left: number; top: number }[] = [];
  let row = 0;
  for (const { file, longestPx } of shown) {
    const photo = await readPhoto(path.join(folder, file), longestPx);
    const image = floatImage(photo.width, photo.height, 3, photo.data);
    const detector = await openFaceDetector(study.hub, study.detector);
    const found = await detectFaces(image, detector, {
      smallestEyesPx: 12,
      tryTurned: false,
      store: study.store,
      context: quietContext(),
    });
    const largest = [...found].sort((a, b) => b.right - b.left - (a.right - a.left)).slice(0, mostFaces);
    const plain = await resizeImage(image, photo.width * factor, photo.height * factor, {
      kernel: 'lanczos3',
      store: study.store,
      context: quietContext(),
    });
    const trial = { small: image, remember: study.rememberFor(`sheet ${file}`) };
    const pictures = [await readPixels(plain)];
    for (const strength of [0.5, 1]) {
      const { pixels } = await putFaces(study, trial, plain, faceParams(study, { guard: false }), strength);
      pictures.push(pixels);
    }
    for (const face of largest) {
      for (const [column, picture] of pictures.entries()) {
        tiles.push({
          input: await tile(picture, face),
          left: column * (tilePx + 2),
          top: row * (tilePx + 2),
        });
      }
      row += 1;
    }
  }
  const width = 3 * (tilePx + 2);
  const height = Math.max(1, row) * (tilePx + 2);
  await sharp({ create: { width, height, channels: 3, background: '#222' } })
    .composite(tiles)
    .png({ palette: true, colours: 256, effort: 8 })
    .toFile(target);
}

/** The face with as much around it as fits. */
async function tile(
  picture: Pixels,
  face: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number },
): Promise<Buffer> {
  const side = Math.min(picture.width, picture.height, Math.round(1.7 * factor * (face.bottom - face.top)));
  const clamp = (value: number, most: number): number => Math.round(Math.min(Math.max(0, value), most));
  const x = clamp((factor * (face.left + face.right)) / 2 - side / 2, picture.width - side);
  const y = clamp((factor * (face.top + face.bottom)) / 2 - side / 2, picture.height - side);
  const cut = cutPixels(picture, { x, y, width: side, height: side });
  return sharp(toBytes(cut), { raw: { width: side, height: side, channels: 3 } })
    .resize(tilePx, tilePx, { kernel: 'lanczos3' })
    .png()
    .toBuffer();
}
