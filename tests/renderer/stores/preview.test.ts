import { setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { usePhoto } from '../../../src/renderer/stores/photo.ts';
import { usePreview } from '../../../src/renderer/stores/preview.ts';
import { useView } from '../../../src/renderer/stores/view.ts';
import { type FakeStudio, fakeStudio, imageInfo, photoInfo, recipeWith } from '../fake-studio.ts';

interface Asked {
  readonly request: string;
  readonly recipe: unknown;
  readonly rect: { readonly width: number; readonly height: number };
}

let studio: FakeStudio;
const rect = { x: 0, y: 0, width: 200, height: 100 };
const requests = (): Asked[] =>
  studio.calls.filter((call) => call.name === 'preview.request').map((call) => call.input as Asked);
const released = (): unknown[] =>
  studio.calls
    .filter((call) => call.name === 'image.release')
    .map((call) => (call.input as { image: string }).image);
const frame = (): Promise<unknown> => vi.advanceTimersByTimeAsync(20);

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal('requestAnimationFrame', (run: () => void) => setTimeout(run, 16));
  studio = fakeStudio({
    'photo.open': ({ source }) =>
      source === 'big'
        ? { ...photoInfo(source), image: imageInfo('big-pixels', 4000, 3000) }
        : photoInfo(source),
    'recent.list': () => [],
  });
  setActivePinia(studio.pinia);
  await usePhoto().open({ source: 'a', name: 'a.jpg' });
  useView().resize(1000, 800, 1);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function drag(...alphas: number[]): Promise<void> {
  usePreview().begin();
  for (const alpha of alphas) {
    usePhoto().edit(recipeWith(alpha));
    await frame();
  }
}

describe('live preview', () => {
  test('shows nothing until a parameter was moved', async () => {
    usePreview();
    await frame();
    expect(requests()).toEqual([]);
  });

  test('while a request waits for its first pixels, only the newest change is sent after it', async () => {
    const preview = usePreview();
    await drag(0.4, 0.5, 0.6);
    expect(requests().map(({ recipe }) => recipe)).toEqual([recipeWith(0.4)]);
    studio.emit('preview.changed', {
      request: requests()[0]?.request,
      state: 'coarse',
      rect,
      image: imageInfo('coarse'),
    });
    expect(requests().map(({ recipe }) => recipe)).toEqual([recipeWith(0.4), recipeWith(0.6)]);
    expect(preview.incoming?.image.id).toBe('coarse');
    expect(preview.busy).toBe(true);
  });

  test('a quick part lies over the last complete preview, and a complete one replaces both', async () => {
    const preview = usePreview();
    await drag(0.4);
    const tell = (state: string, id: string): void => {
      studio.emit('preview.changed', {
        request: requests().at(-1)?.request,
        state,
        rect,
        image: imageInfo(id),
      });
      if (preview.incoming !== undefined) preview.present(preview.incoming);
    };
    tell('final', 'one');
    tell('coarse', 'two');
    expect(preview.shown.map((layer) => layer.image.id)).toEqual(['one', 'two']);
    tell('final', 'three');
    expect(preview.shown.map((layer) => layer.image.id)).toEqual(['three']);
    expect(released()).toEqual(['one', 'two']);
  });

  test('a failure is said and does not stop the next', async () => {
    const preview = usePreview();
    await drag(0.4);
    studio.emit('preview.changed', {
      request: requests()[0]?.request,
      state: 'failed',
      rect,
      failure: { code: 'internal', message: 'It failed.' },
    });
    expect(preview.problem).toBe('It failed.');
    await drag(0.5);
    expect(requests()).toHaveLength(2);
    expect(preview.problem).toBe('');
  });

  test('going back to the recipe of the result, or switching it off, ends the preview', async () => {
    const preview = usePreview();
    await drag(0.4);
    studio.emit('preview.changed', {
      request: requests()[0]?.request,
      state: 'final',
      rect,
      image: imageInfo('one'),
    });
    preview.enabled = false;
    await frame();
    expect(preview.incoming).toBeUndefined();
    expect(studio.calls).toContainEqual({ name: 'preview.cancel', input: { photo: 'a' } });
    expect(released()).toEqual(['one']);
    preview.enabled = true;
    await frame();
    expect(requests()).toHaveLength(2);
  });

  test('a slow machine is asked for less of the view, a fast one for more', async () => {
    usePreview();
    await usePhoto().open({ source: 'big', name: 'big.jpg' });
    const area = (): number => {
      const asked = requests().at(-1)?.rect;
      return (asked?.width ?? 0) * (asked?.height ?? 0);
    };
    const answer = (elapsedMs: number): void => {
      const { request, rect: asked } = requests().at(-1) ?? {};
      studio.emit('preview.changed', {
        request,
        state: 'final',
        rect: asked,
        image: imageInfo('one'),
        elapsedMs,
      });
    };
    await drag(0.4);
    const first = area();
    expect(first).toBeLessThan(310_000);
    answer(10_000);
    await drag(0.5);
    expect(area()).toBeCloseTo(first / 4, -4);
    answer(5);
    await drag(0.6);
    expect(area()).toBeCloseTo(first / 4, -4);
    answer(100);
    await drag(0.7);
    expect(area()).toBeCloseTo(first / 2, -4);
  });

  test('looking elsewhere asks again once the view rests', async () => {
    usePreview();
    await drag(0.4);
    studio.emit('preview.changed', {
      request: requests()[0]?.request,
      state: 'final',
      rect,
      image: imageInfo('one'),
    });
    useView().zoomTo(20);
    useView().pan(30, 0);
    await frame();
    expect(requests()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(requests()).toHaveLength(2);
  });
});
