#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../out/main/cli.js', import.meta.url);
if (existsSync(entry)) {
  await import(entry.href);
} else {
  process.stderr.write('Heirloom is not built yet. Run "npm ci" in its folder.\n');
  process.exitCode = 1;
}
