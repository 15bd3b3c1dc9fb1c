import path from 'node:path';
import type { Sharp } from 'sharp';
import type { ExportOptions } from '../../shared/export-options.ts';
import { HeirloomError } from '../../shared/failure.ts';
import type { Context } from '../context.ts';
import { colorTransformOf, type ColorTransform } from './color-transform.ts';
import { correctExif } from './exif.ts';
import { nodeFiles, type FileOperations } from './files.ts';
import { parseIcc } from './icc.ts';
import { wrapIptc } from './iptc.ts';
import type { ImageStore } from './image-store.ts';
import { colorChannels, hasAlpha, type ChannelCount, type Image } from './image.ts';
import { eachRows } from './map-rows.ts';
import type { PhotoMetadata } from './photo-metadata.ts';
import { writeSafely } from './safe-write.ts';
import { createVipsWriter } from './scratch-image.ts';
import { sharp } from './sharp.ts';
import { srgbProfile } from './srgb-profile.ts';
import { addTiffMetadata, type TiffMetadata } from './tiff-metadata.ts';
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
/** libtiff needs 64-bit offsets from 4 GiB on; compression may make the file larger than its pixels. */
const bigTiffBytes = 3.8e9;

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
 * Memory is bounded by strips (WebP and AVIF need the whole frame). The file appears under its name only when it is complete and
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
  const { store, context, files = nodeFiles } = tools;
  checkFormat(image, target, options);
  const notices: string[] = [];
  const dpi =
    options.dpi ?? (metadata.dpi === undefined ? undefined : (metadata.dpi * image.width) / metadata.width);
  const color = planColor(image, metadata, options, notices);
  const keep = options.metadata === 'keep';
  const size = { width: image.width, height: image.height };
  const exif = keep && metadata.exif !== undefined ? correctExif(metadata.exif, { ...size, dpi }) : undefined;
  const iptc = keep ? metadata.iptc : undefined;
  if (iptc !== undefined && !['jpeg', 'tiff'].includes(options.format)) {
    notices.push(
      `${options.format.toUpperCase()} files hold no IPTC fields, so those of the source were left out.`,
    );
  }
  const trailer = vipsTrailer({
    'icc-profile-data': color.icc,
    'exif-data': exif === undefined ? undefined : Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif]),
    'iptc-data': options.format === 'jpeg' && iptc !== undefined ? wrapIptc(iptc) : undefined,
    'xmp-data': keep ? (tools.xmp ?? metadata.xmp) : undefined,
  });
  const scratch = store.scratchPath('.v');
  try {
    const written = await writeSafely(
      target,
      metadata.path,
      async (temporary) => {
        await writeScratch(
          image,
          scratch,
          color,
          options,
          { dpi, trailer },
          notices,
          context.part(0, 0.6),
          files,
        );
        await encode(scratch, temporary, image, options, dpi);
        if (options.format === 'tiff')
          await addMetadata(temporary, { ...(exif && { exif }), ...(iptc && { iptc }) }, files);
      },
      { overwrite: tools.overwrite ?? false, files, context },
    );
    context.report(1);
    return { path: target, sizeBytes: written, notices };
  } finally {
    await files.rm(scratch, { force: true });
  }
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

async function addMetadata(file: string, metadata: TiffMetadata, files: FileOperations): Promise<void> {
  if (metadata.exif === undefined && metadata.iptc === undefined) return;
  const handle = await files.open(file, 'r+');
  try {
    await addTiffMetadata(handle, metadata);
  } finally {
    await handle.close();
  }
}

async function writeScratch(
  image: Image,
  scratch: string,
  color: ColorPlan,
  options: ExportOptions,
  ending: { readonly dpi: number | undefined; readonly trailer: Uint8Array },
  notices: string[],
  context: Context,
  files: FileOperations,
): Promise<void> {
  const flatten = options.format === 'jpeg' && hasAlpha(image);
  const channels = flatten ? colorChannels(image) : image.channels;
  const layout = {
    width: image.width,
    height: image.height,
    channels,
    sampleType: options.bitDepth === 16 ? 'u16' : 'u8',
  } as const;
  const writer = await createVipsWriter(layout, scratch, files, ending);
  let transparent = false;
  try {
    await eachRows(
      color.source,
      async (rows) => {
        color.transform?.fromWorking(rows, image.channels);
        if (flatten) transparent = isTransparent(rows, image.channels) || transparent;
        await writer.append(flatten ? overWhite(rows, image.channels) : rows);
      },
      context,
    );
    await (await writer.finish()).close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
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

async function encode(
  scratch: string,
  temporary: string,
  image: Image,
  options: ExportOptions,
  dpi: number | undefined,
): Promise<void> {
  const gray = colorChannels(image) === 1;
  const space = gray
    ? options.bitDepth === 16
      ? 'grey16'
      : 'b-w'
    : options.bitDepth === 16
      ? 'rgb16'
      : 'srgb';
  const pipeline = sharp(scratch, { limitInputPixels: false, unlimited: true })
    .keepMetadata()
    .toColourspace(space);
  await asFormat(pipeline, image, options, dpi).toFile(temporary);
}

function asFormat(pipeline: Sharp, image: Image, options: ExportOptions, dpi: number | undefined): Sharp {
  const { quality, chroma } = options;
  const pixels = image.width * image.height;
  switch (options.format) {
    case 'jpeg':
      return pipeline.jpeg({
        quality,
        chromaSubsampling: chroma,
        optimiseCoding: pixels <= maxOptimizedPixels,
      });
    case 'png':
      return pipeline.png({ compressionLevel: 6, adaptiveFiltering: true });
    case 'webp':
      return pipeline.webp({ quality, lossless: options.lossless ?? false, exact: true, effort: 4 });
    case 'avif':
      return pipeline.avif({
        quality,
        lossless: options.lossless ?? false,
        chromaSubsampling: chroma,
        effort: 3,
      });
    case 'tiff': {
      const sizeBytes = pixels * image.channels * (options.bitDepth / 8);
      const pixelsPerMm = Math.max(0.001, (dpi ?? 72) / 25.4);
      return pipeline.tiff({
        compression: 'deflate',
        predictor: 'horizontal',
        bigtiff: sizeBytes > bigTiffBytes,
        xres: pixelsPerMm,
        yres: pixelsPerMm,
        resolutionUnit: 'inch',
      });
    }
  }
}
