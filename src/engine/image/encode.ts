import path from 'node:path';
import type { ExportOptions } from '../../shared/export-options.ts';
import { HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import { colorTransformOf, type ColorTransform } from './color-transform.ts';
import { correctExif } from './exif.ts';
import { nodeFiles, type FileOperations } from './files.ts';
import { parseIcc } from './icc.ts';
import type { ImageStore } from './image-store.ts';
import { colorChannels, type ChannelCount, type Image } from './image.ts';
import { wrapIptc } from './iptc.ts';
import { eachRows } from './map-rows.ts';
import type { PhotoMetadata } from './photo-metadata.ts';
import { createPngWriter } from './png-writer.ts';
import { writeSafely } from './safe-write.ts';
import { bytesOf, fromFloats } from './samples.ts';
import { createVipsWriter } from './scratch-image.ts';
import { sharp } from './sharp.ts';
import { srgbProfile } from './srgb-profile.ts';
import type { StreamLayout } from './stream-format.ts';
import { createTiffWriter } from './tiff-writer.ts';
import { vipsTrailer } from './vips-file.ts';
import { nativePixels } from './wide-gamut-image.ts';

export interface SaveTools {
  readonly store: ImageStore;
  readonly context: Context;
  /** Replaces an existing file; without it an existing file is refused. The source is refused always. */
  readonly overwrite?: boolean;
  /** XMP to write instead of the source's (for example with a history added); metadata 'keep' only. */
  readonly xmp?: Uint8Array;
  readonly files?: FileOperations;
}

export interface SavedPhoto {
  readonly path: string;
  readonly sizeBytes: number;
  /** Sentences the user should know. */
  readonly notices: readonly string[];
}

const maxSidePx = { jpeg: 65_535, webp: 16_383, avif: 16_384, png: 1_000_000, tiff: 1_000_000 } as const;
const eightBitFormats: readonly ExportOptions['format'][] = ['jpeg', 'webp', 'avif'];
/** Above this, JPEG tables are not optimized, which would hold the whole picture in memory. */
const maxOptimizedPixels = 40e6;

/** The export options that follow the source: its format where Heirloom writes it, its depth, its profile, its metadata. */
export function defaultExportOptions(metadata: PhotoMetadata): ExportOptions {
  const deep = metadata.bitDepth > 8;
  const lossless = metadata.format === 'tiff' ? 'tiff' : 'png';
  const format =
    metadata.format === 'jpeg' || ((metadata.format === 'webp' || metadata.format === 'avif') && !deep)
      ? metadata.format
      : lossless;
  return {
    format,
    quality: format === 'avif' ? 80 : 95,
    bitDepth: deep ? 16 : 8,
    chroma: '4:4:4',
    profile: metadata.icc === undefined || metadata.iccReversible ? 'source' : 'srgb',
    metadata: 'keep',
  };
}

/**
 * Writes a picture with what its source file had: profile, EXIF, IPTC, XMP, and the resolution scaled with the picture.
 *
 * TIFF and PNG take memory of a few strips, JPEG too but for file pages the system may drop; WebP and AVIF need the whole frame. The file appears under its name only when it is complete and
 * on the disk; on failure or cancel nothing is left behind.
 *
 * @param metadata of the photo that was opened. @param target where to write; the extension plays no part.
 * @throws HeirloomError `bad-input` if the format cannot hold the picture or the target is the source; `file` if it cannot be
 *   written; CancelledError.
 */
export async function savePhoto(
  image: Image,
  metadata: PhotoMetadata,
  target: string,
  options: ExportOptions,
  tools: SaveTools,
): Promise<SavedPhoto> {
  const { context, files = nodeFiles } = tools;
  checkFormat(image, target, options);
  const notices: string[] = [];
  const dpi =
    options.dpi ?? (metadata.dpi === undefined ? undefined : (metadata.dpi * image.width) / metadata.width);
  const color = planColor(image, metadata, options, notices);
  const keep = options.metadata === 'keep';
  const iptc = keep ? metadata.iptc : undefined;
  if (iptc !== undefined && !['jpeg', 'tiff'].includes(options.format)) {
    notices.push(
      `${options.format.toUpperCase()} files hold no IPTC fields, so those of the source were left out.`,
    );
  }
  const { width, height } = image;
  const layout: StreamLayout = {
    width,
    height,
    channels: options.format === 'jpeg' ? colorChannels(image) : image.channels,
    bitDepth: options.bitDepth,
    dpi,
    icc: color.icc,
    exif:
      keep && metadata.exif !== undefined ? correctExif(metadata.exif, { width, height, dpi }) : undefined,
    iptc,
    xmp: keep ? (tools.xmp ?? metadata.xmp) : undefined,
  };
  const sizeBytes = await writeSafely(
    target,
    metadata.path,
    (temporary) => writeAs(temporary, image, layout, color, options, tools, notices),
    {
      overwrite: tools.overwrite ?? false,
      files,
      context,
    },
  );
  context.report(1);
  return { path: target, sizeBytes, notices };
}

/** @throws HeirloomError `bad-input` naming a format that works. */
function checkFormat(image: Image, target: string, options: ExportOptions): void {
  const { format } = options;
  const name = path.basename(target);
  const limit = maxSidePx[format];
  if (image.width > limit || image.height > limit) {
    throw new HeirloomError(
      'bad-input',
      `"${name}" would be ${image.width} × ${image.height} pixels, but ${format.toUpperCase()} ends at ${limit} on a side.`,
      'Save it as TIFF or PNG.',
    );
  }
  if (options.bitDepth === 16 && eightBitFormats.includes(format)) {
    throw new HeirloomError(
      'bad-input',
      `${format.toUpperCase()} files hold 8 bits here, so "${name}" cannot be saved with 16.`,
      'Choose 8 bits, or save it as TIFF or PNG.',
    );
  }
}

interface ColorPlan {
  /** Where rows come from: the image, or the integers of an untouched photo. */
  readonly source: Image;
  readonly transform: ColorTransform | undefined;
  readonly icc: Uint8Array | undefined;
}

function planColor(
  image: Image,
  metadata: PhotoMetadata,
  options: ExportOptions,
  notices: string[],
): ColorPlan {
  const channels = colorChannels(image);
  const asSrgb = { source: image, transform: undefined, icc: srgbProfile(channels) };
  if (options.profile === 'srgb') return asSrgb;
  if (metadata.icc === undefined) return { ...asSrgb, icc: undefined };
  const profile = metadata.iccReversible ? parseIcc(metadata.icc) : undefined;
  const fits = profile !== undefined && (profile.kind === 'gray') === (channels === 1);
  const transform = fits ? colorTransformOf(profile) : undefined;
  if (transform === undefined) {
    notices.push('The colors were saved as sRGB, because the profile of the source cannot be written back.');
    return asSrgb;
  }
  if (transform === 'srgb') return { ...asSrgb, icc: metadata.icc };
  const native = nativePixels(image);
  return native === undefined
    ? { source: image, transform, icc: metadata.icc }
    : { source: native.source, transform: undefined, icc: metadata.icc };
}

/** TIFF and PNG are written as the rows come; the others by libvips from a scratch file. */
async function writeAs(
  temporary: string,
  image: Image,
  layout: StreamLayout,
  color: ColorPlan,
  options: ExportOptions,
  { store, context, files = nodeFiles }: SaveTools,
  notices: string[],
): Promise<void> {
  if (options.format === 'tiff' || options.format === 'png') {
    const handle = await files.open(temporary, 'r+');
    try {
      const sink = await (options.format === 'tiff' ? createTiffWriter : createPngWriter)(handle, layout);
      await sendRows(image, layout, color, sink.append, notices, context);
      await sink.finish();
    } finally {
      await handle.close();
    }
    return;
  }
  const scratch = store.scratchPath('.v');
  try {
    const { icc, exif, iptc, xmp, dpi } = layout;
    const trailer = vipsTrailer({
      'icc-profile-data': icc,
      'exif-data': exif === undefined ? undefined : Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif]),
      'iptc-data': options.format === 'jpeg' && iptc !== undefined ? wrapIptc(iptc) : undefined,
      'xmp-data': xmp,
    });
    const writer = await createVipsWriter({ ...layout, sampleType: 'u8' }, scratch, files, { dpi, trailer });
    try {
      const append = (rows: Uint8Array | Uint16Array) =>
        writer.appendSamples(bytesOf(rows), rows.length / (layout.width * layout.channels));
      await sendRows(image, layout, color, append, notices, context.part(0, 0.6));
      await (await writer.finish()).close();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await encodeLossy(scratch, temporary, layout, options);
  } finally {
    await files.rm(scratch, { force: true });
  }
}

/** The picture's rows as integers, in the colors of the plan and with the channels of the layout. */
async function sendRows(
  image: Image,
  layout: StreamLayout,
  color: ColorPlan,
  append: (rows: Uint8Array | Uint16Array) => Promise<void>,
  notices: string[],
  context: Context,
): Promise<void> {
  const flatten = layout.channels < image.channels;
  let transparent = false;
  await eachRows(
    color.source,
    async (rows) => {
      color.transform?.fromWorking(rows, image.channels);
      if (flatten) transparent = isTransparent(rows, image.channels) || transparent;
      const kept = flatten ? overWhite(rows, image.channels) : rows;
      const samples = layout.bitDepth === 16 ? new Uint16Array(kept.length) : new Uint8Array(kept.length);
      fromFloats(kept, samples, 0);
      await append(samples);
    },
    context,
  );
  if (transparent) notices.push('JPEG has no transparency, so transparent parts were saved on white.');
}

function isTransparent(rows: Float32Array, channels: ChannelCount): boolean {
  for (let i = channels - 1; i < rows.length; i += channels) if (rows[i]! < 1) return true;
  return false;
}

function overWhite(rows: Float32Array, channels: ChannelCount): Float32Array {
  const colors = channels - 1;
  const result = new Float32Array((rows.length / channels) * colors);
  for (let from = 0, to = 0; from < rows.length; from += channels) {
    const alpha = Math.min(1, Math.max(0, rows[from + colors]!));
    for (let c = 0; c < colors; c++) result[to++] = 1 - alpha + rows[from + c]! * alpha;
  }
  return result;
}

async function encodeLossy(
  scratch: string,
  temporary: string,
  layout: StreamLayout,
  options: ExportOptions,
): Promise<void> {
  const { quality, chroma, lossless = false } = options;
  const pipeline = sharp(scratch, { limitInputPixels: false, unlimited: true })
    .keepMetadata()
    .toColourspace(layout.channels <= 2 ? 'b-w' : 'srgb');
  switch (options.format) {
    case 'jpeg':
      pipeline.jpeg({
        quality,
        chromaSubsampling: chroma,
        optimiseCoding: layout.width * layout.height <= maxOptimizedPixels,
      });
      break;
    case 'webp':
      pipeline.webp({ quality, lossless, exact: true, effort: 4 });
      break;
    case 'avif':
      pipeline.avif({ quality, lossless, chromaSubsampling: chroma, effort: 3 });
      break;
    case 'png':
    case 'tiff':
      throw new HeirloomError('internal', 'PNG and TIFF are written row by row.');
  }
  await pipeline.toFile(temporary);
}
