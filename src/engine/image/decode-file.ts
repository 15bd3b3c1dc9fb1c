import type { Metadata, Sharp } from 'sharp';
import { CancelledError, HeirloomError } from '../../shared/failure.ts';
import { isGraySpace, type ColorPlan } from './color-plan.ts';
import { nodeFiles, systemCode, writeFailure, type FileOperations } from './files.ts';
import type { ImageStore } from './image-store.ts';
import type { ChannelCount, Image } from './image.ts';
import { rowsPerStripOf } from './map-rows.ts';
import { damagedFile, decoderReason } from './open-failure.ts';
import { bytesPerSample, samplesOf, toFloats } from './samples.ts';
import { sharp } from './sharp.ts';
import { parseVipsHeader, vipsHeaderBytes } from './vips-file.ts';

/** Above this, rotating goes through a scratch file instead of memory. */
const maxRotateBytes = 64e6;

export interface DecodeRequest {
  readonly file: string;
  readonly name: string;
  readonly found: Metadata;
  readonly plan: ColorPlan;
  readonly store: ImageStore;
  readonly allowDamaged: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * The upright pixels of a file, in the file's own integers unless the plan says otherwise: decoded strictly first, then forgiving what
 * decoders only warn about.
 *
 * @throws HeirloomError `bad-input` if the file is damaged; `file` if the scratch disk is full; CancelledError.
 */
export async function decodeFile(request: DecodeRequest, notices: string[]): Promise<Image> {
  const { name, store, allowDamaged, signal } = request;
  // TIFF and PNG decoders warn of odd metadata, which is no fault of the picture; that of JPEG warns of damaged data.
  const warnsOfMetadata = ['tiff', 'png'].includes(request.found.format ?? '');
  const attempts = allowDamaged
    ? (['none'] as const)
    : warnsOfMetadata
      ? (['error'] as const)
      : (['warning', 'error'] as const);
  let problem: unknown;
  for (const failOn of attempts) {
    const target = store.scratchPath('.v');
    try {
      await decodeTo(target, request, failOn);
      if (signal?.aborted === true) throw new CancelledError();
      const image = await adoptPicture(store, target, notices, nodeFiles);
      if (problem !== undefined)
        notices.push(`"${name}" has small faults (${decoderReason(problem)}); it was opened all the same.`);
      return image;
    } catch (error) {
      await nodeFiles.rm(target, { force: true });
      if (error instanceof HeirloomError || error instanceof CancelledError) throw error;
      if (systemCode(error) === 'ENOSPC') throw writeFailure(error, 'the scratch file of a picture');
      problem = error;
      if (signal?.aborted === true) throw new CancelledError();
    }
  }
  throw damagedFile(name, decoderReason(problem), problem, !allowDamaged);
}

async function decodeTo(
  target: string,
  { file, found, plan, store }: DecodeRequest,
  failOn: 'none' | 'error' | 'warning',
): Promise<void> {
  const isEngine = plan.kind === 'engine';
  const isCmyk = found.space === 'cmyk';
  const gray = isGraySpace(found.space) && found.channels <= 2;
  const deep = found.depth !== 'uchar' || (isEngine && !isCmyk);
  const space = gray ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb';
  let pipeline = sharp(file, { limitInputPixels: false, failOn, ignoreIcc: !isEngine, unlimited: true });
  // Converting in 8 bits would throw away what the profile's curves need.
  if (isEngine && !isCmyk) pipeline = pipeline.pipelineColourspace(gray ? 'grey16' : 'rgb16');
  pipeline = pipeline.toColourspace(space);
  // With 16 bits sharp's own working space is Display P3 unless it is told where to go.
  if (isEngine && !gray) pipeline = pipeline.withIccProfile('srgb');

  const orientation = found.orientation ?? 1;
  const sizeBytes = found.width * found.height * found.channels * (deep ? 2 : 1);
  if (orientation <= 1 || orientation > 8) {
    await pipeline.toFile(target);
  } else if (sizeBytes <= Math.min(maxRotateBytes, store.memoryBudgetBytes / 4)) {
    await pipeline.autoOrient().toFile(target);
  } else {
    const lying = store.scratchPath('.v');
    try {
      await pipeline.toFile(lying);
      const whole = sharp(lying, { limitInputPixels: false, sequentialRead: false, unlimited: true });
      await turn(whole, orientation).toColourspace(space).toFile(target);
    } finally {
      await nodeFiles.rm(lying, { force: true });
    }
  }
}

/** Applies an EXIF orientation (2 to 8): rotates, then mirrors. */
function turn(pipeline: Sharp, orientation: number): Sharp {
  const angle = [0, 0, 0, 180, 180, 270, 90, 90, 270][orientation] ?? 0;
  const turned = angle === 0 ? pipeline : pipeline.rotate(angle);
  return [2, 4, 5, 7].includes(orientation) ? turned.flop() : turned;
}

/** Takes a `.v` file into the store; of more than four channels the first three are kept. */
async function adoptPicture(
  store: ImageStore,
  path: string,
  notices: string[],
  files: FileOperations,
): Promise<Image> {
  const handle = await files.open(path, 'r');
  try {
    const header = Buffer.alloc(vipsHeaderBytes);
    await handle.read(header, 0, vipsHeaderBytes, 0);
    const { width, height, bands, sampleType } = parseVipsHeader(header);
    if (bands <= 4) return await store.adopt(path);
    notices.push(`The photo has ${bands} channels; the first three were opened as red, green and blue.`);
    const channels: ChannelCount = 3;
    const writer = await store.create({ width, height, channels, sampleType });
    const rowsPerStrip = rowsPerStripOf(width * bands);
    const rowBytes = width * bands * bytesPerSample(sampleType);
    for (let y = 0; y < height; y += rowsPerStrip) {
      const count = Math.min(rowsPerStrip, height - y);
      const bytes = new Uint8Array(rowBytes * count);
      await handle.read(bytes, 0, bytes.length, vipsHeaderBytes + y * rowBytes);
      const all = new Float32Array(width * bands * count);
      toFloats(samplesOf(sampleType, bytes), 0, all.length, all, 0);
      await writer.append(
        Float32Array.from(
          { length: width * channels * count },
          (_, i) => all[Math.floor(i / channels) * bands + (i % channels)]!,
        ),
      );
    }
    await files.rm(path, { force: true });
    return await writer.finish();
  } finally {
    await handle.close();
  }
}
