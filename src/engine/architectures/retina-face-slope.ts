import { batchNormAffine, readTensor } from '../graph/layers.ts';
import type { Weights } from '../weights/weights.ts';
import { findShape, has } from './reading.ts';

/**
 * Whether a trained MobileNet RetinaFace was trained with plain ReLU in place of leaky ReLU of slope 0.1.
 *
 * Two published detectors share every tensor name and shape but not the activation (nor the anchors), and a network run with the wrong one misplaces its points. The
 * normalizations remember it: the running mean after a 1×1 convolution W is exactly W · E[x], so with more outputs than inputs the mean E[x] of every
 * input channel follows by least squares. x comes from a normalization of mean β; a channel that is practically never positive has E[x] = 0 behind a ReLU
 * and E[x] = 0.1 β behind the leaky one. Undefined if the file gives no evidence: weights that were never trained, or no such channel.
 */
export function trainedWithRelu(weights: Weights): boolean | undefined {
  let silent = 0;
  let leaking = 0;
  for (const key of expandingBlocks(weights)) {
    const means = inputMeans(weights, key);
    if (means === undefined) continue;
    const beta = readTensor(weights, `${key}.1.bias`).data;
    const gamma = readTensor(weights, `${key}.1.weight`).data;
    for (const [channel, mean] of means.entries()) {
      const spread = Math.abs(gamma[channel] ?? 0);
      const center = beta[channel] ?? 0;
      if (mean < -0.01 * spread && mean < 0.02 * center) leaking += 1;
      else if (center < -0.1 * spread && Math.abs(mean) < 3e-4 * spread) silent += 1;
    }
  }
  return leaking === 0 && silent === 0 ? undefined : silent > leaking;
}

/** Depthwise blocks whose 1×1 convolution at least doubles the channels. */
function expandingBlocks(weights: Weights): string[] {
  const keys: string[] = [];
  for (const name of weights.tensors.keys()) {
    const key = /^(body\.stage\d\.\d+)\.3\.weight$/.exec(name)?.[1];
    if (key === undefined || !has(weights, `${key}.1.weight`, `${key}.1.bias`, `${key}.4.running_mean`))
      continue;
    const [output = 0, input = 0] = findShape(weights, name) ?? [];
    if (input > 0 && output >= 2 * input && output * input <= 2 ** 16) keys.push(key);
  }
  return keys;
}

/** E[x] of each input channel of the block's 1×1 convolution, or undefined if no E[x] explains the stored means. */
function inputMeans(weights: Weights, key: string): Float64Array | undefined {
  const matrix = readTensor(weights, `${key}.3.weight`);
  const [rows = 0, columns = 0] = matrix.shape;
  const target = readTensor(weights, `${key}.4.running_mean`).data;
  const scale = batchNormAffine(weights, `${key}.4`).factor;
  if (target.length !== rows || scale.length !== rows) return undefined;
  const solution = leastSquares(matrix.data, rows, columns, target);
  if (solution === undefined) return undefined;
  let misfit = 0;
  let size = 0;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += (matrix.data[row * columns + column] ?? 0) * (solution[column] ?? 0);
    }
    misfit += (sum - (target[row] ?? 0)) ** 2;
    size += (target[row] ?? 0) ** 2;
  }
  return misfit < 1e-4 * size ? solution : undefined;
}

/** x that minimizes |A x − b| for A (rows, columns), by Gaussian elimination of the normal equations; undefined unless A has full rank. */
function leastSquares(
  a: Float32Array,
  rows: number,
  columns: number,
  b: Float32Array,
): Float64Array | undefined {
  const width = columns + 1;
  const system = new Float64Array(columns * width);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      const left = a[row * columns + i] ?? 0;
      for (let j = 0; j < columns; j++) addTo(system, i * width + j, left * (a[row * columns + j] ?? 0));
      addTo(system, i * width + columns, left * (b[row] ?? 0));
    }
  }
  let largest = 0;
  for (let pivot = 0; pivot < columns; pivot++) {
    const diagonal = system[pivot * width + pivot] ?? 0;
    largest = Math.max(largest, diagonal);
    if (!(diagonal > 1e-9 * largest)) return undefined;
    for (let row = 0; row < columns; row++) {
      if (row === pivot) continue;
      const factor = (system[row * width + pivot] ?? 0) / diagonal;
      for (let j = pivot; j < width; j++)
        addTo(system, row * width + j, -factor * (system[pivot * width + j] ?? 0));
    }
  }
  return Float64Array.from(
    { length: columns },
    (_, i) => (system[i * width + columns] ?? 0) / (system[i * width + i] ?? 0),
  );
}

function addTo(array: Float64Array, index: number, value: number): void {
  array[index] = (array[index] ?? 0) + value;
}
