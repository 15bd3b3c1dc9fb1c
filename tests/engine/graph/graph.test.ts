import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { Graph } from '../../../src/engine/graph/graph.ts';
import type { Value } from '../../../src/engine/graph/graph.ts';
import * as layers from '../../../src/engine/graph/layers.ts';

async function run(
  graph: Graph,
  outputs: Record<string, Value>,
  feeds: Record<string, Tensor>,
  external = false,
): Promise<InferenceSession.OnnxValueMapType> {
  const encoded = graph.encode(outputs, { external });
  const session = await InferenceSession.create(encoded.bytes, {
    intraOpNumThreads: 1,
    externalData: encoded.external.map(({ path, data }) => ({ path, data })),
  });
  const result = await session.run(feeds);
  await session.release();
  return result;
}

function ramp(shape: readonly number[], step = 1): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length: count }, (_, index) => index * step),
    [...shape],
  );
}

function random(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

test('runs with attributes, constants and dynamic sides as written', async () => {
  const graph = new Graph('affine');
  const x = graph.input('input', ['n', 2, 'h', 'w']);
  const y = layers.leakyRelu(
    graph,
    layers.depthwiseAffine(graph, x, Float32Array.of(2, -1), Float32Array.of(0.5, 0)),
    0.25,
  );
  for (const [height, width] of [
    [2, 3],
    [1, 4],
  ] as const) {
    const plane = height * width;
    const result = await run(graph, { output: y }, { input: ramp([1, 2, height, width]) });
    const output = result.output?.data as Float32Array;
    expect([...output]).toEqual(
      Array.from({ length: 2 * plane }, (_, index) => (index < plane ? index * 2 + 0.5 : -index * 0.25)),
    );
  }
});

test('names outputs, also inputs passed through and one value twice, of any type', async () => {
  const graph = new Graph('names');
  const x = graph.input('input', ['n', 3]);
  const doubled = layers.mul(graph, x, layers.numbers(graph, [2]));
  const best = graph.op('ArgMax', [doubled], { axis: 1, keepdims: 0 });
  const result = await run(graph, { same: x, a: doubled, b: doubled, best }, { input: ramp([2, 3]) });
  expect([...(result.same?.data as Float32Array)]).toEqual([0, 1, 2, 3, 4, 5]);
  expect(result.a?.data).toEqual(result.b?.data);
  expect(result.a?.data[5]).toBe(10);
  expect(result.best?.data).toEqual(BigInt64Array.of(2n, 2n));
});

test('accepts byte and integer inputs, and negative integers in attributes', async () => {
  const graph = new Graph('types');
  const bytes = graph.input('bytes', ['n'], 'u8');
  const index = graph.input('index', [1], 'i64');
  const real = graph.op('Cast', [bytes], { to: 1 });
  const picked = graph.op('Gather', [real, index], { axis: -1 });
  const feeds = {
    bytes: new Tensor('uint8', Uint8Array.of(7, 200), [2]),
    index: new Tensor('int64', BigInt64Array.of(1n), [1]),
  };
  const result = await run(graph, { output: picked }, feeds);
  expect([...(result.output?.data as Float32Array)]).toEqual([200]);
});

test('gives the same numbers with tensors inside and outside the model', async () => {
  const graph = new Graph('external');
  let x: Value = graph.input('input', ['n', 16, 'h', 'w']);
  for (let layer = 0; layer < 3; layer++) {
    const weight = { data: random(16 * 16 * 9, layer + 1), shape: [16, 16, 3, 3] };
    x = layers.relu(
      graph,
      layers.convolve(graph, x, weight, { data: random(16, layer + 9), shape: [16] }, { pad: 1 }),
    );
  }
  const feeds = { input: new Tensor('float32', random(16 * 64, 77), [1, 16, 8, 8]) };
  const inside = await run(graph, { output: x }, feeds);
  const outside = await run(graph, { output: x }, feeds, true);
  expect(outside.output?.data).toEqual(inside.output?.data);
  const encoded = graph.encode({ output: x }, { external: true });
  expect(encoded.external).toHaveLength(3);
  expect(encoded.bytes.length).toBeLessThan(3000);
});

test('shuffles pixels as PyTorch does, there and back', async () => {
  const graph = new Graph('shuffle');
  const x = graph.input('input', ['n', 8, 'h', 'w']);
  const shuffled = layers.pixelShuffle(graph, x, 2);
  const back = layers.pixelUnshuffle(graph, shuffled, 2, 2);
  const input = ramp([1, 8, 2, 3]);
  const result = await run(graph, { shuffled, back }, { input });
  expect(result.back?.data).toEqual(input.data);
  const shuffledData = result.shuffled?.data as Float32Array;
  for (let channel = 0; channel < 2; channel++) {
    for (let y = 0; y < 4; y++) {
      for (let column = 0; column < 6; column++) {
        const source = ((channel * 4 + (y % 2) * 2 + (column % 2)) * 2 + (y >> 1)) * 3 + (column >> 1);
        expect(shuffledData[(channel * 4 + y) * 6 + column]).toBe(source);
      }
    }
  }
});

test('refuses constants whose shape does not fit and floats that are not marked', () => {
  const graph = new Graph('errors');
  expect(() => graph.constant({ data: new Float32Array(5), shape: [2, 3] })).toThrow(
    'has 5 numbers where the shape [2, 3] was expected',
  );
  const x = graph.input('input', [1]);
  expect(() => graph.encode({ output: graph.op('LeakyRelu', [x], { alpha: 0.2 }) })).toThrow(
    'write { float: 0.2 }',
  );
});
