import type { DamageMap } from './damage-map.ts';

/**
 * Takes over into `map` what `found`, a map of the same picture at any size, says more strongly: bilinear, in place. Kinds are matched by
 * name; those that `map` does not know are left out.
 *
 * @param doubt how much more 1 − p counts in `found`: its probability p becomes 1 − (1 + doubt)(1 − p).
 */
export function raiseMap(map: DamageMap, found: DamageMap, doubt = 0): void {
  const kinds = found.kinds.map((kind) => map.kinds.indexOf(kind));
  const doubted = Uint8Array.from({ length: 256 }, (_, value) =>
    Math.max(0, Math.round(255 - (1 + doubt) * (255 - value))),
  );
  const across = placesOf(map.width, found.width);
  const down = placesOf(map.height, found.height);
  for (let y = 0; y < map.height; y++) {
    const top = down.first[y]! * found.width;
    const bottom = down.second[y]! * found.width;
    const fromBottom = down.share[y]!;
    for (let x = 0; x < map.width; x++) {
      const left = across.first[x]!;
      const right = across.second[x]!;
      const [a, b] = [found.probability[top + left]!, found.probability[top + right]!];
      const [c, d] = [found.probability[bottom + left]!, found.probability[bottom + right]!];
      if ((a | b | c | d) === 0) continue;
      const upper = a + across.share[x]! * (b - a);
      const lower = c + across.share[x]! * (d - c);
      const value = doubted[Math.round(upper + fromBottom * (lower - upper))]!;
      const i = y * map.width + x;
      if (value <= map.probability[i]!) continue;
      const nearest = (fromBottom < 0.5 ? top : bottom) + (across.share[x]! < 0.5 ? left : right);
      const kind = kinds[found.kind[nearest]!]!;
      if (kind < 0) continue;
      map.probability[i] = value;
      map.kind[i] = kind;
    }
  }
}

/** For each of `to` pixels the two of `from` it lies between, and how near it is to the second. */
function placesOf(
  to: number,
  from: number,
): { readonly first: Int32Array; readonly second: Int32Array; readonly share: Float32Array } {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    first[i] = Math.floor(at);
    second[i] = Math.min(from - 1, first[i]! + 1);
    share[i] = at - first[i]!;
  }
  return { first, second, share };
}
