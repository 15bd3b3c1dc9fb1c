import path from 'node:path';
import type { FaceDetection } from '../../src/engine/architectures/face-detection.ts';
import { quietContext } from '../../src/engine/context.ts';
import { detectFaces } from '../../src/engine/faces/detect-faces.ts';
import { openFaceDetector } from '../../src/engine/faces/open-face-detector.ts';
import { type QuarterTurns, turnBack } from '../../src/engine/faces/quarter-turns.ts';
import { floatImage } from '../../src/engine/image/memory-image.ts';
import { sharp } from '../../src/engine/image/sharp.ts';
import { readPhoto } from '../results/contact-sheet.ts';
import { heldOutPortraits } from './held-out.ts';
import type { Study } from './study.ts';

/** A print on the page, whose face is known. */
interface PlacedFace {
  /** In pixels of the page. */
  readonly face: FaceDetection;
  /** Width the face was made. */
  readonly sizePx: number;
  /** How often the print was turned clockwise by 90°. */
  readonly turns: number;
}

/** A composed scan: RGB, 8 bit. */
export interface Page {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  readonly faces: readonly PlacedFace[];
}

/** Kodak photographs without people, statues or painted figures. */
export const kodakWithoutFaces: readonly number[] = [1, 2, 3, 6, 7, 8, 11, 13, 16, 19, 20, 21, 22, 23];

/** Widths of faces, and how many of each on a page of 6000 pixels. */
const wanted: readonly (readonly [sizePx: number, count: number])[] = [
  [800, 1],
  [500, 2],
  [320, 2],
  [200, 4],
  [128, 10],
  [96, 12],
  [64, 12],
  [48, 12],
  [32, 12],
  [24, 12],
  [20, 12],
  [16, 12],
];
/** A larger face would have a print larger than the page. */
const largestShare = 0.14;
const gapPx = 24;
/** Album paper. */
const paper = { r: 206, g: 196, b: 178 };
/** How much larger a photograph without people is shown than it is. */
const distractorScale = 1.1;

interface Print {
  readonly input: Buffer;
  readonly width: number;
  readonly height: number;
  /** In pixels of the print. */
  readonly face?: PlacedFace;
}

/** Prints in rows from the largest to the smallest, turned as `turns` says, one after another. */
export async function composePage(
  study: Study,
  data: string,
  width: number,
  turns: readonly number[],
): Promise<Page> {
  const prints = await makePrints(study, data, width, turns);
  const placed: (Print & { readonly left: number; readonly top: number })[] = [];
  let [left, top, rowHeight] = [gapPx, gapPx, 0];
  for (const print of [...prints].sort((a, b) => b.height - a.height)) {
    if (left + print.width + gapPx > width) [left, top, rowHeight] = [gapPx, top + rowHeight + gapPx, 0];
    placed.push({ ...print, left, top });
    left += print.width + gapPx;
    rowHeight = Math.max(rowHeight, print.height);
  }
  const height = top + rowHeight + gapPx;
  const { data: pixels } = await sharp({
    create: { width, height, channels: 3, background: paper },
    limitInputPixels: false,
  })
    .composite(placed.map(({ input, left: x, top: y }) => ({ input, left: x, top: y })))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const faces = placed.flatMap((print) =>
    print.face === undefined
      ? []
      : [{ ...print.face, face: scaled(print.face.face, 1, print.left, print.top) }],
  );
  return { width, height, data: new Uint8Array(pixels), faces };
}

async function makePrints(
  study: Study,
  data: string,
  width: number,
  turns: readonly number[],
): Promise<Print[]> {
  const files = heldOutPortraits(path.join(data, 'train/portraits'), 1000);
  const prints: Print[] = [];
  let [file, print] = [0, 0];
  for (const [sizePx, atLargest] of wanted) {
    if (sizePx > largestShare * width) continue;
    const count = Math.max(1, Math.round((atLargest * width) / 6000));
    for (let made = 0; made < count && file < 10 * files.length; file++) {
      const face = await faceOf(study, files[file % files.length]!);
      if (face === undefined) continue;
      const lying = turns[print++ % turns.length]! as QuarterTurns;
      prints.push(await makePrint(files[file % files.length]!, face, sizePx, lying));
      made += 1;
    }
  }
  for (const number of kodakWithoutFaces) {
    const source = path.join(data, `eval/open/kodak24/${number}.png`);
    const { data: input, info } = await sharp(source)
      .resize({ width: Math.round((768 * distractorScale * width) / 6000) })
      .png()
      .toBuffer({ resolveWithObject: true });
    prints.push({ input, width: info.width, height: info.height });
  }
  return prints;
}

async function makePrint(
  file: string,
  face: FaceDetection,
  sizePx: number,
  turns: QuarterTurns,
): Promise<Print> {
  const { width = 0, height = 0 } = await sharp(file).metadata();
  const scale = sizePx / (face.right - face.left);
  const [sentWidth, sentHeight] = [Math.round(width * scale), Math.round(height * scale)];
  const upright = await sharp(file)
    .toColourspace('srgb')
    .resize(sentWidth, sentHeight, { fit: 'fill', kernel: 'lanczos3' })
    .png()
    .toBuffer();
  const { data: input, info } = await sharp(upright)
    .rotate(90 * turns)
    .png()
    .toBuffer({ resolveWithObject: true });
  // A face of the upright picture is one of the lying picture turned back.
  const back = ((4 - turns) % 4) as QuarterTurns;
  const lying = turnBack(scaled(face, scale, 0, 0), back, info);
  return { input, width: info.width, height: info.height, face: { face: lying, sizePx, turns } };
}

/** The largest face of a portrait as it is. */
async function faceOf(study: Study, file: string): Promise<FaceDetection | undefined> {
  return study.rememberFor(file)(
    'largest',
    async () => {
      const photo = await readPhoto(file);
      const found = await detectFaces(
        floatImage(photo.width, photo.height, 3, photo.data),
        await openFaceDetector(study.hub, study.detector),
        { smallestEyesPx: 24, tryTurned: false, store: study.store, context: quietContext() },
      );
      return [...found].sort((a, b) => b.right - b.left - (a.right - a.left))[0];
    },
    () => 1000,
  );
}

function scaled(face: FaceDetection, scale: number, left: number, top: number): FaceDetection {
  return {
    score: face.score,
    left: face.left * scale + left,
    top: face.top * scale + top,
    right: face.right * scale + left,
    bottom: face.bottom * scale + top,
    points: face.points.map(([x, y]) => [x * scale + left, y * scale + top]),
  };
}
