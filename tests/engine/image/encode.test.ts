import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContext, quietContext } from '../../../src/engine/context.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { defaultExportOptions, savePhoto, type SaveTools } from '../../../src/engine/image/encode.ts';
import { nodeFiles, type FileOperations } from '../../../src/engine/image/files.ts';
import { createImageStore } from '../../../src/engine/image/image-store.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import { floatImage } from '../../../src/engine/image/memory-image.ts';
import type { PhotoMetadata } from '../../../src/engine/image/photo-metadata.ts';
import { resizeImage } from '../../../src/engine/image/resize.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import type { ExportOptions } from '../../../src/shared/export-options.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { exifBlock, jpegWithSegment } from './embed.ts';
import { fromSamples, integersOf, openBench, randomSamples } from './make.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

const xmp =
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description/></rdf:RDF></x:xmpmeta>';
/** IPTC-IIM record 2:120, a caption, in a Photoshop resource of APP13. */
const iptcRecord = Buffer.from([0x1c, 2, 120, 0, 5, 72, 101, 108, 108, 111]);
const app13 = Buffer.concat([
  Buffer.from('Photoshop 3.0\x008BIM\u0004\u0004\0\0\0\0\0\u000a', 'latin1'),
  iptcRecord,
]);

const tools = (more: Partial<SaveTools> = {}): SaveTools => ({
  store: bench.store,
  context: quietContext(),
  ...more,
});

/** A JPEG of 60×40 with EXIF (orientation 6, 300 dpi), XMP and IPTC, opened: 40×60. */
async function openRich(name = 'rich.jpg') {
  const plain = await fromSamples(randomSamples(60 * 40 * 3, 8), 60, 40, 3)
    .jpeg({ quality: 95 })
    .toBuffer();
  let jpeg = jpegWithSegment(plain, 0xed, app13);
  jpeg = jpegWithSegment(
    jpeg,
    0xe1,
    Buffer.concat([Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1'), Buffer.from(xmp)]),
  );
  jpeg = jpegWithSegment(jpeg, 0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exifBlock(6)]));
  const file = bench.file(name);
  writeFileSync(file, jpeg);
  return { file, ...(await openPhoto(file, { store: bench.store })) };
}

const partFiles = () => readdirSync(bench.folder).filter((name) => name.includes('heirloom-part'));

describe('what the file had', () => {
  it.each(['jpeg', 'png', 'webp', 'avif', 'tiff'] as const)(
    'survives into %s: EXIF corrected, XMP, resolution scaled',
    async (format) => {
      const { image, metadata } = await openRich();
      expect(metadata).toMatchObject({ orientation: 6, width: 40, height: 60, dpi: 300 });
      expect(metadata.iptc?.length).toBeGreaterThan(0);
      const larger = await resizeImage(image, 80, 120, {
        kernel: 'lanczos3',
        store: bench.store,
        context: quietContext(),
      });
      const target = bench.file(`rich-out.${format}`);
      const saved = await savePhoto(
        larger,
        metadata,
        target,
        { ...defaultExportOptions(metadata), format },
        tools(),
      );
      const again = await openPhoto(target, { store: bench.store });
      expect(again.metadata).toMatchObject({ width: 80, height: 120, orientation: 1, format });
      expect(again.metadata.dpi).toBeCloseTo(600, 0);
      expect(Buffer.from(again.metadata.xmp ?? []).toString()).toContain('x:xmpmeta');
      const exif = Buffer.from(again.metadata.exif ?? []);
      expect(exif.includes('Kodakk')).toBe(true);
      expect(exif.includes('Len')).toBe(true);
      if (format === 'jpeg' || format === 'tiff') expect(again.metadata.iptc).toEqual(metadata.iptc);
      else
        expect(saved.notices).toEqual([
          `${format.toUpperCase()} files hold no IPTC fields, so those of the source were left out.`,
        ]);
      expect(exifSize(exif)).toEqual([80, 120]);
    },
  );

  it('goes from TIFF to JPEG and PNG too', async () => {
    const { image, metadata } = await openRich();
    await savePhoto(
      image,
      metadata,
      bench.file('via.tif'),
      { ...defaultExportOptions(metadata), format: 'tiff' },
      tools(),
    );
    const photo = await openPhoto(bench.file('via.tif'), { store: bench.store });
    for (const format of ['jpeg', 'png'] as const) {
      const target = bench.file(`via-out.${format}`);
      await savePhoto(
        photo.image,
        photo.metadata,
        target,
        { ...defaultExportOptions(photo.metadata), format },
        tools(),
      );
      const { exif } = (await openPhoto(target, { store: bench.store })).metadata;
      expect(Buffer.from(exif ?? []).includes('Kodakk')).toBe(true);
      expect(Buffer.from(exif ?? []).includes('Len')).toBe(true);
    }
  });

  it('is left out when asked', async () => {
    const { image, metadata } = await openRich();
    const target = bench.file('stripped.jpg');
    await savePhoto(
      image,
      metadata,
      target,
      { ...defaultExportOptions(metadata), metadata: 'strip' },
      tools(),
    );
    const again = (await openPhoto(target, { store: bench.store })).metadata;
    expect(again.xmp).toBeUndefined();
    expect(again.iptc).toBeUndefined();
    expect(readFileSync(target).includes('Kodakk')).toBe(false);
  });

  it('takes a given resolution and a given XMP', async () => {
    const { image, metadata } = await openRich();
    const target = bench.file('given.tif');
    const history = Buffer.from(xmp.replace('<rdf:Description/>', '<rdf:Description rdf:about="history"/>'));
    await savePhoto(
      image,
      metadata,
      target,
      { ...defaultExportOptions(metadata), format: 'tiff', dpi: 1200 },
      tools({ xmp: history }),
    );
    const again = (await openPhoto(target, { store: bench.store })).metadata;
    expect(again.dpi).toBeCloseTo(1200, 0);
    expect(Buffer.from(again.xmp ?? []).toString()).toContain('history');
  });

  it('has no thumbnail of the picture before', async () => {
    const { image, metadata } = await openRich();
    const target = bench.file('no-thumbnail.jpg');
    await savePhoto(image, metadata, target, defaultExportOptions(metadata), tools());
    const exif = Buffer.from((await openPhoto(target, { store: bench.store })).metadata.exif ?? []);
    const little = exif.toString('latin1', 0, 2) === 'II';
    const main = little ? exif.readUInt32LE(4) : exif.readUInt32BE(4);
    const count = little ? exif.readUInt16LE(main) : exif.readUInt16BE(main);
    expect(exif.readUInt32LE(main + 2 + count * 12)).toBe(0);
  });
});

/** Pixel X and Y dimension from an EXIF block. */
function exifSize(exif: Buffer): number[] {
  const little = exif.toString('latin1', 0, 2) === 'II';
  const u16 = (at: number) => (little ? exif.readUInt16LE(at) : exif.readUInt16BE(at));
  const u32 = (at: number) => (little ? exif.readUInt32LE(at) : exif.readUInt32BE(at));
  const find = (directory: number, tag: number): number => {
    for (let i = 0; i < u16(directory); i++) {
      const at = directory + 2 + i * 12;
      if (u16(at) === tag) return u16(at + 2) === 3 ? u16(at + 8) : u32(at + 8);
    }
    return -1;
  };
  const inner = find(u32(4), 0x8769);
  return [find(inner, 0xa002), find(inner, 0xa003)];
}

describe('formats', () => {
  it('saves gray as gray and alpha where the format can', async () => {
    const gray = floatImage(8, 8, 1, new Float32Array(64).fill(0.5));
    const metadata = plainMetadata({ width: 8, height: 8 });
    for (const format of ['jpeg', 'png', 'tiff'] as const) {
      await savePhoto(gray, metadata, bench.file(`gray.${format}`), options({ format }), tools());
      expect((await sharp(bench.file(`gray.${format}`)).metadata()).channels).toBe(1);
    }
    const half = floatImage(
      8,
      8,
      4,
      Float32Array.from({ length: 256 }, (_, i) => (i % 4 === 0 ? 1 : i % 4 === 3 ? 0.5 : 0)),
    );
    for (const format of ['png', 'tiff', 'webp', 'avif'] as const) {
      await savePhoto(half, metadata, bench.file(`alpha.${format}`), options({ format }), tools());
      expect((await openPhoto(bench.file(`alpha.${format}`), { store: bench.store })).image.channels).toBe(4);
    }
    const saved = await savePhoto(
      half,
      metadata,
      bench.file('alpha.jpg'),
      options({ format: 'jpeg', quality: 100 }),
      tools(),
    );
    expect(saved.notices).toEqual(['JPEG has no transparency, so transparent parts were saved on white.']);
    const [red, green] = await integersOf(
      (await openPhoto(bench.file('alpha.jpg'), { store: bench.store })).image,
      8,
    );
    expect(Math.abs(red! - 255)).toBeLessThan(3);
    expect(Math.abs(green! - 128)).toBeLessThan(3);
  });

  it('follows quality, chroma and lossless', async () => {
    const samples = randomSamples(64 * 64 * 3, 8);
    const image = floatImage(
      64,
      64,
      3,
      Float32Array.from(samples, (value) => value / 255),
    );
    const metadata = plainMetadata({ width: 64, height: 64 });
    const save = async (name: string, more: Partial<ExportOptions>) =>
      (await savePhoto(image, metadata, bench.file(name), options({ ...more }), tools())).sizeBytes;
    expect(await save('q30.jpg', { format: 'jpeg', quality: 30 })).toBeLessThan(
      await save('q90.jpg', { format: 'jpeg', quality: 90 }),
    );
    await save('420.jpg', { format: 'jpeg', chroma: '4:2:0' });
    await save('444.jpg', { format: 'jpeg', chroma: '4:4:4' });
    expect((await sharp(bench.file('420.jpg')).metadata()).chromaSubsampling).toBe('4:2:0');
    expect((await sharp(bench.file('444.jpg')).metadata()).chromaSubsampling).toBe('4:4:4');
    await save('exact.webp', { format: 'webp', lossless: true });
    expect(
      await integersOf((await openPhoto(bench.file('exact.webp'), { store: bench.store })).image, 8),
    ).toEqual(Array.from(samples));
  });

  it('saves a 16-bit source as 16 bit by default, an 8-bit one in its own format', () => {
    const rows: [Partial<PhotoMetadata>, string, number][] = [
      [{ format: 'png', bitDepth: 16 }, 'png', 16],
      [{ format: 'tiff', bitDepth: 16 }, 'tiff', 16],
      [{ format: 'tiff', bitDepth: 32 }, 'tiff', 16],
      [{ format: 'avif', bitDepth: 16 }, 'png', 16],
      [{ format: 'jpeg', bitDepth: 8 }, 'jpeg', 8],
      [{ format: 'gif', bitDepth: 8 }, 'png', 8],
      [{ format: 'bmp', bitDepth: 8 }, 'png', 8],
    ];
    for (const [given, format, bitDepth] of rows)
      expect(defaultExportOptions(plainMetadata(given))).toMatchObject({ format, bitDepth });
  });

  it('names a format that works where one is too small', async () => {
    const wide: Image = {
      width: 70_000,
      height: 2,
      channels: 1,
      sampleType: 'u8',
      read: async () => new Float32Array(),
      dispose: async () => {},
    };
    await expect(
      savePhoto(wide, plainMetadata({}), bench.file('wide.jpg'), options({ format: 'jpeg' }), tools()),
    ).rejects.toThrow('JPEG ends at 65535');
    await expect(
      savePhoto(wide, plainMetadata({}), bench.file('wide.webp'), options({ format: 'webp' }), tools()),
    ).rejects.toThrow('WEBP ends at 16383');
    await expect(
      savePhoto(
        wide,
        plainMetadata({}),
        bench.file('deep.jpg'),
        options({ format: 'jpeg', bitDepth: 16 }),
        tools(),
      ),
    ).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('writes the same pixels from memory and from scratch', async () => {
    const samples = randomSamples(50 * 40 * 3, 16);
    const file = bench.file('both.png');
    await fromSamples(samples, 50, 40, 3).png().toFile(file);
    const tight = openBench(100);
    for (const [name, store] of [
      ['memory', bench.store],
      ['scratch', tight.store],
    ] as const) {
      const photo = await openPhoto(file, { store });
      await savePhoto(
        photo.image,
        photo.metadata,
        bench.file(`${name}.tif`),
        { ...defaultExportOptions(photo.metadata), format: 'tiff' },
        tools({ store }),
      );
      expect(
        await integersOf((await openPhoto(bench.file(`${name}.tif`), { store: bench.store })).image, 16),
      ).toEqual(Array.from(samples));
    }
    await tight.close();
  });
});

function options(more: Partial<ExportOptions>): ExportOptions {
  return {
    format: 'png',
    quality: 90,
    bitDepth: 8,
    chroma: '4:4:4',
    profile: 'source',
    metadata: 'keep',
    ...more,
  };
}

function plainMetadata(more: Partial<PhotoMetadata>): PhotoMetadata {
  return {
    path: bench?.file('nothing.png') ?? '',
    format: 'png',
    width: 1,
    height: 1,
    bitDepth: 8,
    channels: 3,
    sizeBytes: 1,
    orientation: 1,
    pages: 1,
    iccReversible: false,
    notices: [],
    ...more,
  };
}

describe('safe writing', () => {
  const failing = (operation: keyof FileOperations, code: string): FileOperations => ({
    ...nodeFiles,
    [operation]: () => Promise.reject(Object.assign(new Error(`${code}: simulated`), { code })),
  });

  it('never writes to the original, by whatever name', async () => {
    const { file, image, metadata } = await openRich('original.jpg');
    const before = readFileSync(file);
    symlinkSync(file, bench.file('soft.jpg'));
    linkSync(file, bench.file('hard.jpg'));
    mkdirSync(bench.file('inner'), { recursive: true });
    for (const target of [
      file,
      bench.file('soft.jpg'),
      bench.file('hard.jpg'),
      bench.file('inner/../original.jpg'),
    ]) {
      const attempt = savePhoto(
        image,
        metadata,
        target,
        defaultExportOptions(metadata),
        tools({ overwrite: true }),
      );
      await expect(attempt).rejects.toThrow('is the original photo, which Heirloom never writes to.');
    }
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(partFiles()).toEqual([]);
  });

  it('replaces a file only when allowed', async () => {
    const { image, metadata } = await openRich();
    const target = bench.file('there.jpg');
    writeFileSync(target, 'before');
    await expect(savePhoto(image, metadata, target, defaultExportOptions(metadata), tools())).rejects.toThrow(
      'There is already a file "there.jpg".',
    );
    expect(readFileSync(target, 'utf8')).toBe('before');
    await savePhoto(image, metadata, target, defaultExportOptions(metadata), tools({ overwrite: true }));
    expect((await sharp(target).metadata()).width).toBe(40);
  });

  it.each([
    ['a full disk at the end', failing('rename', 'ENOSPC'), 'The disk is full'],
    ['a read-only folder', failing('open', 'EROFS'), 'may not write there'],
    ['a folder without permission', failing('open', 'EACCES'), 'may not write there'],
  ])('fails in one sentence on %s and leaves nothing', async (_, files, sentence) => {
    const { image, metadata } = await openRich();
    const attempt = savePhoto(
      image,
      metadata,
      bench.file('failed.jpg'),
      defaultExportOptions(metadata),
      tools({ files }),
    );
    await expect(attempt).rejects.toThrow(sentence);
    await expect(attempt).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(/^[^\n]+\.$/),
    });
    expect(partFiles()).toEqual([]);
    expect(readdirSync(bench.folder)).not.toContain('failed.jpg');
  });

  it('fails in one sentence when the disk fills up while rows are written', async () => {
    const { image, metadata } = await openRich();
    let opened = 0;
    const open: FileOperations['open'] = async (...args) => {
      const handle = await nodeFiles.open(...args);
      // The second file opened is the scratch copy.
      if (++opened === 2)
        handle.write = () =>
          Promise.reject(
            Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
          );
      return handle;
    };
    const attempt = savePhoto(
      image,
      metadata,
      bench.file('full.jpg'),
      defaultExportOptions(metadata),
      tools({ files: { ...nodeFiles, open } }),
    );
    await expect(attempt).rejects.toThrow(
      'The disk is full, so the scratch file of a picture could not be written.',
    );
    expect(partFiles()).toEqual([]);
    expect(readdirSync(bench.store.directory).filter((name) => name.endsWith('.v'))).toEqual([]);
  });

  it('says so when the folder is missing or the target is a folder', async () => {
    const { image, metadata } = await openRich();
    await expect(
      savePhoto(image, metadata, bench.file('no/where.jpg'), defaultExportOptions(metadata), tools()),
    ).rejects.toThrow('The folder for "where.jpg" does not exist.');
    await expect(
      savePhoto(image, metadata, bench.folder, defaultExportOptions(metadata), tools({ overwrite: true })),
    ).rejects.toBeInstanceOf(HeirloomError);
  });

  it('leaves nothing when cancelled', async () => {
    const { image, metadata } = await openRich();
    const controller = new AbortController();
    const context = createContext(controller.signal, (done) => {
      if (done > 0.1) controller.abort();
    });
    await expect(
      savePhoto(
        image,
        metadata,
        bench.file('cancelled.jpg'),
        defaultExportOptions(metadata),
        tools({ context }),
      ),
    ).rejects.toMatchObject({ name: 'CancelledError' });
    expect(partFiles()).toEqual([]);
    expect(readdirSync(bench.folder)).not.toContain('cancelled.jpg');
  });
});

describe('image store', () => {
  it('removes its folder on close and the folders of dead processes at the start', async () => {
    const directory = bench.file('stores');
    mkdirSync(`${directory}/heirloom-999999999-0123456789ab`, { recursive: true });
    writeFileSync(`${directory}/heirloom-999999999-0123456789ab/0.v`, 'x');
    mkdirSync(`${directory}/someone-elses`);
    const store = createImageStore({ directory, memoryBudgetBytes: 10 });
    expect(readdirSync(directory).sort()).toEqual(
      [store.directory.split(/[\\/]/).at(-1), 'someone-elses'].sort(),
    );
    const writer = await store.create({ width: 100, height: 1, channels: 3, sampleType: 'u16' });
    await writer.append(new Float32Array(300));
    await writer.finish();
    await store.close();
    expect(readdirSync(directory)).toEqual(['someone-elses']);
  });
});
