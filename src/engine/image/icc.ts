import { gammaCurve, parametricCurve, tableCurve, type ToneCurve } from './tone-curve.ts';

/** Three rows of three numbers, row by row. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

/** What Heirloom can do with an ICC profile. */
export type IccProfile =
  | {
      readonly kind: 'matrix';
      readonly name: string;
      readonly curves: readonly [ToneCurve, ToneCurve, ToneCurve];
      /** Device RGB (linear) to XYZ D50. */ readonly toXyz: Matrix3;
    }
  | { readonly kind: 'gray'; readonly name: string; readonly curve: ToneCurve }
  /** Tables, or a color space without a simple formula: left to the color engine of libvips. */
  | { readonly kind: 'table'; readonly name: string; readonly space: string };

const maxTags = 200;
const maxCurvePoints = 65536;

/**
 * Reads an ICC profile (ICC.1:2022, versions 2 and 4).
 *
 * @returns undefined if it is damaged; never throws, whatever the bytes.
 */
export function parseIcc(bytes: Uint8Array): IccProfile | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < 132 || data.toString('latin1', 36, 40) !== 'acsp') return undefined;
  const count = data.readUInt32BE(128);
  if (count > maxTags || 132 + count * 12 > data.length) return undefined;
  const tags = new Map<string, Buffer>();
  for (let i = 0; i < count; i++) {
    const entry = 132 + i * 12;
    const offset = data.readUInt32BE(entry + 4);
    const size = data.readUInt32BE(entry + 8);
    if (offset + size <= data.length)
      tags.set(data.toString('latin1', entry, entry + 4), data.subarray(offset, offset + size));
  }
  const name = readName(tags.get('desc'));
  const space = data.toString('latin1', 16, 20).trim();
  const pcs = data.toString('latin1', 20, 24).trim();
  const table = { kind: 'table', name, space } as const;
  if (tags.has('A2B0') || tags.has('D2B0')) return table;
  if (space === 'GRAY') {
    const curve = readCurve(tags.get('kTRC'));
    return curve === undefined || pcs !== 'XYZ' ? table : { kind: 'gray', name, curve };
  }
  if (space !== 'RGB' || pcs !== 'XYZ') return table;
  const curves = [
    readCurve(tags.get('rTRC')),
    readCurve(tags.get('gTRC')),
    readCurve(tags.get('bTRC')),
  ] as const;
  const [red, green, blue] = [
    readXyz(tags.get('rXYZ')),
    readXyz(tags.get('gXYZ')),
    readXyz(tags.get('bXYZ')),
  ];
  const [r, g, b] = curves;
  if (!red || !green || !blue || !r || !g || !b) return table;
  const toXyz: Matrix3 = [red[0], green[0], blue[0], red[1], green[1], blue[1], red[2], green[2], blue[2]];
  return { kind: 'matrix', name, curves: [r, g, b], toXyz };
}

const fixed = (data: Buffer, at: number): number => data.readInt32BE(at) / 65536;

function readXyz(tag: Buffer | undefined): readonly [number, number, number] | undefined {
  if (tag === undefined || tag.length < 20 || tag.toString('latin1', 0, 4) !== 'XYZ ') return undefined;
  return [fixed(tag, 8), fixed(tag, 12), fixed(tag, 16)];
}

function readCurve(tag: Buffer | undefined): ToneCurve | undefined {
  if (tag === undefined || tag.length < 12) return undefined;
  const type = tag.toString('latin1', 0, 4);
  if (type === 'para') {
    const functionType = tag.readUInt16BE(8);
    const length = [1, 3, 4, 5, 7][functionType];
    if (length === undefined || tag.length < 12 + 4 * length) return undefined;
    return parametricCurve(
      functionType,
      Array.from({ length }, (_, i) => fixed(tag, 12 + 4 * i)),
    );
  }
  if (type !== 'curv') return undefined;
  const points = tag.readUInt32BE(8);
  if (points === 0) return gammaCurve(1);
  if (points > maxCurvePoints || tag.length < 12 + 2 * points) return undefined;
  if (points === 1) {
    const gamma = tag.readUInt16BE(12) / 256;
    return gamma > 0 ? gammaCurve(gamma) : undefined;
  }
  return tableCurve(Float64Array.from({ length: points }, (_, i) => tag.readUInt16BE(12 + 2 * i) / 65535));
}

/** The profile's own name, from `desc` (version 2) or `mluc` (version 4) text; empty if there is none. */
function readName(tag: Buffer | undefined): string {
  if (tag === undefined || tag.length < 12) return '';
  const type = tag.toString('latin1', 0, 4);
  let text = '';
  if (type === 'desc') {
    text = tag.toString('latin1', 12, Math.min(tag.length, 12 + tag.readUInt32BE(8)));
  } else if (type === 'mluc' && tag.length >= 28 && tag.readUInt32BE(8) > 0) {
    const from = tag.readUInt32BE(24);
    const to = Math.min(tag.length, from + tag.readUInt32BE(20));
    for (let at = from; at + 1 < to; at += 2) text += String.fromCharCode(tag.readUInt16BE(at));
  }
  // Names come from files and are shown.
  return text
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .trim()
    .slice(0, 100);
}
