import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { quietContext } from '../../../src/engine/context.ts';
import { embeddingLimit, identityLimit } from '../../../src/engine/faces/identity-guard.ts';
import { type InspectedFace, inspectFaces } from '../../../src/engine/faces/inspect-faces.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import type { ModelHub } from '../../../src/engine/models/model-hub.ts';
import type { Pixels } from '../../../src/engine/models/tile-tensors.ts';
import { faceBench, faces, faceWishes } from '../../../src/engine/steps/faces.ts';
import type { FaceEdits } from '../../../src/shared/face-edit.ts';
import { defaultParams } from '../../../src/shared/params.ts';
import { openBench } from '../image/make.ts';
import { paint, pixelsOf } from '../models/networks.ts';
import { fakeRecognizer, golden, openHubs, seesOne } from './face-hubs.ts';

const bench = openBench();
const { hubOf, close } = openHubs();
const defaults = defaultParams(faces.params);
let photo: Image;
let without: ModelHub;
let withOne: ModelHub;

beforeAll(async () => {
  const detector = ['detector', 'face-detect', join(golden, 'yu-net.pth')] as const;
  const restorer = ['restorer', 'face-restore', join(golden, 'gfpgan-v1-clean.pth')] as const;
  without = hubOf('without', [detector, restorer]);
  withOne = hubOf('with', [
    detector,
    restorer,
    ['recognizer', 'face-recognize', join(golden, 'arc-face-excited.pth')],
  ]);
  photo = await paint(bench.store, 128, 128, 3, (x, y) => 0.5 + 0.2 * Math.sin(x / 5) * Math.cos(y / 7));
});
afterAll(async () => {
  await close();
  await bench.close();
});

/** The restorer keeps the face and its structure, or gives it another's complexion, which structure does not tell. */
const samePerson = ({ data, ...rest }: Pixels): Pixels => ({
  ...rest,
  data: data.map((value) => Math.min(1, 1.03 * value)),
});
const stranger = ({ data, ...rest }: Pixels): Pixels => ({
  ...rest,
  data: data.map((value, i) => value + [0.2, 0, -0.2][i % 3]!),
});

/** Knows people by their complexion: mean red, green and blue against each other. */
function complexion(): { network: ReturnType<typeof fakeRecognizer>; runs: () => number } {
  let runs = 0;
  const network = fakeRecognizer(({ data, dims }, face) => {
    runs += 0.5;
    const area = dims[2]! * dims[3]!;
    const mean = (channel: number): number => {
      const from = (3 * face + channel) * area;
      return (data as Float32Array).subarray(from, from + area).reduce((sum, value) => sum + value, 0) / area;
    };
    const [red, green, blue] = [mean(0), mean(1), mean(2)];
    return [red - blue, green - (red + blue) / 2, 0.1];
  });
  return { network, runs: () => runs };
}

/** A hub whose detector sees one face, whose restorer does as told, and whose recognizer goes by complexion. */
function told(real: ModelHub, restore: (face: Pixels) => Pixels) {
  const recognizer = complexion();
  let opened = 0;
  const models: ModelHub = {
    ...real,
    open: async (choice) => ({ ...(await real.open(choice)), once: async (face) => restore(face) }),
    openNetwork: async (id) => {
      if (id !== 'recognizer') return seesOne(await real.openNetwork(id), 2);
      opened += 1;
      return recognizer.network;
    },
  };
  return { models, opened: () => opened, runs: recognizer.runs };
}

const look = (models: ModelHub, edits?: FaceEdits): Promise<readonly InspectedFace[]> =>
  inspectFaces(photo, faceWishes(defaults, edits), faceBench({ models, store: bench.store }), quietContext());
const run = async (models: ModelHub, params = defaults): Promise<Image> =>
  faces.run(
    photo,
    params,
    { store: bench.store, models, strength: 1, photo: { dpi: undefined } },
    quietContext(),
  );

describe('the guard with a network that recognizes faces', () => {
  it('leaves the same person on, with both distances', async () => {
    const [face] = await look(told(withOne, samePerson).models);
    expect(face).toMatchObject({ startsOn: true });
    expect(face?.warning).toBeUndefined();
    expect(face?.embeddingDistance).toBeLessThan(0.1);
    expect(face?.identityDistance).toBeLessThan(identityLimit);
    expect(await run(told(withOne, samePerson).models)).not.toBe(photo);
  });

  it('starts a stranger off, though the structure is the same, and says why', async () => {
    const [face] = await look(told(withOne, stranger).models);
    expect(face?.startsOn).toBe(false);
    expect(face?.identityDistance).toBeLessThan(identityLimit);
    expect(face?.embeddingDistance).toBeGreaterThan(embeddingLimit);
    expect(face?.warning).toBe(
      `The network that recognizes faces takes the restored face for somebody else's (${face?.embeddingDistance?.toFixed(2)}; the limit is 0.68).`,
    );
    expect(await run(told(withOne, stranger).models)).toBe(photo);
    expect(await run(told(withOne, stranger).models, { ...defaults, guard: false })).not.toBe(photo);
  });

  it('is as it was where none is installed, to the last bit', async () => {
    const [face] = await look(told(without, stranger).models);
    expect(face).toMatchObject({ startsOn: true });
    expect(face).not.toHaveProperty('embeddingDistance');
    const [plain, recognized] = [told(without, samePerson), told(withOne, samePerson)];
    expect(await pixelsOf(await run(recognized.models))).toEqual(await pixelsOf(await run(plain.models)));
    expect([plain.opened(), recognized.opened()]).toEqual([0, 1]);
  });

  it('opens the network once for all faces, and looks at every one', async () => {
    const drawn = { x: 10, y: 10, width: 60, height: 60 };
    const points = [
      { x: 25, y: 30 },
      { x: 45, y: 30 },
      { x: 35, y: 40 },
      { x: 28, y: 52 },
      { x: 43, y: 52 },
    ];
    const face = { source: 'drawn', state: 'auto', protectEyes: false, protectMouth: false } as const;
    const edits = { width: 128, height: 128, faces: [{ ...face, id: 'drawn-1', box: drawn, points }] };
    const { models, opened, runs } = told(withOne, samePerson);
    const found = await look(models, edits);
    expect(found.map(({ embeddingDistance }) => embeddingDistance)).toHaveLength(2);
    for (const { embeddingDistance } of found) expect(embeddingDistance).toBeLessThan(0.1);
    expect([opened(), runs()]).toEqual([1, 2]);
  });

  it('is part of what a result depends on', () => {
    expect(faces.models(defaults, without)).toHaveLength(2);
    expect(faces.models(defaults, withOne)).toEqual([
      ...faces.models(defaults, withOne).slice(0, 2),
      withOne.key({ id: 'recognizer' }),
    ]);
  });
});
