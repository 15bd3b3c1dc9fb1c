/**
 * Measures speed and memory on this machine, as ratios taken in one run wherever possible; prints a table and writes bench-results/<group>.json.
 *
 *   npm run bench                       all groups
 *   npm run bench -- engine memory      these groups
 *
 *   engine        engine time over bare session.run           1.04     (target ≤ 1.10)
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

import type { Measurement } from './bench/measurement.ts';

const groups: Readonly<Record<string, () => Promise<() => Promise<readonly Measurement[]>>>> = {
  engine: async () => (await import('./bench/engine-overhead.ts')).measureEngineOverhead,
  open: async () => (await import('./bench/open-photo.ts')).measureOpening,
  fill: async () => (await import('./bench/fill-holes.ts')).measureFilling,
  memory: async () => (await import('./bench/memory.ts')).measureMemory,
  architectures: async () => (await import('./bench/architectures.ts')).measureArchitectures,
  faces: async () => (await import('./bench/faces.ts')).measureFaces,
  damage: async () => (await import('./bench/damage.ts')).measureDamage,
  masks: async () => (await import('./bench/masks.ts')).measureMasks,
  studio: async () => (await import('./bench/studio.ts')).measureStudio,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(groups, name));
if (unknown.length > 0) {
  console.error(`Unknown group ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}.`);
  process.exit(2);
}
mkdirSync('bench-results', { recursive: true });
console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`);
for (const name of wanted.length > 0 ? wanted : Object.keys(groups)) {
  const measure = await (groups[name] as (typeof groups)[string])();
  const rows = await measure();
  for (const { what, value, unit, target } of rows) {
    const shown = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
    console.log(`${name.padEnd(10)} ${what.padEnd(72)} ${`${shown} ${unit}`.padStart(14)}${target === undefined ? '' : `   (target ${target})`}`);
  }
  writeFileSync(`bench-results/${name}.json`, `${JSON.stringify({ group: name, cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, rows }, null, 2)}\n`);
}
process.exit(0);
