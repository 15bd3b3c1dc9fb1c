// Runs a TypeScript script on any supported Node, with Vite's own module runner.
//
//   node scripts/run.js scripts/bench.ts [arguments ...]
//
// The script sees itself in process.argv[1] and its arguments after it.

import { resolve } from 'node:path';
import { runnerImport } from 'vite';

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error('Usage: node scripts/run.js SCRIPT.ts [arguments ...]');
  process.exit(2);
}
const path = resolve(script);
process.argv = [process.execPath, path, ...args];
await runnerImport(path, { configFile: false, logLevel: 'warn', root: resolve(import.meta.dirname, '..') });
