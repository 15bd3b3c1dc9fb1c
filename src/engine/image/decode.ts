import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Metadata } from 'sharp';
import { CancelledError, HeirloomError } from '../../shared/failure.ts';
import { BmpProblem, bmpChannels, parseBmpHeader, readBmp } from './bmp.ts';
import { planColor, type ColorPlan } from './color-plan.ts';
import { decodeFile } from './decode-file.ts';
import { withoutExifPrefix } from './exif.ts';
import { extractIptc } from './iptc.ts';
import { nodeFiles, type FileOperations } from './files.ts';
import type { ImageStore } from './image-store.ts';
import type { Image } from './image.ts';
import { damagedFile, decoderReason, openForReading } from './open-failure.ts';
import type { PhotoFormat, PhotoMetadata } from './photo-metadata.ts';
import { statedDpi } from './resolution.ts';
import { sharp } from './sharp.ts';
import { sniffBytes, sniffFormat } from './sniff.ts';
import { readTiffMetadata } from './tiff-metadata.ts';
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
/** These formats decode the whole frame in memory, so they get a tighter limit. */
const frameFormats: readonly PhotoFormat[] = ['webp', 'avif', 'gif'];
const maxFramePixels = 268_402_689;
/** A real scan of this many pixels or more is never packed as tightly as this; a bomb is. */
const bombPixels = 64e6;
const bombPixelsPerByte = 200;

/**
 * Opens a photograph: JPEG, PNG, TIFF, WebP, AVIF, GIF or BMP, known by its content.
 *
 * Gray stays one channel, RGB stays three, alpha is kept; 8 and 16 bit samples are kept exactly. Colors of a profile other than sRGB
 * are brought to working values as they are read. Memory is bounded by the store's budget for formats that can be read in rows.
 *
 * @throws HeirloomError `bad-input` if it is no picture, damaged, too large or of an unknown kind; `file` if it cannot be read;
 *   CancelledError.
 */
export async function openPhoto(file: string, options: OpenOptions): Promise<OpenedPhoto> {
  const name = path.basename(file);
  const { handle, sizeBytes } = await openForReading(file, name, options.files ?? nodeFiles);
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
        return await openBmp({ file, name, sizeBytes, format: 'bmp', head, handle }, options);
      default:
        return await openWithSharp({ file, name, sizeBytes, format: sniffed.format, head, handle }, options);
    }
  } finally {
    await handle.close();
  }
}

interface Source {
  readonly file: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly format: PhotoFormat;
  readonly head: Buffer;
  readonly handle: FileHandle;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CancelledError();
}

/** @throws HeirloomError `bad-input` for a picture that is too large or packed like a bomb. */
function checkSize(source: Source, width: number, height: number, maxPixels = defaultMaxPixels): void {
  const { name, sizeBytes } = source;
  const pixels = width * height;
  const megapixels = `${Math.round(pixels / 1e6)} megapixels`;
  if (pixels > maxPixels) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" has ${megapixels} (${width} × ${height}), more than the ${Math.round(maxPixels / 1e6)} Heirloom opens.`,
      'Make it smaller or cut it into parts with another program first.',
    );
  }
  if (pixels > bombPixels && pixels / sizeBytes > bombPixelsPerByte) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" claims ${megapixels} in only ${Math.ceil(sizeBytes / 1024)} KiB, which no photograph does, so it was not opened.`,
      'If it is a real picture, save it again from the program that made it.',
    );
  }
  if (frameFormats.includes(source.format) && pixels > maxFramePixels) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" has ${megapixels}, more than Heirloom opens in the format ${source.format.toUpperCase()}.`,
      'Convert it to TIFF or PNG first.',
    );
  }
}

async function openBmp(source: Source, options: OpenOptions): Promise<OpenedPhoto> {
  const { file, name, sizeBytes, handle, head } = source;
  const { allowDamaged = false, store } = options;
  try {
    const header = parseBmpHeader(head);
    const { width, height, dpi } = header;
    checkSize(source, width, height, options.maxPixels);
    const image = await readBmp(handle, header, store, allowDamaged);
    const metadata: PhotoMetadata = {
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
      notices: allowDamaged ? [damagedNotice(name)] : [],
      ...(dpi === undefined ? {} : { dpi }),
    };
    return { image, metadata };
  } catch (error) {
    if (error instanceof BmpProblem) throw damagedFile(name, error.message, error, !allowDamaged);
    throw error;
  }
}

async function openWithSharp(source: Source, options: OpenOptions): Promise<OpenedPhoto> {
  const { file, name, format, head } = source;
  const { store, signal, allowDamaged = false } = options;
  let found: Metadata;
  try {
    found = await sharp(file, { limitInputPixels: false, failOn: 'none', unlimited: true }).metadata();
  } catch (error) {
    throw damagedFile(name, decoderReason(error), error, false);
  }
  checkSize(source, found.width, found.height, options.maxPixels);
  throwIfAborted(signal);
  const notices: string[] = [];
  const plan = planColor(found, notices);
  const decoded = await decodeFile({ file, name, found, plan, store, allowDamaged, signal }, notices);
  const image = plan.kind === 'transform' ? wideGamutImage(decoded, plan.transform) : decoded;
  const pages = found.pages ?? 1;
  if (pages > 1) {
    const unit = format === 'tiff' ? 'pages' : format === 'avif' ? 'pictures' : 'frames';
    notices.push(`This ${format.toUpperCase()} has ${pages} ${unit}; the first one was opened.`);
  }
  if (allowDamaged) notices.push(damagedNotice(name));
  const own = format === 'tiff' ? await readTiffMetadata(source.handle) : {};
  const metadata = { ...describe(source, found, image, plan, notices), ...own };
  const dpi = statedDpi(format, found, head);
  return { image, metadata: dpi === undefined ? metadata : { ...metadata, dpi } };
}

function describe(
  source: Source,
  found: Metadata,
  image: Image,
  plan: ColorPlan,
  notices: readonly string[],
): PhotoMetadata {
  const iptc = found.iptc === undefined ? undefined : extractIptc(found.iptc);
  return {
    path: source.file,
    format: source.format,
    width: image.width,
    height: image.height,
    bitDepth: bitDepthOf(found.depth),
    channels: image.channels,
    sizeBytes: source.sizeBytes,
    orientation: found.orientation ?? 1,
    pages: found.pages ?? 1,
    iccReversible: plan.reversible,
    notices,
    ...(plan.iccName === undefined ? {} : { iccName: plan.iccName }),
    ...(found.icc === undefined ? {} : { icc: found.icc }),
    ...(found.exif === undefined ? {} : { exif: withoutExifPrefix(found.exif) }),
    ...(iptc === undefined ? {} : { iptc }),
    ...(found.xmp === undefined ? {} : { xmp: found.xmp }),
  };
}

function bitDepthOf(depth: Metadata['depth']): 8 | 16 | 32 {
  if (depth === 'uchar' || depth === 'char') return 8;
  return depth === 'ushort' || depth === 'short' ? 16 : 32;
}

function damagedNotice(name: string): string {
  return `"${name}" was opened without checks for damage; parts of it may be missing or wrong.`;
}
