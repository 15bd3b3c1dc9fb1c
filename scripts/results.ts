/**
 * Measures Heirloom's networks against resampling and a public network of the same kind, and writes resources/models/RESULTS.md and a contact sheet.
 *
 *   node scripts/run.js scripts/results.ts [--photos N] [--damages clean,medium] [--sets kodak24,b100] [--squeeze FILE] [--threads N] [--kept DIR] [--only PATTERN] [--no-clean] [--clean-only]
 *        [--qualities 50,20,10]
 *
 * Needs the photographs and weights of ../shared/data. --photos takes N evenly spread photographs of each set instead of all; --squeeze names the file that
 * `python -m training.export_squeezenet` wrote. With everything it takes about 85 minutes on one core; --kept names
 * a folder where every row is kept, so that a later run, or one in another process, measures only what its weights changed; --only measures the
 * contestants whose name the pattern matches and writes no file; --clean-only measures the cleaning again and keeps the rest of the file. Each table is printed
 * as it is done:
 *
 *   kodak24, medium (24 photos)
 *   | Lanczos | 24.02 | 0.6312 | ...
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { MeasureName } from '../src/shared/measures.ts';
import { measureCropped } from '../src/engine/metrics/compare-images.ts';
import { throughJpeg } from '../src/engine/metrics/degrade-jpeg.ts';
import { damageDefaults, damageStrengths } from '../src/engine/metrics/degrade-photo.ts';
import { readNiqeModel } from '../src/engine/metrics/niqe.ts';
import type { Pixels } from '../src/engine/metrics/pixels.ts';
import { loadSqueezeDistance } from '../src/engine/metrics/squeeze-distance.ts';
import { createInlineRuntime } from '../src/engine/models/runtime.ts';
import { openWeights } from '../src/engine/weights/open-weights.ts';
import { readPhoto, writeContactSheet, type View } from './results/contact-sheet.ts';
import { degradeAll, evaluate, quantized, type Trial, type TrialResult } from './results/evaluate.ts';
import { kept } from './results/kept.ts';
import { networkContestant, pairContestants, resampler, type Contestant } from './results/networks.ts';

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const data = here('../../shared/data');
const models = here('../resources/models');
const sets: Readonly<Record<string, string>> = { kodak24: 'eval/open/kodak24', b100: 'eval/restricted/b100' };
const alphas = [0, 0.5, 1];

const { values: options } = parseArgs({
  options: {
    photos: { type: 'string', default: '100' },
    damages: { type: 'string', default: damageStrengths.map(({ name }) => name).join(',') },
    sets: { type: 'string', default: Object.keys(sets).join(',') },
    squeeze: { type: 'string' },
    threads: { type: 'string', default: '1' },
    kept: { type: 'string' },
    only: { type: 'string', default: '' },
    'no-clean': { type: 'boolean', default: false },
    'clean-only': { type: 'boolean', default: false },
    qualities: { type: 'string', default: '50,20,10' },
  },
});
if (!existsSync(data)) throw new Error('../shared/data is not there: nothing to measure on.');
const threads = Number(options.threads);
const runtime = createInlineRuntime();

/** Evenly spread photographs of a set. */
async function photosOf(set: string): Promise<Pixels[]> {
  const folder = path.join(data, sets[set]!);
  const names = readdirSync(folder).filter((name) => /\.(png|jpg|bmp)$/.test(name)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const wanted = Math.min(Number(options.photos), names.length);
  const chosen = Array.from({ length: wanted }, (_, i) => names[Math.floor((i * names.length) / wanted)]!);
  return Promise.all(chosen.map((name) => readPhoto(path.join(folder, name))));
}

const squeeze = options.squeeze === undefined ? undefined : await loadSqueezeDistance(openWeights(options.squeeze), undefined, runtime, { device: 'cpu', threads });
const niqeFile = here('../../shared/reference/niqe_params.json');
const niqeModel = existsSync(niqeFile) ? await readNiqeModel(niqeFile) : undefined;
const columns: readonly { readonly name: MeasureName; readonly title: string; readonly digits: number }[] = [
  { name: 'psnr-y', title: 'PSNR (Y) dB ↑', digits: 2 },
  { name: 'ssim-y', title: 'SSIM (Y) ↑', digits: 4 },
  { name: 'feature-distance', title: 'feature distance ↓', digits: 4 },
  ...(squeeze === undefined ? [] : [{ name: 'lpips', title: squeeze.isLpips ? 'LPIPS ↓' : 'squeeze distance ↓', digits: 4 } as const]),
  ...(niqeModel === undefined ? [] : [{ name: 'niqe', title: 'NIQE ↓', digits: 2 } as const]),
];
const trialModels: Trial['models'] = { ...(niqeModel === undefined ? {} : { niqeModel }), ...(squeeze === undefined ? {} : { squeeze }) };

async function enlargers(): Promise<Contestant[]> {
  const { scale } = damageDefaults;
  const peer = path.join(data, 'weights/derived_rebuilt_pth/realesr-animevideov3.rebuilt.pth');
  return [
    resampler('Bicubic', 'bicubic', scale),
    resampler('Lanczos', 'lanczos3', scale),
    ...(existsSync(peer) ? [await networkContestant('realesr-animevideov3', openWeights(peer), runtime, threads)] : []),
    ...(await pairContestants('Heirloom enlarge ×4', [path.join(models, 'enlarge-x4-fidelity.safetensors'), path.join(models, 'enlarge-x4-perception.safetensors')], alphas, runtime, threads)),
  ];
}

function tableHead(last: string): string {
  const titles = ['', ...columns.map(({ title }) => title), last];
  return `| ${titles.join(' | ')} |\n|${titles.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`;
}

function tableRow(name: string, { means, consistencyDb }: TrialResult): string {
  const cells = columns.map((column) => means[column.name]?.toFixed(column.digits) ?? '–');
  return `| ${[name, ...cells, consistencyDb.toFixed(2)].join(' | ')} |`;
}

async function enlargeTables(contestants: readonly Contestant[]): Promise<string> {
  const sections: string[] = [];
  for (const set of options.sets.split(',')) {
    const photos = await photosOf(set);
    for (const damage of options.damages.split(',')) {
      const trial = { damage, scale: damageDefaults.scale, crop: 4, which: columns.map(({ name }) => name), models: trialModels };
      const rows: string[] = [];
      console.log(`${set}, ${damage} (${photos.length} photos)`);
      const pairs = await degradeAll(photos, trial);
      for (const { name, origin, restore } of contestants) {
        const row = tableRow(name, await kept(options.kept, [set, damage, photos.length, origin, trial.which], () => evaluate(restore, pairs, trial)));
        console.log(row);
        rows.push(row);
      }
      sections.push(`### ${set}, ${damage} (${photos.length} photos)\n\n${tableHead('consistency dB ↑')}\n${rows.join('\n')}\n`);
    }
  }
  return sections.join('\n');
}

/** PSNR on Y of an undegraded photograph to itself, and before and after JPEG, through the clean pair. */
async function cleanTable(): Promise<string> {
  const pair = [path.join(models, 'clean-x1-gentle.safetensors'), path.join(models, 'clean-x1-strong.safetensors')] as const;
  const contestants = await pairContestants('Heirloom clean', pair, alphas, runtime, threads);
  if (contestants.length === 0) return 'No network for cleaning is at hand yet.\n';
  const set = options.sets.includes('b100') ? 'b100' : 'kodak24';
  const photos = await photosOf(set);
  const psnr = async (a: Pixels, b: Pixels): Promise<number> => Math.min(99, (await measureCropped(a, quantized(b), 0, { which: ['psnr-y'] })).measures['psnr-y']!);
  const qualities = [undefined, ...options.qualities.split(',').map(Number)];
  const heads = qualities.map((quality) => (quality === undefined ? 'untouched' : `JPEG ${quality}`));
  const lines = [`| | ${heads.join(' | ')} |`, `|---|${heads.map(() => '---:').join('|')}|`];
  const nothing = { name: 'Nothing', origin: 'nothing', restore: async (photo: Pixels) => photo };
  for (const { name, origin, restore } of [nothing, ...contestants]) {
    const sums: number[] = [];
    for (const quality of qualities) {
      const meanPsnr = async (): Promise<number> => {
        let sum = 0;
        for (const photo of photos) sum += await psnr(photo, await restore(quality === undefined ? photo : await throughJpeg(photo, quality)));
        return sum / photos.length;
      };
      sums.push(await kept(options.kept, ['clean', set, photos.length, quality ?? 'untouched', origin], meanPsnr));
    }
    lines.push(`| ${name} | ${sums.map((sum) => (sum >= 99 ? 'equal' : sum.toFixed(2))).join(' | ')} |`);
    console.log(lines.at(-1));
  }
  await Promise.all(contestants.map((contestant) => contestant.close()));
  return `PSNR (Y) in dB over ${photos.length} photographs of ${set}, without a crop.\n\n${lines.join('\n')}\n`;
}

async function contactSheet(contestants: readonly Contestant[]): Promise<void> {
  const kodak = async (name: string): Promise<Pixels> => readPhoto(path.join(data, sets['kodak24']!, `${name}.png`));
  const historic = await readPhoto(path.join(data, 'eval/open/historic-photos/detroit-1915.jpg'), 1600);
  const views: View[] = [
    { photo: await kodak('4'), left: 140, top: 250, damage: 'clean' },
    { photo: await kodak('23'), left: 120, top: 80, damage: 'mild' },
    { photo: await kodak('19'), left: 130, top: 400, damage: 'medium' },
    { photo: await kodak('15'), left: 200, top: 100, damage: 'strong' },
    { photo: historic, left: 500, top: 300, damage: 'medium' },
  ];
  const shown = contestants.filter(({ name }) => name !== 'Bicubic');
  await writeContactSheet(views, shown, damageDefaults.scale, path.join(models, 'contact-sheet.png'));
}

function introduction(): string {
  const perceptual =
    squeeze === undefined
      ? ''
      : '\n- **Squeeze distance**: features of SqueezeNet 1.1 compared as LPIPS does, all channels weighing alike. The backbone at hand came from Caffe, LPIPS was trained on another, so this is not LPIPS. The perception end was trained on some of the same features, which favors it here; the feature distance is independent of it.';
  return `# Results

Written by \`scripts/results.ts\`; do not edit. Photographs are degraded as \`training/strengths.json\` says (seed ${damageDefaults.seed}), enlarged ×${damageDefaults.scale}, rounded to 8 bit and measured with a border of 4 pixels cut. Means over photographs. Neither set was trained on.

- **PSNR, SSIM**: on the luma, by the formulas of the SRGAN protocol.
- **Feature distance**: Heirloom's own, on fixed oriented filters (\`src/engine/metrics/feature-distance.ts\`); not LPIPS.${perceptual}
- **NIQE**: naturalness of the result alone, with the published parameters.
- **Consistency**: the result, reduced again, against its input. On degraded input a high value also means that the damage was kept.
- **realesr-animevideov3**: a public network of the same architecture and size, made for animation.

![Contact sheet](contact-sheet.png)

From left to right: input, the methods, the original. Photographs: Kodak (unrestricted); Detroit Publishing Company, 1915 (public domain).
`;
}

const resultsFile = path.join(models, 'RESULTS.md');
const cleaning = '\n## Cleaning\n\n';

/** Measures the cleaning again; what the file says of enlarging stays. */
async function cleanAgain(): Promise<void> {
  const text = await readFile(resultsFile, 'utf8');
  const before = text.split(cleaning, 1)[0]!;
  await writeFile(resultsFile, `${before}${cleaning}${await cleanTable()}`);
}

async function everything(): Promise<void> {
  const all = await enlargers();
  const contestants = all.filter(({ name }) => new RegExp(options.only, 'u').test(name));
  const partly = options.only !== '' || options['no-clean'];
  if (!partly) await contactSheet(contestants);
  const enlarge = await enlargeTables(contestants);
  await Promise.all(all.map((contestant) => contestant.close()));
  const clean = options['no-clean'] ? '' : await cleanTable();
  if (!partly) await writeFile(resultsFile, `${introduction()}\n## Enlarging ×4\n\n${enlarge}${cleaning}${clean}`);
}

await (options['clean-only'] ? cleanAgain() : everything());
await squeeze?.release();
await runtime.close();
