const photoshopSignature = 'Photoshop 3.0\0';
const iptcResource = 0x0404;

/**
 * The IPTC-IIM records in what a decoder calls IPTC: bare, or in Photoshop image resources ("8BIM") as JPEG carries them.
 *
 * @returns undefined if there are none; never throws.
 */
export function extractIptc(block: Uint8Array): Buffer | undefined {
  const data = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (data[0] === 0x1c) return data;
  let at =
    data.toString('latin1', 0, photoshopSignature.length) === photoshopSignature
      ? photoshopSignature.length
      : 0;
  while (at + 12 <= data.length && data.toString('latin1', at, at + 4) === '8BIM') {
    const id = data.readUInt16BE(at + 4);
    // A Pascal string, its length byte included padded to even.
    const nameBytes = (data[at + 6]! + 2) & ~1;
    const sizeAt = at + 6 + nameBytes;
    if (sizeAt + 4 > data.length) return undefined;
    const sizeBytes = data.readUInt32BE(sizeAt);
    if (sizeAt + 4 + sizeBytes > data.length) return undefined;
    if (id === iptcResource) return data.subarray(sizeAt + 4, sizeAt + 4 + sizeBytes);
    at = sizeAt + 4 + sizeBytes + (sizeBytes % 2);
  }
  return undefined;
}

/** IPTC-IIM records as a Photoshop image resource, the form JPEG carries. */
export function wrapIptc(records: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.write('8BIM', 0, 'latin1');
  head.writeUInt16BE(iptcResource, 4);
  head.writeUInt32BE(records.length, 8);
  return Buffer.concat([
    Buffer.from(photoshopSignature, 'latin1'),
    head,
    records,
    Buffer.alloc(records.length % 2),
  ]);
}
