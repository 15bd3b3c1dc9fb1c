import { fileURLToPath } from 'node:url';
import { detectArchitecture } from '../../../src/engine/architectures/registry.ts';
import { Graph } from '../../../src/engine/graph/graph.ts';
import { createNetwork, type Network } from '../../../src/engine/models/network.ts';
import { createInlineRuntime } from '../../../src/engine/models/runtime.ts';
import { openWeights } from '../../../src/engine/weights/open-weights.ts';

/** A network of random weights from tests/fixtures/golden, on the CPU, inline. */
export async function goldenNetwork(file: string): Promise<Network> {
  const weights = openWeights(fileURLToPath(new URL(`../../fixtures/golden/${file}`, import.meta.url)));
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph('test');
  const encoded = graph.encode(architecture.build(graph, weights, params));
  const session = await createInlineRuntime().load(encoded, { device: 'cpu', threads: 2 });
  return createNetwork(file, { info: architecture.describe(params), architecture: architecture.name }, {
    devices: ['cpu'],
    withSession: (_device, use) => use(session),
    log: () => {},
  });
}
