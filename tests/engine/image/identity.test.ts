import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietContext } from '../../../src/engine/context.ts';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import { defaultExportOptions, savePhoto } from '../../../src/engine/image/encode.ts';
import type { ChannelCount } from '../../../src/engine/image/image.ts';
import { fromSamples, integersOf, openBench, randomSamples } from './make.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

const [width, height] = [37, 23];

describe('open and save without change', () => {
  const cases = ([1, 2, 3, 4] as const).flatMap((channels) =>
    ([8, 16] as const).flatMap((bits) =>
      (['png', 'tiff'] as const).map((format) => ({ channels, bits, format })),
    ),
  );
  it.each(cases)(
    'keeps every sample: $channels channels, $bits bit, $format',
    async ({ channels, bits, format }) => {
      const samples = randomSamples(width * height * channels, bits, channels * bits);
      const source = bench.file(`in-${channels}-${bits}.${format}`);
      const pipeline = fromSamples(samples, width, height, channels as ChannelCount);
      await (format === 'png' ? pipeline.png() : pipeline.tiff({ compression: 'lzw' })).toFile(source);

      const photo = await openPhoto(source, { store: bench.store });
      expect(photo.metadata).toMatchObject({
        width,
        height,
        channels,
        bitDepth: bits,
        format,
        orientation: 1,
        pages: 1,
        notices: [],
      });
      expect(photo.image.sampleType).toBe(bits === 8 ? 'u8' : 'u16');
      expect(await integersOf(photo.image, bits)).toEqual(Array.from(samples));

      const target = bench.file(`out-${channels}-${bits}.${format}`);
      const options = defaultExportOptions(photo.metadata);
      expect(options).toMatchObject({ format, bitDepth: bits, profile: 'source' });
      const saved = await savePhoto(photo.image, photo.metadata, target, options, {
        store: bench.store,
        context: quietContext(),
      });
      expect(saved.notices).toEqual([]);
      const again = await openPhoto(target, { store: bench.store });
      expect(again.metadata).toMatchObject({ width, height, channels, bitDepth: bits, format });
      expect(await integersOf(again.image, bits)).toEqual(Array.from(samples));
    },
  );
});
