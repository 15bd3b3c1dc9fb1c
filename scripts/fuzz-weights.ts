/**
 * Damages weights files at random and opens them: the readers must read or refuse each, and do nothing else.
 *
 *   node scripts/run.js scripts/fuzz-weights.ts [files] [seed]
 *
 * Starts from tests/fixtures/weights/ and a small ONNX graph. The same seed gives the same files. Sample output:
 *
 *   120000 files, seed 2026: 10022 opened, 109978 refused (corrupt-model 108966, unsupported-model 1012), 0 escaped
 *   slowest 126.4 ms (seed 2026, file 69340, from plain.protocol4.pth), largest tensor 216 elements, peak memory 205 MiB, 53 s
 */
import { fuzzWeights } from '../tests/engine/weights/fuzz.ts';

const files = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const start = performance.now();
const figures = fuzzWeights(files, seed, (_, done) => {
  if (done % 10_000 === 0) console.error(`${done} files …`);
});
const refused = [...figures.refused].map(([code, count]) => `${code} ${count}`).join(', ');
const refusedCount = [...figures.refused.values()].reduce((sum, count) => sum + count, 0);
console.log(`${files} files, seed ${seed}: ${figures.opened} opened, ${refusedCount} refused (${refused}), ${figures.escaped.length} escaped`);
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
const seconds = Math.round((performance.now() - start) / 1000);
console.log(`slowest ${figures.slowestMs.toFixed(1)} ms (${figures.slowest}), largest tensor ${figures.largestRead} elements, peak memory ${peakMiB} MiB, ${seconds} s`);
for (const escape of figures.escaped.slice(0, 20)) console.log(escape);
if (figures.escaped.length > 0) process.exitCode = 1;
