import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { architectureContract } from '../../contracts/architecture.ts';
import { openGolden } from './golden.ts';

const folder = fileURLToPath(new URL('../../fixtures/golden', import.meta.url));
const names = new Set(
  readdirSync(folder)
    .filter((file) => /\.(?:pth|pt|safetensors)$/.test(file) && !file.includes('.io.'))
    .map((file) => file.replace(/\.[a-z]+$/, '')),
);

for (const name of names) architectureContract(name, () => openGolden(name));
