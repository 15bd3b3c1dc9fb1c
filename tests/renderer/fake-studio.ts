import { createPinia, type Pinia } from 'pinia';
import { createApp } from 'vue';
import { type Studio, studioKey } from '../../src/renderer/studio.ts';
import type { ImageInfo, PhotoInfo, StudioCalls } from '../../src/shared/contract.ts';
import type { Recipe } from '../../src/shared/recipe.ts';
import type { Handlers } from '../../src/shared/rpc.ts';

/** A host in memory: answers by `handlers`, events by `emit`. */
export interface FakeStudio {
  readonly pinia: Pinia;
  readonly calls: { readonly name: string; readonly input: unknown }[];
  emit(name: string, value: unknown): void;
  /** Images the host no longer has. */
  readonly gone: Set<string>;
  setConnection(state: 'connected' | 'lost'): void;
}

/** Stores made after this call speak to `handlers`. */
export function fakeStudio(handlers: Partial<Handlers<StudioCalls>>): FakeStudio {
  const calls: { name: string; input: unknown }[] = [];
  const listeners = new Map<string, Set<(value: unknown) => void>>();
  const gone = new Set<string>();
  const connection = new Set<(state: 'connected' | 'lost') => void>();
  const studio = {
    call: async (name: keyof StudioCalls, input?: unknown) => {
      calls.push({ name, input });
      const handler = handlers[name] as ((value: unknown) => unknown) | undefined;
      return handler?.(input);
    },
    on: (name: string, listener: (value: unknown) => void) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
    onConnection: (listener: (state: 'connected' | 'lost') => void) => {
      connection.add(listener);
      return () => connection.delete(listener);
    },
    pixelUrl: (path: string) => path,
    hasPixels: (path: string) => Promise.resolve(![...gone].some((image) => path.startsWith(`${image}/`))),
    sourceForFile: (file: File) => Promise.resolve({ source: file.name, name: file.name }),
    upload: (_bytes: Blob, name: string) => Promise.resolve({ source: name, name }),
  } as unknown as Studio;
  const pinia = createPinia();
  createApp({}).provide(studioKey, studio).use(pinia);
  return {
    pinia,
    calls,
    gone,
    emit: (name, value) => listeners.get(name)?.forEach((listener) => listener(value)),
    setConnection: (state) => connection.forEach((listener) => listener(state)),
  };
}

export const recipeWith = (alpha: number): Recipe => ({
  format: 'heirloom-recipe',
  version: 1,
  steps: [{ id: 'enlarge-1', step: 'enlarge', version: 1, enabled: true, strength: 1, params: { alpha } }],
});

export const imageInfo = (id: string, width = 200, height = 100): ImageInfo => ({
  id,
  width,
  height,
  channels: 3,
  tilePx: 512,
  levels: 1,
});

export const photoInfo = (id: string): PhotoInfo => ({
  id,
  name: `${id}.jpg`,
  image: imageInfo(`${id}-pixels`),
  format: 'jpeg',
  bitDepth: 8,
  sizeBytes: 1000,
  notices: [],
  suggestion: recipeWith(0.3),
  exportDefaults: {
    format: 'jpeg',
    quality: 92,
    bitDepth: 8,
    chroma: '4:4:4',
    profile: 'source',
    metadata: 'keep',
  },
});
