import { describe, expect, test } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { clipRect, rasterizeMask } from '../../../src/shared/raster/rasterize-mask.ts';
import type { Patch } from '../../../src/engine/fill/patched-image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { carryOutRemovals, type RemovalWork } from '../../../src/engine/steps/carry-out-removals.ts';
import { RemovalCache } from '../../../src/engine/steps/removal-cache.ts';
import { CancelledError } from '../../../src/shared/failure.ts';
import { emptyMask, type Mask } from '../../../src/shared/mask.ts';
import type { Removal } from '../../../src/shared/removal.ts';

const size = { width: 200, height: 60 };
/** How far around a place the fill of these tests looks. */
const looksPx = 10;

function removal(id: string, x: number, change: Partial<Removal> = {}): Removal {
  const mask: Mask = {
    ...emptyMask(size),
    shapes: [{ kind: 'rectangle', x, y: 20, width: 10, height: 10, erase: false }],
  };
  return { id, enabled: true, kind: 'fill', mask, seed: 1, ...change };
}

/** Fills with the mean of what it looks at, and counts. */
function bench(cache = new RemovalCache(1e8)): { readonly work: RemovalWork; readonly filled: string[] } {
  const filled: string[] = [];
  const fill = async (image: Image, mask: Mask, { id, seed }: Removal): Promise<readonly Patch[]> => {
    filled.push(`${id}/${seed}`);
    const [shape] = mask.shapes;
    if (shape?.kind !== 'rectangle') throw new Error('The tests paint rectangles.');
    const rect = { x: shape.x, y: shape.y, width: shape.width, height: shape.height };
    const around = clipRect(
      {
        x: rect.x - looksPx,
        y: rect.y - looksPx,
        width: rect.width + 2 * looksPx,
        height: rect.height + 2 * looksPx,
      },
      image,
    );
    const seen = await image.read(around);
    const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length + seed / 100;
    return [{ rect, pixels: new Float32Array(rect.width * rect.height).fill(mean) }];
  };
  return { filled, work: { key: 'photo', cache, featherPx: 0, fill } };
}

const picture = (): Image =>
  floatImage(
    size.width,
    size.height,
    1,
    Float32Array.from({ length: 200 * 60 }, (_, i) => (i % 200) / 400),
  );

const run = (entries: readonly Removal[], work: RemovalWork) =>
  carryOutRemovals(picture(), entries, work, quietContext());

describe('removals one after another', () => {
  test('a new one is filled alone; the ones before are remembered', async () => {
    const { work, filled } = bench();
    const [first] = await run([removal('a', 20)], work);
    const both = await run([removal('a', 20), removal('b', 100)], work);
    expect(filled).toEqual(['a/1', 'b/1']);
    expect(both[0]).toBe(first);
  });

  test('to move, switch off or delete one elsewhere costs nothing', async () => {
    const { work, filled } = bench();
    const [a, b, c] = [removal('a', 20), removal('b', 100), removal('c', 160)];
    await run([a, b, c], work);
    filled.length = 0;
    await run([c, a, b], work);
    await run([b, c], work);
    await run([], work);
    expect(filled).toEqual([]);
  });

  test('one that looks at what another one left is filled anew when that changes, and only then', async () => {
    const { work, filled } = bench();
    const [a, beside] = [removal('a', 20), removal('beside', 35)];
    const [, before] = await run([a, beside], work);
    filled.length = 0;
    const [, after] = await run([{ ...a, seed: 2 }, beside], work);
    expect(filled).toEqual(['a/2', 'beside/1']);
    expect(after?.patches[0]?.pixels[0]).not.toBe(before?.patches[0]?.pixels[0]);
    const [, again] = await run([a, beside], work);
    expect(again).toBe(before);
    expect(filled).toHaveLength(2);
  });

  test('what a later one is filled from is what the earlier one left', async () => {
    const { work } = bench();
    const [, beside] = await run([removal('a', 20, { seed: 50 }), removal('b', 35)], work);
    const [alone] = await run([removal('b', 35)], work);
    expect(beside!.patches[0]!.pixels[0]!).toBeGreaterThan(alone!.patches[0]!.pixels[0]!);
  });

  test('two that ask for the same at once share one computation; a cancelled one leaves nothing behind', async () => {
    const { work, filled } = bench();
    const [one, other] = await Promise.all([run([removal('a', 20)], work), run([removal('a', 20)], work)]);
    expect(filled).toEqual(['a/1']);
    expect(one[0]).toBe(other[0]);
    const failing = { ...work, fill: () => Promise.reject(new CancelledError()) };
    await expect(run([removal('z', 100)], failing)).rejects.toThrow(CancelledError);
    await run([removal('z', 100)], work);
    expect(filled).toEqual(['a/1', 'z/1']);
  });

  test('the least recently used are forgotten beyond the budget', async () => {
    const { work, filled } = bench(new RemovalCache(2 * 400));
    await run([removal('a', 20)], work);
    await run([removal('b', 60)], work);
    await run([removal('c', 100)], work);
    filled.length = 0;
    await run([removal('c', 100)], work);
    await run([removal('a', 20)], work);
    expect(filled).toEqual(['a/1']);
  });

  test('patches are rounded as the picture is, so that they look the same when they are saved', async () => {
    const { work } = bench();
    const [filled] = await carryOutRemovals(
      { ...picture(), sampleType: 'u8' },
      [removal('a', 20)],
      work,
      quietContext(),
    );
    for (const value of filled!.patches[0]!.pixels)
      expect(Math.abs(value * 255 - Math.round(value * 255))).toBeLessThan(1e-4);
  });

  test('a clone changes nothing outside of its mask', async () => {
    const { work } = bench();
    const clone = removal('a', 20, { kind: 'clone', offset: { x: 60, y: 0 } });
    const [filled] = await run([clone], work);
    const coverage = rasterizeMask(clone.mask, size, { x: 0, y: 0, ...size });
    for (const { rect, pixels } of filled!.patches)
      pixels.forEach((value, i) => {
        const x = rect.x + (i % rect.width);
        const y = rect.y + Math.floor(i / rect.width);
        const source = coverage[y * size.width + x]! > 0 ? x + 60 : x;
        expect(value).toBeCloseTo(source / 400, 6);
      });
  });
});
