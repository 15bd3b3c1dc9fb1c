/**
 * Measures what the search for damage proposes, as the studio and the command line show it before any correction, and writes
 * resources/models/DAMAGE-RESULTS.md: nothing should be proposed on clean photographs, and of laid-on damage as much as can be. Sets that
 * are not asked for stay as they are in it.
 *
 *   node scripts/run.js scripts/damage-results.ts [--photos N] [--only PART|=TITLE] [--detector FILE] [--sensitivities 0.3,0.5,0.7] [--maps FOLDER] [--write]
 *
 * With --maps what the search found of each picture is kept in a folder, and taken from there the next time: for trying limits, and for sets measured by
 * several processes at once.
 * Needs the photographs and overlays of ../shared/data. Without --write it only prints. Each set is printed as it is done:
 *
 *   Kodak24 with four overlays (24 photos)
 *   | 0.5 | 24 | 91.2 % | 40.1 % | 55.7 % |
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { quietContext } from '../src/engine/context.ts';
import { doubtPhoto } from '../src/engine/damage/doubt-photo.ts';
import { findDamage } from '../src/engine/damage/find-damage.ts';
import { proposeMask } from '../src/engine/damage/propose-mask.ts';
import { floatImage } from '../src/engine/image/memory-image.ts';
import { type DamageKind, kindsWanted } from '../src/shared/damage.ts';
import { type Bytes, type DamagedTrial, damagedTrial, type Dirt, readBytes } from './damage-results/damaged-trial.ts';
import { KeptMaps } from './damage-results/kept-maps.ts';
import { countPlaces, lookedAt, type PlaceCounts, readLabels } from './damage-results/looked-at.ts';
import { markedPixels, type MaskCounts, measureMask } from './damage-results/measure-mask.ts';
import { grayPrint, throughJpeg, tonedPrint } from './damage-results/toned-print.ts';
import { heldOutPortraits } from './face-results/held-out.ts';
import { openStudy } from './face-results/study.ts';
import { sectionsOf } from './results/sections.ts';

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const data = here('../../shared/data');
const { values: options } = parseArgs({
  options: {
    photos: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    detector: { type: 'string' },
    sensitivities: { type: 'string', default: '0.3,0.5,0.7' },
    maps: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const sensitivities = options.sensitivities.split(',').map(Number);
/** As training/pack.py holds them out. */
const photosHeldOutEvery = 20;

/** Pictures of one sort, and how many overlays are laid on each. */
interface TrialSet {
  readonly title: string;
  readonly files: readonly string[];
  readonly layers: number;
  /** Whether they are made prints in one brown tone before, and JPEG files of this quality after. */
  readonly toned?: boolean;
  /** Whether they are made black and white before. */
  readonly gray?: boolean;
  readonly dirt?: Dirt;
  /** Real prints, of which is known which places are damage. */
  readonly real?: boolean;
}
const tonedQuality = 88;

const listed = (folder: string): string[] =>
  readdirSync(path.join(data, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(png|jpe?g)$/i.test(name))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => path.join(data, folder, name));
const kodak = listed('eval/open/kodak24');
const heldOut = [
  ...listed('train/photos').filter((_, index) => index % photosHeldOutEvery === 0),
  ...heldOutPortraits(path.join(data, 'train/portraits'), 1e6).filter((file) => file.includes('modern')),
];
const overlays = path.join(data, 'train/damage');
const labels = readLabels(here('../training/print-labels.json'));
const prints = heldOutPortraits(path.join(data, 'train/portraits'), 1e6).filter((file) => lookedAt(labels, file) !== undefined && file.includes('historic'));
const sets: readonly TrialSet[] = [
  { title: 'held-out historic prints as they are', files: prints, layers: 0, real: true },
  { title: 'held-out photographs and modern portraits', files: heldOut, layers: 0 },
  { title: 'held-out photographs and modern portraits with one overlay', files: heldOut, layers: 1 },
  { title: 'held-out photographs and modern portraits with four overlays', files: heldOut, layers: 4 },
  { title: 'Kodak24', files: kodak, layers: 0 },
  { title: 'B100', files: listed('eval/restricted/b100'), layers: 0 },
  { title: 'Kodak24 with one overlay', files: kodak, layers: 1 },
  { title: 'Kodak24 with four overlays', files: kodak, layers: 4 },
  { title: 'B100 in black and white', files: listed('eval/restricted/b100'), layers: 0, gray: true },
  { title: 'Kodak24 in black and white', files: kodak, layers: 0, gray: true },
  { title: 'Kodak24 in black and white with one overlay', files: kodak, layers: 1, gray: true },
  ...[0, 1, 4].map((layers) => ({
    title: `brown prints of the held-out${layers === 0 ? '' : layers === 1 ? ' with one overlay' : ' with four overlays'}`,
    files: heldOut,
    layers,
    toned: true,
  })),
  { title: 'brown prints of the held-out with an overlay of rust, stains asked for', files: heldOut, layers: 1, toned: true, dirt: 'rust' },
];

/** A picture of a set, damaged and not, in the state in which it is searched. */
async function trialOf({ layers, toned, gray, dirt }: TrialSet, file: string, seed: number): Promise<DamagedTrial> {
  const read = await readBytes(file);
  const photo = gray === true ? grayPrint(read) : read;
  const trial = await damagedTrial(toned === true ? tonedPrint(photo, seed) : photo, overlays, layers, seed, dirt);
  return toned === true ? { ...trial, photo: await throughJpeg(trial.photo, tonedQuality) } : trial;
}

/** What is proposed for one picture, one array for each sensitivity: 1 where it is marked. */
async function proposalsOf(name: string, photo: Bytes, kinds: readonly DamageKind[]): Promise<readonly Uint8Array[]> {
  const { width, height } = photo;
  const map = await maps.getOrMake(name, async () => {
    const image = floatImage(width, height, 3, Float32Array.from(photo.data, (value) => value / 255));
    const { scratchDetector: model, hub: models, store } = study;
    return (await findDamage(image, { model, models, store, context: quietContext() })).map;
  });
  // Weighed anew, for limits that are tried on kept maps.
  const doubt = doubtPhoto(map);
  return sensitivities.map((sensitivity) => {
    const { mask } = proposeMask({ ...map, doubt }, { sensitivity, kinds, growPx: 0 });
    const runs = mask.shapes.flatMap((shape) => (shape.kind === 'bitmap' ? shape.runs : []));
    return markedPixels(runs, width * height);
  });
}

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

function describeRow(sensitivity: number, pictures: readonly MaskCounts[], layers: number): string {
  const sum = (of: (counts: MaskCounts) => number): number => pictures.reduce((total, counts) => total + of(counts), 0);
  const proposed = pictures.filter(({ marked }) => marked > 0).length;
  if (layers === 0) {
    const shares = pictures.map(({ marked, pixels }) => marked / pixels);
    const mean = shares.reduce((total, share) => total + share, 0) / shares.length;
    return `| ${[sensitivity, proposed, percent(mean, 4), percent(Math.max(...shares), 4)].join(' | ')} |`;
  }
  const precision = sum(({ markedRight }) => markedRight) / Math.max(1, sum(({ marked }) => marked));
  const recall = sum(({ seenMarked }) => seenMarked) / Math.max(1, sum(({ seen }) => seen));
  const f1 = (2 * precision * recall) / Math.max(1e-9, precision + recall);
  return `| ${[sensitivity, proposed, percent(precision), percent(recall), percent(f1)].join(' | ')} |`;
}

function headsOf({ real, layers }: TrialSet): readonly string[] {
  if (real === true)
    return ['sensitivity', 'prints with a proposal', 'damaged places marked', 'places of the scene marked', 'right of these', 'marked elsewhere'];
  if (layers === 0) return ['sensitivity', 'pictures with a proposal', 'marked: mean', 'worst picture'];
  return ['sensitivity', 'pictures with a proposal', 'precision', 'recall', 'F1'];
}

function describePrints(sensitivity: number, pictures: readonly PlaceCounts[]): string {
  const sum = (of: (counts: PlaceCounts) => number): number => pictures.reduce((total, counts) => total + of(counts), 0);
  const [found, wrong] = [sum(({ damageMarked }) => damageMarked), sum(({ sceneMarked }) => sceneMarked)];
  return `| ${[
    sensitivity,
    pictures.filter(({ marked }) => marked > 0).length,
    `${found} of ${sum(({ damage }) => damage)}`,
    `${wrong} of ${sum(({ scene }) => scene)}`,
    percent(found / Math.max(1, found + wrong)),
    percent(sum(({ elsewhere }) => elsewhere) / sum(({ pixels }) => pixels), 4),
  ].join(' | ')} |`;
}

const introduction = `# What the search for damage proposes

Written by \`scripts/damage-results.ts\`; do not edit. What \`repair\` proposes before anybody corrects it, without stains, at three sensitivities (0.5 is the
default). On clean photographs nothing should be marked. On the others film dirt is laid: scratches, hairs, lint and dust of overlays that no network was
trained on, light and dark, more or less opaque, one overlay or four. Pixels count as right within two pixels; what the damage changes by less than a tenth of the
brightness is neither right nor wrong. Pictures in black and white or one tone are most often old prints, so less certainty is asked for there: the clean rows of "black and white" and "brown prints"
say what that costs where such a picture is new and clean. The limits of the search were set with all of these sets in view, which flatters them, most of all the clean rows. "Brown prints" are the same pictures in one brown tone of 8 to 26 of 255, with the same film dirt in gray,
read from a JPEG file of quality 88 with one color for 2×2 pixels: there color tells as well.
Rust is overlays of stains, smut and dirt in brown; there stains are asked for too, and a pixel counts by the channel that changes most.

The historic prints are held-out portraits from before 1929 with the damage they have. Every place that an earlier network found worth a look was looked at by eye, down to what it thought unlikely, and counts as
damage, as scene (lapels, seams, buttonholes, hair, cords) or, where nobody can tell, not at all; \`training/print-labels.json\` has them. Damage which that network had no idea of is not among them.
A place counts as marked where marks reach over a quarter of its longer side: the box of a lapel that runs aslant is mostly background, and a speck that is rightly marked there is not the lapel.
`;

const study = await openStudy({
  models: here('../resources/models'),
  model: '',
  ...(options.detector === undefined ? {} : { scratchDetector: options.detector }),
});
const maps = new KeptMaps(options.maps);
const target = here('../resources/models/DAMAGE-RESULTS.md');
const titles = sets.map(({ title }) => title);
for (const set of sets.filter(({ title }) => options.only.split('|').some((part) => (part.startsWith('=') ? title === part.slice(1) : title.includes(part))))) {
  const { title, files, layers } = set;
  const chosen = files.filter((_, index) => index < Number(options.photos));
  const measured: (readonly MaskCounts[])[] = [];
  const places: (readonly PlaceCounts[])[] = [];
  for (const [index, file] of chosen.entries()) {
    const { photo, seen } = await trialOf(set, file, 1896 + index);
    const { width, height } = photo;
    const proposals = await proposalsOf(`${title} ${index}`, photo, kindsWanted({ stains: set.dirt === 'rust' }));
    if (set.real === true) places.push(proposals.map((marked) => countPlaces(marked, lookedAt(labels, file)!, width)));
    else measured.push(proposals.map((marked) => measureMask(marked, seen, width, height)));
  }
  const heads = headsOf(set);
  const rows = sensitivities.map((sensitivity, i) =>
    set.real === true ? describePrints(sensitivity, places.map((each) => each[i]!)) : describeRow(sensitivity, measured.map((each) => each[i]!), layers),
  );
  const table = [`| ${heads.join(' | ')} |`, `|${heads.map(() => '---:').join('|')}|`, ...rows].join('\n');
  console.log(`${title} (${chosen.length} photos)\n${rows.join('\n')}`);
  if (!options.write) continue;
  const sections = sectionsOf(existsSync(target) ? await readFile(target, 'utf8') : '', '## ', titles).set(title, `## ${title} (${chosen.length})\n\n${table}`);
  await writeFile(target, `${[introduction.trimEnd(), ...titles.flatMap((name) => sections.get(name) ?? [])].join('\n\n')}\n`);
}
await study.close();
process.exit(0);
