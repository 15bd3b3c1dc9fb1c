/** Entry of the probe process: runs the self-test network on one device and on the CPU and prints one line of JSON. A crash here harms nobody. */
import { Graph } from '../graph/graph.ts';
import type { ProbeReport } from './devices.ts';
import { createSessionTable } from './session-table.ts';
import { seededNumbers } from './seeded-numbers.ts';

const features = 16;
const sidePx = 64;

/** A small Compact-like network of seeded numbers: convolutions, PReLU, pixel shuffle and a nearest-neighbor skip, as the product's own. */
function selfTestGraph(): ReturnType<Graph['encode']> {
  const numbers = seededNumbers(20261121);
  const tensor = (shape: readonly number[], scale: number): { data: Float32Array; shape: readonly number[] } => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (numbers() - 0.5) * scale),
  });
  const graph = new Graph('self-test');
  const input = graph.input('input', [1, 3, 'h', 'w']);
  const pads = { pads: [1, 1, 1, 1], kernel_shape: [3, 3] };
  let x = graph.op('Conv', [input, graph.constant(tensor([features, 3, 3, 3], 0.6)), graph.constant(tensor([features], 0.1))], pads);
  for (let i = 0; i < 3; i++) {
    x = graph.op('PRelu', [x, graph.constant(tensor([features, 1, 1], 0.5))]);
    x = graph.op('Conv', [x, graph.constant(tensor([features, features, 3, 3], 0.25)), graph.constant(tensor([features], 0.1))], pads);
  }
  x = graph.op('Conv', [x, graph.constant(tensor([12, features, 3, 3], 0.25)), graph.constant(tensor([12], 0.1))], pads);
  const shuffled = graph.op('DepthToSpace', [x], { blocksize: 2, mode: 'CRD' });
  const scales = graph.constant({ data: Float32Array.of(1, 1, 2, 2), shape: [4] });
  const up = graph.op('Resize', [input, undefined, scales], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' });
  return graph.encode({ output: graph.op('Add', [shuffled, up]) });
}

async function runOn(device: string): Promise<{ readonly output: Float32Array; readonly elapsedMs: number }> {
  const table = createSessionTable();
  const { bytes, external } = selfTestGraph();
  const session = await table.load({ bytes, external, options: { device, threads: 0 } });
  const numbers = seededNumbers(7);
  const picture = Float32Array.from({ length: 3 * sidePx * sidePx }, () => numbers());
  let elapsedMs = Infinity;
  let output = new Float32Array(0);
  for (let run = 0; run < 3; run++) {
    const started = performance.now();
    const results = await table.run(session.id, { input: { data: picture, dims: [1, 3, sidePx, sidePx] } });
    elapsedMs = Math.min(elapsedMs, performance.now() - started);
    output = Float32Array.from(results.output?.data as Float32Array);
  }
  await table.close();
  return { output, elapsedMs };
}

async function compareWithCpu(device: string): Promise<ProbeReport> {
  const reference = await runOn('cpu');
  const result = device === 'cpu' ? reference : await runOn(device);
  let maxError = 0;
  for (let i = 0; i < reference.output.length; i++) {
    const difference = Math.abs((reference.output[i] as number) - (result.output[i] as number));
    maxError = Number.isNaN(difference) ? Infinity : Math.max(maxError, difference);
  }
  return { maxError: Number.isFinite(maxError) ? maxError : 1e9, elapsedMs: result.elapsedMs };
}

const answer = await compareWithCpu(process.argv[2] ?? 'cpu').catch((error: unknown) => ({ error: error instanceof Error ? causeOf(error) : String(error) }));
process.stdout.write(`${JSON.stringify(answer)}\n`);

/** What the runtime itself said. */
function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
