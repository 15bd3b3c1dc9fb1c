import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { HeirloomError } from '../../shared/failure.ts';
import { nodeFiles, writeFailure, type FileOperations } from './files.ts';
import type { ChannelCount, Image, ImageWriter, SampleType } from './image.ts';
import { createMemoryWriter, memoryImage } from './memory-image.ts';
import { bytesPerSample, newSamples, samplesOf } from './samples.ts';
import { createScratchWriter, scratchImage } from './scratch-image.ts';
import { parseVipsHeader, vipsHeaderBytes } from './vips-file.ts';

export interface ImageLayout {
  readonly width: number;
  readonly height: number;
  readonly channels: ChannelCount;
  readonly sampleType: SampleType;
}

/** Where pictures live: small ones in memory up to a budget, the others in scratch files. */
export interface ImageStore {
  /** This store's own folder, deleted by `close`. */
  readonly directory: string;
  readonly memoryBudgetBytes: number;
  /** The bytes of the pictures that now live in memory. */
  memoryInUseBytes(): number;
  /** Whether a picture of this size would be kept in memory now. */
  fitsInMemory(layout: ImageLayout): boolean;
  /** @throws HeirloomError `file` if the scratch folder cannot be written; the writer throws it too. */
  create(layout: ImageLayout): Promise<ImageWriter>;
  /** Takes over a `.v` file made with `scratchPath`: loaded and deleted if small, else used as it is. At most four channels. */
  adopt(vipsPath: string): Promise<Image>;
  /** An unused path in the store's folder; whoever asks deletes it, `close` does at the latest. */
  scratchPath(suffix: string): string;
  /** Deletes everything. Pictures of this store cannot be read afterwards. */
  close(): Promise<void>;
}

export interface ImageStoreOptions {
  /** Scratch folder, shared by all processes of Heirloom; made if missing. */
  readonly directory: string;
  /** For all pictures in memory together; one picture gets at most a quarter. */
  readonly memoryBudgetBytes: number;
  readonly files?: FileOperations;
}

const folderPattern = /^heirloom-(\d+)-[0-9a-f]{12}$/;

/**
 * Opens a store in a fresh folder below `directory`, first deleting folders whose process is gone.
 *
 * @throws HeirloomError `file` if the folder cannot be made.
 */
export function createImageStore(options: ImageStoreOptions): ImageStore {
  const { memoryBudgetBytes, files = nodeFiles } = options;
  const directory = path.join(options.directory, `heirloom-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    mkdirSync(options.directory, { recursive: true });
    removeStale(options.directory);
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    throw writeFailure(error, `the scratch folder "${options.directory}"`);
  }
  let memoryInUseBytes = 0;
  let serial = 0;
  const open = new Set<Image>();
  const isSmall = (sizeBytes: number) =>
    sizeBytes <= memoryBudgetBytes / 4 && memoryInUseBytes + sizeBytes <= memoryBudgetBytes;

  /** Counts memory and forgets the image on dispose. */
  const track = (image: Image, memoryBytes: number): Image => {
    const dispose = image.dispose.bind(image);
    memoryInUseBytes += memoryBytes;
    image.dispose = async () => {
      if (open.delete(image)) memoryInUseBytes -= memoryBytes;
      await dispose();
    };
    open.add(image);
    return image;
  };

  const scratchPath = (suffix: string) => path.join(directory, `${serial++}${suffix}`);

  return {
    directory,
    memoryBudgetBytes,
    memoryInUseBytes: () => memoryInUseBytes,
    fitsInMemory: (layout) => isSmall(layoutBytes(layout)),
    scratchPath,
    async create(layout) {
      checkLayout(layout);
      const sizeBytes = layoutBytes(layout);
      if (isSmall(sizeBytes)) {
        const samples = newSamples(layout.sampleType, layout.width * layout.height * layout.channels);
        memoryInUseBytes += sizeBytes;
        const release = () => void (memoryInUseBytes -= sizeBytes);
        return createMemoryWriter(layout, samples, release, (image) => {
          release();
          return track(image, sizeBytes);
        });
      }
      return createScratchWriter(layout, scratchPath('.v'), files, (image) => track(image, 0));
    },
    async adopt(vipsPath) {
      const handle = await files.open(vipsPath, 'r');
      let keepOpen = false;
      try {
        const header = Buffer.alloc(vipsHeaderBytes);
        await handle.read(header, 0, vipsHeaderBytes, 0);
        const { width, height, bands, sampleType } = parseVipsHeader(header);
        if (bands < 1 || bands > 4)
          throw new HeirloomError('internal', `A scratch picture has ${bands} channels.`);
        const layout = { width, height, channels: bands as ChannelCount, sampleType };
        const sizeBytes = layoutBytes(layout);
        if (!isSmall(sizeBytes)) {
          keepOpen = true;
          return track(scratchImage(layout, vipsPath, handle, files), 0);
        }
        const bytes = new Uint8Array(sizeBytes);
        for (let at = 0; at < sizeBytes;) {
          const { bytesRead } = await handle.read(bytes, at, sizeBytes - at, vipsHeaderBytes + at);
          if (bytesRead === 0) throw new HeirloomError('internal', 'A scratch picture ends too early.');
          at += bytesRead;
        }
        return track(memoryImage(layout, samplesOf(sampleType, bytes)), sizeBytes);
      } finally {
        if (!keepOpen) {
          await handle.close();
          await files.rm(vipsPath, { force: true });
        }
      }
    },
    async close() {
      await Promise.allSettled([...open].map((image) => image.dispose()));
      await files.rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * How a step should keep its result: as float32 while it fits in memory (or the input may hold colors outside sRGB), else as 16 bit.
 */
export function resultSampleType(
  store: ImageStore,
  input: Image,
  size: { readonly width: number; readonly height: number },
  channels: ChannelCount,
): SampleType {
  if (input.sampleType === 'f32') return 'f32';
  return store.fitsInMemory({ width: size.width, height: size.height, channels, sampleType: 'f32' })
    ? 'f32'
    : 'u16';
}

function layoutBytes(layout: ImageLayout): number {
  return layout.width * layout.height * layout.channels * bytesPerSample(layout.sampleType);
}

function checkLayout({ width, height }: ImageLayout): void {
  const sane = (lengthPx: number) => Number.isInteger(lengthPx) && lengthPx >= 1 && lengthPx <= 10_000_000;
  if (!sane(width) || !sane(height))
    throw new HeirloomError('internal', `A picture cannot be ${width} × ${height} pixels.`);
}

/** Deletes the folders of processes that are no longer alive. */
function removeStale(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = Number(folderPattern.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    const folder = path.join(directory, name);
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      rmSync(folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
