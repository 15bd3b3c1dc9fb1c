/**
 * Measures how near fills come to what was there, and writes resources/models/FILL-RESULTS.md: places of four kinds are hidden in the Kodak
 * photographs and filled by every method at hand.
 *
 *   node scripts/run.js scripts/fill-results.ts [--photos N] [--kinds boxes,...] [--methods exemplar,...] [--squeeze FILE] [--write]
 *   node scripts/run.js scripts/fill-results.ts --sheet     only writes resources/models/fill-contact-sheet.png: removals to look at
 *
 * Needs the photographs of ../shared/data. Without --write it only prints; with it the sections of the kinds asked for are replaced. --squeeze names the file that `python -m training.export_squeezenet`
 * wrote. OpenCV's methods are run where Debian's python3-opencv is installed. Each table is printed as it is done:
 *
 *   boxes (24 photos)
 *   | exemplar | 21.3 | 18.44 | ...
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withStore } from '../src/cli/with-store.ts';
import { openPhoto } from '../src/engine/image/decode.ts';
import { loadSqueezeDistance } from '../src/engine/metrics/squeeze-distance.ts';
import { createInlineRuntime } from '../src/engine/models/runtime.ts';
import { openWeights } from '../src/engine/weights/open-weights.ts';
import { heirloomContestant, networkFrom, openCvContestants, type Trial, trialOf } from './fill-results/contestants.ts';
import { comparePaired } from './fill-results/compare-paired.ts';
import { type FillMeasures, measureFill } from './fill-results/measure-fill.ts';
import { writeRemovalSheet } from './fill-results/write-removal-sheet.ts';
import { type TrialKind, trialKinds, trialMask } from './fill-results/trial-masks.ts';
import { sectionsOf } from './results/sections.ts';

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const openPhotos = here('../../shared/data/eval/open');
const folder = path.join(openPhotos, 'kodak24');

const { values: options } = parseArgs({
  options: {
    photos: { type: 'string', default: '24' },
    kinds: { type: 'string', default: trialKinds.join(',') },
    methods: { type: 'string', default: '' },
    squeeze: { type: 'string' },
    network: { type: 'string' },
    'context-encoder': { type: 'string' },
    write: { type: 'boolean', default: false },
    sheet: { type: 'boolean', default: false },
  },
});

interface Column {
  readonly title: string;
  readonly of: (measures: FillMeasures) => number;
  readonly digits: number;
  /** 1 where more is better, -1 where less is; left out where neither is. */
  readonly sign?: 1 | -1;
}

const columns: readonly Column[] = [
  { title: 'L1 ↓', of: ({ l1 }) => l1, digits: 2, sign: -1 },
  { title: 'PSNR dB ↑', of: ({ psnr }) => psnr, digits: 2, sign: 1 },
  { title: 'feature distance ↓', of: ({ features }) => features, digits: 4, sign: -1 },
  ...(options.squeeze === undefined
    ? []
    : [{ title: 'squeeze distance ↓', of: ({ squeeze }: FillMeasures) => squeeze, digits: 4, sign: -1 } as const]),
  { title: 'step at the edge', of: ({ seam }) => seam, digits: 2 },
  { title: "the photo's own", of: ({ seamOfPhoto }) => seamOfPhoto, digits: 2 },
];

function introduction(hasContextEncoder: boolean): string {
  return `# How near fills come

Places of the Kodak photographs are hidden by seeded masks (\`scripts/fill-results/trial-masks.ts\`) and filled by every method; measured is the
hidden place only, means over photographs. L1 and the steps are in 255ths. The distances are those of the whole pictures over the hole's share of
them. "step at the edge" is the mean difference of neighbors across the hole's edge in the result, to be held against the photo's own.
"together" is Heirloom's network with patches that follow it, "network" the network alone, "exemplar" patches without a network, "telea"
Heirloom's own march; OpenCV's two methods look 4 pixels around.${hasContextEncoder ? '' : ' The context encoder is not listed: there are no weights of it that may be used.'}
The second table of each kind says whether "together" is better or worse than each of the others over the same places; it is a tie where the
mean difference is within two of its standard errors. L1 and PSNR are best for the mean of all that could be there, which is soft: a network
alone comes nearer to that than any method that decides. The squeeze distance (SqueezeNet's features) is best for what looks alike.
What to make of it by eye is in [fill.md](fill.md), with [removals to look at](fill-contact-sheet.png).
Written by \`scripts/fill-results.ts\`.
`;
}

/** Puts the section of a kind into the results, in the place of the one they have. */
async function write(kind: TrialKind, section: string, before: string): Promise<void> {
  const file = here('../resources/models/FILL-RESULTS.md');
  const sections = sectionsOf(existsSync(file) ? await readFile(file, 'utf8') : '', '## ', trialKinds).set(kind, section.trimEnd());
  await writeFile(file, `${[before.trimEnd(), ...trialKinds.flatMap((name) => sections.get(name) ?? [])].join('\n\n')}\n`);
}

/** How "together" stands against each of the others; empty when it was not measured. */
function verdicts(measured: ReadonlyMap<string, readonly FillMeasures[]>): string {
  const own = measured.get('together');
  if (own === undefined) return '';
  const judged = columns.flatMap((column) => (column.sign === undefined ? [] : [{ ...column, sign: column.sign }]));
  const rows = [...measured].flatMap(([name, others]) => {
    if (name === 'together') return [];
    const cells = judged.map(({ of, sign }) => comparePaired(own.map((mine, i) => sign * (of(mine) - of(others[i]!)))));
    return [`| ${[name, ...cells].join(' | ')} |`];
  });
  const titles = ['together against', ...judged.map(({ title }) => title.replace(/ [↑↓]$/, ''))];
  return `\n| ${titles.join(' | ')} |\n|${titles.map(() => '---').join('|')}|\n${rows.join('\n')}\n`;
}

if (options.sheet) {
  await withStore(async (store) => {
    const network = await networkFrom(options.network ?? here('../resources/models/fill.safetensors'), 1);
    if (network === undefined) throw new Error('There is no fill network to make a sheet with.');
    await writeRemovalSheet(openPhotos, network, store, here('../resources/models/fill-contact-sheet.png'));
  });
  process.exit(0);
}

await withStore(async (store) => {
  const squeeze =
    options.squeeze === undefined
      ? undefined
      : await loadSqueezeDistance(openWeights(options.squeeze), undefined, createInlineRuntime(), { device: 'cpu', threads: 1 });
  const names = readdirSync(folder).filter((name) => /\.(png|jpg)$/.test(name)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const wanted = Math.min(Number(options.photos), names.length);
  const chosen = Array.from({ length: wanted }, (_, i) => Math.floor((i * names.length) / wanted));
  const own = await networkFrom(options.network ?? here('../resources/models/fill.safetensors'), 1);
  const historic = options['context-encoder'] === undefined ? undefined : await networkFrom(options['context-encoder'], 1);
  const all = [
    ...(own === undefined ? [] : [heirloomContestant('together', 'together', store, own), heirloomContestant('network', 'network', store, own)]),
    heirloomContestant('exemplar', 'exemplar', store),
    heirloomContestant('telea', 'telea', store),
    ...(historic === undefined ? [] : [heirloomContestant('context encoder', 'network', store, historic)]),
    ...openCvContestants(),
  ];
  const contestants = options.methods === '' ? all : all.filter(({ name }) => options.methods.split(',').includes(name));
  for (const kind of options.kinds.split(',') as TrialKind[]) {
    const trials: Trial[] = [];
    for (const index of chosen) {
      const { image } = await openPhoto(path.join(folder, names[index]!), { store });
      trials.push(await trialOf(image, trialMask(kind, image, index)));
    }
    console.log(`${kind} (${trials.length} photos)`);
    const rows: string[] = [];
    const measured = new Map<string, readonly FillMeasures[]>();
    for (const { name, fill } of contestants) {
      const started = performance.now();
      const results = await fill(trials);
      const seconds = (performance.now() - started) / 1000 / trials.length;
      const measures = await Promise.all(
        trials.map(({ truth, hole }, i) => measureFill(truth, results[i]!, hole, squeeze)),
      );
      measured.set(name, measures);
      const cells = columns.map(({ of, digits }) =>
        (measures.reduce((sum, one) => sum + of(one), 0) / measures.length).toFixed(digits),
      );
      rows.push(`| ${[name, ...cells].join(' | ')} |`);
      console.log(`${rows.at(-1)!} ${seconds.toFixed(2)} s each`);
    }
    const titles = ['', ...columns.map(({ title }) => title)];
    const rule = titles.map((_, i) => (i === 0 ? '---' : '---:')).join('|');
    const section = `## ${kind} (${trials.length} photos)\n\n| ${titles.join(' | ')} |\n|${rule}|\n${rows.join('\n')}\n${verdicts(measured)}`;
    if (options.write) await write(kind, section, introduction(historic !== undefined));
    for (const { photo } of trials) await photo.dispose();
  }
});
process.exit(0);
