/**
 * Prints what is inside weights files of any kind: .pth, .pt, .safetensors, .onnx.
 *
 *   node scripts/run.js scripts/dump-weights.ts [--names] FILE ...
 *
 * `--names` leaves the statistics out, which need every number to be read. Sample output:
 *
 *   dncnn_25.pth: pth-legacy, 34 tensors, 555137 elements
 *   name             type  shape         minimum     maximum        mean   deviation
 *   model.0.weight   f32   64×1×3×3      -0.7973      0.6725    -0.02082      0.1860
 *   model.0.bias     f32   64            -0.2107      0.4191     0.04695      0.1358
 */
import { basename } from 'node:path';
import { toFailure } from '../src/shared/failure.ts';
import { dumpWeights } from '../src/engine/weights/dump-weights.ts';
import { openOnnxFile } from '../src/engine/weights/onnx-file.ts';
import { detectModelFile, openWeights } from '../src/engine/weights/open-weights.ts';
import type { Weights } from '../src/engine/weights/weights.ts';

// A reader that had enough, such as `head`, is no error.
process.stdout.on('error', () => process.exit());

const args = process.argv.slice(2);
const withStatistics = !args.includes('--names');
const paths = args.filter((argument) => argument !== '--names');
if (paths.length === 0) console.error('Usage: node scripts/run.js scripts/dump-weights.ts [--names] FILE ...');
for (const path of paths) {
  try {
    const weights = open(path);
    for (const line of dumpWeights(weights, withStatistics)) console.log(line);
    weights.close();
  } catch (error) {
    const { message, hint } = toFailure(error);
    console.error(`${basename(path)}: ${message}${hint === undefined ? '' : ` ${hint}`}`);
    process.exitCode = 1;
  }
}

function open(path: string): Weights {
  if (detectModelFile(path) !== 'onnx') return openWeights(path);
  const file = openOnnxFile(path);
  const shown = (values: typeof file.inputs): string => values.map(({ name, shape }) => `${name} [${shape.map((size) => size ?? '?').join(', ')}]`).join(', ');
  console.log(`${file.source}: ${file.producer}, operator set ${file.opset}; ${shown(file.inputs)} → ${shown(file.outputs)}`);
  return file.weights;
}
