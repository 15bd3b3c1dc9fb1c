/** Small ICC profiles made by hand, from published primaries adapted to D50 (Lindbloom) and curves. */
type Xyz = readonly [number, number, number];

function fixed(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(value * 65536));
  return bytes;
}

const tag = (signature: string, ...parts: Buffer[]): Buffer => {
  const data = Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.alloc(4), ...parts]);
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
};

export const xyzTag = (xyz: Xyz): Buffer => tag('XYZ ', ...xyz.map(fixed));

/** `curv` of one entry: a gamma in 8.8 fixed point. */
export function gammaTag(gamma: number): Buffer {
  const value = Buffer.alloc(6);
  value.writeUInt32BE(1, 0);
  value.writeUInt16BE(Math.round(gamma * 256), 4);
  return tag('curv', value);
}

/** `curv` with a table. */
export function tableTag(values: readonly number[]): Buffer {
  const value = Buffer.alloc(4 + values.length * 2);
  value.writeUInt32BE(values.length, 0);
  values.forEach((entry, i) => value.writeUInt16BE(entry, 4 + i * 2));
  return tag('curv', value);
}

export function parametricTag(type: number, params: readonly number[]): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  return tag('para', head, ...params.map(fixed));
}

export const srgbCurveTag = (): Buffer =>
  parametricTag(3, [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]);

export function nameTag(name: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(name.length + 1, 0);
  return tag('desc', head, Buffer.from(`${name}\0`, 'latin1'), Buffer.alloc(78));
}

/** A display profile with these tags. */
export function profile(
  space: 'RGB ' | 'GRAY' | 'CMYK',
  tags: Readonly<Record<string, Buffer>>,
  pcs = 'XYZ ',
): Buffer {
  const entries = Object.entries(tags);
  const directory = Buffer.alloc(4 + entries.length * 12);
  directory.writeUInt32BE(entries.length, 0);
  let at = 128 + directory.length;
  entries.forEach(([name, data], i) => {
    directory.write(name, 4 + i * 12, 'latin1');
    directory.writeUInt32BE(at, 8 + i * 12);
    directory.writeUInt32BE(data.length, 12 + i * 12);
    at += data.length;
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(at, 0);
  header.writeUInt32BE(0x02400000, 8);
  header.write(`mntr${space}${pcs}`, 12, 'latin1');
  header.writeUInt16BE(2020, 24);
  header.writeUInt16BE(1, 26);
  header.writeUInt16BE(1, 28);
  header.write('acsp', 36, 'latin1');
  [0.9642, 1, 0.8249].forEach((value, i) => fixed(value).copy(header, 68 + i * 4));
  return Buffer.concat([header, directory, ...entries.map(([, data]) => data)]);
}

function rgbProfile(name: string, curve: Buffer, red: Xyz, green: Xyz, blue: Xyz): Buffer {
  return profile('RGB ', {
    desc: nameTag(name),
    wtpt: xyzTag([0.9642, 1, 0.8249]),
    rXYZ: xyzTag(red),
    gXYZ: xyzTag(green),
    bXYZ: xyzTag(blue),
    rTRC: curve,
    gTRC: curve,
    bTRC: curve,
  });
}

export const displayP3 = (): Buffer =>
  rgbProfile(
    'Display P3',
    srgbCurveTag(),
    [0.51512, 0.2412, -0.00105],
    [0.29198, 0.69225, 0.04189],
    [0.1571, 0.06657, 0.78407],
  );

export const adobeRgb = (): Buffer =>
  rgbProfile(
    'Adobe RGB (1998)',
    gammaTag(2.19921875),
    [0.60974, 0.31111, 0.01947],
    [0.20528, 0.62567, 0.06087],
    [0.14919, 0.06322, 0.74457],
  );

export const proPhoto = (): Buffer =>
  rgbProfile(
    'ProPhoto RGB',
    gammaTag(1.8),
    [0.79767, 0.28804, 0],
    [0.13519, 0.71188, 0],
    [0.03134, 0.00009, 0.82491],
  );

/** Like camera makers' sRGB: a table of 1024 points. */
export const tableSrgb = (): Buffer => {
  const linear = (x: number) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  const curve = tableTag(Array.from({ length: 1024 }, (_, i) => Math.round(linear(i / 1023) * 65535)));
  return rgbProfile(
    'sRGB IEC61966-2.1',
    curve,
    [0.43607, 0.22249, 0.01392],
    [0.38515, 0.71687, 0.09708],
    [0.14307, 0.06061, 0.7141],
  );
};

export const grayGamma22 = (): Buffer =>
  profile('GRAY', {
    desc: nameTag('Gray Gamma 2.2'),
    wtpt: xyzTag([0.9642, 1, 0.8249]),
    kTRC: gammaTag(2.2),
  });
