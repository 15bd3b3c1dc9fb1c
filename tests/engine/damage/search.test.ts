import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContext, quietContext } from '../../../src/engine/context.ts';
import {
  emptyMap,
  evenEvidence,
  evidenceOf,
  logOdds,
  mapSizeOf,
  toEvidence,
} from '../../../src/engine/damage/damage-map.ts';
import { findDamage } from '../../../src/engine/damage/find-damage.ts';
import { grayPicture } from '../../../src/engine/damage/gray-picture.ts';
import { guardFaces } from '../../../src/engine/damage/guard-faces.ts';
import { raiseMap } from '../../../src/engine/damage/raise-map.ts';
import { kindsOf, levelSizes, searchNetwork } from '../../../src/engine/damage/search-network.ts';
import { viewsFor } from '../../../src/engine/damage/tile-views.ts';
import type { ChannelCount, Image } from '../../../src/engine/image/image.ts';
import type { ImageStore } from '../../../src/engine/image/image-store.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import { CancelledError } from '../../../src/shared/failure.ts';
import { openBench } from '../image/make.ts';
import { paint } from '../models/networks.ts';
import { mapOf, pointNetwork } from './maps.ts';

let files: ReturnType<typeof openBench>;
let store: ImageStore;
beforeAll(() => {
  files = openBench();
  store = files.store;
});
afterAll(() => files.close());

/** White marks are damage to this network. */
const bright = (value: number): number => (value > 0.8 ? 0.9 : 0.02);
const options = () => ({ store, context: quietContext() });

async function search(gray: Image, outputs = 1, answer: (value: number, output: number) => number = bright) {
  const network = pointNetwork(outputs, answer);
  const map = emptyMap(gray, gray, kindsOf(network.info)!);
  await searchNetwork(gray, map, network, options());
  return map;
}

describe('searching with a network', () => {
  test('finds a mark wherever tiles meet, in a picture of any size', async () => {
    for (const [width, height] of [
      [1, 1],
      [3, 500],
      [17, 16],
      [700, 600],
    ] as const) {
      const isMark = (x: number, y: number): boolean => (x + 2 * y) % 97 < 9;
      const gray = await paint(store, width, height, 1, (x, y) => (isMark(x, y) ? 1 : 0.3));
      const map = await search(gray);
      let wrong = 0;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) if (map.evidence[y * width + x]! > 160 !== isMark(x, y)) wrong++;
      // The coarser levels may add at the rim of a mark, never take away, and not this sure.
      expect(wrong).toBe(0);
    }
  });

  test('gives the network gray in -1 to 1, and sides it can halve', async () => {
    const seen = { sizes: [] as string[], lowest: Infinity, highest: -Infinity };
    const network = pointNetwork(1, bright, seen);
    const gray = await paint(store, 50, 20, 1, (x) => x / 49);
    await searchNetwork(gray, emptyMap(gray, gray, ['scratch']), network, options());
    expect(seen).toEqual({ sizes: ['64x32', '64x32', '32x64', '32x64'], lowest: -1, highest: 1 });
  });

  test('takes the mean over four turns of what a network says that is not the same in all, of fewer in a large picture', async () => {
    const sure = 0.9;
    const network = pointNetwork(1, () => 0);
    // To this one the first row it is shown is damaged.
    const firstRow: typeof network = {
      ...network,
      run: ({ input }) => {
        const [, , height, width] = input!.dims as [number, number, number, number];
        const data = Float32Array.from({ length: height * width }, (_, i) => (i < width ? sure : 1 - sure));
        return Promise.resolve({ output: { data, dims: input!.dims } });
      },
    };
    const gray = await paint(store, 48, 32, 1, () => 0.5);
    const map = emptyMap(gray, gray, ['scratch']);
    await searchNetwork(gray, map, firstRow, options());
    const odds = Math.log(sure / (1 - sure));
    const evidence = (shareOfTurns: number): number =>
      toEvidence(odds * (2 * shareOfTurns - 1) - logOdds(0.4));
    const at = (x: number, y: number): number => map.evidence[y * 48 + x]!;
    for (const [x, y] of [
      [0, 0],
      [47, 0],
      [0, 31],
      [47, 31],
    ] as const)
      expect(at(x, y)).toBeCloseTo(evidence(0.5), -0.5);
    for (const [x, y] of [
      [20, 0],
      [20, 31],
      [0, 15],
      [47, 15],
    ] as const)
      expect(at(x, y)).toBeCloseTo(evidence(0.25), -0.5);
    expect(at(20, 15)).toBeCloseTo(evidence(0), -0.5);
    expect([1e11, 1e12, 2e12, 1e13].map((flop) => viewsFor(flop, false).length)).toEqual([4, 2, 1, 1]);
  });

  test("shows Heirloom's own detector the picture enlarged as well, and finds everything where it is", async () => {
    const seen = { sizes: [] as string[], lowest: Infinity, highest: -Infinity };
    // Log-odds that follow the brightness: of a ramp the mean over all views is what one view gives.
    const slope = 6;
    const network = pointNetwork(
      4,
      (value, output) => (output === 1 ? 1 / (1 + Math.exp(-slope * value)) : 0),
      seen,
    );
    const ramp = (x: number, y: number): number => 0.2 + (0.4 * x) / 399 + (0.2 * y) / 39;
    const gray = await paint(store, 400, 40, 1, ramp);
    const map = emptyMap(gray, gray, ['scratch', 'dust', 'stain', 'fold']);
    await searchNetwork(gray, map, network, options());
    // Two cores of 200 pixels; the first with 64 beside it, and half as much again; sides are multiples of 16.
    expect(seen.sizes.slice(0, 3)).toEqual(['272x48', '48x272', '64x400']);
    for (const [x, y] of [
      [10, 10],
      [199, 20],
      [200, 21],
      [390, 30],
    ] as const) {
      const expected = toEvidence(slope * (2 * ramp(x, y) - 1) - logOdds(0.9));
      expect(Math.abs(map.evidence[y * 400 + x]! - expected)).toBeLessThanOrEqual(1);
    }
    const zooms = (flop: number): number[] => viewsFor(flop, true).map(({ zoom }) => zoom);
    expect([7e11, 1.4e12, 1e13].map(zooms)).toEqual([[1, 1, 1.5], [1, 1], [1]]);
  });

  test('tells kinds apart when the network does', async () => {
    const gray = await paint(store, 40, 10, 1, (x) => (x < 10 ? 0.1 : x < 20 ? 0.4 : x < 30 ? 0.6 : 0.9));
    const centers = [0.1, 0.4, 0.6, 0.9];
    const near = (value: number, output: number): number => 1 - Math.abs((value + 1) / 2 - centers[output]!);
    const map = await search(gray, 4, near);
    expect(map.kinds).toEqual(['scratch', 'dust', 'stain', 'fold']);
    expect([5, 15, 25, 35].map((x) => map.kind[5 * 40 + x])).toEqual([0, 1, 2, 3]);
  });

  test('looks at coarser levels down to 256 pixels, and at less than the whole when that takes too long', () => {
    expect(levelSizes({ width: 200, height: 100 }, 1e6)).toEqual([{ width: 200, height: 100 }]);
    expect(levelSizes({ width: 2048, height: 1024 }, 1e3).map(({ width }) => width)).toEqual([
      2048, 1024, 512,
    ]);
    const large = levelSizes({ width: 6000, height: 4000 }, 1.5e6);
    expect(large[0]!.width).toBeLessThan(4000);
    expect(large.length).toBe(4);
  });

  test('can be cancelled', async () => {
    const abort = new AbortController();
    const gray = await paint(store, 900, 500, 1, () => 0.5);
    const network = pointNetwork(1, bright);
    const stopping = {
      ...network,
      run: (input: Parameters<typeof network.run>[0]) => (abort.abort(), network.run(input)),
    };
    const work = searchNetwork(gray, emptyMap(gray, gray, ['scratch']), stopping, {
      store,
      context: createContext(abort.signal),
    });
    await expect(work).rejects.toThrow(CancelledError);
  });
});

describe('the map', () => {
  test('takes over what is stronger, with doubt, by the names of the kinds', () => {
    const map = mapOf(4, 4, ['scratch', 'tear'], [[0, 0, 2, 4, 0.8, 0]]);
    raiseMap(map, mapOf(2, 2, ['tear'], [[0, 0, 2, 2, 0.9, 0]]));
    expect([...map.evidence]).toEqual(Array.from({ length: 16 }, () => evidenceOf(0.9)));
    expect([...map.kind]).toEqual(Array.from({ length: 16 }, () => 1));
    const doubted = mapOf(1, 1, ['scratch'], []);
    raiseMap(doubted, mapOf(1, 1, ['scratch'], [[0, 0, 1, 1, 0.9, 0]]), { doubt: 1 });
    expect(doubted.evidence[0]).toBe(evidenceOf(0.9) - 16);
    raiseMap(doubted, mapOf(1, 1, ['dust'], [[0, 0, 1, 1, 1, 0]]));
    expect([doubted.evidence[0], doubted.kind[0]]).toEqual([evidenceOf(0.9) - 16, 0]);
    const kept = mapOf(2, 1, ['scratch', 'stain'], [[0, 0, 1, 1, 0.5, 0]]);
    raiseMap(kept, mapOf(2, 1, ['stain'], [[0, 0, 2, 1, 0.9, 0]]), { keepFrom: evenEvidence });
    expect([...kept.kind, ...kept.evidence]).toEqual([0, 1, evenEvidence, evidenceOf(0.9)]);
  });

  test('asks for more certainty on faces, most around the eyes', () => {
    const map = mapOf(200, 200, ['scratch'], [[0, 0, 200, 200, 0.8, 0]]);
    const points = [
      [80, 90],
      [120, 90],
      [100, 110],
      [85, 130],
      [115, 130],
    ] as const;
    guardFaces(map, [
      { score: 1, left: 60, top: 50, right: 140, bottom: 150, points: points.map(([x, y]) => [x, y]) },
    ]);
    const less = (x: number, y: number): number => evidenceOf(0.8) - map.evidence[y * 200 + x]!;
    expect([less(5, 5), less(100, 130), less(80, 92), less(100, 88)]).toEqual([0, 11, 32, 32]);
  });

  test('of a very large picture is smaller', () => {
    expect(mapSizeOf({ width: 6000, height: 4000 })).toEqual({ width: 6000, height: 4000 });
    expect(mapSizeOf({ width: 30000, height: 20000 })).toEqual({ width: 9798, height: 6532 });
  });
});

describe('a whole search', () => {
  const hub = (network?: ReturnType<typeof pointNetwork>): Pick<ModelHub, 'defaultFor' | 'openNetwork'> => ({
    defaultFor: (role) => (role === 'scratch-detect' && network !== undefined ? 'point' : undefined),
    openNetwork: async () => network!,
  });
  const find = (image: Image, network?: ReturnType<typeof pointNetwork>) =>
    findDamage(image, { model: '', models: hub(network), store, context: quietContext() });

  test('says what it could not look for', async () => {
    const image = await paint(store, 20, 20, 3, () => 0.5);
    const { map, notices } = await find(image);
    expect(map.kinds).toEqual(['tear']);
    expect(notices).toEqual([
      'No network that finds scratches is installed, so only missing parts of the border were looked for.',
    ]);
    const withNetwork = await find(image, pointNetwork(4, bright));
    expect(withNetwork.map.kinds).toEqual(['scratch', 'dust', 'stain', 'fold', 'tear']);
    expect(withNetwork.notices[0]).toContain('No face detector is installed');
  });

  test('says so where color tells as well, and counts it', async () => {
    const isSpeck = (x: number, y: number): boolean => x % 40 < 4 && y % 40 < 4;
    const at =
      (strength: number) =>
      (x: number, y: number, c: number): number =>
        isSpeck(x, y)
          ? 0.7
          : 0.5 + 0.3 * Math.sin(x / 20) * Math.cos(y / 17) + strength * [0.6, -0.1, -1][c]!;
    const unsure = pointNetwork(4, () => 0.2);
    const [brown, gray] = [await paint(store, 200, 160, 3, at(0.1)), await paint(store, 200, 160, 3, at(0))];
    const [toned, plain] = [await find(brown, unsure), await find(gray, unsure)];
    const sentence = 'The print is in one tone, so what has another color counts more as damage.';
    expect(toned.notices).toContain(sentence);
    expect(plain.notices).not.toContain(sentence);
    const rise = (x: number, y: number): number =>
      toned.map.evidence[y * 200 + x]! - plain.map.evidence[y * 200 + x]!;
    expect(rise(82, 82)).toBeGreaterThan(40);
    expect(rise(100, 60)).toBe(0);
  });

  test('knows a photograph in color, one in black and white, a brown print and one printed in dots, and says how sure it must be', async () => {
    const scene = (x: number, y: number): number => 0.5 + 0.3 * Math.sin(x / 20) * Math.cos(y / 17);
    const dots = (x: number, y: number): number => 0.5 + 0.2 * Math.sin(x + y) + 0.2 * Math.sin(x - y);
    const colors = (x: number, y: number): readonly number[] => [scene(x, y), scene(y, x), scene(x + 30, y)];
    const sorted = async (channels: ChannelCount, at: (x: number, y: number, c: number) => number) => {
      const { map, notices } = await find(
        await paint(store, 200, 160, channels, at),
        pointNetwork(4, () => 0.2),
      );
      return [map.sort, map.doubt, notices.at(-1)!.replace(/.*so only what is (\w+ certain).*/, '$1')];
    };
    expect(await sorted(3, (x, y, c) => colors(x, y)[c]!)).toEqual(['color', 4, 'nearly certain']);
    expect(await sorted(3, scene)).toEqual(['monochrome', 1.5, 'fairly certain']);
    expect(await sorted(1, scene)).toEqual(['monochrome', 1.5, 'fairly certain']);
    expect(await sorted(3, (x, y, c) => scene(x, y) + [0.06, -0.01, -0.1][c]!)).toEqual([
      'monochrome',
      1.5,
      'fairly certain',
    ]);
    expect(await sorted(1, dots)).toEqual(['screened', 4, 'nearly certain']);
  });

  test('refuses a network that finds something else', async () => {
    const image = await paint(store, 8, 8, 3, () => 0.5);
    await expect(find(image, pointNetwork(3, bright))).rejects.toThrow(
      'point (Point) does not find scratches.',
    );
  });

  test.each([1, 2, 3, 4] as const)(
    'sees the light of %i channels; what is transparent is white',
    async (channels: ChannelCount) => {
      const image = await paint(store, 2, 1, channels, (x, _y, c) =>
        channels % 2 === 0 && c === channels - 1 ? x : 0.25,
      );
      const gray = await grayPicture(image, store, quietContext());
      const [first, second] = await gray.read({ x: 0, y: 0, width: 2, height: 1 });
      expect(first).toBeCloseTo(channels % 2 === 0 ? 1 : 0.25, 4);
      expect(second).toBeCloseTo(0.25, 4);
    },
  );

  test('finds a torn corner and a torn border, not a margin, a sky or a print that is white itself', async () => {
    const scene = (x: number, y: number): number => 0.35 + 0.15 * Math.sin(x / 9) * Math.cos(y / 7);
    const torn = (x: number, y: number): boolean =>
      x + y < 60 || (x > 250 && Math.abs(y - 100) < (x - 250) / 3);
    const share = async (at: (x: number, y: number) => number): Promise<number> => {
      const image = await paint(store, 300, 200, 1, at);
      const { map } = await find(image);
      return map.evidence.reduce((sum, value) => sum + (value >= evenEvidence ? 1 : 0), 0) / 60000;
    };
    const expected = (1830 + 833) / 60000;
    expect(await share((x, y) => (torn(x, y) ? 0.98 : scene(x, y)))).toBeGreaterThan(expected);
    expect(await share((x, y) => (torn(x, y) ? 0.98 : scene(x, y)))).toBeLessThan(1.3 * expected);
    expect(await share((x, y) => (torn(x, y) ? 0.01 : scene(x, y)))).toBeGreaterThan(expected);
    // As JPEG leaves it: ripples along the tear.
    const rippled = (x: number, y: number): number => {
      const isNear = x < 150 ? x + y > 56 : Math.abs(y - 100) > (x - 250) / 3 - 1;
      return 0.96 + (isNear ? 0.025 * Math.sin(2.5 * (x + y)) : 0);
    };
    expect(await share((x, y) => (torn(x, y) ? rippled(x, y) : scene(x, y)))).toBeGreaterThan(expected);
    expect(await share(scene)).toBe(0);
    expect(await share((x, y) => (x < 12 || y < 12 || x > 287 || y > 187 ? 0.98 : scene(x, y)))).toBe(0);
    expect(await share((x, y) => (x < 150 && y < 60 + 40 * Math.sin(x / 3) ? 0.98 : scene(x, y)))).toBe(0);
    expect(
      await share((x, y) => (torn(x, y) || (x > 140 && x < 180 && y > 90 && y < 120) ? 0.98 : scene(x, y))),
    ).toBe(0);
  });
});
