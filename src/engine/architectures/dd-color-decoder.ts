import type { Graph, Value } from '../graph/graph.ts';
import { add, conv2d, layerNorm, linear, readTensor, relu, reshape, transpose } from '../graph/layers.ts';
import { multiHeadAttention, sinePositions } from '../graph/layers-attention.ts';
import type { Weights } from '../weights/weights.ts';

const color = 'decoder.color_decoder';
const heads = 8;

/**
 * The color decoder of DDColor: learned queries attend in turn to three maps, to each other and pass a small network; gives one vector for each query,
 * (n, queries, channels).
 */
export function colorQueries(
  graph: Graph,
  weights: Weights,
  maps: readonly Value[],
  layers: number,
  channels: number,
): Value {
  const levels = readTensor(weights, `${color}.level_embed.weight`);
  const memories = maps.map((map, index) => {
    const projected = conv2d(graph, map, weights, `${color}.input_proj.${index}`);
    const rows = transpose(graph, reshape(graph, projected, [0, channels, -1]), [0, 2, 1]);
    const level = { data: levels.data.slice(index * channels, (index + 1) * channels), shape: [channels] };
    const values = add(graph, rows, graph.constant(level, 'level_embed'));
    return { values, keys: add(graph, values, sinePositions(graph, map, channels)) };
  });
  const embedding = (name: string): Value =>
    graph.constant(unsqueezed(weights, `${color}.${name}.weight`), name);
  const place = embedding('query_embed');
  let t = embedding('query_feat');
  for (let index = 0; index < layers; index++) {
    const memory = memories[index % memories.length];
    if (memory === undefined) break;
    const cross = `${color}.transformer_cross_attention_layers.${index}`;
    const asked = add(graph, t, place);
    const seen = multiHeadAttention(
      graph,
      asked,
      memory.keys,
      memory.values,
      weights,
      `${cross}.multihead_attn`,
      heads,
    );
    t = layerNorm(graph, add(graph, t, seen), weights, `${cross}.norm`);
    const self = `${color}.transformer_self_attention_layers.${index}`;
    const own = add(graph, t, place);
    t = layerNorm(
      graph,
      add(graph, t, multiHeadAttention(graph, own, own, t, weights, `${self}.self_attn`, heads)),
      weights,
      `${self}.norm`,
    );
    const forward = `${color}.transformer_ffn_layers.${index}`;
    const hidden = relu(graph, linear(graph, t, weights, `${forward}.linear1`));
    t = layerNorm(
      graph,
      add(graph, t, linear(graph, hidden, weights, `${forward}.linear2`)),
      weights,
      `${forward}.norm`,
    );
  }
  t = layerNorm(graph, t, weights, `${color}.decoder_norm`);
  for (const index of [0, 1, 2]) {
    t = linear(graph, t, weights, `${color}.color_embed.layers.${index}`);
    if (index < 2) t = relu(graph, t);
  }
  return t;
}

function unsqueezed(weights: Weights, name: string): { data: Float32Array; shape: readonly number[] } {
  const { data, shape } = readTensor(weights, name);
  return { data, shape: [1, ...shape] };
}
