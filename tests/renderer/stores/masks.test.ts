import { setActivePinia } from 'pinia';
import { beforeEach, describe, expect, test } from 'vitest';
import { nextTick } from 'vue';
import { useMasks } from '../../../src/renderer/stores/masks.ts';
import { usePhoto } from '../../../src/renderer/stores/photo.ts';
import type { MaskShape } from '../../../src/shared/mask.ts';
import { fakeStudio, photoInfo } from '../fake-studio.ts';

const box = (x: number): MaskShape => ({ kind: 'rectangle', x, y: 5, width: 10, height: 10, erase: false });

beforeEach(async () => {
  // A browser has frames; what would be drawn is not looked at here.
  globalThis.requestAnimationFrame ??= (() => 0) as typeof requestAnimationFrame;
  const studio = fakeStudio({
    'photo.open': ({ source }) => photoInfo(source),
    'recent.list': () => [],
    'photo.close': () => undefined,
  });
  setActivePinia(studio.pinia);
  useMasks();
  await usePhoto().open({ source: 'photo', name: 'photo.jpg' });
});

describe('the mask tools', () => {
  test('every stroke, inversion and clearing is an entry of the history; nothing is until something is painted', () => {
    const [photo, masks] = [usePhoto(), useMasks()];
    masks.edit({ use: 'enlarge-1' });
    expect(photo.recipe.steps[0]).not.toHaveProperty('mask');
    masks.add(box(5));
    masks.add(box(30));
    masks.invert();
    expect(masks.mask?.shapes).toHaveLength(2);
    expect(masks.mask?.invert).toBe(true);
    photo.undo();
    expect(masks.mask?.invert).toBe(false);
    photo.undo();
    expect(masks.mask?.shapes).toEqual([box(5)]);
    photo.redo();
    expect(masks.mask?.shapes).toHaveLength(2);
    masks.clear();
    expect(masks.isEmpty).toBe(true);
    photo.undo();
    photo.undo();
    photo.undo();
    expect(photo.recipe.steps[0]).not.toHaveProperty('mask');
    expect(masks.target).toEqual({ use: 'enlarge-1' });
  });

  test('a brush starts in proportion to the photo and stays within bounds', () => {
    const masks = useMasks();
    expect(masks.brush.radiusPx).toBe(4);
    for (let i = 0; i < 100; i++) masks.larger();
    expect(masks.brush.radiusPx).toBe(100);
    for (let i = 0; i < 100; i++) masks.smaller();
    expect(masks.brush.radiusPx).toBe(0.5);
    masks.harden(1.4);
    expect(masks.brush.hardness).toBe(1);
  });

  test('a mask whose step is gone is put down; another photo starts without', async () => {
    const [photo, masks] = [usePhoto(), useMasks()];
    masks.edit({ use: 'enlarge-1' });
    photo.edit({ ...photo.recipe, steps: [] });
    photo.commit();
    await nextTick();
    expect(masks.target).toBeUndefined();
    photo.undo();
    masks.edit({ use: 'enlarge-1' });
    await photo.open({ source: 'other', name: 'other.jpg' });
    await nextTick();
    expect(masks.target).toBeUndefined();
  });
});
