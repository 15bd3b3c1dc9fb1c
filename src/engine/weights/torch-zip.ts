import type { ByteSource } from './byte-source.ts';
import { dtypeBytes } from './dtype.ts';
import { readPickle } from './pickle.ts';
import type { StorageValue } from './pickle-value.ts';
import { readTensor } from './strided-read.ts';
import { torchPickle } from './torch-pickle.ts';
import { torchWeights } from './torch-weights.ts';
import { unwrapState } from './unwrap.ts';
import type { Weights } from './weights.ts';
import { corruptModel, printable, unsupportedModel } from './weights-failure.ts';
import { openZipEntry, readZipDirectory, type ZipEntry } from './zip.ts';

const maxPickleBytes = 32 << 20;

/**
 * A zip checkpoint of PyTorch 1.6 or later, or the state of a TorchScript file (which has a `constants.pkl` beside `data.pkl`); its code is not looked at.
 *
 * @throws HeirloomError `corrupt-model`, `unsupported-model`.
 */
export function openTorchZip(source: ByteSource): Weights {
  const entries = readZipDirectory(source);
  const folder = findFolder(source.name, entries);
  const script = entries.has(`${folder}constants.pkl`);
  const littleEndian = readByteOrder(source, entries.get(`${folder}byteorder`));
  const storageEntry = (key: string): ZipEntry | undefined => entries.get(`${folder}data/${key}`);
  const { rules } = torchPickle(source.name, script, (storage) => checkStorage(source.name, storage, storageEntry(storage.key)));
  const root = readPickle(openPickle(source, entries, `${folder}data.pkl`), 0, rules).value;
  const state = unwrapState(source.name, root);
  const storageBytes = storageReader(source, storageEntry);
  return torchWeights({
    source: source.name,
    format: script ? 'torchscript' : 'pth-zip',
    ...state,
    readTensor: (tensor) => readTensor(tensor, littleEndian, storageBytes),
    close: () => source.close(),
  });
}

/** The one folder that has a `data.pkl`, with its slash. */
function findFolder(fileName: string, entries: ReadonlyMap<string, ZipEntry>): string {
  const pickles = [...entries.keys()].filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  const [pickle, ...others] = pickles;
  if (pickle === undefined) throw unsupportedModel(fileName, 'is a zip archive, but not of a PyTorch model: it has no data.pkl');
  if (others.length > 0) throw corruptModel(fileName, 'its archive has several data.pkl');
  return pickle.slice(0, -'data.pkl'.length);
}

function readByteOrder(source: ByteSource, entry: ZipEntry | undefined): boolean {
  if (entry === undefined) return true;
  const content = openZipEntry(source, entry);
  const order = content.sizeBytes > 16 ? '' : new TextDecoder().decode(content.read(0, content.sizeBytes)).trim();
  if (order !== 'little' && order !== 'big') throw corruptModel(source.name, `its byte order is "${printable(order)}"`);
  return order === 'little';
}

function openPickle(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>, name: string): ByteSource {
  const entry = entries.get(name);
  if (entry === undefined || entry.sizeBytes > maxPickleBytes) throw corruptModel(source.name, `its data.pkl has ${entry?.sizeBytes ?? 0} bytes`);
  return openZipEntry(source, entry);
}

function checkStorage(fileName: string, storage: StorageValue, entry: ZipEntry | undefined): void {
  const needed = storage.count * dtypeBytes[storage.dtype];
  if (needed > (entry?.sizeBytes ?? 0)) {
    throw corruptModel(fileName, `its storage ${printable(storage.key)} should have ${needed} bytes and has ${entry?.sizeBytes ?? 'none'}`);
  }
}

/** Keeps the last inflated storage, since several tensors may look into one. */
function storageReader(source: ByteSource, storageEntry: (key: string) => ZipEntry | undefined) {
  let last: { key: string; content: ByteSource } | undefined;
  return (key: string, offset: number, length: number): Uint8Array => {
    const entry = storageEntry(key);
    if (entry === undefined) throw corruptModel(source.name, `its storage ${printable(key)} is missing`);
    if (last?.key !== key) last = { key, content: openZipEntry(source, entry) };
    return last.content.read(offset, length);
  };
}
