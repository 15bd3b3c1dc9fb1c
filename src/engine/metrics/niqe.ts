import { readFile } from 'node:fs/promises';
import { HeirloomError } from '../../shared/failure.ts';
import { resizePlane } from './bicubic.ts';
import { blockFeatures, normalizeContrast } from './niqe-features.ts';
import { meanOf, type Plane } from './plane.ts';
import { pseudoInverseForm } from './symmetric-eigen.ts';

/** A multivariate Gaussian of the 36 features of good photographs. */
export interface NiqeModel {
  /** Where it comes from, for reports. */
  readonly source: string;
  readonly mean: Float64Array;
  readonly covariance: readonly Float64Array[];
}

const blockPx = 96;
const featureCount = 36;

/** The features of every 96×96 block, and how sharp each block is (the mean local deviation). */
export interface NiqeBlocks {
  readonly features: readonly Float64Array[];
  readonly sharpness: readonly number[];
}

/** The 36 features of each whole 96×96 block of a luma plane (0..255), at full and at half size. */
export function niqeBlocks(luma: Plane): NiqeBlocks {
  const across = Math.floor(luma.width / blockPx);
  const down = Math.floor(luma.height / blockPx);
  if (across * down === 0) return { features: [], sharpness: [] };
  const full = cutRounded(luma, across * blockPx, down * blockPx);
  const half = resizePlane(full, full.width / 2, full.height / 2);
  const normalized = [normalizeContrast(full), normalizeContrast(half)];
  const features: Float64Array[] = [];
  const sharpness: number[] = [];
  for (let i = 0; i < across * down; i++) {
    const [column, row] = [i % across, Math.floor(i / across)];
    const both = normalized.flatMap(({ coefficients }, scale) => {
      const size = blockPx >> scale;
      return blockFeatures(coefficients, column * size, row * size, size);
    });
    features.push(Float64Array.from(both));
    sharpness.push(blockMean(normalized[0]!.deviation, column * blockPx, row * blockPx));
  }
  return { features, sharpness };
}

function cutRounded(luma: Plane, width: number, height: number): Plane {
  const data = new Float64Array(width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = roundHalfEven(luma.data[y * luma.width + x]!);
  return { width, height, data };
}

/** NumPy's rounding, which the published values were made with. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function blockMean(plane: Plane, left: number, top: number): number {
  let sum = 0;
  for (let y = 0; y < blockPx; y++) for (let x = 0; x < blockPx; x++) sum += plane.data[(top + y) * plane.width + left + x]!;
  return sum / blockPx ** 2;
}

/** Mean and covariance (divisor n − 1) of feature rows, over the rows without NaN; undefined for fewer than two. */
export function fitGaussian(rows: readonly Float64Array[]): Pick<NiqeModel, 'mean' | 'covariance'> | undefined {
  const whole = rows.filter((row) => row.every(Number.isFinite));
  if (whole.length < 2) return undefined;
  const mean = Float64Array.from({ length: featureCount }, (_, k) => {
    const column = rows.map((row) => row[k]!).filter(Number.isFinite);
    return meanOf(column);
  });
  const center = Float64Array.from({ length: featureCount }, (_, k) => meanOf(whole.map((row) => row[k]!)));
  const covariance = Array.from(mean, (_, i) =>
    Float64Array.from(mean, (_, j) => {
      const sum = whole.reduce((total, row) => total + (row[i]! - center[i]!) * (row[j]! - center[j]!), 0);
      return sum / (whole.length - 1);
    }),
  );
  return { mean, covariance };
}

/**
 * Natural image quality evaluator of a luma plane (0..255): how far its statistics are from good photographs'; lower is better, about
 * 2 to 4 for clean photographs (Mittal, Soundararajan and Bovik 2013). Undefined below two blocks of 96×96 with texture.
 */
export function niqe(luma: Plane, model: NiqeModel): number | undefined {
  const own = fitGaussian(niqeBlocks(luma).features);
  if (own === undefined) return undefined;
  const difference = model.mean.map((value, k) => value - own.mean[k]!);
  const pooled = model.covariance.map((row, i) => row.map((value, j) => (value + own.covariance[i]![j]!) / 2));
  return Math.sqrt(Math.max(0, pseudoInverseForm(pooled, difference)));
}

/** How a model is kept as JSON; `mu_pris_param` and `cov_pris_param` are the names of the published file. */
interface NiqeFile {
  readonly source?: unknown;
  readonly mu_pris_param?: unknown;
  readonly cov_pris_param?: unknown;
}

/**
 * A model from parsed JSON: `mu_pris_param` (36 numbers, maybe nested) and `cov_pris_param` (36×36).
 *
 * @throws HeirloomError `corrupt-model` when the numbers do not fit.
 */
export function niqeModelFromJson(json: unknown, name: string): NiqeModel {
  const file = (typeof json === 'object' && json !== null ? json : {}) as NiqeFile;
  const mean = numbersOf(file.mu_pris_param);
  const covariance = numbersOf(file.cov_pris_param);
  if (mean.length !== featureCount || covariance.length !== featureCount ** 2) {
    throw new HeirloomError(
      'corrupt-model',
      `${name} does not hold NIQE parameters: a mean of 36 numbers and a 36×36 covariance are needed.`,
    );
  }
  return {
    source: typeof file.source === 'string' ? file.source : name,
    mean: Float64Array.from(mean),
    covariance: Array.from({ length: featureCount }, (_, i) => Float64Array.from(covariance.slice(i * featureCount, (i + 1) * featureCount))),
  };
}

function numbersOf(value: unknown): number[] {
  const flat = Array.isArray(value) ? (value.flat(3) as unknown[]) : [];
  return flat.every((item) => typeof item === 'number' && Number.isFinite(item)) ? (flat as number[]) : [];
}

/**
 * Reads NIQE parameters from a JSON file, such as the published ones.
 *
 * @throws HeirloomError `file` when it cannot be read, `corrupt-model` when it holds something else.
 */
export async function readNiqeModel(path: string, name = path): Promise<NiqeModel> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new HeirloomError('file', `The NIQE parameters at ${name} cannot be read.`, 'Check the path.', { cause });
  });
  try {
    return niqeModelFromJson(JSON.parse(text), name);
  } catch (cause) {
    if (cause instanceof HeirloomError) throw cause;
    throw new HeirloomError('corrupt-model', `${name} is not JSON.`, 'Choose a file of NIQE parameters.', { cause });
  }
}
