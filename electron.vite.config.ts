import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'electron-vite';

/** One build for all hosts: the Node entries, the sandboxed preload, and the window's files. */
export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      rollupOptions: {
        checks: { pluginTimings: false },
        input: {
          index: 'src/main/index.ts',
          engine: 'src/engine/process.ts',
          'inference-worker': 'src/engine/models/inference-worker.ts',
          'fill-worker': 'src/engine/fill/fill-worker.ts',
          'device-probe': 'src/engine/models/device-probe.ts',
          web: 'src/web/index.ts',
          cli: 'src/cli/index.ts',
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      externalizeDeps: false,
      rollupOptions: {
        checks: { pluginTimings: false },
        input: { index: 'src/preload/index.ts' },
        // A sandboxed preload has no module loader: one CommonJS file.
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'src/renderer',
    base: './',
    plugins: [vue()],
    build: {
      outDir: 'out/renderer',
      // The content security policy forbids inline data for everything but images.
      assetsInlineLimit: 0,
      rollupOptions: { input: 'src/renderer/index.html', checks: { pluginTimings: false } },
    },
  },
});
