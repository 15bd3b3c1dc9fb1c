import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { ModelInfo } from '../../src/engine/architectures/architecture.ts';
import { architectures, detectArchitecture } from '../../src/engine/architectures/registry.ts';
import { Graph } from '../../src/engine/graph/graph.ts';
import type { Weights } from '../../src/engine/weights/weights.ts';

/**
 * What every architecture promises, shown on one file of its weights: exactly one architecture recognizes the file, and the geometry it describes is what
 * the graph does.
 *
 * @param open a file of tiny weights; called in each test.
 */
export function architectureContract(name: string, open: () => Weights): void {
  describe(`${name} keeps the architecture contract`, () => {
    test('exactly one architecture recognizes it', () => {
      using file = opened(open);
      expect(
        architectures.filter((candidate) => candidate.detect(file.weights)).map(({ id }) => id),
      ).toHaveLength(1);
    });

    test('its description is complete and fit for messages and cards', () => {
      using file = opened(open);
      const { architecture, params } = detectArchitecture(file.weights);
      const info = architecture.describe(params);
      expect(architecture.id).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      expect(architecture.source.paper + architecture.source.code).toContain('https://');
      expect(info.flopPerPixel).toBeGreaterThan(0);
      for (const count of [info.scale, info.sizeMultiple, info.inputChannels]) {
        expect(Number.isInteger(count) && count >= 1, String(count)).toBe(true);
      }
      expect(info.outputChannels).toBeGreaterThanOrEqual(
        info.role === 'face-detect' || info.role === 'face-recognize' ? 0 : 1,
      );
      expect(info.receptiveFieldPx).toBeGreaterThanOrEqual(0);
      expect(Object.keys(info.hyperparameters).length).toBeGreaterThan(0);
    });

    test('the output has the described size and channels at any size that is a multiple, and in batches', async () => {
      using file = opened(open);
      const network = await createNetwork(file.weights);
      const { info } = network;
      const sizes: (readonly [number, number, number])[] =
        info.fixedSize === undefined
          ? [
              [1, side(info, 9), side(info, 40)],
              [1, side(info, 24), side(info, 8)],
              [2, side(info, 10), side(info, 10)],
            ]
          : [[1, info.fixedSize.height, info.fixedSize.width]];
      for (const [count, height, width] of sizes) {
        const output = await network.run(picture(count, info.inputChannels, height, width));
        expect((output.data as Float32Array).every(Number.isFinite)).toBe(true);
        // A detector gives lists instead of a picture, a recognizer an embedding.
        if (info.outputChannels > 0)
          expect(output.dims).toEqual([count, info.outputChannels, height * info.scale, width * info.scale]);
      }
      await network.release();
    });

    test('nothing beyond the described receptive field changes the output', async () => {
      using file = opened(open);
      const network = await createNetwork(file.weights);
      const { info } = network;
      if (info.tileable && Number.isFinite(info.receptiveFieldPx)) await checkReceptiveField(network);
      else expect(info.tileable && info.fixedSize !== undefined).toBe(false);
      await network.release();
    });
  });
}

interface Network {
  readonly info: ModelInfo;
  run(input: Tensor): Promise<Tensor>;
  release(): Promise<void>;
}

async function createNetwork(weights: Weights): Promise<Network> {
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph(architecture.id);
  const encoded = graph.encode(architecture.build(graph, weights, params));
  const session = await InferenceSession.create(encoded.bytes, { intraOpNumThreads: 1 });
  const info = architecture.describe(params);
  return {
    info,
    run: async (input) => {
      const outputs = await session.run(withOtherInputs(session, input));
      const output = info.outputChannels > 0 ? outputs.output : outputs[session.outputNames[0] ?? ''];
      if (output === undefined)
        throw new Error(`The graph of ${architecture.id} has no output named output.`);
      return output as Tensor;
    },
    release: () => session.release(),
  };
}

/** Changes one pixel in the middle of a strip; the output may change within the field and nowhere else. */
async function checkReceptiveField(network: Network): Promise<void> {
  const { info } = network;
  const { receptiveFieldPx: field, scale, sizeMultiple } = info;
  const height = side(info, 4);
  const width = side(info, 2 * field + 4 * sizeMultiple + 2);
  const middle = Math.floor(width / 2);
  const before = picture(1, info.inputChannels, height, width);
  // One pixel may lie anywhere in its cell of `sizeMultiple`: both ends are tried.
  for (const x of new Set([
    middle,
    middle - (middle % sizeMultiple),
    middle - (middle % sizeMultiple) + sizeMultiple - 1,
  ])) {
    const changed = (before.data as Float32Array).slice();
    for (let channel = 0; channel < info.inputChannels; channel++)
      changed[(channel * height + (height >> 1)) * width + x] = 3;
    const a = (await network.run(before)).data as Float32Array;
    const b = (await network.run(new Tensor('float32', changed, before.dims))).data as Float32Array;
    let within = 0;
    let beyond = 0;
    a.forEach((value, index) => {
      const column = Math.floor((index % (width * scale)) / scale);
      const difference = Math.abs(value - (b[index] ?? NaN));
      if (Math.abs(column - x) <= field) within = Math.max(within, difference);
      else beyond = Math.max(beyond, difference);
    });
    expect(within).toBeGreaterThan(1e-4);
    expect(beyond).toBeLessThanOrEqual(1e-6);
  }
}

/** At least two multiples: networks that halve and reflect inside need two pixels at the coarsest. */
function side(info: ModelInfo, atLeast: number): number {
  return Math.max(2, Math.ceil(atLeast / info.sizeMultiple)) * info.sizeMultiple;
}

/** Networks with a second picture, such as a mask, get one of one channel with its right half set. */
function withOtherInputs(session: InferenceSession, input: Tensor): Record<string, Tensor> {
  const [count = 1, , height = 1, width = 1] = input.dims;
  const mask = Float32Array.from({ length: count * height * width }, (_, index) =>
    index % width < width / 2 ? 0 : 1,
  );
  const feeds: Record<string, Tensor> = { input };
  for (const name of session.inputNames)
    feeds[name] ??= new Tensor('float32', mask, [count, 1, height, width]);
  return feeds;
}

/** A smooth pattern with detail in [0, 1]. */
function picture(count: number, channels: number, height: number, width: number): Tensor {
  const data = Float32Array.from({ length: count * channels * height * width }, (_, index) => {
    const x = index % width;
    const y = Math.floor(index / width) % (height * 3);
    return 0.5 + 0.3 * Math.sin(x * 0.7 + y * 0.31) + 0.2 * Math.cos(y * 1.3 - x * 0.11);
  });
  return new Tensor('float32', data, [count, channels, height, width]);
}

function opened(open: () => Weights): Disposable & { readonly weights: Weights } {
  const weights = open();
  return { weights, [Symbol.dispose]: () => weights.close() };
}
