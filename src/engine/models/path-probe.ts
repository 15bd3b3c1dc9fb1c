import { resampleArray } from '../image/resample.ts';
import type { ModelChoice, ModelHub } from './model-hub.ts';
import { seededNumbers } from './seeded-numbers.ts';
import type { Pixels } from './tile-tensors.ts';

const sidePx = 48;
/** Share of what the ends add to a plain enlargement that may go missing (or wrong) half way between them. */
const toleratedShare = 0.5;
const toleratedRms = 0.004;

/**
 * Whether the middle of the path between two networks still is a network: unrelated weights of the same shapes average to something that is neither.
 *
 * A textured patch goes through α = 0, ½ and 1. Along a sound path the middle is close to the mean of the ends; along a broken one, most of what both add to a
 * plain bicubic enlargement is lost.
 *
 * @returns a sentence of warning, or undefined when the path looks sound.
 */
export async function probePath(hub: ModelHub, id: string, partner: string): Promise<string | undefined> {
  const patch = texturedPatch();
  const at = async (alpha: number): Promise<Pixels> => {
    const choice: ModelChoice = { id, partner, alpha };
    return (await hub.open(choice)).once(patch);
  };
  const [a, middle, b] = [await at(0), await at(0.5), await at(1)];
  const mean = a.data.map((value, i) => (value + (b.data[i] as number)) / 2);
  const plain = resampleArray({ width: sidePx, height: sidePx, channels: 3, pixels: patch.data }, a.width, a.height, 'bicubic').pixels;
  const astray = rms(middle.data, mean);
  const added = rms(mean, plain);
  if (astray <= toleratedShare * added + toleratedRms) return undefined;
  return `These two networks fit together in shape, but half way between them the result breaks down (${Math.round((100 * astray) / Math.max(added, 1e-6))} % of what they do to a picture goes wrong): they were probably not trained from one another.`;
}

/** Fine texture, edges and a ramp, in color: a white or flat patch would pass through almost any network. */
function texturedPatch(): Pixels {
  const numbers = seededNumbers(11);
  const data = new Float32Array(sidePx * sidePx * 3);
  for (let y = 0; y < sidePx; y++) {
    for (let x = 0; x < sidePx; x++) {
      const stripes = 0.5 + 0.25 * Math.sin(x * 1.3 + y * 0.7);
      const edge = (x > sidePx / 2) === y > sidePx / 3 ? 0.15 : -0.15;
      for (let channel = 0; channel < 3; channel++) {
        const value = stripes + edge + (0.1 * (channel * x)) / sidePx + 0.1 * (numbers() - 0.5);
        data[(y * sidePx + x) * 3 + channel] = Math.min(1, Math.max(0, value));
      }
    }
  }
  return { data, width: sidePx, height: sidePx, channels: 3 };
}

function rms(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(sum / a.length);
}
