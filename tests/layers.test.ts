import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * Who may import whom. A layer is a folder of `src` (or one file in it); the most specific one counts. What is not
 * listed here is forbidden: a new folder or package has to be entered, and so be thought about.
 */
interface Layer {
  /** Layers it may import besides itself. */
  readonly layers: readonly string[];
  /** Packages it may import; 'node' stands for `node:*`. */
  readonly packages: readonly string[];
}

const node = ['node'];
const below = ['shared', 'engine/context.ts', 'engine/memo.ts'];
const table: Readonly<Record<string, Layer>> = {
  shared: { layers: [], packages: [] },

  'engine/context.ts': { layers: ['shared'], packages: node },
  'engine/memo.ts': { layers: [], packages: [] },
  'engine/image': { layers: [...below], packages: [...node, 'sharp'] },
  'engine/weights': { layers: [...below, 'engine/image'], packages: node },
  'engine/graph': { layers: [...below, 'engine/image', 'engine/weights'], packages: node },
  'engine/architectures': { layers: [...below, 'engine/image', 'engine/weights', 'engine/graph'], packages: node },
  'engine/models': {
    layers: [...below, 'engine/image', 'engine/weights', 'engine/graph', 'engine/architectures'],
    packages: [...node, 'onnxruntime-node'],
  },
  'engine/faces': {
    layers: [...below, 'engine/image', 'engine/weights', 'engine/graph', 'engine/architectures', 'engine/models'],
    packages: node,
  },
  'engine/damage': {
    layers: [...below, 'engine/image', 'engine/architectures', 'engine/models', 'engine/faces', 'engine/fill', 'engine/screen'],
    packages: node,
  },
  'engine/screen': { layers: [...below, 'engine/image'], packages: node },
  'engine/grain': { layers: [...below, 'engine/image'], packages: node },
  'engine/fill': { layers: [...below, 'engine/image', 'engine/models'], packages: node },
  'engine/steps': {
    layers: [...below, 'engine/image', 'engine/weights', 'engine/graph', 'engine/architectures', 'engine/models', 'engine/faces', 'engine/fill', 'engine/damage', 'engine/screen', 'engine/grain'],
    packages: node,
  },
  'engine/metrics': {
    layers: [...below, 'engine/image', 'engine/weights', 'engine/graph', 'engine/architectures', 'engine/models', 'training/strengths.json'],
    packages: [...node, 'sharp'],
  },
  /** The files of `engine` itself: index, jobs, process, ... */
  engine: {
    layers: [...below, 'engine/image', 'engine/weights', 'engine/graph', 'engine/architectures', 'engine/models', 'engine/faces', 'engine/damage', 'engine/fill', 'engine/screen', 'engine/steps', 'engine/metrics'],
    packages: [...node, 'onnxruntime-node'],
  },

  /** What the hosts share. Of the engine it knows what an engine process is started with, no more. */
  host: { layers: ['shared', 'engine/process-options.ts'], packages: node },
  main: { layers: ['shared', 'host', 'engine/process-options.ts'], packages: [...node, 'electron'] },
  web: { layers: ['shared', 'host'], packages: [...node, 'ws'] },
  cli: {
    layers: ['shared', 'host', 'web', 'engine', 'engine/context.ts', 'engine/faces', 'engine/damage', 'engine/fill', 'engine/image', 'engine/metrics', 'engine/steps', 'engine/weights'],
    packages: node,
  },
  preload: { layers: ['shared'], packages: ['electron'] },
  renderer: { layers: ['shared'], packages: ['vue', 'pinia'] },
};

/** One door of its own: importable from outside of its layer although the layer as a whole is not. */
const doors = Object.keys(table)
  .flatMap((name) => table[name]!.layers)
  .filter((name) => name.endsWith('.ts') || name.endsWith('.json'));

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|vue)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The specifiers a file imports or re-exports, static and dynamic; comments do not count. */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '$1');
  const patterns = [
    /(?:^|[;}>\s])(?:import|export)\s+(?:type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?['"]([^'"\n]+)['"]/g,
    /\bimport\s*\(\s*['"]([^'"\n]+)['"]/g,
    /\brequire\s*\(\s*['"]([^'"\n]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
}

/** The layer of a path relative to `src`, or, for a file outside of it, relative to the root. */
function layerOf(path: string): string | undefined {
  const unix = path.split(sep).join('/');
  const names = [...Object.keys(table), ...doors].sort((a, b) => b.length - a.length);
  return names.find((name) => unix === name || unix.startsWith(`${name}/`));
}

function violations(name: string, text: string): string[] {
  const file = join(source, name);
  const own = layerOf(name);
  const layer = own === undefined ? undefined : (table[own] ?? table[layerOf(dirname(name)) ?? '']);
  if (own === undefined || layer === undefined) return [`${name} is in no layer`];
  return importsOf(text).flatMap((specifier) => {
    if (!specifier.startsWith('.')) {
      const wanted = specifier.startsWith('node:') ? 'node' : specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
      return layer.packages.includes(wanted) ? [] : [`${name} imports the package ${specifier}`];
    }
    if (/\.(css|svg)(\?\w+)?$/.test(specifier)) return [];
    if (!/\.(ts|vue|json)(\?\w+)?$/.test(specifier)) return [`${name} imports "${specifier}" without its extension`];
    const target = resolve(dirname(file), specifier.replace(/\?\w+$/, ''));
    const inSource = relative(source, target);
    const wanted = layerOf(inSource.startsWith('..') ? relative(root, target) : inSource);
    const allowed = wanted !== undefined && (wanted === own || layer.layers.includes(wanted) || sameLayer(own, wanted));
    return allowed ? [] : [`${name} imports ${relative(root, target)}`];
  });
}

/** A door belongs to the layer whose folder it lies in. */
function sameLayer(own: string, wanted: string): boolean {
  const isDoor = (name: string): boolean => doors.includes(name);
  return (isDoor(wanted) && layerOf(dirname(wanted)) === own) || (isDoor(own) && layerOf(dirname(own)) === wanted);
}

describe('layers', () => {
  const files = sourceFiles(source);

  test('every file of src imports only what its layer may', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap((file) => violations(relative(source, file), readFileSync(file, 'utf8')))).toEqual([]);
  });

  test.each([
    ['shared/a.ts', "import { x } from '../engine/index.ts';"],
    ['shared/a.ts', "import { readFile } from 'node:fs/promises';"],
    ['engine/image/a.ts', "import { x } from '../models/model.ts';"],
    ['engine/weights/a.ts', "import type { X } from '../architectures/registry.ts';"],
    ['engine/steps/a.ts', "import { createEngine } from '../index.ts';"],
    ['engine/index.ts', "import { x } from '../host/grants.ts';"],
    ['host/a.ts', "import { createEngine } from '../engine/index.ts';"],
    ['web/a.ts', "import { app } from 'electron';"],
    ['main/a.ts', "const x = await import('../engine/index.ts');"],
    ['preload/a.ts', "import { x } from '../host/grants.ts';"],
    ['renderer/stores/a.ts', "export { x } from '../../main/guards.ts';"],
    ['renderer/a.vue', "import fs from 'node:fs';"],
    ['cli/a.ts', "import lodash from 'lodash';"],
    ['host/a.ts', "import { x } from './grants';"],
    ['elsewhere/a.ts', ''],
  ])('%s may not: %s', (name, text) => {
    expect(violations(name, text)).toHaveLength(1);
  });

  test('the table reads down: no layer may import one that may import it', () => {
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      (table[from]?.layers ?? []).some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
    expect(Object.keys(table).filter((name) => reaches(name, name))).toEqual([]);
  });

  test('every folder of src has a layer', () => {
    const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).filter((name) => table[name] === undefined)).toEqual([]);
  });

  test('imports are found however they are written', () => {
    const text = `import a from './a.ts';
import type { B } from "./b.ts";
import {
  c,
  type D,
} from './c.ts';
export { e } from './e.ts';
export * from './f.ts';
import './g.css';
const h = await import('./h.ts');
// import x from './comment.ts';
/* import y from './block.ts'; */
const words = 'not an import from here';`;
    expect(importsOf(text).sort()).toEqual(['./a.ts', './b.ts', './c.ts', './e.ts', './f.ts', './g.css', './h.ts']);
  });
});
