import { crc32, deflateSync } from 'node:zlib';

/** A PNG with this profile, its pixels untouched. */
export function pngWithIcc(png: Buffer, icc: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('iCCPtest\0\0', 'latin1'), deflateSync(icc)]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(checksum(body), body.length + 4);
  // After the signature and the IHDR chunk.
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

/** zlib.crc32 came with Node 20.15. */
function checksum(data: Buffer): number {
  return crc32(data);
}

/** A JPEG with another segment behind its start marker. */
export function jpegWithSegment(jpeg: Buffer, marker: number, body: Buffer): Buffer {
  const segment = Buffer.alloc(4);
  segment.writeUInt16BE(0xff00 + marker, 0);
  segment.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), segment, body, jpeg.subarray(2)]);
}

export function jpegWithIcc(jpeg: Buffer, icc: Buffer): Buffer {
  return jpegWithSegment(
    jpeg,
    0xe2,
    Buffer.concat([Buffer.from('ICC_PROFILE\0\u0001\u0001', 'latin1'), icc]),
  );
}

type Field = readonly [tag: number, type: 1 | 2 | 3 | 4 | 5 | 7, values: readonly number[] | string | Buffer];

/** An uncompressed little-endian TIFF of one strip a page, with exactly these fields besides those of the strip. */
export function tiff(
  ...pages: readonly { readonly fields: readonly Field[]; readonly pixels: Uint8Array }[]
): Buffer {
  const parts: Buffer[] = [Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0])];
  let at = 8;
  const push = (data: Buffer): number => {
    const padded = data.length % 2 === 0 ? data : Buffer.concat([data, Buffer.alloc(1)]);
    parts.push(padded);
    at += padded.length;
    return at - padded.length;
  };
  let link: { readonly part: Buffer; readonly at: number } = { part: parts[0]!, at: 4 };
  for (const { fields, pixels } of pages) {
    const strip = push(Buffer.from(pixels));
    const all: Field[] = [...fields, [273, 4, [strip]], [279, 4, [pixels.length]]];
    const encoded = all
      .sort((a, b) => a[0] - b[0])
      .map(([tag, type, values]) => {
        const value = fieldBytes(type, values);
        const count =
          typeof values === 'string'
            ? values.length + 1
            : Buffer.isBuffer(values)
              ? values.length
              : values.length / (type === 5 ? 2 : 1);
        return {
          tag,
          type,
          count,
          inline: value.length <= 4 ? value : undefined,
          offset: value.length <= 4 ? 0 : push(value),
        };
      });
    const directory = Buffer.alloc(2 + encoded.length * 12 + 4);
    directory.writeUInt16LE(encoded.length, 0);
    encoded.forEach((entry, i) => {
      const to = 2 + i * 12;
      directory.writeUInt16LE(entry.tag, to);
      directory.writeUInt16LE(entry.type, to + 2);
      directory.writeUInt32LE(entry.count, to + 4);
      if (entry.inline === undefined) directory.writeUInt32LE(entry.offset, to + 8);
      else entry.inline.copy(directory, to + 8);
    });
    link.part.writeUInt32LE(push(directory), link.at);
    link = { part: parts.at(-1)!, at: directory.length - 4 };
  }
  return Buffer.concat(parts);
}

function fieldBytes(type: number, values: readonly number[] | string | Buffer): Buffer {
  if (typeof values === 'string') return Buffer.from(`${values}\0`, 'latin1');
  if (Buffer.isBuffer(values)) return values;
  const size = type === 3 ? 2 : type === 4 || type === 5 ? 4 : 1;
  const bytes = Buffer.alloc(values.length * size);
  values.forEach((value, i) =>
    size === 4
      ? bytes.writeUInt32LE(value, i * 4)
      : size === 2
        ? bytes.writeUInt16LE(value, i * 2)
        : bytes.writeUInt8(value, i),
  );
  return bytes;
}

/** Fields of an image of this kind: width, height, bits, no compression, photometric, samples per pixel, sample format. */
export function tiffFields(
  width: number,
  height: number,
  samples: number,
  bits: number,
  photometric: number,
  format = 1,
): Field[] {
  return [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, Array.from({ length: samples }, () => bits)],
    [259, 3, [1]],
    [262, 3, [photometric]],
    [277, 3, [samples]],
    [278, 4, [height]],
    [339, 3, Array.from({ length: samples }, () => format)],
  ];
}

/** An EXIF block as JPEG carries it: big-endian, orientation, size, resolution 300, a maker and a lens, and a thumbnail directory. */
export function exifBlock(orientation: number): Buffer {
  const data = Buffer.alloc(200);
  data.write('MM\0*\0\0\0\u0008', 0, 'latin1');
  const entry = (at: number, tag: number, type: number, count: number, value: number) => {
    data.writeUInt16BE(tag, at);
    data.writeUInt16BE(type, at + 2);
    data.writeUInt32BE(count, at + 4);
    if (type === 3) data.writeUInt16BE(value, at + 8);
    else data.writeUInt32BE(value, at + 8);
  };
  data.writeUInt16BE(6, 8);
  entry(10, 0x010f, 2, 8, 140);
  entry(22, 0x0112, 3, 1, orientation);
  entry(34, 0x011a, 5, 1, 150);
  entry(46, 0x011b, 5, 1, 150);
  entry(58, 0x0128, 3, 1, 2);
  entry(70, 0x8769, 4, 1, 90);
  data.writeUInt32BE(170, 82);
  data.writeUInt16BE(3, 90);
  entry(92, 0xa002, 4, 1, 999);
  entry(104, 0xa003, 3, 1, 888);
  entry(116, 0xa434, 2, 4, 0);
  data.write('Len\0', 124, 'latin1');
  data.write('Kodakk\0\0', 140, 'latin1');
  data.writeUInt32BE(300, 150);
  data.writeUInt32BE(1, 154);
  data.writeUInt16BE(1, 170);
  entry(172, 0x0103, 3, 1, 6);
  return data;
}
