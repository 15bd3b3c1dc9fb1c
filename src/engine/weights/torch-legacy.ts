import type { ByteSource } from './byte-source.ts';
import { dtypeBytes } from './dtype.ts';
import { readPickle, type PickleRules } from './pickle.ts';
import { isKind, type PickleValue, type StorageValue } from './pickle-value.ts';
import { readTensor } from './strided-read.ts';
import { torchPickle } from './torch-pickle.ts';
import { torchWeights } from './torch-weights.ts';
import { unwrapState } from './unwrap.ts';
import type { Weights } from './weights.ts';
import { corruptModel, printable, unsupportedModel } from './weights-failure.ts';

const magic = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

/**
 * A stream checkpoint as PyTorch wrote before 1.6: five pickles, then for every storage its element count and its elements.
 *
 * Counts and elements are little-endian whatever machine wrote them (`little_endian` in the third pickle describes the machine).
 *
 * @throws HeirloomError `corrupt-model`, `unsupported-model`.
 */
export function openTorchLegacy(source: ByteSource): Weights {
  const { rules, storages } = torchPickle(source.name, false, (storage) => {
    if (storage.count * dtypeBytes[storage.dtype] > source.sizeBytes) {
      throw corruptModel(source.name, `its storage ${printable(storage.key)} should have ${storage.count} elements, more than the file`);
    }
  });
  const first = readPickle(source, 0, rules);
  if (first.value !== magic) throw unsupportedModel(source.name, 'is a Python pickle, but not a PyTorch checkpoint');
  const version = readPickle(source, first.endOffset, rules);
  if (version.value !== protocolVersion) throw unsupportedModel(source.name, `was written in the unknown protocol ${printable(String(version.value))}`);
  const system = readPickle(source, version.endOffset, rules);
  const root = readPickle(source, system.endOffset, rules);
  const offsets = locateStorages(source, root.endOffset, rules, storages);
  const state = unwrapState(source.name, root.value);
  return torchWeights({
    source: source.name,
    format: 'pth-legacy',
    ...state,
    readTensor: (tensor) => readTensor(tensor, true, (key, offset, length) => source.read((offsets.get(key) ?? source.sizeBytes) + offset, length)),
    close: () => source.close(),
  });
}

/** Where the elements of each storage begin; every count must be what the pickle says, and all must lie in the file. */
function locateStorages(
  source: ByteSource,
  listOffset: number,
  rules: PickleRules,
  storages: ReadonlyMap<string, StorageValue>,
): ReadonlyMap<string, number> {
  const list = readPickle(source, listOffset, rules);
  const offsets = new Map<string, number>();
  let at = list.endOffset;
  for (const key of keysOf(source.name, list.value)) {
    const storage = storages.get(key);
    if (storage === undefined || offsets.has(key)) throw corruptModel(source.name, `its list of storages names ${printable(key)}, which no tensor uses or which it named before`);
    const header = source.read(at, 8);
    const count = Number(new DataView(header.buffer, header.byteOffset, 8).getBigInt64(0, true));
    const sizeBytes = count * dtypeBytes[storage.dtype];
    if (count < storage.count || at + 8 + sizeBytes > source.sizeBytes) {
      throw corruptModel(source.name, `its storage ${printable(key)} says ${count} elements where the tensors need ${storage.count} and the file has ${source.sizeBytes - at - 8} bytes`);
    }
    offsets.set(key, at + 8);
    at += 8 + sizeBytes;
  }
  const missing = [...storages.keys()].find((key) => !offsets.has(key));
  if (missing !== undefined) throw corruptModel(source.name, `its storage ${printable(missing)} is missing`);
  return offsets;
}

function keysOf(fileName: string, value: PickleValue): string[] {
  const keys = isKind(value, 'list') ? value.items.filter((item) => typeof item === 'string') : undefined;
  if (keys === undefined || !isKind(value, 'list') || keys.length !== value.items.length) throw corruptModel(fileName, 'its list of storages is broken');
  return keys;
}
