import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Metadata, Sharp } from 'sharp';
import { CancelledError, HeirloomError } from '../../shared/failure.ts';
import { BmpProblem, bmpChannels, parseBmpHeader, readBmp } from './bmp.ts';
import { colorTransformOf, type ColorTransform } from './color-transform.ts';
import { nodeFiles, systemCode, writeFailure, type FileOperations } from './files.ts';
import { parseIcc } from './icc.ts';
import type { ImageStore } from './image-store.ts';
import type { Image } from './image.ts';
import type { PhotoFormat, PhotoMetadata } from './photo-metadata.ts';
import { sharp } from './sharp.ts';
import { sniffBytes, sniffFormat } from './sniff.ts';
import { wideGamutImage } from './wide-gamut-image.ts';

export interface OpenedPhoto {
  /** Upright, in working values. */
  readonly image: Image;
  readonly metadata: PhotoMetadata;
}

export interface OpenOptions {
  readonly store: ImageStore;
  readonly signal?: AbortSignal | undefined;
  /** Opens what can be read of a damaged file, with a notice, instead of failing. */
  readonly allowDamaged?: boolean | undefined;
  /** Refuses larger pictures; 1.2 gigapixels unless given. */
  readonly maxPixels?: number | undefined;
  readonly files?: FileOperations | undefined;
}

const defaultMaxPixels = 1.2e9;
/** These formats decode the whole frame in memory. */
const frameFormats: readonly PhotoFormat[] = ['webp', 'avif', 'gif'];
const maxFramePixels = 268_402_689;
/** A real scan of this many pixels or more is never packed as tightly as this; a bomb is. */
const bombPixels = 64e6;
const bombPixelsPerByte = 200;
/** Above this, rotating goes through a scratch file instead of memory. */
const maxRotateBytes = 64e6;

/**
 * Opens a photograph: JPEG, PNG, TIFF, WebP, AVIF, GIF or BMP, known by its content.
 *
 * Gray stays one channel, RGB stays three, alpha is kept; 8 and 16 bit samples are kept exactly. Colors of a profile other than sRGB
 * are brought to working values. Memory is bounded by the store's budget for formats that can be read in rows.
 *
 * @throws HeirloomError `bad-input` if it is no picture, damaged, too large or of an unknown kind; `file` if it cannot be read.
 */
export async function openPhoto(file: string, options: OpenOptions): Promise<OpenedPhoto> {
  const name = path.basename(file);
  const { handle, sizeBytes } = await openFile(file, name, options.files ?? nodeFiles);
  try {
    const head = Buffer.alloc(Math.min(sizeBytes, 4096));
    await handle.read(head, 0, head.length, 0);
    const sniffed = sniffFormat(head.subarray(0, sniffBytes));
    throwIfAborted(options.signal);
    switch (sniffed.format) {
      case 'other':
        throw new HeirloomError(
          'bad-input',
          `"${name}" is not a photo Heirloom can open (it looks like ${sniffed.what}).`,
          'Open a JPEG, PNG, TIFF, WebP, AVIF, GIF or BMP file.',
        );
      case 'heif':
        throw new HeirloomError(
          'bad-input',
          `"${name}" is a HEIC photo, and this build has no HEVC decoder to read it.`,
          'Convert it to JPEG, PNG or TIFF first.',
        );
      case 'bmp':
        return await openBmp(file, name, sizeBytes, handle, head, options);
      default:
        return await openWithSharp(file, name, sizeBytes, sniffed.format, options);
    }
  } finally {
    await handle.close();
  }
}

async function openFile(
  file: string,
  name: string,
  files: FileOperations,
): Promise<{ handle: FileHandle; sizeBytes: number }> {
  let handle: FileHandle | undefined;
  try {
    const stat = await files.stat(file);
    if (stat.isDirectory())
      throw new HeirloomError(
        'bad-input',
        `"${name}" is a folder, not a photo.`,
        'Choose a photo inside it.',
      );
    if (!stat.isFile())
      throw new HeirloomError('bad-input', `"${name}" is not a regular file.`, 'Choose a photo.');
    if (stat.size === 0)
      throw new HeirloomError(
        'bad-input',
        `"${name}" is empty.`,
        'Choose another photo, or fetch this one again from where it came from.',
      );
    handle = await files.open(file, 'r');
    return { handle, sizeBytes: stat.size };
  } catch (error) {
    await handle?.close();
    if (error instanceof HeirloomError) throw error;
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new HeirloomError('file', `There is no file "${file}".`, 'Check the name and the folder.', {
        cause: error,
      });
    if (code === 'EACCES' || code === 'EPERM')
      throw new HeirloomError(
        'file',
        `Heirloom may not read "${name}".`,
        'Change its permissions or copy it somewhere else.',
        { cause: error },
      );
    throw new HeirloomError(
      'file',
      `"${name}" could not be read (${code ?? String(error)}).`,
      'Check the disk, or copy the file somewhere else.',
      { cause: error },
    );
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CancelledError();
}

/** @throws HeirloomError `bad-input` for a picture that is too large or packed like a bomb. */
function checkSize(
  name: string,
  format: PhotoFormat,
  width: number,
  height: number,
  sizeBytes: number,
  maxPixels: number,
): void {
  const pixels = width * height;
  const megapixels = `${Math.round(pixels / 1e6)} megapixels`;
  if (pixels > maxPixels) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" has ${megapixels} (${width} × ${height}), more than the ${Math.round(maxPixels / 1e6)} Heirloom opens.`,
      'Make it smaller or cut it into parts with another program first.',
    );
  }
  if (frameFormats.includes(format) && pixels > maxFramePixels) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" has ${megapixels}, more than Heirloom opens in this format.`,
      'Convert it to TIFF or PNG first.',
    );
  }
  if (pixels > bombPixels && pixels / sizeBytes > bombPixelsPerByte) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" claims ${megapixels} in only ${Math.ceil(sizeBytes / 1024)} KiB, which no photograph does, so it was not opened.`,
      'If it is a real picture, save it again from the program that made it.',
    );
  }
}

async function openBmp(
  file: string,
  name: string,
  sizeBytes: number,
  handle: FileHandle,
  head: Buffer,
  options: OpenOptions,
): Promise<OpenedPhoto> {
  try {
    const header = parseBmpHeader(head);
    checkSize(name, 'bmp', header.width, header.height, sizeBytes, options.maxPixels ?? defaultMaxPixels);
    const image = await readBmp(handle, header, options.store, options.allowDamaged ?? false);
    const { width, height, dpi } = header;
    const notices = options.allowDamaged === true ? [damagedNotice(name)] : [];
    const metadata = {
      path: file,
      format: 'bmp',
      width,
      height,
      bitDepth: 8,
      channels: bmpChannels(header),
      sizeBytes,
      orientation: 1,
      pages: 1,
      iccReversible: false,
      notices,
    } as const;
    return { image, metadata: dpi === undefined ? metadata : { ...metadata, dpi } };
  } catch (error) {
    if (error instanceof BmpProblem) throw damaged(name, error.message, error);
    throw error;
  }
}

/** How the file's color values become working values. */
type ColorPlan =
  | { readonly kind: 'as-is' }
  | { readonly kind: 'transform'; readonly transform: ColorTransform }
  | { readonly kind: 'engine' };

async function openWithSharp(
  file: string,
  name: string,
  sizeBytes: number,
  format: PhotoFormat,
  options: OpenOptions,
): Promise<OpenedPhoto> {
  const { store, signal, allowDamaged = false, maxPixels = defaultMaxPixels } = options;
  let found: Metadata;
  try {
    found = await sharp(file, { limitInputPixels: false, failOn: 'none' }).metadata();
  } catch (error) {
    throw damaged(name, 'its header cannot be read', error, false);
  }
  checkSize(name, format, found.width, found.height, sizeBytes, maxPixels);
  throwIfAborted(signal);
  const notices: string[] = [];
  const plan = planColor(found, notices);
  let image = await decode(file, name, found, plan, options, notices);
  throwIfAborted(signal);
  if (plan.kind === 'transform') image = wideGamutImage(image, plan.transform);
  const pages = found.pages ?? 1;
  if (pages > 1)
    notices.push(
      `This ${format.toUpperCase()} has ${pages} ${format === 'tiff' ? 'pages' : 'frames'}; the first one was opened.`,
    );
  if (allowDamaged) notices.push(damagedNotice(name));
  return { image, metadata: readMetadata(file, format, sizeBytes, found, image, plan, notices, store) };
}

function planColor(found: Metadata, notices: string[]): ColorPlan {
  if (found.space === 'cmyk') {
    notices.push('The photo is in printing colors (CMYK); it was converted to sRGB.');
    return { kind: 'engine' };
  }
  if (found.depth !== 'uchar' && found.depth !== 'ushort') {
    notices.push(
      `The photo has ${found.depth === 'float' || found.depth === 'double' ? 'floating point' : 'unusual'} samples; it was converted to 16 bit.`,
    );
    return { kind: 'engine' };
  }
  if (!['srgb', 'rgb16', 'rgb', 'b-w', 'grey16'].includes(found.space)) {
    notices.push(`The photo is in the color space "${found.space}"; it was converted to sRGB.`);
    return { kind: 'engine' };
  }
  if (found.icc === undefined) return { kind: 'as-is' };
  const profile = parseIcc(found.icc);
  const isGray = found.space === 'b-w' || found.space === 'grey16';
  if (profile === undefined) {
    notices.push('The color profile in the file is damaged and was ignored; the colors were read as sRGB.');
    return { kind: 'as-is' };
  }
  const fits =
    profile.kind === 'table'
      ? isGray
        ? profile.space === 'GRAY'
        : profile.space === 'RGB'
      : (profile.kind === 'gray') === isGray;
  if (!fits) {
    // A gray picture with an RGB profile lies on that profile's gray axis; only its curve could matter.
    notices.push(`The color profile "${profile.name}" does not fit the picture and was ignored.`);
    return { kind: 'as-is' };
  }
  const transform = colorTransformOf(profile);
  if (transform === 'srgb') return { kind: 'as-is' };
  if (transform !== undefined) return { kind: 'transform', transform };
  if (isGray) {
    notices.push(
      `The gray profile "${profile.name}" is of a kind Heirloom does not use; the grays were left as they are.`,
    );
    return { kind: 'as-is' };
  }
  notices.push(`The color profile "${profile.name}" uses tables; the colors were converted to sRGB.`);
  return { kind: 'engine' };
}

/** Decodes through a `.v` file, first strictly, then forgiving what decoders only warn about. */
async function decode(
  file: string,
  name: string,
  found: Metadata,
  plan: ColorPlan,
  options: OpenOptions,
  notices: string[],
): Promise<Image> {
  const attempts = options.allowDamaged === true ? (['none'] as const) : (['warning', 'error'] as const);
  let problem: unknown;
  for (const failOn of attempts) {
    const target = options.store.scratchPath('.v');
    try {
      await decodeTo(target, file, found, plan, failOn, options.store);
      if (failOn === 'error')
        notices.push(`"${name}" has small faults (${reason(problem)}); it was opened all the same.`);
      return await adoptChannels(options.store, target);
    } catch (error) {
      await (options.files ?? nodeFiles).rm(target, { force: true });
      if (error instanceof HeirloomError) throw error;
      if (systemCode(error) === 'ENOSPC') throw writeFailure(error, 'the scratch file of a picture');
      problem = error;
      throwIfAborted(options.signal);
    }
  }
  throw damaged(name, reason(problem), problem, options.allowDamaged !== true);
}

async function decodeTo(
  target: string,
  file: string,
  found: Metadata,
  plan: ColorPlan,
  failOn: 'none' | 'error' | 'warning',
  store: ImageStore,
): Promise<void> {
  const isGray = (found.space === 'b-w' || found.space === 'grey16') && found.channels <= 2;
  const is16 = found.depth !== 'uchar' || (plan.kind === 'engine' && found.space !== 'cmyk');
  let pipeline: Sharp = sharp(file, {
    limitInputPixels: false,
    failOn,
    ignoreIcc: plan.kind !== 'engine',
    unlimited: true,
  });
  if (plan.kind === 'engine' && found.space !== 'cmyk') pipeline = pipeline.pipelineColourspace('rgb16');
  pipeline = pipeline.toColourspace(isGray ? (is16 ? 'grey16' : 'b-w') : is16 ? 'rgb16' : 'srgb');
  // With 16 bits the color engine of sharp ends in Display P3 unless it is told where to go.
  if (plan.kind === 'engine' && !isGray) pipeline = pipeline.withIccProfile('srgb');
  const orientation = found.orientation ?? 1;
  const sizeBytes = found.width * found.height * found.channels * (is16 ? 2 : 1);
  if (orientation <= 1 || orientation > 8) {
    await pipeline.toFile(target);
  } else if (sizeBytes <= Math.min(maxRotateBytes, store.memoryBudgetBytes / 4)) {
    await pipeline.autoOrient().toFile(target);
  } else {
    const lying = store.scratchPath('.v');
    try {
      await pipeline.toFile(lying);
      await turn(
        sharp(lying, { limitInputPixels: false, sequentialRead: false, unlimited: true }),
        orientation,
      )
        .toColourspace(isGray ? (is16 ? 'grey16' : 'b-w') : is16 ? 'rgb16' : 'srgb')
        .toFile(target);
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

/** @throws HeirloomError `bad-input` for pictures of more than four channels. */
async function adoptChannels(store: ImageStore, target: string): Promise<Image> {
  return store.adopt(target);
}

function readMetadata(
  file: string,
  format: PhotoFormat,
  sizeBytes: number,
  found: Metadata,
  image: Image,
  plan: ColorPlan,
  notices: readonly string[],
  _store: ImageStore,
): PhotoMetadata {
  const iccName = found.icc === undefined ? undefined : parseIcc(found.icc)?.name;
  const exif = found.exif === undefined ? undefined : withoutExifPrefix(found.exif);
  return {
    path: file,
    format,
    width: image.width,
    height: image.height,
    bitDepth:
      found.depth === 'uchar' || found.depth === 'char'
        ? 8
        : found.depth === 'ushort' || found.depth === 'short'
          ? 16
          : 32,
    channels: image.channels,
    sizeBytes,
    orientation: found.orientation ?? 1,
    pages: found.pages ?? 1,
    iccReversible:
      found.icc !== undefined &&
      plan.kind !== 'engine' &&
      iccName !== undefined &&
      !notices.some((notice) => notice.includes('ignored')),
    notices,
    ...(found.density === undefined ? {} : { dpi: found.density }),
    ...(iccName === undefined ? {} : { iccName }),
    ...(found.icc === undefined ? {} : { icc: found.icc }),
    ...(exif === undefined ? {} : { exif }),
    ...(found.iptc === undefined ? {} : { iptc: found.iptc }),
    ...(found.xmp === undefined ? {} : { xmp: found.xmp }),
  };
}

function withoutExifPrefix(exif: Buffer): Buffer {
  return exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;
}

/** The first line of a decoder's message, without the path it may begin with. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line =
    text
      .split('\n')
      .map((part) => part.trim())
      .find((part) => part !== '') ?? 'no reason given';
  return line
    .replace(/^Input file[^:]*:\s*/i, '')
    .replace(/^\w+: /, '')
    .replace(/\.$/, '')
    .slice(0, 120);
}

function damagedNotice(name: string): string {
  return `"${name}" was opened without checks for damage; parts of it may be missing or wrong.`;
}

function damaged(name: string, why: string, cause: unknown, canForce = true): HeirloomError {
  const hint = canForce
    ? 'Fetch it again from where it came from, or open what can be read of it.'
    : 'Fetch it again from where it came from.';
  return new HeirloomError('bad-input', `"${name}" is damaged and cannot be opened (${why}).`, hint, {
    cause,
  });
}
