import { join } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { build } from 'vite';

const root = join(import.meta.dirname, '../../src/renderer');

/** Builds the window into `outFolder`, as it is shipped. */
export async function buildRenderer(outFolder: string): Promise<void> {
  await build({
    configFile: false,
    root,
    base: './',
    plugins: [vue()],
    logLevel: 'error',
    define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
    build: { outDir: outFolder, emptyOutDir: true, target: 'esnext', modulePreload: { polyfill: false } },
  });
}
