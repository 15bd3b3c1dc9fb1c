import { readdirSync, readFileSync } from 'node:fs';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { openOnnxFromBytes } from '../../../src/engine/weights/onnx-file.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { openWeightsFromBytes } from '../../../src/engine/weights/open-weights.ts';
import { openZipEntry, readZipDirectory } from '../../../src/engine/weights/zip.ts';
import { fixture } from './expected.ts';
import { mutate, seededRandom } from './mutate.ts';
import { u64 } from './pickle-writer.ts';
import { bytes, model, tensor, value } from './protobuf-writer.ts';
import { zipFile, type ZipPart } from './zip-writer.ts';

export interface FuzzFigures {
  readonly files: number;
  /** Still readable after the change. */
  opened: number;
  /** Refused, by failure code. */
  readonly refused: Map<string, number>;
  /** Anything else that escaped: a bug. With the seed that makes it again. */
  readonly escaped: string[];
  slowestMs: number;
  /** Which file took that long. */
  slowest: string;
  /** Largest number of elements that one tensor read gave. */
  largestRead: number;
}

/** Elements that a file of a few kB may at most give (repeats of one element are bounded by the reader). */
export const largestHonestRead = (1 << 22) + (1 << 16);

/**
 * Opens `files` mutated copies of the fixtures and reads all their tensors.
 *
 * Pickles and headers are also mutated before they are packed: otherwise most changes would break the packing and never reach what reads its content.
 */
export function fuzzWeights(files: number, seed: number, onProgress?: (figures: FuzzFigures, done: number) => void): FuzzFigures {
  const figures: FuzzFigures = { files, opened: 0, refused: new Map(), escaped: [], slowestMs: 0, slowest: '', largestRead: 0 };
  const sources = sourceFiles();
  for (let i = 0; i < files; i++) {
    const random = seededRandom(seed * 1_000_003 + i);
    const source = sources[Math.floor(random() * sources.length)];
    const other = sources[Math.floor(random() * sources.length)];
    if (source === undefined || other === undefined) throw new Error('There are no files to start from.');
    const mutated = source.pack(mutate(source.content, other.content, random));
    const label = `seed ${seed}, file ${i}, from ${source.name}`;
    const start = performance.now();
    tryOne(figures, source, mutated, label);
    const tookMs = performance.now() - start;
    if (tookMs > figures.slowestMs) Object.assign(figures, { slowestMs: tookMs, slowest: label });
    onProgress?.(figures, i + 1);
  }
  return figures;
}

function tryOne(figures: FuzzFigures, source: Source, mutated: Uint8Array, label: string): void {
  try {
    const largest = source.onnx ? readOnnx(mutated) : readWeights(mutated);
    figures.opened++;
    figures.largestRead = Math.max(figures.largestRead, largest);
  } catch (error) {
    if (error instanceof HeirloomError && error.code !== 'internal') figures.refused.set(error.code, (figures.refused.get(error.code) ?? 0) + 1);
    else figures.escaped.push(`${label}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

function readWeights(mutated: Uint8Array): number {
  const weights = openWeightsFromBytes(mutated, 'fuzz');
  return [...weights.tensors.keys()].reduce((largest, name) => Math.max(largest, weights.read(name).length), 0);
}

function readOnnx(mutated: Uint8Array): number {
  const file = openOnnxFromBytes(mutated, 'fuzz');
  return [...file.weights.tensors.keys()].reduce((largest, name) => Math.max(largest, file.read(name).length), 0);
}

interface Source {
  readonly name: string;
  readonly content: Uint8Array;
  readonly onnx: boolean;
  /** Makes a file of the (mutated) content. */
  pack(content: Uint8Array): Uint8Array;
}

function sourceFiles(): readonly Source[] {
  const whole = (name: string, content: Uint8Array, onnx = false): Source => ({ name, content, onnx, pack: (mutated) => mutated });
  const names = readdirSync(fixture('')).filter((name) => name !== 'containers.json');
  const sources = names.flatMap((name) => {
    const content = Uint8Array.from(readFileSync(fixture(name)));
    const inner = name.endsWith('.safetensors') ? [headerOf(name, content)] : /zip|protocol4|\.pt$/.test(name) ? [pickleOf(name, content)] : [];
    return [whole(name, content), ...inner];
  });
  return [...sources, whole('graph.onnx', onnxFile(), true), whole('graph.onnx', onnxFile(), true)];
}

function pickleOf(name: string, content: Uint8Array): Source {
  const archive = memorySource(content, name);
  const parts: ZipPart[] = [...readZipDirectory(archive).values()].map((entry) => {
    const inside = openZipEntry(archive, entry);
    return { name: entry.name, data: inside.read(0, inside.sizeBytes) };
  });
  const pickle = parts.find((part) => part.name.endsWith('/data.pkl'));
  if (pickle === undefined) throw new Error(`${name} has no pickle.`);
  const pack = (data: Uint8Array): Uint8Array => zipFile(parts.map((part) => (part === pickle ? { ...part, data } : part)));
  return { name: `the pickle of ${name}`, content: pickle.data, onnx: false, pack };
}

function headerOf(name: string, content: Uint8Array): Source {
  const length = Number(Buffer.from(content).readBigUInt64LE(0));
  const pack = (header: Uint8Array): Uint8Array => Buffer.concat([u64(BigInt(header.length)), header, content.subarray(8 + length)]);
  return { name: `the header of ${name}`, content: content.subarray(8, 8 + length), onnx: false, pack };
}

function onnxFile(): Uint8Array {
  const numbers = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const constant = [...bytes(1, 'value'), ...bytes(5, tensor({ name: 'c', dims: [4], type: 1, data: bytes(9, numbers) }))];
  return model([
    ...bytes(1, [...bytes(1, 'x'), ...bytes(2, 'y'), ...bytes(4, 'Conv'), ...bytes(5, constant)]),
    ...bytes(5, tensor({ name: 'w', dims: [2, 2], type: 1, data: bytes(9, numbers) })),
    ...bytes(5, tensor({ name: 'p', dims: [4], type: 1, data: bytes(4, numbers) })),
    ...bytes(5, tensor({ name: 'i', dims: [3], type: 7, data: bytes(7, [1, 2, 3]) })),
    ...bytes(11, value('x', 1, ['batch', 3, 8, 8])),
    ...bytes(12, value('y', 1, [1, 3, 8, 8])),
  ]);
}
