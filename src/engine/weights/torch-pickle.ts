import type { PickleRules } from './pickle.ts';
import { isKind, kindOf, type PickleValue, type StorageValue, type TensorValue } from './pickle-value.ts';
import { elementCount, type Dtype } from './weights.ts';
import { corruptModel, printable, refusedGlobal } from './weights-failure.ts';

/** Dimensions no real tensor exceeds. */
const maxRank = 16;
/** Elements a tensor may show beyond those its storage holds (stride 0 repeats): 4 Mi. */
const maxRepeatedElements = 1 << 22;

const storageDtypes: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ['torch.DoubleStorage', 'f64'],
  ['torch.FloatStorage', 'f32'],
  ['torch.HalfStorage', 'f16'],
  ['torch.BFloat16Storage', 'bf16'],
  ['torch.LongStorage', 'i64'],
  ['torch.IntStorage', 'i32'],
  ['torch.ShortStorage', 'i16'],
  ['torch.CharStorage', 'i8'],
  ['torch.ByteStorage', 'u8'],
  ['torch.BoolStorage', 'bool'],
]);

/** Data types as optimizer states and configurations name them: kept as inert names, never called. */
const inertNames: ReadonlySet<string> = new Set(
  ['float64', 'double', 'float32', 'float', 'float16', 'half', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'].map(
    (name) => `torch.${name}`,
  ),
);

type Maker = (args: readonly PickleValue[]) => PickleValue | undefined;

/** What `collections.OrderedDict`, `torch.Size` and the like make of their arguments. */
const plainMakers: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ['collections.OrderedDict', makeOrderedDict],
  ['torch.Size', ([items]) => (isKind(items, 'tuple') || isKind(items, 'list') ? { kind: 'tuple', items: items.items, depth: items.depth } : undefined)],
  ['torch.device', (args) => ({ kind: 'tuple', items: [...args], depth: 1 })],
  ['torch._utils._rebuild_parameter', ([data]) => (isKind(data, 'tensor') ? data : undefined)],
  ['torch._utils._rebuild_parameter_with_state', ([data]) => (isKind(data, 'tensor') ? data : undefined)],
]);

/** Helpers of TorchScript's own pickles: typed lists and a type annotation. */
const scriptMakers: ReadonlyMap<string, Maker> = new Map<string, Maker>(
  ['build_intlist', 'build_tensorlist', 'build_doublelist', 'build_boollist', 'restore_type_tag'].map((name) => [
    `torch.jit._pickle.${name}`,
    ([value]: readonly PickleValue[]) => value,
  ]),
);

/** The pickles of one torch file: what they may name, and the storages they refer to. */
export interface TorchPickle {
  readonly rules: PickleRules;
  /** Storages met so far, by key. */
  readonly storages: ReadonlyMap<string, StorageValue>;
}

/**
 * The allow-list of a torch checkpoint; with `script` also TorchScript's module records.
 *
 * `checkStorage` is told of every new storage and throws when the container cannot hold it.
 */
export function torchPickle(fileName: string, script: boolean, checkStorage: (storage: StorageValue) => void): TorchPickle {
  const storages = new Map<string, StorageValue>();
  const makers = new Map<string, Maker>([
    ...plainMakers,
    ...(script ? scriptMakers : []),
    ['torch._utils._rebuild_tensor', (args) => makeTensor(fileName, args)],
    ['torch._utils._rebuild_tensor_v2', (args) => makeTensor(fileName, args)],
  ]);
  const isModule = (name: string): boolean => script && name.startsWith('__torch__.');
  const rules: PickleRules = {
    allows: (name) => makers.has(name) || storageDtypes.has(name) || inertNames.has(name) || isModule(name),
    call(name, args) {
      if (isModule(name)) return { kind: 'record', attributes: new Map(), depth: 1 };
      const maker = makers.get(name);
      if (maker === undefined) throw refusedGlobal(fileName, `${name}()`);
      return maker(args);
    },
    persistent(id) {
      const storage = makeStorage(fileName, id);
      const known = storages.get(storage.key);
      if (known === undefined) {
        checkStorage(storage);
        storages.set(storage.key, storage);
      } else if (known.dtype !== storage.dtype || known.count !== storage.count) {
        throw corruptModel(fileName, `it gives the storage ${printable(storage.key)} two types or sizes`);
      }
      return storage;
    },
  };
  return { rules, storages };
}

function makeOrderedDict(args: readonly PickleValue[]): PickleValue | undefined {
  const entries = new Map<PickleValue, PickleValue>();
  const [pairs] = args;
  if (pairs === undefined) return { kind: 'dict', entries, depth: 1 };
  if (!isKind(pairs, 'list') && !isKind(pairs, 'tuple')) return undefined;
  for (const pair of pairs.items) {
    if (!isKind(pair, 'list') && !isKind(pair, 'tuple')) return undefined;
    const [key, value] = pair.items;
    if (key === undefined || value === undefined) return undefined;
    entries.set(key, value);
  }
  return { kind: 'dict', entries, depth: pairs.depth };
}

/** ('storage', class, key, location, element count[, (view key, start, count) or None]) */
function makeStorage(fileName: string, id: PickleValue): StorageValue {
  const [tag, type, key, , count, view] = isKind(id, 'tuple') ? id.items : [];
  const dtype = isKind(type, 'global') ? storageDtypes.get(type.name) : undefined;
  if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isCount(count)) {
    throw corruptModel(fileName, `its pickle refers to outside data by a ${kindOf(id)} that is no storage`);
  }
  if (view === undefined || view === null) return { kind: 'storage', key, dtype, count, start: 0, end: count };
  const [, start, viewCount] = isKind(view, 'tuple') ? view.items : [];
  if (!isCount(start) || !isCount(viewCount) || start + viewCount > count) {
    throw corruptModel(fileName, `its pickle looks outside the storage ${printable(key)}`);
  }
  return { kind: 'storage', key, dtype, count, start, end: start + viewCount };
}

/** (storage, offset, shape, strides, …): the rest (gradients, hooks) is of no use here. */
function makeTensor(fileName: string, args: readonly PickleValue[]): TensorValue | undefined {
  const [storage, offset, shapeValue, strideValue] = args;
  if (!isKind(storage, 'storage') || !isCount(offset)) return undefined;
  const shape = countsOf(shapeValue);
  const strides = countsOf(strideValue);
  if (shape === undefined || strides === undefined || shape.length !== strides.length || shape.length > maxRank) {
    throw corruptModel(fileName, 'its pickle describes a tensor with an impossible shape');
  }
  const elements = elementCount(shape);
  const held = storage.end - storage.start;
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), offset);
  if (elements > 0 && !(last < held)) throw corruptModel(fileName, `a tensor of shape ${shape.join('×')} leaves its storage of ${held} elements`);
  if (elements > held + maxRepeatedElements) {
    throw corruptModel(fileName, `a tensor of shape ${shape.join('×')} repeats a storage of ${held} elements too often`);
  }
  return { kind: 'tensor', storage, offset, shape, strides };
}

function countsOf(value: PickleValue | undefined): number[] | undefined {
  if (!isKind(value, 'tuple') && !isKind(value, 'list')) return undefined;
  const counts = value.items.filter(isCount);
  return counts.length === value.items.length ? counts : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
