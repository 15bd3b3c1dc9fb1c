/**
 * Measures the step Faces on portraits that were not trained on, degraded as `training/strengths.json` says, and writes resources/models/FACES.md
 * (damages not asked for stay as they are in it) and a contact sheet of photographs that may be shown.
 *
 *   node scripts/run.js scripts/face-results.ts [--portraits N] [--damages mild,medium,strong,old-photo,nobody] [--scale 4] [--model ID]
 *        [--detector FILE] [--restorer FILE] [--squeeze FILE] [--out FOLDER]
 *
 * Needs the portraits of ../shared/data and a detector and a restorer: those that ship, or the files named. --portraits takes N evenly spread ones;
 * --squeeze names the file that `python -m training.export_squeezenet` wrote. 'nobody' looks for faces in the Kodak photographs that have none. Each damage is printed as it is done:
 *
 *   medium (84 portraits)
 *   | plain enlargement (Lanczos) | 0.113 | 0.0921 | 24.10 |
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { damageDefaults, damageStrengths } from '../src/engine/metrics/degrade-photo.ts';
import { loadSqueezeDistance } from '../src/engine/metrics/squeeze-distance.ts';
import { createInlineRuntime } from '../src/engine/models/runtime.ts';
import { openWeights } from '../src/engine/weights/open-weights.ts';
import { countFalseFaces, smallestEyesPx } from './face-results/false-faces.ts';
import { findCases, heldOutPortraits } from './face-results/held-out.ts';
import { type FaceMeans, measureTreatments } from './face-results/measure-treatment.ts';
import { openStudy } from './face-results/study.ts';
import { treatments } from './face-results/treatments.ts';
import { writeFaceSheet } from './face-results/write-face-sheet.ts';
import { sectionsOf } from './results/sections.ts';

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const data = here('../../shared/data');
const { values: options } = parseArgs({
  options: {
    portraits: { type: 'string', default: '1000' },
    damages: { type: 'string', default: 'mild,medium,strong,old-photo,nobody' },
    scale: { type: 'string', default: String(damageDefaults.scale) },
    model: { type: 'string', default: '' },
    detector: { type: 'string' },
    restorer: { type: 'string' },
    squeeze: { type: 'string' },
    out: { type: 'string', default: here('../resources/models') },
  },
});
if (!existsSync(data)) throw new Error('../shared/data is not there: nothing to measure on.');
const scale = Number(options.scale);
await mkdir(options.out, { recursive: true });

const study = await openStudy({
  models: here('../resources/models'),
  model: options.model,
  ...(options.detector === undefined ? {} : { detector: options.detector }),
  ...(options.restorer === undefined ? {} : { restorer: options.restorer }),
});
const runtime = createInlineRuntime();
const squeeze =
  options.squeeze === undefined
    ? undefined
    : await loadSqueezeDistance(openWeights(options.squeeze), undefined, runtime, {
        device: 'cpu',
        threads: 1,
      });

const columns: readonly {
  readonly title: string;
  readonly show: (means: FaceMeans) => string | undefined;
}[] = [
  { title: 'identity distance ↓', show: ({ identity }) => identity.toFixed(3) },
  ...(squeeze === undefined
    ? []
    : [
        {
          title: squeeze.isLpips ? 'LPIPS ↓' : 'squeeze distance ↓',
          show: ({ squeeze: value }: FaceMeans) => value?.toFixed(4),
        },
      ]),
  { title: 'feature distance ↓', show: ({ features }) => features.toFixed(4) },
  { title: 'PSNR (Y) dB ↑', show: ({ psnr }) => psnr.toFixed(2) },
  {
    title: 'faces restored',
    show: ({ restored, count }) => (restored === undefined ? '' : `${restored} of ${count}`),
  },
];
const head = `| | ${columns.map(({ title }) => title).join(' | ')} |\n|---|${columns.map(() => '---:').join('|')}|`;

await writeFaceSheet(study, path.join(data, 'eval/open'), path.join(options.out, 'faces-contact-sheet.png'));
const files = heldOutPortraits(path.join(data, 'train/portraits'), Number(options.portraits));
const text = (sections: readonly string[]): string => `# Faces

Written by \`scripts/face-results.ts\`; do not edit. Restorer: ${study.restorerName}. Detector: ${study.detectorName}.

${files.length} of the portraits that were not trained on (every 12th of the sorted list, of the historic and of the modern ones) are degraded as
\`training/strengths.json\` says (\`old-photo\`: what time and scanners do to prints, drawn with seeds ${damageDefaults.seed} and up) and made ${scale} times smaller. The face is found
in the degraded picture. All is measured over the aligned face at 256 pixels, against the untouched portrait; means over portraits.

- **Identity distance**: \`src/engine/faces/identity-distance.ts\`, the structure around eyes, nose and mouth at 96 pixels. 0 is the same, strangers measure 0.58 to 0.82.
- **Feature distance**: Heirloom's own, on fixed oriented filters; not LPIPS.${sections.every((section) => !section.includes('squeeze distance')) ? '' : '\n- **Squeeze distance**: features of SqueezeNet 1.1 compared as LPIPS does; restorers trained on them are favored here.'}
- **Faces restored**: in the other portraits no face was found in the degraded picture, or its eyes were less than 12 pixels apart, or (in rows with the guard) the
  restored one differed too much from what the degraded picture shows. They count as the background alone.

${sections.join('\n\n')}

![Contact sheet](faces-contact-sheet.png)

From left to right: the photo, plainly enlarged ×2; with the step Faces at strength 0.5 and 1. Photographs: official portraits (United States federal works), Detroit Publishing
Company and Farm Security Administration (public domain).
`;

const nobody = 'nobody';
/** In the order of the file; one that is measured again takes the place of what the file has. */
const order = [...damageStrengths.map(({ name }) => name), 'old-photo', nobody];
const target = path.join(options.out, 'FACES.md');
/** What is measured is there, whatever becomes of the next. */
const keep = async (name: string, section: string): Promise<void> => {
  const sections = sectionsOf(existsSync(target) ? await readFile(target, 'utf8') : '', '### ', order);
  sections.set(name, section);
  await writeFile(target, text(order.flatMap((each) => sections.get(each) ?? [])));
};
for (const damage of options.damages.split(',')) {
  if (damage === nobody) {
    const { photos, found } = await countFalseFaces(study, path.join(data, 'eval/open/kodak24'));
    const sentence = `${found.length === 0 ? 'None is' : `${found.length} are`} found in ${photos} Kodak photographs without people, in all four turns, from ${smallestEyesPx} pixels between the eyes: ${(found.length / photos).toFixed(3)} a photograph${found.length === 0 ? '' : `: ${found.join(', ')}`}.`;
    console.log(sentence);
    await keep(nobody, `### ${nobody} (${photos} photographs)\n\nFaces that are none, found as the step Faces and \`heirloom faces\` look for them. ${sentence}`);
    continue;
  }
  const tried = treatments(study);
  const means = await measureTreatments(
    tried,
    findCases(study, files, { damage, scale }),
    study,
    scale,
    squeeze,
  );
  const title = `${damage} (${means[0]?.count ?? 0} portraits)`;
  const rows = means.map(
    (mean, index) =>
      `| ${[tried[index]?.name, ...columns.map(({ show }) => show(mean) ?? '–')].join(' | ')} |`,
  );
  console.log([title, ...rows].join('\n'));
  await keep(damage, `### ${title}\n\n${head}\n${rows.join('\n')}`);
}
await squeeze?.release();
await runtime.close();
await study.close();
