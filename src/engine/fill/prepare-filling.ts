import type { HoleFiller } from './fill-hole.ts';
import type { FillNetwork } from './fill-network.ts';

/** Large enough for every size of patches, small enough to be done before the first stroke is. */
const sidePx = 128;
const holePx = 32;

/**
 * Fills a hole nobody sees, so that the first one somebody waits for finds the network loaded and the thread running.
 *
 * @throws HeirloomError whatever the network or the thread throws.
 */
export async function prepareFilling(
  network: FillNetwork | undefined,
  filler: HoleFiller | undefined,
): Promise<void> {
  const hole = new Uint8Array(sidePx ** 2);
  const from = (sidePx - holePx) / 2;
  for (let y = from; y < from + holePx; y++) hole.fill(1, y * sidePx + from, y * sidePx + from + holePx);
  const pixels = Float32Array.from({ length: 3 * hole.length }, (_, i) => 0.5 + 0.2 * Math.sin(i));
  await Promise.all([
    network?.predict(pixels, hole, sidePx, sidePx),
    filler?.({ width: sidePx, height: sidePx, channels: 3, pixels, hole }, { method: 'exemplar', seed: 1 }),
  ]);
}
