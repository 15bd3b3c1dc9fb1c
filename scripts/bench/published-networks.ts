import type { TensorInfo, Weights } from '../../src/engine/weights/weights.ts';

/** A network in a size that was published, with weights of no meaning: what it costs does not depend on them. */
export interface PublishedNetwork {
  readonly name: string;
  readonly weights: Weights;
  /** Side of the square picture to time it on. */
  readonly sidePx: number;
}

type Shapes = Map<string, readonly number[]>;

/** The enlarging and cleaning networks in their published sizes. */
export function publishedNetworks(): readonly PublishedNetwork[] {
  return [
    network('SRVGGNetCompact ×4, 64 features, 16 convolutions', 128, (shapes) => compact(shapes, 16)),
    network('SRVGGNetCompact ×4, 64 features, 32 convolutions', 128, (shapes) => compact(shapes, 32)),
    network('RRDBNet ×4, 64 features, 6 blocks', 64, (shapes) => rrdb(shapes, 6, 3)),
    network('RRDBNet ×4, 64 features, 23 blocks', 64, (shapes) => rrdb(shapes, 23, 3)),
    network('RRDBNet ×2 (unshuffled), 64 features, 23 blocks', 128, (shapes) => rrdb(shapes, 23, 12)),
    network('MSRResNet ×4, 64 features, 16 blocks', 96, msrResNet),
    network('EDSR ×4, 64 features, 16 blocks', 96, edsr),
    network('SRCNN, 64-32 features, kernels 9-1-5', 256, srcnn),
    network('DnCNN, 64 features, 17 convolutions, gray', 192, dnCnn),
    network('NAFNet, width 32 (SIDD)', 256, nafNet),
    network('SCUNet, 64 features, 7 × 4 blocks', 128, scuNet),
    network('SwinIR ×4, 180 features, 6 × 6 layers', 64, swinIr),
  ];
}

function network(name: string, sidePx: number, fill: (shapes: Shapes) => void): PublishedNetwork {
  const shapes: Shapes = new Map();
  fill(shapes);
  return { name, sidePx, weights: pseudoRandomWeights(name, shapes) };
}

function pseudoRandomWeights(source: string, shapes: Shapes): Weights {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shape] of shapes) tensors.set(name, { name, shape, dtype: 'f32' });
  const read = (name: string): Float32Array => {
    const shape = shapes.get(name) ?? [];
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    // Small enough for the signal to live through all layers: numbers that fade to denormals would be timed wrongly.
    const span = shape.length < 2 ? 0.1 : Math.sqrt(3 / fanIn);
    let state = 1;
    return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state / 2 ** 31 - 1) * span;
    });
  };
  return { source, format: 'made', metadata: {}, tensors, read, close: () => undefined };
}

function conv(shapes: Shapes, key: string, output: number, input: number, kernel = 3, bias = true): void {
  shapes.set(`${key}.weight`, [output, input, kernel, kernel]);
  if (bias) shapes.set(`${key}.bias`, [output]);
}

function dense(shapes: Shapes, key: string, output: number, input: number): void {
  shapes.set(`${key}.weight`, [output, input]);
  shapes.set(`${key}.bias`, [output]);
}

function norm(shapes: Shapes, key: string, features: number): void {
  shapes.set(`${key}.weight`, [features]);
  shapes.set(`${key}.bias`, [features]);
}

function compact(shapes: Shapes, convolutions: number): void {
  for (let layer = 0; layer <= convolutions; layer++) {
    conv(shapes, `body.${2 * layer}`, 64, layer === 0 ? 3 : 64);
    shapes.set(`body.${2 * layer + 1}.weight`, [64]);
  }
  conv(shapes, `body.${2 * convolutions + 2}`, 48, 64);
}

function rrdb(shapes: Shapes, blocks: number, inputs: number): void {
  conv(shapes, 'conv_first', 64, inputs);
  for (let block = 0; block < blocks; block++) {
    for (const part of [1, 2, 3]) {
      for (let index = 1; index <= 5; index++) {
        conv(shapes, `body.${block}.rdb${part}.conv${index}`, index === 5 ? 64 : 32, 64 + (index - 1) * 32);
      }
    }
  }
  for (const key of ['conv_body', 'conv_up1', 'conv_up2', 'conv_hr']) conv(shapes, key, 64, 64);
  conv(shapes, 'conv_last', 3, 64);
}

function msrResNet(shapes: Shapes): void {
  conv(shapes, 'conv_first', 64, 3);
  for (let block = 0; block < 16; block++)
    for (const index of [1, 2]) conv(shapes, `body.${block}.conv${index}`, 64, 64);
  for (const key of ['upconv1', 'upconv2']) conv(shapes, key, 256, 64);
  conv(shapes, 'conv_hr', 64, 64);
  conv(shapes, 'conv_last', 3, 64);
}

function edsr(shapes: Shapes): void {
  conv(shapes, 'conv_first', 64, 3);
  for (let block = 0; block < 16; block++)
    for (const index of [1, 2]) conv(shapes, `body.${block}.conv${index}`, 64, 64);
  conv(shapes, 'conv_after_body', 64, 64);
  for (const key of ['upsample.0', 'upsample.2']) conv(shapes, key, 256, 64);
  conv(shapes, 'conv_last', 3, 64);
}

function srcnn(shapes: Shapes): void {
  conv(shapes, 'conv1', 64, 3, 9);
  conv(shapes, 'conv2', 32, 64, 1);
  conv(shapes, 'conv3', 3, 32, 5);
}

function dnCnn(shapes: Shapes): void {
  for (let layer = 0; layer < 17; layer++)
    conv(shapes, `model.${2 * layer}`, layer === 16 ? 1 : 64, layer === 0 ? 1 : 64);
}

function nafNet(shapes: Shapes): void {
  const width = 32;
  const block = (key: string, c: number): void => {
    for (const gain of ['beta', 'gamma']) shapes.set(`${key}.${gain}`, [1, c, 1, 1]);
    conv(shapes, `${key}.conv1`, 2 * c, c, 1);
    conv(shapes, `${key}.conv2`, 2 * c, 1);
    for (const name of ['conv3', 'sca.1', 'conv5']) conv(shapes, `${key}.${name}`, c, c, 1);
    conv(shapes, `${key}.conv4`, 2 * c, c, 1);
    for (const name of ['norm1', 'norm2']) norm(shapes, `${key}.${name}`, c);
  };
  conv(shapes, 'intro', width, 3);
  conv(shapes, 'ending', 3, width);
  [2, 2, 4, 8].forEach((count, level) => {
    const c = width * 2 ** level;
    for (let index = 0; index < count; index++) block(`encoders.${level}.${index}`, c);
    conv(shapes, `downs.${level}`, 2 * c, c, 2);
    const up = width * 2 ** (4 - level);
    conv(shapes, `ups.${level}.0`, 2 * up, up, 1, false);
    for (let index = 0; index < 2; index++) block(`decoders.${level}.${index}`, up / 2);
  });
  for (let index = 0; index < 12; index++) block(`middle_blks.${index}`, width * 16);
}

function scuNet(shapes: Shapes): void {
  const block = (key: string, c: number): void => {
    const half = c / 2;
    for (const name of ['conv1_1', 'conv1_2']) conv(shapes, `${key}.${name}`, c, c, 1);
    for (const index of [0, 2]) conv(shapes, `${key}.conv_block.${index}`, half, half, 3, false);
    const stem = `${key}.trans_block`;
    for (const name of ['ln1', 'ln2']) norm(shapes, `${stem}.${name}`, half);
    shapes.set(`${stem}.msa.relative_position_params`, [half / 32, 15, 15]);
    dense(shapes, `${stem}.msa.embedding_layer`, 3 * half, half);
    dense(shapes, `${stem}.msa.linear`, half, half);
    dense(shapes, `${stem}.mlp.0`, 4 * half, half);
    dense(shapes, `${stem}.mlp.2`, half, 4 * half);
  };
  conv(shapes, 'm_head.0', 64, 3, 3, false);
  conv(shapes, 'm_tail.0', 3, 64, 3, false);
  for (let level = 0; level < 3; level++) {
    const c = 64 * 2 ** level;
    for (let index = 0; index < 4; index++) {
      block(`m_down${level + 1}.${index}`, c);
      block(`m_up${level + 1}.${index + 1}`, c);
    }
    conv(shapes, `m_down${level + 1}.4`, 2 * c, c, 2, false);
    conv(shapes, `m_up${level + 1}.0`, 2 * c, c, 2, false);
  }
  for (let index = 0; index < 4; index++) block(`m_body.${index}`, 512);
}

function swinIr(shapes: Shapes): void {
  const features = 180;
  conv(shapes, 'conv_first', features, 3);
  norm(shapes, 'patch_embed.norm', features);
  for (let group = 0; group < 6; group++) {
    for (let index = 0; index < 6; index++) {
      const key = `layers.${group}.residual_group.blocks.${index}`;
      for (const name of ['norm1', 'norm2']) norm(shapes, `${key}.${name}`, features);
      shapes.set(`${key}.attn.relative_position_bias_table`, [225, 6]);
      dense(shapes, `${key}.attn.qkv`, 3 * features, features);
      dense(shapes, `${key}.attn.proj`, features, features);
      dense(shapes, `${key}.mlp.fc1`, 2 * features, features);
      dense(shapes, `${key}.mlp.fc2`, features, 2 * features);
    }
    conv(shapes, `layers.${group}.conv`, features, features);
  }
  norm(shapes, 'norm', features);
  conv(shapes, 'conv_after_body', features, features);
  conv(shapes, 'conv_before_upsample.0', 64, features);
  for (const key of ['conv_up1', 'conv_up2', 'conv_hr']) conv(shapes, key, 64, 64);
  conv(shapes, 'conv_last', 3, 64);
}
