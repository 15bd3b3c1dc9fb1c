import { resolve } from 'node:path';
import { openPhoto } from '../engine/image/decode.ts';
import { compareImages, type CompareReport, measureFacts, type MeasureName, measureNames } from '../engine/metrics/compare-images.ts';
import { readNiqeModel } from '../engine/metrics/niqe.ts';
import { openSqueezeDistance, type SqueezeDistance } from '../engine/metrics/squeeze-distance.ts';
import { createContext } from '../engine/context.ts';
import { type Command, UsageError } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { describeFlags, describeRows, type Flag, numberFrom, parseFlags } from './flags.ts';
import { withStore } from './with-store.ts';

const flags: readonly Flag[] = [
  { name: 'crop', takes: 'N', help: 'Pixels cut from every side before measuring (4 is usual for ×4).' },
  { name: 'only', takes: 'NAMES', help: `Measure only these, with commas between: ${measureNames.join(', ')}.` },
  { name: 'niqe', takes: 'FILE', help: 'Parameters of NIQE, as JSON.' },
  { name: 'squeezenet', takes: 'FILE', help: "torchvision's SqueezeNet 1.1 weights, for the learned perceptual distance." },
  { name: 'lpips', takes: 'FILE', help: 'The trained layers of LPIPS 0.1 (squeeze); with --squeezenet this gives LPIPS proper.' },
  { name: 'json', help: 'Print JSON.' },
];

export const compareCommand: Command = {
  name: 'compare',
  summary: 'measure how two pictures differ',
  help: () => `heirloom compare REFERENCE PICTURE [--json]

Measures how PICTURE differs from REFERENCE. Both must have the same size.

${describeFlags(flags)}

${describeRows(measureNames.map((name) => [name, `${measureFacts[name].about} ${measureFacts[name].better} is better.`]))}
`,
  run: async (args, terminal) => {
    const given = parseFlags(args, flags);
    const [a, b, ...more] = given.positionals;
    if (a === undefined || b === undefined || more.length > 0) throw new UsageError('Use it as: heirloom compare REFERENCE PICTURE');
    const crop = numberFrom(given.text('crop') ?? '0', 'crop');
    const which = chosenMeasures(given.text('only'));
    const niqeFile = given.text('niqe');
    const niqeModel = niqeFile === undefined ? undefined : await readNiqeModel(resolve(niqeFile));
    const squeeze = await openSqueeze(given.text('squeezenet'), given.text('lpips'));
    return withStore(async (store) => {
      const open = (path: string) => openPhoto(resolve(path), { store, signal: terminal.signal });
      const [first, second] = [await open(a), await open(b)];
      const report = await compareImages(first.image, second.image, {
        crop,
        context: createContext(terminal.signal),
        ...(which === undefined ? {} : { which }),
        ...(niqeModel === undefined ? {} : { niqeModel }),
        ...(squeeze === undefined ? {} : { squeeze }),
      });
      await squeeze?.release();
      terminal.out(given.has('json') ? `${toJson(report)}\n` : describe(report));
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

function chosenMeasures(names: string | undefined): readonly MeasureName[] | undefined {
  return names?.split(',').map((name) => {
    const known = measureNames.find((measure) => measure === name.trim());
    if (known === undefined) throw new UsageError(`There is no measure "${name.trim()}"; there are ${measureNames.join(', ')}.`);
    return known;
  });
}

/** JSON has no infinity: the PSNR of equal pictures is written as the text "Infinity". */
function toJson(report: CompareReport): string {
  return JSON.stringify(report, (_key, value: unknown) => (value === Infinity ? 'Infinity' : value), 2);
}

function describe({ width, height, crop, measuredShare, measures, niqeOfFirst }: CompareReport): string {
  const rows = Object.entries(measures).map(([name, value]) => {
    const { label, better } = measureFacts[name as MeasureName];
    const first = name === 'niqe' && niqeOfFirst !== undefined ? ` (reference ${niqeOfFirst.toFixed(4)})` : '';
    return [label, value === undefined ? 'not measured' : `${value.toFixed(4)}${first}, ${better} is better`] as const;
  });
  const share = measuredShare < 1 ? `, ${Math.round(measuredShare * 100)} % of the pixels measured` : '';
  return `${width}×${height} pixels${crop === 0 ? '' : `, ${crop} cut from every side`}${share}\n${describeRows(rows)}\n`;
}
