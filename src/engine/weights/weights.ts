/** Element types of stored tensors. */
export type Dtype = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool';

/** What is known of a tensor before its numbers are read. */
export interface TensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/**
 * Named tensors of a network: names and shapes at once, numbers when asked.
 *
 * Order is the file's own. `read` gives float32 in row-major order whatever the stored type and strides.
 */
export interface Weights {
  /** Where they came from, for messages: a file name. */
  readonly source: string;
  /** Container: 'pth-zip', 'pth-legacy', 'torchscript', 'safetensors', or 'blend' and the like for derived ones. */
  readonly format: string;
  /** Free text found beside the tensors (safetensors `__metadata__`). */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What was taken off to reach the tensors, outermost first: dictionaries entered ('params_ema') and prefixes cut ('module.'). */
  readonly unwrapped?: readonly string[];
  /**
   * The numbers of one tensor; a new or shared array that must not be written to.
   *
   * @throws HeirloomError `corrupt-model` if the name is absent or the bytes are.
   */
  read(name: string): Float32Array;
  /** Closes the file. */
  close(): void;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
