import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

import { HeirloomError } from '../../shared/failure.ts';
import type { ModelInfo } from '../architectures/architecture.ts';
import type { EncodedGraph } from '../graph/graph.ts';
import { openOnnxFile } from '../weights/onnx-file.ts';
import { detectModelFile } from '../weights/open-weights.ts';
import type { Runtime } from './runtime.ts';

/** A network that came as a graph: what could be found out about it, and the graph itself. */
export interface ReadyGraph {
  readonly info: ModelInfo;
  readonly architecture: string;
  readonly parameters: number;
  readonly graph: EncodedGraph;
}

const largestFileBytes = 2 ** 31 - 1;
const probePx = 64;

/** Whether the file is a graph, by its content. */
export function isOnnxFile(path: string): boolean {
  return detectModelFile(path) === 'onnx';
}

/**
 * Reads an `.onnx` file that turns one picture into one picture; scale and sizes are found by running it once on the CPU.
 *
 * @throws HeirloomError `unsupported-model` when it is not such a network.
 */
export async function readReadyGraph(path: string, runtime: Runtime): Promise<ReadyGraph> {
  const name = basename(path);
  const { size } = statSync(path);
  if (size > largestFileBytes) throw new HeirloomError('unsupported-model', `${name} is ${(size / 2 ** 30).toFixed(1)} GiB; a single .onnx file may have 2 GiB.`);
  const file = openOnnxFile(path);
  if (file.externalFiles.length > 0) {
    throw new HeirloomError('unsupported-model', `${name} keeps its numbers in ${file.externalFiles.length} other files, which Heirloom does not load.`, 'Save it as one file with the ONNX tools.');
  }
  const parameters = [...file.initializers.values()].reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0);
  const image = file.inputs.find(({ shape }) => shape.length === 4);
  if (image === undefined || file.inputs.length !== 1) {
    throw new HeirloomError('unsupported-model', `${name} takes ${file.inputs.length} inputs; Heirloom runs graphs that turn one picture (n, c, h, w) into one picture.`);
  }
  const [, channels, fixedHeight, fixedWidth] = image.shape;
  const inputChannels = typeof channels === 'number' ? channels : 3;
  if (inputChannels !== 1 && inputChannels !== 3) throw new HeirloomError('unsupported-model', `${name} takes pictures of ${inputChannels} channels; Heirloom has gray or RGB.`);
  const width = typeof fixedWidth === 'number' && fixedWidth > 0 ? fixedWidth : probePx;
  const height = typeof fixedHeight === 'number' && fixedHeight > 0 ? fixedHeight : probePx;
  const graph: EncodedGraph = { bytes: readFileSync(path), external: [] };

  const session = await runtime.load(graph, { device: 'cpu', threads: 0 });
  try {
    const data = new Float32Array(inputChannels * height * width).fill(0.5);
    const outputs = await session.run({ [image.name]: { data, dims: [1, inputChannels, height, width] } });
    const [outputName] = session.outputNames;
    const dims = outputs[outputName ?? '']?.dims ?? [];
    const [, outputChannels = 0, outputHeight = 0, outputWidth = 0] = dims;
    const scale = outputWidth / width;
    if (dims.length !== 4 || !Number.isInteger(scale) || outputHeight !== height * scale || (outputChannels !== 1 && outputChannels !== 3)) {
      throw new HeirloomError('unsupported-model', `${name} turns a ${width}×${height} picture into numbers of shape [${dims.join(', ')}], which is not a picture.`);
    }
    const fixed = width !== probePx || height !== probePx || typeof fixedWidth === 'number';
    const info: ModelInfo = {
      role: scale > 1 ? 'enlarge' : 'clean',
      scale,
      inputChannels,
      outputChannels,
      sizeMultiple: 1,
      padMode: 'reflect',
      receptiveFieldPx: Infinity,
      tileable: !fixed,
      ...(fixed ? { fixedSize: { width, height } } : {}),
      inputRange: [0, 1],
      outputRange: [0, 1],
      hyperparameters: { operatorSet: file.opset, producer: file.producer },
      // Every weight is used about once per pixel in a convolutional network.
      flopPerPixel: 2 * parameters,
    };
    return { info, architecture: 'ONNX graph', parameters, graph };
  } finally {
    await session.release();
  }
}
