import { describe, expect, test } from 'vitest';
import { evenEvidence } from '../../../src/engine/damage/damage-map.ts';
import { growPlaces } from '../../../src/engine/damage/grow-places.ts';
import { mapOf } from './maps.ts';

const sizes = (map: ReturnType<typeof mapOf>): number[] =>
  growPlaces(map, evenEvidence, [true, true])
    .places.filter(({ peak }) => peak >= evenEvidence)
    .map(({ pixels }) => pixels);

describe('places grown from where they are plain', () => {
  test('reach to 1.5 log-odds below the threshold', () => {
    // Log-odds of the three: 2.2, -1.4, -1.7.
    const map = mapOf(
      60,
      9,
      ['scratch', 'dust'],
      [
        [20, 4, 10, 1, 0.9, 0],
        [10, 4, 10, 1, 0.2, 0],
        [30, 4, 10, 1, 0.15, 0],
      ],
    );
    expect(sizes(map)).toEqual([20]);
  });

  test('a spot does not run out over the bright thing it lies on', () => {
    const map = mapOf(
      60,
      40,
      ['scratch', 'dust'],
      [
        [10, 5, 30, 30, 0.35, 0],
        [18, 28, 4, 4, 0.45, 1],
        [19, 29, 3, 3, 0.9, 1],
      ],
    );
    // 900 pixels are more than eight times nine; the 16 within half a unit of log-odds are not.
    expect(sizes(map)).toEqual([16]);
    // With more of it plain, the whole thing is damage.
    const plain = mapOf(
      60,
      40,
      ['scratch', 'dust'],
      [
        [10, 5, 30, 30, 0.35, 0],
        [12, 12, 12, 12, 0.9, 0],
      ],
    );
    expect(sizes(plain)).toEqual([900]);
  });

  test('one place that is held back leaves another its reach, and the map as it was', () => {
    const map = mapOf(
      60,
      40,
      ['scratch', 'dust'],
      [
        [30, 5, 25, 25, 0.35, 0],
        [40, 15, 3, 3, 0.9, 1],
        [2, 35, 20, 1, 0.2, 0],
        [8, 35, 5, 1, 0.9, 0],
      ],
    );
    const before = Uint8Array.from(map.evidence);
    expect(sizes(map)).toEqual([9, 20]);
    expect(map.evidence).toEqual(before);
  });
});
