/**
 * Measures how many faces of degraded portraits Heirloom finds, as the step Faces and `heirloom faces` look for them: at all sizes, in all four turns, each find confirmed by
 * a second look. The rows belong beside those of the network alone in resources/models/face-detect.md.
 *
 *   python -m training.evaluate_face_detect --weights resources/models/face-detect.safetensors --pictures FOLDER
 *   node scripts/run.js scripts/face-recall.ts FOLDER [--detector FILE] [--part 0/2]
 *
 * Printed are recall, landmark error and false finds a picture; with --part every second picture, say, and the sums to add:
 *
 *   | clean | 98.8 % | 8.7 % | 0.00 |
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FaceDetection, overlapOf } from '../src/engine/architectures/face-detection.ts';
import { quietContext } from '../src/engine/context.ts';
import { detectFaces } from '../src/engine/faces/detect-faces.ts';
import { openFaceDetector } from '../src/engine/faces/open-face-detector.ts';
import { openPhoto } from '../src/engine/image/decode.ts';
import { smallestEyesPx } from './face-results/false-faces.ts';
import { openStudy } from './face-results/study.ts';

/** Left, top, right, bottom. */
type Box = readonly [number, number, number, number];

/** What `training/evaluate_face_detect.py` says of one picture; lengths in its pixels. */
interface Truth {
  readonly file: string;
  readonly condition: string;
  readonly boxes: readonly Box[];
  readonly points: readonly (readonly (readonly [number, number])[])[];
  /** Whether the points of each face count. */
  readonly sure: readonly boolean[];
  /** What one teacher alone takes for a face. */
  readonly unclear: readonly Box[];
}

/** Overlaps (intersection over union) from which a find is the face, and below which it is a false one, as in the training code. */
const isFace = 0.4;
const isNone = 0.2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { detector: { type: 'string' }, part: { type: 'string', default: '0/1' } },
});
const folder = positionals[0];
if (folder === undefined) throw new Error('Name the folder that evaluate_face_detect wrote.');
const [part = 0, parts = 1] = values.part.split('/').map(Number);

/** A box of the truth as a find, to compare it with one. */
function faceAt([left, top, right, bottom]: Box): FaceDetection {
  return { score: 1, left, top, right, bottom, points: [] };
}

interface Sums {
  pictures: number;
  faces: number;
  found: number;
  measured: number;
  error: number;
  false: number;
}

const truths = JSON.parse(await readFile(path.join(folder, 'truth.json'), 'utf8')) as readonly Truth[];
const models = fileURLToPath(new URL('../resources/models', import.meta.url));
const study = await openStudy({
  models,
  model: '',
  ...(values.detector === undefined ? {} : { detector: values.detector }),
});
const detector = await openFaceDetector(study.hub, study.detector);
const sums = new Map<string, Sums>();
for (const truth of truths.filter((_, index) => index % parts === part)) {
  const { image } = await openPhoto(path.join(folder, truth.file), { store: study.store });
  const faces = await detectFaces(image, detector, {
    smallestEyesPx,
    tryTurned: true,
    store: study.store,
    context: quietContext(),
  });
  await image.dispose();
  const sum = sums.get(truth.condition) ?? { pictures: 0, faces: 0, found: 0, measured: 0, error: 0, false: 0 };
  sums.set(truth.condition, sum);
  sum.pictures++;
  for (const [index, box] of truth.boxes.entries()) {
    sum.faces++;
    const best = faces.toSorted((a, b) => overlapOf(faceAt(box), b) - overlapOf(faceAt(box), a))[0];
    if (best === undefined || overlapOf(faceAt(box), best) <= isFace) continue;
    sum.found++;
    if (truth.sure[index] !== true) continue;
    const points = truth.points[index]!;
    const [left, right] = [points[0]!, points[1]!];
    const eyes = Math.max(1, Math.hypot(left[0] - right[0], left[1] - right[1]));
    const off = points.map(([x, y], i) => Math.hypot(best.points[i]![0] - x, best.points[i]![1] - y));
    sum.measured++;
    sum.error += off.reduce((total, each) => total + each, 0) / off.length / eyes;
  }
  const known = [...truth.boxes, ...truth.unclear];
  sum.false += faces.filter((face) => known.every((box) => overlapOf(face, faceAt(box)) < isNone)).length;
}
for (const [condition, { pictures, faces, found, measured, error, false: wrong }] of sums) {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(`| ${condition} | ${percent(found / faces)} | ${measured === 0 ? '–' : percent(error / measured)} | ${(wrong / pictures).toFixed(2)} |`);
  if (parts > 1) console.log(JSON.stringify({ condition, pictures, faces, found, measured, error, false: wrong }));
}
await study.close();
process.exit(0);
