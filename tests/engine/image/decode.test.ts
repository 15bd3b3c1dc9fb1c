import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { nodeFiles } from '../../../src/engine/image/files.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';
import { exifBlock, jpegWithSegment, tiff, tiffFields } from './embed.ts';
import { fromSamples, integersOf, openBench, randomSamples, readAll } from './make.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

const open = (file: string, more = {}) => openPhoto(file, { store: bench.store, ...more });

function put(name: string, bytes: Uint8Array | string): string {
  const file = bench.file(name);
  writeFileSync(file, bytes);
  return file;
}

/** The failure of opening `file`, which must be one sentence (no line breaks) that names it. */
async function failureOf(file: string, more = {}): Promise<HeirloomError> {
  const error = await open(file, more).then(
    () => new Error('it opened'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(HeirloomError);
  const { message, hint } = error as HeirloomError;
  expect(message).toMatch(/^[^\n]+\.$/);
  expect(hint).toMatch(/^[^\n]+\.$/);
  return error as HeirloomError;
}

describe('files that are no photo', () => {
  it('says what is wrong in one sentence', async () => {
    expect(await failureOf(bench.file('gone.jpg'))).toMatchObject({
      code: 'file',
      message: expect.stringContaining('There is no file'),
    });
    mkdirSync(bench.file('folder.png'));
    expect((await failureOf(bench.file('folder.png'))).message).toBe(
      '"folder.png" is a folder, not a photo.',
    );
    expect((await failureOf(put('empty.jpg', ''))).message).toBe('"empty.jpg" is empty.');
    expect((await failureOf(put('text.jpg', 'Dear diary, today I scanned a photo.'))).message).toBe(
      '"text.jpg" is not a photo Heirloom can open (it looks like text).',
    );
    expect(
      (await failureOf(put('drawing.png', '<svg xmlns="http://www.w3.org/2000/svg"/>'))).message,
    ).toContain('an SVG drawing');
    expect((await failureOf(put('paper.tif', '%PDF-1.7 ...'))).message).toContain('a PDF');
    expect((await failureOf(put('noise.jpg', Buffer.from([0, 200, 3, 255])))).code).toBe('bad-input');
    symlinkSync(bench.file('nowhere'), bench.file('dangling.jpg'));
    expect((await failureOf(bench.file('dangling.jpg'))).code).toBe('file');
  });

  it('says that HEIC needs converting', async () => {
    const heic = Buffer.concat([
      Buffer.from([0, 0, 0, 24]),
      Buffer.from('ftypheic\0\0\0\0mif1heic', 'latin1'),
      Buffer.alloc(100),
    ]);
    const failure = await failureOf(put('phone.heic', heic));
    expect(failure.message).toContain('no HEVC decoder');
    expect(failure.hint).toBe('Convert it to JPEG, PNG or TIFF first.');
  });

  it('says that a file may not be read', async () => {
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    const files = { ...nodeFiles, open: () => Promise.reject(denied) };
    expect((await failureOf(put('private.jpg', 'x'), { files })).message).toBe(
      'Heirloom may not read "private.jpg".',
    );
  });
});

describe('damaged files', () => {
  it.each(['jpeg', 'png', 'tiff', 'webp', 'gif'] as const)(
    'refuses a truncated %s and names it',
    async (format) => {
      const whole = await fromSamples(randomSamples(200 * 150 * 3, 8), 200, 150, 3)
        [format]()
        .toBuffer();
      const failure = await failureOf(
        put(`cut.${format}`, whole.subarray(0, Math.floor(whole.length * 0.6))),
      );
      expect(failure.code).toBe('bad-input');
      expect(failure.message).toContain(`"cut.${format}" is damaged and cannot be opened`);
    },
  );

  it('opens what can be read of a truncated JPEG when asked, and says so', async () => {
    const file = bench.file('cut.jpeg');
    expect((await failureOf(file)).hint).toContain('open what can be read of it');
    const { image, metadata } = await open(file, { allowDamaged: true });
    expect([image.width, image.height]).toEqual([200, 150]);
    expect(metadata.notices).toEqual([
      '"cut.jpeg" was opened without checks for damage; parts of it may be missing or wrong.',
    ]);
  });

  it('never crashes on flipped bytes', async () => {
    const samples = randomSamples(40 * 30 * 3, 8);
    for (const format of ['jpeg', 'png', 'tiff', 'webp', 'gif', 'avif'] as const) {
      const whole = await fromSamples(samples, 40, 30, 3)[format]().toBuffer();
      const where = randomSamples(60, 16, 9);
      for (let i = 0; i < 12; i++) {
        const broken = Buffer.from(whole);
        for (let k = 0; k < 5; k++) broken[where[i * 5 + k]! % broken.length]! ^= 0x5a;
        const result = await open(put(`flipped-${i}.${format}`, broken)).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(HeirloomError);
      }
    }
  });
});

function pngHeader(width: number, height: number, body: Buffer): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const bytes = Buffer.alloc(data.length + 12);
    bytes.writeUInt32BE(data.length, 0);
    bytes.write(type, 4, 'latin1');
    data.copy(bytes, 8);
    return bytes;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  return Buffer.concat([
    Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', body),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('size', () => {
  it('refuses a bomb and a picture beyond the limit', async () => {
    const body = deflateSync(Buffer.alloc(100_000));
    // libpng does not check the header's checksum when fed leniently, so the claim is all that is read.
    const bomb = await failureOf(put('bomb.png', fixChecksums(pngHeader(20_000, 20_000, body))));
    expect(bomb.message).toContain('claims 400 megapixels in only');
    const huge = await failureOf(put('huge.png', fixChecksums(pngHeader(60_000, 60_000, body))));
    expect(huge.message).toContain(
      '"huge.png" has 3600 megapixels (60000 × 60000), more than the 1200 Heirloom opens.',
    );
  });

  it('opens a large honest picture with a small memory budget, through a scratch file', async () => {
    const small = openBench(1e6);
    const [width, height] = [1500, 1000];
    const samples = randomSamples(width * height * 3, 8);
    const file = put(
      'large.tif',
      await fromSamples(samples, width, height, 3).tiff({ compression: 'none' }).toBuffer(),
    );
    const { image } = await openPhoto(file, { store: small.store });
    expect(small.store.memoryInUseBytes()).toBe(0);
    const strip = await image.read({ x: 700, y: 500, width: 3, height: 2 });
    const expected = [0, 1].flatMap((row) =>
      Array.from(samples.subarray(((500 + row) * width + 700) * 3, ((500 + row) * width + 703) * 3)),
    );
    expect(Array.from(strip, (value) => Math.round(value * 255))).toEqual(expected);
    await small.close();
  });
});

function fixChecksums(png: Buffer): Buffer {
  const table = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    let crc = 0xffffffff;
    for (let i = at + 4; i < at + 8 + length; i++) crc = table[(crc ^ png[i]!) & 255]! ^ (crc >>> 8);
    png.writeUInt32BE((crc ^ 0xffffffff) >>> 0, at + 8 + length);
    at += length + 12;
  }
  return png;
}

describe('orientation', () => {
  // Pixel (x, y) of the upright picture for each orientation, given the stored one of width w and height h (Exif 2.32, 4.6.4).
  const [w, h] = [5, 3];
  const stored: Record<number, (x: number, y: number) => readonly [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y) => [w - 1 - x, y],
    3: (x, y) => [w - 1 - x, h - 1 - y],
    4: (x, y) => [x, h - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, h - 1 - x],
    7: (x, y) => [w - 1 - y, h - 1 - x],
    8: (x, y) => [w - 1 - y, x],
  };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    '%i is applied once, in memory and through scratch',
    async (orientation) => {
      const samples = randomSamples(w * h * 3, 16) as Uint16Array;
      const fields = [...tiffFields(w, h, 3, 16, 2), [274, 3, [orientation]] as const];
      const file = put(`turned-${orientation}.tif`, tiff({ fields, pixels: new Uint8Array(samples.buffer) }));
      const tight = openBench(16);
      for (const store of [bench.store, tight.store]) {
        const { image, metadata } = await openPhoto(file, { store });
        const [width, height] = orientation >= 5 ? [h, w] : [w, h];
        expect(metadata).toMatchObject({ width, height, orientation });
        const expected: number[] = [];
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const [fromX, fromY] = stored[orientation]!(x, y);
            expected.push(...samples.subarray((fromY * w + fromX) * 3, (fromY * w + fromX) * 3 + 3));
          }
        }
        expect(await integersOf(image, 16)).toEqual(expected);
      }
      await tight.close();
    },
  );
});

describe('what the file says', () => {
  it('reads resolution only where it is stated', async () => {
    const base = fromSamples(randomSamples(300, 8), 10, 10, 3);
    const plain = await base.clone().jpeg().toBuffer();
    const nothing = Buffer.from(plain);
    expect((await open(put('plain.jpg', nothing))).metadata.dpi).toBeUndefined();
    const jfif = Buffer.concat([
      Buffer.from('JFIF\0\u0001\u0001', 'latin1'),
      Buffer.from([1, 1, 44, 1, 44, 0, 0]),
    ]);
    expect((await open(put('jfif.jpg', jpegWithSegment(plain, 0xe0, jfif)))).metadata.dpi).toBe(300);
    expect(
      (await open(put('png300.png', await base.clone().withMetadata({ density: 300 }).png().toBuffer())))
        .metadata.dpi,
    ).toBeCloseTo(300, 1);
    expect((await open(put('none.png', await base.clone().png().toBuffer()))).metadata.dpi).toBeUndefined();
    const exif = jpegWithSegment(
      plain,
      0xe1,
      Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exifBlock(1)]),
    );
    expect((await open(put('exif.jpg', exif))).metadata.dpi).toBe(300);
  });

  it('takes depth from the file, however dark it is', async () => {
    const dark = Uint16Array.from({ length: 300 }, (_, i) => i % 200);
    const { image, metadata } = await open(
      put('dark.png', await fromSamples(dark, 10, 10, 3).png().toBuffer()),
    );
    expect(metadata.bitDepth).toBe(16);
    expect(await integersOf(image, 16)).toEqual(Array.from(dark));
  });

  it('keeps gray one channel, and RGB three even if all are equal', async () => {
    const gray = randomSamples(100, 8);
    for (const format of ['jpeg', 'png', 'tiff'] as const) {
      expect(
        (await open(put(`g.${format}`, await fromSamples(gray, 10, 10, 1)[format]().toBuffer()))).image
          .channels,
      ).toBe(1);
    }
    const equal = Uint8Array.from({ length: 300 }, (_, i) => gray[Math.floor(i / 3)]!);
    expect(
      (await open(put('equal.png', await fromSamples(equal, 10, 10, 3).png().toBuffer()))).image.channels,
    ).toBe(3);
  });

  it('opens the first page of a TIFF and the first frame of an animation, and says so', async () => {
    const page = (value: number) => ({
      fields: tiffFields(4, 4, 1, 8, 1),
      pixels: new Uint8Array(16).fill(value),
    });
    const pages = await open(put('pages.tif', tiff(page(10), page(20), page(30))));
    expect(pages.metadata).toMatchObject({
      pages: 3,
      notices: ['This TIFF has 3 pages; the first one was opened.'],
    });
    expect((await integersOf(pages.image, 8))[0]).toBe(10);
    const frames = await sharp(Buffer.concat([Buffer.alloc(300, 10), Buffer.alloc(300, 200)]), {
      raw: { width: 10, height: 20, channels: 3, pageHeight: 10 },
    })
      .gif()
      .toBuffer();
    const gif = await open(put('moving.gif', frames));
    expect([gif.image.width, gif.image.height, gif.metadata.pages]).toEqual([10, 10, 2]);
    expect(gif.metadata.notices).toEqual(['This GIF has 2 frames; the first one was opened.']);
  });

  it('opens floating point, bilevel, extra channel and CMYK TIFFs', async () => {
    const float = new Float32Array(48).fill(0.5);
    const deep = await open(
      put('float.tif', tiff({ fields: tiffFields(4, 4, 3, 32, 2, 3), pixels: new Uint8Array(float.buffer) })),
    );
    expect(deep.metadata).toMatchObject({ bitDepth: 32, channels: 3 });
    expect(deep.metadata.notices[0]).toContain('floating point');
    // Floating point TIFFs are linear light.
    expect((await readAll(deep.image))[0]).toBeCloseTo(0.735, 2);

    const five = await open(
      put(
        'five.tif',
        tiff({
          fields: [...tiffFields(4, 4, 5, 8, 2), [338, 3, [0, 0]]],
          pixels: Uint8Array.from({ length: 80 }, (_, i) => i),
        }),
      ),
    );
    expect(five.image.channels).toBe(3);
    expect(five.metadata.notices[0]).toContain('5 channels');
    expect((await integersOf(five.image, 8)).slice(0, 6)).toEqual([0, 1, 2, 5, 6, 7]);

    const cmyk = await open(
      put(
        'cmyk.tif',
        tiff({ fields: [...tiffFields(4, 4, 4, 8, 5), [332, 3, [1]]], pixels: new Uint8Array(64).fill(0) }),
      ),
    );
    expect(cmyk.image.channels).toBe(3);
    expect((await readAll(cmyk.image))[0]).toBeGreaterThan(0.95);
  });

  it('opens a 1×1 and a very long picture', async () => {
    expect(
      (await open(put('one.png', await fromSamples(randomSamples(3, 8), 1, 1, 3).png().toBuffer()))).metadata,
    ).toMatchObject({ width: 1, height: 1 });
    expect(
      (
        await open(
          put('long.png', await fromSamples(randomSamples(30_000, 8), 30_000, 1, 1).png().toBuffer()),
        )
      ).metadata.width,
    ).toBe(30_000);
  });

  it('reads WebP and AVIF, alpha included', async () => {
    const samples = randomSamples(16 * 16 * 4, 8);
    const webp = await open(
      put(
        'alpha.webp',
        await fromSamples(samples, 16, 16, 4).webp({ lossless: true, exact: true }).toBuffer(),
      ),
    );
    expect(await integersOf(webp.image, 8)).toEqual(Array.from(samples));
    const avif = await open(
      put('alpha.avif', await fromSamples(samples, 16, 16, 4).avif({ quality: 90 }).toBuffer()),
    );
    expect(avif.metadata).toMatchObject({ format: 'avif', channels: 4, bitDepth: 8 });
  });

  it('never writes to the file', async () => {
    const bytes = await fromSamples(randomSamples(300, 8), 10, 10, 3).png().toBuffer();
    const file = put('precious.png', bytes);
    await open(file);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

describe('cancel', () => {
  it('stops opening', async () => {
    const file = put('stop.png', await fromSamples(randomSamples(300, 8), 10, 10, 3).png().toBuffer());
    await expect(open(file, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'CancelledError',
    });
  });
});

describe('claims', () => {
  it('refuses a TIFF whose size is only claimed', async () => {
    const claim = tiff({ fields: tiffFields(30_000, 30_000, 3, 8, 2), pixels: new Uint8Array(100) });
    expect((await failureOf(put('claim.tif', claim))).message).toContain('claims 900 megapixels');
    const smaller = tiff({ fields: tiffFields(3000, 3000, 3, 8, 2), pixels: new Uint8Array(100) });
    expect((await failureOf(put('smaller.tif', smaller))).message).toContain('is damaged');
  });
});
