import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { colorTransformOf, type ColorTransform } from '../../../src/engine/image/color-transform.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { defaultExportOptions, savePhoto } from '../../../src/engine/image/encode.ts';
import { parseIcc } from '../../../src/engine/image/icc.ts';
import { mapRows } from '../../../src/engine/image/map-rows.ts';
import { sharp } from '../../../src/engine/image/sharp.ts';
import { srgbProfile } from '../../../src/engine/image/srgb-profile.ts';
import { linearToSrgb, srgbToLinear } from '../../../src/engine/image/tone-curve.ts';
import { jpegWithIcc, pngWithIcc } from './embed.ts';
import { fromSamples, integersOf, openBench, randomSamples, randomSource, readAll } from './make.ts';
import {
  adobeRgb,
  displayP3,
  gammaTag,
  grayGamma22,
  nameTag,
  parametricTag,
  profile,
  proPhoto,
  tableSrgb,
  tableTag,
  xyzTag,
} from './profiles.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

function transformOf(icc: Buffer): ColorTransform {
  const parsed = parseIcc(icc);
  if (parsed === undefined) throw new Error('no profile');
  const transform = colorTransformOf(parsed);
  if (transform === undefined || transform === 'srgb') throw new Error(`no transform: ${transform}`);
  return transform;
}

/** Colors of one depth, corners and edges of the cube first, then at random. */
function colors(count: number, maxValue: number): number[] {
  const random = randomSource(7);
  const corners = [0, 1, 2, maxValue - 1, maxValue].flatMap((r) =>
    [0, 1, maxValue].flatMap((g) => [0, 1, maxValue].flatMap((b) => [r, g, b])),
  );
  while (corners.length < count * 3) {
    const saturated = random() < 0.3;
    for (let c = 0; c < 3; c++)
      corners.push(
        saturated && random() < 0.5 ? (random() < 0.5 ? 0 : maxValue) : Math.floor(random() * (maxValue + 1)),
      );
  }
  return corners;
}

function roundTrip(transform: ColorTransform, values: readonly number[], maxValue: 255 | 65535): number {
  const rows = Float32Array.from(values, (value) => value / maxValue);
  transform.toWorking(rows, 3, maxValue);
  transform.fromWorking(rows, 3);
  return values.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(Math.round(rows[i]! * maxValue) - value)),
    0,
  );
}

describe('matrix profiles through float32 working values', () => {
  it.each([
    ['Display P3', displayP3()],
    ['Adobe RGB', adobeRgb()],
    ['ProPhoto', proPhoto()],
  ])('%s comes back exactly in 8 bits', (_, icc) => {
    expect(roundTrip(transformOf(icc), colors(60_000, 255), 255)).toBe(0);
  });

  it('Display P3 comes back exactly in 16 bits', () => {
    expect(roundTrip(transformOf(displayP3()), colors(60_000, 65535), 65535)).toBe(0);
  });

  it('agrees with the color engine inside sRGB', async () => {
    const samples = Uint8Array.from({ length: 300 }, (_, i) => 100 + ((i * 37) % 60));
    const png = pngWithIcc(await fromSamples(samples, 10, 10, 3).png().toBuffer(), adobeRgb());
    const reference = await sharp(png).toColourspace('srgb').raw().toBuffer();
    const rows = Float32Array.from(samples, (value) => value / 255);
    transformOf(adobeRgb()).toWorking(rows, 3, 255);
    reference.forEach((value, i) => expect(Math.abs(rows[i]! * 255 - value)).toBeLessThan(1));
  });

  it('keeps gray gray and goes beyond 0..1 for colors outside sRGB', () => {
    const gray = Float32Array.from([0.5, 0.5, 0.5, 1, 1, 1]);
    transformOf(adobeRgb()).toWorking(gray, 3, 65535);
    expect(Math.abs(gray[0]! - gray[1]!) + Math.abs(gray[1]! - gray[2]!)).toBeLessThan(1e-6);
    gray.slice(3).forEach((value) => expect(value).toBeCloseTo(1, 6));
    const red = Float32Array.from([1, 0, 0]);
    transformOf(displayP3()).toWorking(red, 3, 255);
    expect(red[0]).toBeCloseTo(1.0931, 3);
    expect(red[1]).toBeCloseTo(-0.2267, 3);
    expect(red[2]).toBeCloseTo(-0.1501, 3);
  });
});

describe('sRGB curve', () => {
  it('is odd and invertible beyond 0..1', () => {
    for (let value = -1.5; value <= 2; value += 0.0137) {
      expect(linearToSrgb(srgbToLinear(value))).toBeCloseTo(value, 6);
      expect(srgbToLinear(-value)).toBe(-srgbToLinear(value));
    }
  });
});

describe('profiles', () => {
  it('knows sRGB in any guise, its own included', () => {
    for (const icc of [tableSrgb(), srgbProfile(3)]) expect(colorTransformOf(parseIcc(icc)!)).toBe('srgb');
    expect(colorTransformOf(parseIcc(srgbProfile(1))!)).toBe('srgb');
    expect(parseIcc(tableSrgb())?.name).toBe('sRGB IEC61966-2.1');
    expect(parseIcc(srgbProfile(3))?.name).toBe('sRGB');
  });

  it('lcms takes the sRGB profile Heirloom writes', async () => {
    const samples = randomSamples(300, 8) as Uint8Array;
    const png = pngWithIcc(await fromSamples(samples, 10, 10, 3).png().toBuffer(), srgbProfile(3));
    const back = await sharp(png).toColourspace('srgb').raw().toBuffer();
    back.forEach((value, i) => expect(Math.abs(value - samples[i]!)).toBeLessThanOrEqual(1));
  });

  it.each([0, 1, 2, 3, 4])('inverts parametric curves of type %i', (type) => {
    const params = [
      [2.2],
      [2.2, 0.9, 0.1],
      [2.2, 0.8, 0.1, 0.05],
      [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045],
      [2.4, 0.9, 0.05, 0.1, 0.04, 0.01, 0.003],
    ][type]!;
    const parsed = parseIcc(profile('GRAY', { desc: nameTag('x'), kTRC: parametricTag(type, params) }));
    if (parsed?.kind !== 'gray') throw new Error('not gray');
    for (let value = 0.2; value <= 0.98; value += 0.01)
      expect(parsed.curve.toEncoded(parsed.curve.toLinear(value))).toBeCloseTo(value, 3);
  });

  it('survives every truncation and hundreds of flipped bytes', () => {
    const random = randomSource(3);
    const samples = Float32Array.from([0, 0.5, 1]);
    for (const icc of [displayP3(), tableSrgb(), grayGamma22(), srgbProfile(3)]) {
      for (let length = 0; length < icc.length; length += 7) parseIcc(icc.subarray(0, length));
      for (let i = 0; i < 300; i++) {
        const broken = Buffer.from(icc);
        for (let k = 0; k < 4; k++) broken[Math.floor(random() * broken.length)] = Math.floor(random() * 256);
        const parsed = parseIcc(broken);
        const transform = parsed === undefined ? undefined : colorTransformOf(parsed);
        if (transform === undefined || transform === 'srgb') continue;
        const rows = samples.slice();
        const channels = parsed?.kind === 'gray' ? 1 : 3;
        transform.toWorking(rows, channels, 255);
        transform.fromWorking(rows, channels);
        rows.forEach((value) => expect(value >= 0 && value <= 1).toBe(true));
      }
    }
  });

  it('leaves falling curves, flat matrices and tables to others', () => {
    expect(parseIcc(profile('GRAY', { kTRC: tableTag([65535, 0]) }))?.kind).toBe('table');
    const flat = profile('RGB ', {
      rXYZ: xyzTag([0, 0, 0]),
      gXYZ: xyzTag([0, 0, 0]),
      bXYZ: xyzTag([0, 0, 0]),
      rTRC: gammaTag(2),
      gTRC: gammaTag(2),
      bTRC: gammaTag(2),
    });
    expect(colorTransformOf(parseIcc(flat)!)).toBeUndefined();
    expect(parseIcc(profile('CMYK', {}, 'Lab '))).toMatchObject({ kind: 'table', space: 'CMYK' });
  });
});

describe('photos with a profile', () => {
  const [width, height] = [16, 12];
  const cases = ([8, 16] as const).flatMap((bits) => [
    { name: 'Display P3', icc: displayP3(), bits, channels: 3 as const },
    { name: 'Adobe RGB (1998)', icc: adobeRgb(), bits, channels: 3 as const },
    { name: 'ProPhoto RGB', icc: proPhoto(), bits, channels: 4 as const },
    { name: 'Gray Gamma 2.2', icc: grayGamma22(), bits, channels: 1 as const },
    { name: 'sRGB IEC61966-2.1', icc: tableSrgb(), bits, channels: 3 as const },
  ]);

  it.each(cases)(
    'untouched, $name $bits bit comes back bit for bit with the same profile',
    async ({ name, icc, bits, channels }) => {
      const samples = randomSamples(width * height * channels, bits, bits);
      const source = bench.file(`${name}-${bits}.png`);
      writeFileSync(
        source,
        pngWithIcc(await fromSamples(samples, width, height, channels).png().toBuffer(), icc),
      );
      const photo = await openPhoto(source, { store: bench.store });
      expect(photo.metadata).toMatchObject({
        iccName: name,
        iccReversible: true,
        notices: [],
        bitDepth: bits,
      });
      for (const format of ['png', 'tiff'] as const) {
        const target = bench.file(`${name}-${bits}-out.${format}`);
        await savePhoto(
          photo.image,
          photo.metadata,
          target,
          { ...defaultExportOptions(photo.metadata), format },
          { store: bench.store, context: quietContext() },
        );
        const found = await sharp(target, { ignoreIcc: true }).metadata();
        expect(found.icc?.equals(icc)).toBe(true);
        const again = await sharp(target, { ignoreIcc: true })
          .keepIccProfile()
          .toColourspace(channels === 1 ? (bits === 16 ? 'grey16' : 'b-w') : bits === 16 ? 'rgb16' : 'srgb')
          .raw({ depth: bits === 16 ? 'ushort' : 'uchar' })
          .toBuffer();
        expect(Buffer.compare(again, Buffer.from(samples.buffer))).toBe(0);
      }
    },
  );

  it.each([
    { icc: displayP3(), bits: 8 as const },
    { icc: displayP3(), bits: 16 as const },
    { icc: adobeRgb(), bits: 8 as const },
  ])('through a step that changes nothing, $bits bit comes back bit for bit', async ({ icc, bits }) => {
    const samples = randomSamples(width * height * 3, bits, 5);
    const source = bench.file('step.png');
    writeFileSync(source, pngWithIcc(await fromSamples(samples, width, height, 3).png().toBuffer(), icc));
    const photo = await openPhoto(source, { store: bench.store });
    const same = await mapRows(photo.image, { store: bench.store }, (rows) => rows, quietContext());
    expect(same.sampleType).toBe('f32');
    const target = bench.file('step-out.png');
    await savePhoto(same, photo.metadata, target, defaultExportOptions(photo.metadata), {
      store: bench.store,
      context: quietContext(),
      overwrite: true,
    });
    const again = await sharp(target, { ignoreIcc: true })
      .toColourspace(bits === 16 ? 'rgb16' : 'srgb')
      .raw({ depth: bits === 16 ? 'ushort' : 'uchar' })
      .toBuffer();
    expect(Buffer.compare(again, Buffer.from(samples.buffer))).toBe(0);
  });

  it('is written as sRGB when asked, close to what the color engine would write', async () => {
    const samples = Uint8Array.from({ length: width * height * 3 }, (_, i) => 90 + ((i * 31) % 80));
    const source = bench.file('to-srgb.jpg');
    writeFileSync(
      source,
      jpegWithIcc(
        await fromSamples(samples, width, height, 3)
          .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
          .toBuffer(),
        displayP3(),
      ),
    );
    const photo = await openPhoto(source, { store: bench.store });
    const target = bench.file('to-srgb.png');
    await savePhoto(
      photo.image,
      photo.metadata,
      target,
      { ...defaultExportOptions(photo.metadata), format: 'png', profile: 'srgb' },
      { store: bench.store, context: quietContext() },
    );
    const reference = await sharp(source).toColourspace('srgb').raw().toBuffer();
    const again = await openPhoto(target, { store: bench.store });
    expect(again.metadata.iccName).toBe('sRGB');
    (await integersOf(again.image, 8)).forEach((value, i) =>
      expect(Math.abs(value - reference[i]!)).toBeLessThanOrEqual(2),
    );
  });

  it('opens a gray picture with an RGB profile as gray', async () => {
    const samples = randomSamples(width * height, 8);
    const source = bench.file('gray-p3.jpg');
    writeFileSync(
      source,
      jpegWithIcc(
        await fromSamples(samples, width, height, 1).jpeg({ quality: 100 }).toBuffer(),
        displayP3(),
      ),
    );
    const photo = await openPhoto(source, { store: bench.store });
    expect(photo.image.channels).toBe(1);
    expect(photo.metadata.iccReversible).toBe(false);
    const target = bench.file('gray-p3-out.png');
    await savePhoto(
      photo.image,
      photo.metadata,
      target,
      { ...defaultExportOptions(photo.metadata), format: 'png' },
      { store: bench.store, context: quietContext() },
    );
    expect((await sharp(target).metadata()).channels).toBe(1);
  });

  it('converts CMYK and says so', async () => {
    const source = bench.file('cmyk.jpg');
    await sharp({ create: { width: 8, height: 8, channels: 3, background: '#c04020' } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toFile(source);
    const photo = await openPhoto(source, { store: bench.store });
    expect(photo.metadata.notices).toEqual([
      'The photo is in printing colors (CMYK); it was converted to sRGB.',
    ]);
    expect(photo.image.channels).toBe(3);
    const [red, green, blue] = await readAll(photo.image);
    expect(red! > green! && green! > blue!).toBe(true);
    expect(defaultExportOptions(photo.metadata)).toMatchObject({ format: 'jpeg', bitDepth: 8 });
  });

  it('ignores a damaged profile and says so', async () => {
    const samples = randomSamples(width * height * 3, 8);
    const source = bench.file('bad-icc.png');
    writeFileSync(
      source,
      pngWithIcc(await fromSamples(samples, width, height, 3).png().toBuffer(), displayP3().subarray(0, 140)),
    );
    const photo = await openPhoto(source, { store: bench.store });
    expect(await integersOf(photo.image, 8)).toEqual(Array.from(samples));
    expect(photo.metadata.icc === undefined || photo.metadata.notices.length === 1).toBe(true);
  });
});
