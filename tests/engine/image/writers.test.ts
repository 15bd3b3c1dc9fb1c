import { open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPhoto } from '../../../src/engine/image/decode.ts';
import type { ChannelCount } from '../../../src/engine/image/image.ts';
import { createPngWriter } from '../../../src/engine/image/png-writer.ts';
import type { StreamLayout } from '../../../src/engine/image/stream-format.ts';
import { createTiffWriter } from '../../../src/engine/image/tiff-writer.ts';
import { exifBlock } from './embed.ts';
import { integersOf, openBench, randomSamples } from './make.ts';
import { displayP3 } from './profiles.ts';

let bench: ReturnType<typeof openBench>;
beforeAll(() => void (bench = openBench()));
afterAll(() => bench.close());

function layoutOf(width: number, height: number, channels: ChannelCount, bitDepth: 8 | 16): StreamLayout {
  const xmp = Buffer.from('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>');
  const iptc = Buffer.from([0x1c, 2, 120, 0, 2, 72, 105]);
  return {
    width,
    height,
    channels,
    bitDepth,
    dpi: 300,
    icc: channels >= 3 ? displayP3() : undefined,
    exif: exifBlock(1),
    iptc,
    xmp,
  };
}

/** Some noise and some slopes: rows that compress and rows that do not. */
function samplesOf(
  width: number,
  height: number,
  channels: number,
  bitDepth: 8 | 16,
): Uint8Array | Uint16Array {
  const samples = randomSamples(width * height * channels, bitDepth);
  for (let i = samples.length >> 1; i < samples.length; i++) samples[i] = i >> 3;
  return samples;
}

/** Sends rows in uneven helpings. */
async function write(
  name: string,
  layout: StreamLayout,
  samples: Uint8Array | Uint16Array,
  create: typeof createTiffWriter | typeof createPngWriter,
): Promise<string> {
  const file = bench.file(name);
  const handle = await open(file, 'w+');
  const sink = await create(handle, layout);
  const rowLength = layout.width * layout.channels;
  for (
    let row = 0, helping = 1;
    row < layout.height;
    row += helping, helping = (helping * 7 + 3) % 113 || 1
  ) {
    await sink.append(samples.subarray(row * rowLength, Math.min(layout.height, row + helping) * rowLength));
  }
  await sink.finish();
  await handle.close();
  return file;
}

const big: typeof createTiffWriter = (handle, layout) => createTiffWriter(handle, layout, 0);
const cases = ([1, 2, 3, 4] as const).flatMap((channels) =>
  ([8, 16] as const).flatMap((bitDepth) =>
    [
      { kind: 'png', create: createPngWriter },
      { kind: 'tiff', create: createTiffWriter },
      { kind: 'bigtiff', create: big },
    ].map((entry) => ({ ...entry, channels, bitDepth })),
  ),
);

describe('row by row writers', () => {
  it.each(cases)(
    '$kind of several strips, $channels channels, $bitDepth bit, reads back exactly',
    async ({ kind, create, channels, bitDepth }) => {
      const [width, height] = [611, 1203];
      const layout = layoutOf(width, height, channels, bitDepth);
      const samples = samplesOf(width, height, channels, bitDepth);
      const file = await write(`${kind}-${channels}-${bitDepth}`, layout, samples, create);
      const { image, metadata } = await openPhoto(file, { store: bench.store });
      expect(metadata).toMatchObject({ width, height, channels, bitDepth, notices: [] });
      expect(metadata.dpi).toBeCloseTo(300, 1);
      expect(metadata.icc === undefined ? undefined : Buffer.from(metadata.icc)).toEqual(layout.icc);
      expect(Buffer.from(metadata.xmp ?? [])).toEqual(layout.xmp);
      expect(Buffer.from(metadata.exif ?? []).includes('Kodakk')).toBe(true);
      if (kind !== 'png') expect(metadata.iptc).toEqual(layout.iptc);
      // The file's own integers, whatever the profile.
      const plain = await openPhoto(
        await write(`${kind}-plain`, { ...layout, icc: undefined }, samples, create),
        { store: bench.store },
      );
      const found = await integersOf(plain.image, bitDepth);
      expect(found.length).toBe(samples.length);
      expect(found.findIndex((value, i) => value !== samples[i])).toBe(-1);
      await Promise.all([image.dispose(), plain.image.dispose()]);
    },
  );
});
