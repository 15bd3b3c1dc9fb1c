import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';

import { detectArchitecture } from '../../src/engine/architectures/registry.ts';
import { Graph, type EncodedGraph } from '../../src/engine/graph/graph.ts';
import { convolve, relu } from '../../src/engine/graph/layers.ts';
import { type Measurement, timed } from './measurement.ts';
import { publishedNetworks } from './published-networks.ts';

/** The yardstick: convolutions of 64 to 64 channels one after another, which ONNX Runtime does as fast as it does anything. */
const yardstick = { sidePx: 128, channels: 64, convolutions: 8 };
const rounds = 3;

/**
 * What each network costs and how near it comes to this machine's convolution speed, measured in the same minutes.
 *
 * One row each: GFLOP/s as a share of the yardstick's best; work, best time of three and the time to make a session are in its name. The yardstick
 * is run between the networks, so that both see the same machine.
 */
export async function measureArchitectures(): Promise<readonly Measurement[]> {
  const peak = await createYardstick();
  let peakGflops = await peak.measure();
  const results: { name: string; gflop: number; ms: number; createMs: number }[] = [];
  for (const { name, weights, sidePx } of publishedNetworks()) {
    const { architecture, params } = detectArchitecture(weights);
    const info = architecture.describe(params);
    const graph = new Graph(architecture.id);
    const encoded = graph.encode(architecture.build(graph, weights, params), { external: true });
    const started = performance.now();
    const session = await createSession(encoded);
    const createMs = performance.now() - started;
    const input = new Tensor('float32', pattern(info.inputChannels * sidePx * sidePx), [
      1,
      info.inputChannels,
      sidePx,
      sidePx,
    ]);
    await session.run({ input });
    let ms = Infinity;
    for (let round = 0; round < rounds; round++) {
      ms = Math.min(ms, await timed(() => session.run({ input })));
      peakGflops = Math.max(peakGflops, await peak.measure());
    }
    await session.release();
    results.push({
      name: `${name}, ${sidePx}²`,
      gflop: (info.flopPerPixel * sidePx * sidePx) / 1e9,
      ms,
      createMs,
    });
  }
  await peak.release();
  const rows = results.map(({ name, gflop, ms, createMs }) => {
    const speed = gflop / (ms / 1000);
    const detail = `${gflop.toFixed(1)} GFLOP, ${ms.toFixed(0)} ms, ${speed.toFixed(0)} GFLOP/s, created in ${createMs.toFixed(0)} ms`;
    return { what: `${name}: ${detail}`, value: (100 * speed) / peakGflops, unit: '% of peak' };
  });
  return [
    { what: 'peak: chain of 3×3 convolutions, 64 to 64 channels', value: peakGflops, unit: 'GFLOP/s' },
    ...rows,
  ];
}

interface Yardstick {
  /** GFLOP/s of one run. */
  measure(): Promise<number>;
  release(): Promise<void>;
}

async function createYardstick(): Promise<Yardstick> {
  const { sidePx, channels, convolutions } = yardstick;
  const graph = new Graph('yardstick');
  let x = graph.input('input', ['n', channels, 'h', 'w']);
  const weight = {
    data: pattern(channels * channels * 9).map((value) => (value - 0.5) / 12),
    shape: [channels, channels, 3, 3],
  };
  for (let layer = 0; layer < convolutions; layer++)
    x = relu(graph, convolve(graph, x, weight, undefined, { pad: 1 }));
  const session = await createSession(graph.encode({ output: x }));
  const input = new Tensor('float32', pattern(channels * sidePx * sidePx), [1, channels, sidePx, sidePx]);
  const gflop = (2 * 9 * channels * channels * convolutions * sidePx * sidePx) / 1e9;
  await session.run({ input });
  return {
    measure: async () => gflop / ((await timed(() => session.run({ input }))) / 1000),
    release: () => session.release(),
  };
}

function createSession({ bytes, external }: EncodedGraph): Promise<InferenceSession> {
  return InferenceSession.create(bytes, {
    intraOpNumThreads: availableParallelism(),
    externalData: [...external],
  });
}

/** Numbers in [0, 1] without order. */
function pattern(count: number): Float32Array {
  let state = 7;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}
