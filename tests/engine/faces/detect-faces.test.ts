import { afterAll, describe, expect, it } from 'vitest';

import type { FaceDetection, Point } from '../../../src/engine/architectures/face-detection.ts';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { quietContext } from '../../../src/engine/context.ts';
import { detectFaces } from '../../../src/engine/faces/detect-faces.ts';
import { createFaceDetector, type FaceDetector } from '../../../src/engine/faces/face-detector.ts';
import { eyeDistance } from '../../../src/engine/faces/geometry.ts';
import { mergeDetections, nameFaces } from '../../../src/engine/faces/merge-detections.ts';
import { turnBack, turnPixels } from '../../../src/engine/faces/quarter-turns.ts';
import { pyramidScales } from '../../../src/engine/faces/search-pyramid.ts';
import { Graph } from '../../../src/engine/graph/graph.ts';
import { cropImage } from '../../../src/engine/image/crop-image.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { createNetwork, type Network } from '../../../src/engine/models/network.ts';
import { createInlineRuntime } from '../../../src/engine/models/runtime.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';
import type { Weights } from '../../../src/engine/weights/weights.ts';
import { sharedData, sharedDataNote } from '../../shared-data.ts';
import { kodakWithoutFaces } from '../../../scripts/face-results/compose-page.ts';
import { openGolden } from '../architectures/golden.ts';
import { openBench } from '../image/make.ts';
import { paint } from '../models/networks.ts';

const boxText = ({ left, top, right, bottom, score }: FaceDetection): string =>
  `${[left, top, right, bottom].map(Math.round).join(' ')}: ${score}`;
const bench = openBench();
afterAll(() => bench.close());
const options = { smallestEyesPx: 8, tryTurned: true, store: bench.store, context: quietContext() };

function boxOf(left: number, top: number, right: number, bottom: number, score = 0.9): FaceDetection {
  const [w, h] = [right - left, bottom - top];
  const points = (
    [
      [0.3, 0.4],
      [0.7, 0.4],
      [0.5, 0.6],
      [0.35, 0.8],
      [0.65, 0.8],
    ] as const
  ).map(([x, y]): Point => [left + x * w, top + y * h]);
  return { left, top, right, bottom, score, points };
}

/** Sees bright rectangles between 16 and 330 pixels whose upper half is a little darker: a detector with the limits of the real ones. */
const seesRectangles: FaceDetector = async ({ data, width, height, channels }) => {
  const seen = new Uint8Array(width * height);
  const bright = (i: number): boolean => data[i * channels]! > 0.6;
  const faces: FaceDetection[] = [];
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] === 1 || !bright(start)) continue;
    const stack = [start];
    seen[start] = 1;
    let [left, top, right, bottom] = [width, height, 0, 0];
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      const [x, y] = [i % width, Math.floor(i / width)];
      [left, top, right, bottom] = [
        Math.min(left, x),
        Math.min(top, y),
        Math.max(right, x + 1),
        Math.max(bottom, y + 1),
      ];
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ] as const) {
        const [nx, ny] = [x + dx, y + dy];
        const next = ny * width + nx;
        if (nx < 0 || ny < 0 || nx >= width || ny >= height || seen[next] === 1 || !bright(next)) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
    const middle = Math.floor((left + right) / 2);
    const at = (y: number): number => data[(Math.floor(y) * width + middle) * channels]!;
    const upright = at(top + 0.25 * (bottom - top)) < at(top + 0.75 * (bottom - top)) - 0.1;
    if (upright && right - left >= 16 && right - left <= 330) faces.push(boxOf(left, top, right, bottom));
  }
  return faces;
};

const rectangle = (
  x: number,
  y: number,
  [left, top, right, bottom]: readonly number[],
): number | undefined =>
  x < left! || x >= right! || y < top! || y >= bottom! ? undefined : y < (top! + bottom!) / 2 ? 0.75 : 1;

describe('the search', () => {
  it('finds faces of all sizes in a large picture, each once', async () => {
    const faces = [
      [40, 50, 72, 90],
      [620, 610, 670, 670],
      [1290, 30, 1490, 270],
      [100, 200, 600, 800],
      [1400, 1000, 1440, 1050],
    ];
    const image = await paint(
      bench.store,
      1500,
      1100,
      1,
      (x, y) => faces.map((face) => rectangle(x, y, face)).find((value) => value !== undefined) ?? 0.1,
    );
    const found = await detectFaces(image, seesRectangles, options);
    expect(found).toHaveLength(faces.length);
    for (const [left, top, right, bottom] of faces as [number, number, number, number][]) {
      const face = found.find(
        (candidate) =>
          Math.hypot(
            candidate.left - left,
            candidate.top - top,
            candidate.right - right,
            candidate.bottom - bottom,
          ) < 14,
      );
      expect(face, `${left},${top}`).toBeDefined();
    }
  });

  it('leaves faces below the eye distance out, and looks no closer than that needs', async () => {
    const image = await paint(
      bench.store,
      900,
      700,
      3,
      (x, y) => rectangle(x, y, [100, 100, 140, 150]) ?? rectangle(x, y, [400, 300, 600, 540]) ?? 0.1,
    );
    const found = await detectFaces(image, seesRectangles, { ...options, smallestEyesPx: 40 });
    expect(found).toHaveLength(1);
    expect(eyeDistance(found[0]!.points)).toBeGreaterThan(70);
    expect(pyramidScales({ width: 6000, height: 4000 }, 8)).toEqual(
      [320, 640, 1280, 2771, 6000].map((side) => expect.closeTo(side / 6000, 3)),
    );
    expect(Math.max(...pyramidScales({ width: 6000, height: 4000 }, 32))).toBeCloseTo(0.25, 6);
    expect(pyramidScales({ width: 100, height: 80 }, 8)).toEqual([2]);
  });

  it.each([1, 2, 3] as const)('finds the face of a print turned by %d quarters', async (turns) => {
    const upright = await paint(
      bench.store,
      300,
      220,
      3,
      (x, y) => rectangle(x, y, [40, 60, 120, 160]) ?? 0.1,
    );
    const pixels = {
      data: await upright.read({ x: 0, y: 0, width: 300, height: 220 }),
      width: 300,
      height: 220,
      channels: 3,
    };
    const turned = turnPixels(pixels, turns);
    const image = floatImage(turned.width, turned.height, 3, turned.data);
    const [face, ...more] = await detectFaces(image, seesRectangles, options);
    expect(more).toEqual([]);
    // Carried back to the upright print, the face is where it was.
    const [from, to] = [boxOf(40, 60, 120, 160), turnBack(face!, turns, pixels)];
    for (const key of ['left', 'top', 'right', 'bottom'] as const)
      expect(Math.abs(from[key] - to[key])).toBeLessThan(2);
    expect(
      Math.hypot(to.points[0]![0] - from.points[0]![0], to.points[0]![1] - from.points[0]![1]),
    ).toBeLessThan(2);
    expect(await detectFaces(image, seesRectangles, { ...options, tryTurned: false })).toEqual([]);
  });

  it('finds upright and lying prints in one picture, each once', async () => {
    const upright = rectangle;
    const lying = (x: number, y: number): number | undefined => {
      const [left, top, right, bottom] = [500, 80, 600, 160];
      if (x < left || x >= right || y < top || y >= bottom) return undefined;
      return x > (left + right) / 2 ? 0.75 : 1;
    };
    const image = await paint(
      bench.store,
      800,
      600,
      3,
      (x, y) => upright(x, y, [60, 60, 140, 160]) ?? upright(x, y, [60, 300, 140, 400]) ?? lying(x, y) ?? 0.1,
    );
    const found = await detectFaces(image, seesRectangles, options);
    expect(found).toHaveLength(3);
    const [side] = found.filter(({ left }) => left > 400);
    // The eyes of the lying one are one above the other.
    expect(Math.abs(side!.points[0]![0] - side!.points[1]![0])).toBeLessThan(4);
    expect(await detectFaces(image, seesRectangles, { ...options, tryTurned: false })).toHaveLength(2);
  });

  it('finds nothing in pictures without a face, down to one pixel', async () => {
    for (const [width, height] of [
      [1, 1],
      [3, 900],
      [64, 64],
    ] as const) {
      expect(
        await detectFaces(await paint(bench.store, width, height, 2, () => 0.5), seesRectangles, options),
      ).toEqual([]);
    }
  });
});

describe('names', () => {
  it('survive another search with other boxes and another order', () => {
    const first = nameFaces([boxOf(300, 10, 360, 80), boxOf(10, 10, 60, 80)]);
    expect(first.map(({ id }) => id)).toEqual(['face-2', 'face-1']);
    const again = nameFaces(
      [boxOf(14, 8, 66, 84), boxOf(500, 500, 600, 600), boxOf(296, 14, 365, 77)],
      first,
    );
    expect(again.map(({ id }) => id)).toEqual(['face-1', 'face-3', 'face-2']);
    expect(nameFaces([boxOf(900, 900, 950, 950)], first)[0]?.id).toBe('face-3');
  });

  it('are given to one face each, and parts of a face are no faces', () => {
    const old = nameFaces([boxOf(0, 0, 100, 100)]);
    expect(nameFaces([boxOf(0, 0, 98, 99), boxOf(5, 5, 100, 100)], old).map(({ id }) => id)).toEqual([
      'face-1',
      'face-2',
    ]);
    expect(
      mergeDetections([boxOf(0, 0, 100, 100, 0.9), boxOf(20, 20, 50, 50, 0.8), boxOf(90, 0, 190, 100, 0.7)]),
    ).toHaveLength(2);
  });
});

async function openNetwork(weights: Weights): Promise<Network> {
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph('test');
  const session = await createInlineRuntime().load(graph.encode(architecture.build(graph, weights, params)), {
    device: 'cpu',
    threads: 1,
  });
  return createNetwork(
    'test',
    { info: architecture.describe(params), architecture: architecture.name },
    { devices: ['cpu'], withSession: (_device, use) => use(session), log: () => {} },
  );
}

describe('the networks', () => {
  it.each(['yu-net', 'retina-face-mobilenet', 'retina-face-resnet'])(
    '%s runs over any size',
    async (name) => {
      const detector = createFaceDetector(await openNetwork(openGolden(name)), 0.01);
      for (const channels of [1, 3, 4]) {
        const faces = await detector({
          data: new Float32Array(70 * 45 * channels).fill(0.5),
          width: 70,
          height: 45,
          channels,
        });
        for (const face of faces) expect(face.points).toHaveLength(5);
      }
    },
  );

  it('refuses a network without the corners of the mouth', async () => {
    const network = await openNetwork(openGolden('blaze-face-front'));
    expect(() => createFaceDetector(network)).toThrow(
      'does not find the eyes, nose and corners of the mouth',
    );
  });
});

describe.skipIf(sharedData === undefined)(`released detectors${sharedDataNote}`, () => {
  it.each(['face_yunet/weights/yunet_n.pth', 'face_1mb_landmark/mobilenet0.25_Final.pth'])(
    '%s finds every portrait',
    async (file) => {
      const detector = createFaceDetector(await openNetwork(openWeights(`${sharedData}/weights/${file}`)));
      for (const name of ['biden', 'obama', 'obama2', 'obama_partial_face', 'obama_small']) {
        const { image } = await openPhoto(`${sharedData}/eval/open/faces/${name}.jpg`, {
          store: bench.store,
          signal: new AbortController().signal,
        });
        const found = await detectFaces(image, detector, {
          ...options,
          smallestEyesPx: 20,
          tryTurned: false,
        });
        expect(found.length, name).toBeGreaterThanOrEqual(1);
        const [leftEye, rightEye, nose, leftMouth, rightMouth] = found[0]!.points as [
          Point,
          Point,
          Point,
          Point,
          Point,
        ];
        expect(leftEye[0], name).toBeLessThan(rightEye[0]);
        expect(leftMouth[0], name).toBeLessThan(rightMouth[0]);
        expect(Math.max(leftEye[1], rightEye[1]), name).toBeLessThan(nose[1]);
        expect(nose[1], name).toBeLessThan(Math.min(leftMouth[1], rightMouth[1]));
        await image.dispose();
      }
    },
  );
});

describe.skipIf(sharedData === undefined)(`the detector that ships${sharedDataNote}`, () => {
  it(
    'sees no face in the Kodak photographs without people, however they lie: neither in a viewer that looks like one nor in a parrot',
    async () => {
      const shipped = new URL('../../../resources/models/face-detect.safetensors', import.meta.url).pathname;
      const detector = createFaceDetector(await openNetwork(openWeights(shipped)));
      for (const number of kodakWithoutFaces) {
        const { image } = await openPhoto(`${sharedData}/eval/open/kodak24/${number}.png`, {
          store: bench.store,
          signal: new AbortController().signal,
        });
        const found = await detectFaces(image, detector, { ...options, smallestEyesPx: 6.4 });
        expect(found, `kodim${number}: ${found.map(boxText).join('; ')}`).toHaveLength(0);
        await image.dispose();
      }
    },
    5 * 60_000,
  );

  it('finds a face 24 to 400 pixels wide in one picture, and one that fills the frame', async () => {
    const shipped = new URL('../../../resources/models/face-detect.safetensors', import.meta.url).pathname;
    const detector = createFaceDetector(await openNetwork(openWeights(shipped)));
    const { image } = await openPhoto(`${sharedData}/eval/open/faces/obama.jpg`, {
      store: bench.store,
      signal: new AbortController().signal,
    });
    const look = { ...options, tryTurned: false };
    const [face] = await detectFaces(image, detector, { ...look, smallestEyesPx: 40 });
    const { left, top, right, bottom } = face!;
    // The face with some hair and collar around, as a picture of its own.
    const around = 0.25 * (right - left);
    const x = Math.round(left - around);
    const y = Math.round(top - around);
    const portrait = cropImage(image, {
      x,
      y,
      width: Math.min(image.width - x, Math.round(right + around) - x),
      height: Math.min(image.height - y, Math.round(bottom + around) - y),
    });
    const filling = await detectFaces(portrait, detector, { ...look, smallestEyesPx: 20 });
    expect(filling).toHaveLength(1);
    expect(filling[0]!.right - filling[0]!.left).toBeGreaterThan(0.5 * portrait.width);
    const wanted = [24, 48, 96, 200, 400];
    const placed: { width: number; height: number; pixels: Float32Array; at: number }[] = [];
    let at = 20;
    for (const facePx of wanted) {
      const factor = facePx / (right - left);
      const [width, height] = [Math.round(portrait.width * factor), Math.round(portrait.height * factor)];
      const small = await resizeImage(portrait, width, height, { kernel: 'lanczos3', ...options });
      placed.push({ width, height, at, pixels: await small.read({ x: 0, y: 0, width, height }) });
      at += width + 40;
    }
    const group = await paint(bench.store, at, 760, 3, (px, py, c) => {
      const found = placed.find(
        (part) => px >= part.at && px < part.at + part.width && py >= 20 && py < 20 + part.height,
      );
      return found === undefined ? 0.45 : found.pixels[((py - 20) * found.width + px - found.at) * 3 + c]!;
    });
    const seen = await detectFaces(group, detector, look);
    const widths = seen.map((each) => each.right - each.left).sort((a, b) => a - b);
    expect(widths).toHaveLength(wanted.length);
    widths.forEach((width, i) => expect(width / wanted[i]!).toBeGreaterThan(0.7));
    widths.forEach((width, i) => expect(width / wanted[i]!).toBeLessThan(1.4));
  });
});
