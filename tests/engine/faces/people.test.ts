import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStudy, type Study } from '../../../scripts/face-results/study.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { alignFace, applySimilarity } from '../../../src/engine/faces/geometry.ts';
import { type InspectedFace, inspectFaces } from '../../../src/engine/faces/inspect-faces.ts';
import { grayOf } from '../../../src/engine/faces/match-color.ts';
import { identityLimit } from '../../../src/engine/faces/identity-guard.ts';
import { fullRect, type Image } from '../../../src/engine/image/image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { Memo } from '../../../src/engine/memo.ts';
import type { Pixels } from '../../../src/engine/models/tile-tensors.ts';
import { faceBench, faces, faceWishes } from '../../../src/engine/steps/faces.ts';
import { mendingOf } from '../../../src/engine/steps/mend-faces.ts';
import type { FaceEdit, FaceEdits } from '../../../src/shared/face-edit.ts';
import { emptyMask, type Mask } from '../../../src/shared/mask.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { degradedPortrait, people } from './people.ts';

/** A minute is enough for each on a busy machine. */
const timeoutMs = 180_000;
const params = defaultParams(faces.params);
const memo = new Memo(256e6);
let study: Study;

beforeAll(async () => {
  study = await openStudy({
    models: fileURLToPath(new URL('../../../resources/models', import.meta.url)),
    model: '',
  });
});
afterAll(() => study.close());

const inspected = (image: Image, name: string, damage: readonly Mask[] = [], edits?: FaceEdits) => {
  const mending = mendingOf(image, damage, study.store);
  return inspectFaces(
    image,
    faceWishes(params, edits),
    faceBench({ models: study.hub, store: study.store, remember: memo.under(name) }),
    quietContext(),
    mending === undefined ? {} : { mending },
  );
};
const restored = (image: Image, name: string): Promise<Image> =>
  faces.run(
    image,
    params,
    {
      store: study.store,
      models: study.hub,
      strength: 1,
      photo: { dpi: undefined },
      remember: memo.under(name),
    },
    quietContext(),
  );
const pixelsOf = (image: Image): Promise<Float32Array> => image.read(fullRect(image));

/** Mean light of skin: forehead, cheeks and nose, in an aligned crop. */
function skinLight(crop: Pixels): number {
  const gray = grayOf(crop);
  const spots = [
    [0.5, 0.36],
    [0.36, 0.6],
    [0.64, 0.6],
    [0.5, 0.55],
  ] as const;
  let [sum, count] = [0, 0];
  for (const [x, y] of spots) {
    for (let dy = -0.03; dy <= 0.03; dy += 0.01) {
      for (let dx = -0.03; dx <= 0.03; dx += 0.01) {
        sum += gray[Math.floor((y + dy) * crop.height) * crop.width + Math.floor((x + dx) * crop.width)]!;
        count += 1;
      }
    }
  }
  return sum / count;
}

/** Whether a pixel of the picture is seen by the aligned crop of one of the faces: nothing outside may change. */
function isSeenBy(found: readonly InspectedFace[], x: number, y: number): boolean {
  return found.some(({ points }) => {
    const [u, v] = applySimilarity(alignFace(points, 1), [x + 0.5, y + 0.5]);
    return u > 0 && u < 1 && v > 0 && v < 1;
  });
}

describe.skipIf(sharedData === undefined)(`people whose faces are easily got wrong${sharedDataNote}`, () => {
  it.each(people)(
    '$about ($file)',
    async (person) => {
      const { width, height, channels, data } = await degradedPortrait(sharedData ?? '', person, study.store);
      const image = floatImage(width, height, channels, data);
      const found = await inspected(image, person.file);
      if (found.length === 0) expect(person.mayBeMissed, 'no face was found').toBe(true);
      const result = await restored(image, person.file);
      const [before, after] = [await pixelsOf(image), await pixelsOf(result)];
      const on = found.filter(({ startsOn }) => startsOn);
      for (const face of found) {
        if (face.startsOn) expect(face.identityDistance).toBeLessThanOrEqual(identityLimit);
        else expect(face.warning).toMatch(/differs too much from the photo|It is small/);
      }
      let changed = 0;
      const isGray = everyGray(before, channels);
      for (let i = 0; i < after.length; i += channels) {
        const moved = [0, 1, 2].some((c) => c < channels && after[i + c] !== before[i + c]);
        if (!moved) continue;
        changed += 1;
        const pixel = i / channels;
        expect(isSeenBy(on, pixel % width, Math.floor(pixel / width))).toBe(true);
      }
      expect(changed > 0).toBe(on.length > 0);
      if (isGray) expect(everyGray(after, channels)).toBe(true);
      for (const face of on) {
        const lighter = skinLight(face.after!) - skinLight(face.before);
        expect(Math.abs(lighter)).toBeLessThan(0.03);
        if (person.darkSkin) expect(lighter).toBeLessThan(0.015);
      }
    },
    timeoutMs,
  );

  it(
    'a mask over a crack: the face is restored as it would be without the crack',
    async () => {
      const person = people.find(({ about }) => about === 'a mustache')!;
      const whole = await degradedPortrait(sharedData ?? '', person, study.store);
      const { width, height, channels } = whole;
      const image = floatImage(width, height, channels, whole.data);
      const [found] = await inspected(image, person.file);
      const { id, box, points } = found!;
      const face: FaceEdit = {
        id,
        box,
        source: 'corrected',
        state: 'accepted',
        points: points.map(([x, y]) => ({ x, y })),
        protectEyes: false,
        protectMouth: false,
      };
      // The same five points in all of them, whatever the detector makes of the crack.
      const looked = async (
        at: Image,
        name: string,
        damage: readonly Mask[] = [],
      ): Promise<InspectedFace> => {
        const [one] = await inspected(at, name, damage, { width, height, faces: [face] });
        return one!;
      };
      // Down through the cheek between the left eye and the nose, 3 pixels wide.
      const crack = Math.round((points[0]![0] + points[2]![0]) / 2);
      const torn = floatImage(
        width,
        height,
        channels,
        whole.data.map((value, i) =>
          Math.abs((Math.floor(i / channels) % width) - crack) <= 1 ? 0.97 : value,
        ),
      );
      const shape = { kind: 'rectangle', x: crack - 2, y: 0, width: 5, height, erase: false } as const;
      const mask: Mask = { ...emptyMask({ width, height }), shapes: [shape] };
      const filled = await mendingOf(torn, [mask], study.store)!.fill(fullRect(torn), quietContext());
      const clean = await looked(image, 'clean');
      const unmasked = await looked(torn, 'unmasked');
      const masked = await looked(torn, 'masked', [mask]);
      const plain = await looked(filled, 'filled');
      // What is seen once a later step has filled the crack: the filled photo and what the restorer changed.
      const seen = plain.before.data.map(
        (value, i) => value + masked.after!.data[i]! - masked.before.data[i]!,
      );
      const away = (data: Float32Array): number =>
        Math.sqrt(
          data.reduce((sum, value, i) => sum + (value - clean.after!.data[i]!) ** 2, 0) / data.length,
        );
      expect(away(seen)).toBeLessThan(0.5 * away(unmasked.after!.data));
      expect(masked.identityDistance).toBeLessThan(identityLimit);
    },
    timeoutMs,
  );
});

/** All channels equal, as in the photo of a gray print. */
function everyGray(data: Float32Array, channels: number): boolean {
  const same = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6;
  for (let i = 0; channels >= 3 && i < data.length; i += channels)
    if (!same(data[i]!, data[i + 1]!) || !same(data[i]!, data[i + 2]!)) return false;
  return true;
}
