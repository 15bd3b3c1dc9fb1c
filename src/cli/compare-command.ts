import { resolve } from 'node:path';
import { openPhoto } from '../engine/image/decode.ts';
import type { Image } from '../engine/image/image.ts';
import { compareImages, type CompareReport, usualCrop } from '../engine/metrics/compare-images.ts';
import { type Consistency, measureConsistency } from '../engine/metrics/consistency.ts';
import { readNiqeModel } from '../engine/metrics/niqe.ts';
import { openSqueezeDistance, type SqueezeDistance } from '../engine/metrics/squeeze-distance.ts';
import { createContext } from '../engine/context.ts';
import { consistencyFacts, measureFacts, type MeasureFacts, type MeasureName, measureNames, protocolCropPx } from '../shared/measures.ts';
import { type Command, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { describeFlags, describeRows, type Flag, numberFrom, parseFlags } from './flags.ts';
import { withStore } from './with-store.ts';

const allNames = [...measureNames, 'consistency'] as const;
type Name = (typeof allNames)[number];

type Size = Pick<CompareReport, 'width' | 'height'>;

/** What was measured; a part is missing where it was not asked for, or where the sizes differ. */
interface Comparison {
  readonly report?: CompareReport;
  readonly consistency?: Consistency;
}

const flags: readonly Flag[] = [
  { name: 'crop', takes: 'N', help: `Pixels cut from every side before measuring; ${protocolCropPx} if left out, as the protocol of SRGAN does. Consistency is measured whole.` },
  { name: 'only', takes: 'NAMES', help: `Measure only these, with commas between: ${allNames.join(', ')}.` },
  { name: 'niqe', takes: 'FILE', help: 'Parameters of NIQE, as JSON.' },
  { name: 'squeezenet', takes: 'FILE', help: "torchvision's SqueezeNet 1.1 weights, for the learned perceptual distance." },
  { name: 'lpips', takes: 'FILE', help: 'The trained layers of LPIPS 0.1 (squeeze); with --squeezenet this gives LPIPS proper.' },
  { name: 'json', help: 'Print JSON.' },
];

export const compareCommand: Command = {
  name: 'compare',
  summary: 'measure how two pictures differ',
  help: () => `heirloom compare REFERENCE PICTURE [--json]

Measures how PICTURE differs from REFERENCE. Pictures of different sizes have only their consistency: the larger
one is brought to the size of the smaller.

${describeFlags(flags)}

${describeRows(allNames.map((name) => [name, `${factsOf(name).about} ${factsOf(name).better} is better.`]))}
`,
  run: async (args, terminal) => {
    const given = parseFlags(args, flags);
    const [a, b, ...more] = given.positionals;
    if (a === undefined || b === undefined || more.length > 0) throw new UsageError('Use it as: heirloom compare REFERENCE PICTURE');
    const cropText = given.text('crop');
    const crop = cropText === undefined ? undefined : numberFrom(cropText, 'crop');
    const which = chosenMeasures(given.text('only'));
    const niqeFile = given.text('niqe');
    const niqeModel = niqeFile === undefined ? undefined : await readNiqeModel(resolve(niqeFile));
    const squeeze = await openSqueeze(given.text('squeezenet'), given.text('lpips'));
    return withStore(async (store) => {
      const open = (path: string) => openPhoto(resolve(path), { store, signal: terminal.signal });
      const [first, second] = [await open(a), await open(b)];
      const context = createContext(terminal.signal);
      const wantsConsistency = which === undefined || which.includes('consistency');
      const consistency = wantsConsistency ? await measureConsistency(...smallerFirst(first.image, second.image), store, context.part(0, 0.3)) : undefined;
      const pairwise = which?.filter((name) => name !== 'consistency');
      const isSameSize = first.image.width === second.image.width && first.image.height === second.image.height;
      // What was asked for by name fails in a sentence where the sizes differ; what was not is left out.
      const isWanted = pairwise === undefined ? isSameSize : pairwise.length > 0;
      const report = !isWanted ? undefined : await compareImages(first.image, second.image, {
        crop: crop ?? usualCrop(first.image),
        context: context.part(0.3, 1),
        ...(pairwise === undefined ? {} : { which: pairwise }),
        ...(niqeModel === undefined ? {} : { niqeModel }),
        ...(squeeze === undefined ? {} : { squeeze }),
      });
      await squeeze?.release();
      const comparison = { ...(report === undefined ? {} : { report }), ...(consistency === undefined ? {} : { consistency }) };
      if (given.has('json')) terminal.out(`${toJson(comparison)}\n`);
      else terminal.out(`${isSameSize ? '' : describeSizes(first.image, second.image)}${describe(comparison)}`);
      return exitCodes.ok;
    });
  },
};

async function openSqueeze(backbone: string | undefined, layers: string | undefined): Promise<SqueezeDistance | undefined> {
  if (backbone === undefined) {
    if (layers !== undefined) throw new UsageError('--lpips needs --squeezenet as well.');
    return undefined;
  }
  return openSqueezeDistance(resolve(backbone), layers === undefined ? undefined : resolve(layers));
}

function chosenMeasures(names: string | undefined): readonly Name[] | undefined {
  return names?.split(',').map((name) => {
    const known = allNames.find((measure) => measure === name.trim());
    if (known === undefined) throw new UsageError(`There is no measure "${name.trim()}"; there are ${allNames.join(', ')}.`);
    return known;
  });
}

/** What is restored is never smaller than what it was made of, so the smaller picture is the one to be explained. */
function smallerFirst(a: Image, b: Image): [Image, Image] {
  return a.width * a.height <= b.width * b.height ? [a, b] : [b, a];
}

function factsOf(name: Name): MeasureFacts {
  return name === 'consistency' ? consistencyFacts : measureFacts[name];
}

/** JSON has no infinity: the PSNR of equal pictures is written as the text "Infinity". */
function toJson({ report, consistency }: Comparison): string {
  const all = { ...report, ...(consistency === undefined ? {} : { consistency }) };
  return JSON.stringify(all, (_key, value: unknown) => (value === Infinity ? 'Infinity' : value), 2);
}

function describeSizes(first: Size, second: Size): string {
  return `The reference is ${first.width}×${first.height} pixels and the picture ${second.width}×${second.height}, so only their consistency was measured.\n`;
}

function describe({ report, consistency }: Comparison): string {
  const rows = Object.entries(report?.measures ?? {}).map(([name, value]) => {
    const first = name === 'niqe' && report?.niqeOfFirst !== undefined ? ` (reference ${report.niqeOfFirst.toFixed(4)})` : '';
    return describeValue(name as MeasureName, value, first);
  });
  if (consistency !== undefined) rows.push(describeValue('consistency', consistency.psnrDb));
  return `${report === undefined ? '' : describeMeasured(report)}${describeRows(rows)}\n`;
}

function describeMeasured({ width, height, crop, measuredShare }: CompareReport): string {
  const share = measuredShare < 1 ? `, ${Math.round(measuredShare * 100)} % of the pixels measured` : '';
  return `${width}×${height} pixels${crop === 0 ? '' : `, ${crop} cut from every side`}${share}\n`;
}

function describeValue(name: Name, value: number | undefined, remark = ''): readonly [string, string] {
  const { label, better } = factsOf(name);
  return [label, value === undefined ? 'not measured' : `${value.toFixed(4)}${remark}, ${better} is better`];
}
