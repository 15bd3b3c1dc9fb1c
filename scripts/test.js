// `npm test`: linter, type checks of all worlds, a build, and every test. Ends with the line `N passed, N failed`,
// in which the linter, each type check and the build count as one check each.
//
//   npm test [-- vitest arguments ...]

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'heirloom-test-'));
const report = join(folder, 'report.json');
let passed = 0;
let failed = 0;

check('lint', 'eslint/bin/eslint.js', '.', '--max-warnings', '0', '--cache', '--cache-location', 'node_modules/.cache/eslint/');
check('types of shared', 'typescript/bin/tsc', '-p', 'tsconfig.shared.json');
check('types of engine, hosts and tests', 'typescript/bin/tsc', '-p', 'tsconfig.node.json');
check('types of the preload script', 'typescript/bin/tsc', '-p', 'tsconfig.preload.json');
check('types of the window', 'vue-tsc/bin/vue-tsc.js', '-p', 'tsconfig.web.json');
check('build', 'electron-vite/bin/electron-vite.js', 'build', '--logLevel', 'warn');
runTests();
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function run(program, args) {
  return spawnSync(process.execPath, [join(root, 'node_modules', program), ...args], { cwd: root, stdio: 'inherit' }).status;
}

function check(name, program, ...args) {
  const started = performance.now();
  const ok = run(program, args) === 0;
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? '✓' : '✗'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

function runTests() {
  const status = run('vitest/vitest.mjs', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)]);
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    passed += result.numPassedTests;
    failed += result.numFailedTests + result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    if (result.numPendingTests > 0) console.log(`${result.numPendingTests} skipped, with the reason in their names`);
    if (status !== 0 && failed === 0) failed++;
  } catch {
    console.log('✗ the tests did not run');
    failed++;
  }
}
