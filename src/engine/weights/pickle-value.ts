import type { Dtype } from './weights.ts';

/** Raw elements that tensors look into, named by a key of its container. */
export interface StorageValue {
  readonly kind: 'storage';
  readonly key: string;
  readonly dtype: Dtype;
  /** Elements that the container keeps under this key. */
  readonly count: number;
  /** The part that may be looked at, in elements; smaller than the whole only for views of old files. */
  readonly start: number;
  readonly end: number;
}

/** A strided window onto a storage; `offset` and `strides` count elements. */
export interface TensorValue {
  readonly kind: 'tensor';
  readonly storage: StorageValue;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A class or function that a pickle names. Naming is all that ever happens to it. */
export interface GlobalValue {
  readonly kind: 'global';
  readonly name: string;
}

export interface ListValue {
  readonly kind: 'list' | 'tuple' | 'set';
  readonly items: PickleValue[];
  depth: number;
}

/** A dictionary; a Map, so that a key such as `__proto__` is a key like any other. */
export interface DictValue {
  readonly kind: 'dict';
  readonly entries: Map<PickleValue, PickleValue>;
  depth: number;
}

/** A module of a TorchScript file: its attributes, without its code. */
export interface RecordValue {
  readonly kind: 'record';
  attributes: ReadonlyMap<PickleValue, PickleValue>;
  depth: number;
}

export type ContainerValue = ListValue | DictValue | RecordValue;

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StorageValue
  | TensorValue
  | GlobalValue
  | ContainerValue;

export function isKind<K extends 'storage' | 'tensor' | 'global' | 'dict' | 'record' | 'list' | 'tuple' | 'set'>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: unknown }> & { readonly kind: K } {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** What a value is, in words for a message. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Uint8Array) return 'bytes';
  return typeof value === 'object' ? value.kind : typeof value;
}
