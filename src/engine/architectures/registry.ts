import { HeirloomError } from '../../shared/failure.ts';
import type { Weights } from '../weights/weights.ts';
import { arcFace } from './arc-face.ts';
import type { Architecture } from './architecture.ts';
import { blazeFace } from './blaze-face.ts';
import { contextEncoder } from './context-encoder.ts';
import { ddColor } from './dd-color.ts';
import { dnCnn } from './dn-cnn.ts';
import { edsr } from './edsr.ts';
import { espcn } from './espcn.ts';
import { faceUNet } from './face-u-net.ts';
import { gfpganV1Clean } from './gfpgan-v1-clean.ts';
import { laMa } from './la-ma.ts';
import { miGan } from './mi-gan.ts';
import { msrResNet } from './msr-res-net.ts';
import { nafNet } from './naf-net.ts';
import { parseNet } from './parse-net.ts';
import { has } from './reading.ts';
import { restoreFormer } from './restore-former.ts';
import { retinaFace } from './retina-face.ts';
import { rrdbNet } from './rrdb-net.ts';
import { scratchUNet } from './scratch-u-net.ts';
import { scuNet } from './scu-net.ts';
import { srResNet } from './sr-res-net.ts';
import { srcnn } from './srcnn.ts';
import { srvggNetCompact } from './srvgg-net-compact.ts';
import { swinIr } from './swin-ir.ts';
import { yuNet } from './yu-net.ts';

/** Every network family Heirloom can build. Exactly one detects the weights of a family, in whatever order they are asked. */
export const architectures: readonly Architecture[] = [
  srvggNetCompact,
  rrdbNet,
  gfpganV1Clean,
  faceUNet,
  retinaFace,
  yuNet,
  laMa,
  scratchUNet,
  parseNet,
  msrResNet,
  srResNet,
  edsr,
  srcnn,
  espcn,
  dnCnn,
  scuNet,
  nafNet,
  swinIr,
  blazeFace,
  miGan,
  restoreFormer,
  contextEncoder,
  ddColor,
  arcFace,
];

export interface DetectedArchitecture {
  readonly architecture: Architecture;
  readonly params: unknown;
}

/** Weights that are no restorer, by the tensors that give them away, and what to call them. */
const refused: readonly { readonly name: string; readonly tensors: readonly string[] }[] = [
  { name: 'a U-Net discriminator', tensors: ['conv0.weight', 'conv1.weight_orig', 'conv9.weight'] },
  {
    name: 'a U-Net discriminator',
    tensors: ['conv0.weight', 'conv1.weight', 'conv8.weight', 'conv9.weight'],
  },
  { name: 'a VGG-style discriminator', tensors: ['conv0_0.weight', 'conv0_1.weight', 'linear1.weight'] },
];

/**
 * Which network these weights are of, with its hyperparameters.
 *
 * @throws HeirloomError `unsupported-model` naming the file, its first tensors and what would have been known.
 */
export function detectArchitecture(weights: Weights): DetectedArchitecture {
  const architecture = architectures.find((candidate) => candidate.detect(weights));
  if (architecture !== undefined) return { architecture, params: architecture.read(weights) };
  const known = refused.find(({ tensors }) => has(weights, ...tensors));
  if (known !== undefined) {
    throw new HeirloomError(
      'unsupported-model',
      `${weights.source} is ${known.name}: it judges pictures during training and cannot restore any.`,
      'Choose the generator of the same model, usually named net_g or without a suffix.',
    );
  }
  throw new HeirloomError('unsupported-model', `${weights.source} ${strangeness(weights)}`, expectation());
}

function strangeness(weights: Weights): string {
  if (weights.tensors.size === 0) return 'holds no tensors.';
  const first = [...weights.tensors.values()]
    .slice(0, 3)
    .map(({ name, shape }) => `${clipped(name)} [${shape.join(', ')}]`);
  const rest = weights.tensors.size > first.length ? ', …' : '';
  return `is not a network Heirloom knows: its ${weights.tensors.size} tensors begin with ${first.join(', ')}${rest}.`;
}

/** Names come from the file: long ones are cut. */
function clipped(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 79)}…`;
}

function expectation(): string {
  return `Expected one of: ${architectures.map(({ name }) => name).join(', ')}. An .onnx export of the network may work instead.`;
}
