import type { Screen } from './measure-screen.ts';

/** Changes the spectrum of a block of two real planes in place. */
export type ScreenGain = (real: Float64Array, imaginary: Float64Array) => void;

/** Up to this share of the screen's frequency nothing is touched: tones and forms live there. */
const keptShare = 0.5;
/** From there to this share the notches fade in. */
const fullShare = 0.75;
/** Around each frequency of the grid, as a share of the screen's own: dots that grow and shrink with the tones spread that far. */
const notchShare = 0.3;
/** Amplitudes this many times those of their surroundings are an edge, not the paper's grain. */
const edgeRatio = 6;

/**
 * What to hold back in a block: at the grid's frequencies and their sums, everything above the level of their surroundings; beyond the
 * screen's own frequency, what does not stand out as an edge, by `smooth`.
 *
 * @param side of the block.
 */
export function createScreenGain(
  side: number,
  { periodPx, angleDeg }: Pick<Screen, 'periodPx' | 'angleDeg'>,
  smooth: number,
): ScreenGain {
  const half = side / 2;
  const frequency = side / periodPx;
  const angle = (angleDeg * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle) * frequency, Math.sin(angle) * frequency];
  /** How far each frequency is to be brought down to its surroundings, 0 to 1, and whether it is one of them. */
  const notch = new Float64Array(side * side);
  const fine = new Float64Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [u, v] = [column < half ? column : column - side, row < half ? row : row - side];
      const share = Math.hypot(u, v) / frequency;
      const fade = Math.min(1, Math.max(0, (share - keptShare) / (fullShare - keptShare)));
      // In units of the grid: (1, 0) and (0, 1) are the screen's two frequencies.
      const [p, q] = [(u * cosine + v * sine) / frequency ** 2, (v * cosine - u * sine) / frequency ** 2];
      const [nearP, nearQ] = [Math.round(p), Math.round(q)];
      const distance = nearP === 0 && nearQ === 0 ? Infinity : Math.hypot(p - nearP, q - nearQ) / notchShare;
      const i = row * side + column;
      notch[i] = fade * Math.exp(-(distance ** 4));
      fine[i] = share > 1 ? smooth : smooth * Math.max(0, (share - fullShare) / (1 - fullShare));
    }
  }
  const rings = Int32Array.from({ length: side * side }, (_, i) => {
    const [u, v] = [(i % side) - (i % side < half ? 0 : side), Math.floor(i / side)];
    return Math.round(Math.hypot(u, v < half ? v : v - side));
  });
  const ringCount = rings.reduce((most, ring) => Math.max(most, ring), 0) + 1;
  const power = new Float64Array(side * side);
  return (real, imaginary) => {
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const i = row * side + column;
        const mirrored = ((side - row) % side) * side + ((side - column) % side);
        // Of both planes together, and so the same for a frequency and its negative: the planes do not mix.
        power[i] =
          (real[i]! ** 2 + imaginary[i]! ** 2 + real[mirrored]! ** 2 + imaginary[mirrored]! ** 2) / 2;
      }
    }
    const floor = floors(power, rings, ringCount, notch);
    for (let i = 1; i < power.length; i++) {
      if (notch[i]! < 1e-3 && fine[i] === 0) continue;
      const level = floor[rings[i]!]!;
      const above = level / (power[i]! + 1e-30);
      const held = above < 1 ? Math.sqrt(above) : 1;
      const asEdge = Math.min(1, 1 / (above * edgeRatio ** 2 + 1e-30));
      const gain = (1 - notch[i]! * (1 - held)) * (1 - fine[i]! * (1 - (notch[i]! > 0.5 ? 0 : asEdge)));
      real[i]! *= gain;
      imaginary[i]! *= gain;
    }
  };
}

/** Per distance from the middle the geometric mean of the power of what is no notch; rings without any take their neighbor's. */
function floors(
  power: Float64Array,
  rings: Int32Array,
  ringCount: number,
  notch: Float64Array,
): Float64Array {
  const sums = new Float64Array(ringCount);
  const counts = new Float64Array(ringCount);
  for (let i = 0; i < power.length; i++) {
    if (notch[i]! >= 0.3) continue;
    const ring = rings[i]!;
    sums[ring]! += Math.log(power[i]! + 1e-30);
    counts[ring]!++;
  }
  for (let ring = 0; ring < ringCount; ring++)
    sums[ring] = counts[ring] === 0 ? sums[Math.max(0, ring - 1)]! : Math.exp(sums[ring]! / counts[ring]!);
  return sums;
}
