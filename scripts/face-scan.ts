/**
 * Measures what the shipped face detector finds in a large scan: a page composed of portraits that were not trained on, with faces from 16 to 800 pixels wide, beside
 * Kodak photographs without people. Writes nothing; prints one table a page.
 *
 *   node scripts/run.js scripts/face-scan.ts [--width 6000] [--pages upright,sideways,mixed] [--eyes 6.4] [--save PAGE.jpg]
 *
 *   upright: 6000 × 4050, 87 faces, 8.9 s, 0 false
 *   face px     16    20    24    32    48 ...
 *   found     8/12  10/12 12/12 ...
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { overlapOf } from '../src/engine/architectures/face-detection.ts';
import { quietContext } from '../src/engine/context.ts';
import { detectFaces } from '../src/engine/faces/detect-faces.ts';
import { openFaceDetector } from '../src/engine/faces/open-face-detector.ts';
import { memoryImage } from '../src/engine/image/memory-image.ts';
import { sharp } from '../src/engine/image/sharp.ts';
import { composePage, type Page } from './face-results/compose-page.ts';
import { openStudy } from './face-results/study.ts';

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const data = here('../../shared/data');
const { values: options } = parseArgs({
  options: {
    width: { type: 'string', default: '6000' },
    pages: { type: 'string', default: 'upright,sideways,mixed' },
    eyes: { type: 'string', default: '6.4' },
    save: { type: 'string' },
  },
});
if (!existsSync(data)) throw new Error('../shared/data is not there: nothing to measure on.');
const study = await openStudy({ models: here('../resources/models'), model: '' });
const detector = await openFaceDetector(study.hub, study.detector);
/** Boxes that share more than this of their union show the same face. */
const sameFace = 0.4;

/** How prints lie on each page: clockwise quarter turns, one after another. */
const turns: Readonly<Record<string, readonly number[]>> = {
  upright: [0],
  sideways: [1],
  mixed: [0, 0, 0, 1, 0, 0, 3],
};
for (const name of options.pages.split(',')) {
  const page = await composePage(study, data, Number(options.width), turns[name] ?? [0]);
  await report(name, page);
}
await study.close();

async function report(name: string, page: Page): Promise<void> {
  if (options.save !== undefined)
    await sharp(page.data, { raw: { width: page.width, height: page.height, channels: 3 } })
      .jpeg({ quality: 92 })
      .toFile(options.save.replace(/(\.\w+)$/, `-${name}$1`));
  const image = memoryImage(
    { width: page.width, height: page.height, channels: 3, sampleType: 'u8' },
    page.data,
  );
  const started = performance.now();
  const found = await detectFaces(image, detector, {
    smallestEyesPx: Number(options.eyes),
    tryTurned: true,
    store: study.store,
    context: quietContext(),
  });
  const seconds = (performance.now() - started) / 1000;
  const left = new Set(found);
  const rows = new Map<string, { found: number; total: number }>();
  for (const { face, sizePx, turns: lying } of page.faces) {
    const match = [...left].find((each) => overlapOf(each, face) > sameFace);
    if (match !== undefined) left.delete(match);
    const key = `${lying === 0 ? 'upright' : 'sideways'} ${sizePx}`;
    const row = rows.get(key) ?? { found: 0, total: 0 };
    rows.set(key, { found: row.found + Number(match !== undefined), total: row.total + 1 });
  }
  console.log(
    `${name}: ${page.width} × ${page.height}, ${page.faces.length} faces, ${seconds.toFixed(1)} s, ${left.size} false`,
  );
  for (const [key, row] of rows) console.log(`  ${key.padEnd(14)} ${row.found}/${row.total}`);
  for (const { score, left: x, top, right, bottom } of left)
    console.log(
      `  false: ${Math.round(right - x)}×${Math.round(bottom - top)} at ${Math.round(x)},${Math.round(top)}, score ${score.toFixed(2)}`,
    );
}
