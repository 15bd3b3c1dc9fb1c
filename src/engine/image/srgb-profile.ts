/** XYZ of D50 and of the sRGB primaries adapted to it, as in every sRGB profile (ICC.1:2022; s15Fixed16). */
const whiteD50 = [0.9642, 1, 0.8249] as const;
const primaries = {
  rXYZ: [0.4360747, 0.2225045, 0.0139322],
  gXYZ: [0.3850649, 0.7168786, 0.0971045],
  bXYZ: [0.1430804, 0.0606169, 0.7141733],
} as const;

function fixed(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(value * 65536));
  return bytes;
}

function typed(signature: string, ...parts: readonly Buffer[]): Buffer {
  const data = Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.alloc(4), ...parts]);
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}

function text(value: string): Buffer {
  const header = Buffer.alloc(20);
  [1, 12, 0, value.length * 2, 28].forEach((number, i) => header.writeUInt32BE(number, i * 4));
  header.write('enUS', 8, 'latin1');
  const utf16 = Buffer.from(value, 'utf16le').swap16();
  return typed('mluc', header, utf16);
}

/** The sRGB transfer curve as a parametric curve of type 3 (IEC 61966-2-1). */
function srgbCurve(): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(3, 0);
  return typed('para', head, ...[2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045].map(fixed));
}

/** A version 4 display profile of sRGB, or of gray with sRGB's transfer curve, to embed in files. */
export function srgbProfile(channels: 1 | 3): Buffer {
  const curve = srgbCurve();
  const tags: (readonly [string, Buffer])[] = [
    ['desc', text(channels === 3 ? 'sRGB' : 'Gray with sRGB curve')],
    ['cprt', text('CC0')],
    ['wtpt', typed('XYZ ', ...whiteD50.map(fixed))],
  ];
  if (channels === 3) {
    for (const [name, xyz] of Object.entries(primaries)) tags.push([name, typed('XYZ ', ...xyz.map(fixed))]);
    tags.push(['rTRC', curve], ['gTRC', curve], ['bTRC', curve]);
  } else {
    tags.push(['kTRC', curve]);
  }
  const directory = Buffer.alloc(4 + tags.length * 12);
  directory.writeUInt32BE(tags.length, 0);
  const bodies: Buffer[] = [];
  const placed = new Map<Buffer, number>();
  let at = 128 + directory.length;
  tags.forEach(([name, data], i) => {
    let offset = placed.get(data);
    if (offset === undefined) {
      offset = at;
      placed.set(data, offset);
      bodies.push(data);
      at += data.length;
    }
    directory.write(name, 4 + i * 12, 'latin1');
    directory.writeUInt32BE(offset, 8 + i * 12);
    directory.writeUInt32BE(data.length, 12 + i * 12);
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(at, 0);
  header.writeUInt32BE(0x04300000, 8);
  header.write(`mntr${channels === 3 ? 'RGB ' : 'GRAY'}XYZ `, 12, 'latin1');
  [2026, 1, 1].forEach((value, i) => header.writeUInt16BE(value, 24 + i * 2));
  header.write('acsp', 36, 'latin1');
  Buffer.concat(whiteD50.map(fixed)).copy(header, 68);
  return Buffer.concat([header, directory, ...bodies]);
}
