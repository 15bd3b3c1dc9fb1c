import { type DamageMap, evidenceStep } from './damage-map.ts';

/**
 * Takes over into `map` what `found`, a map of the same picture at any size, says more strongly: bilinear, in place. Kinds are matched by
 * name; those that `map` does not know are left out.
 *
 * @param doubt by how much, in log-odds, what `found` says counts less.
 * @param keepFrom evidence from which what `map` says of another kind stays as it is.
 */
export function raiseMap(
  map: DamageMap,
  found: DamageMap,
  { doubt = 0, keepFrom = 256 }: { readonly doubt?: number; readonly keepFrom?: number } = {},
): void {
  const kinds = found.kinds.map((kind) => map.kinds.indexOf(kind));
  const less = Math.round(doubt * evidenceStep);
  const across = placesOf(map.width, found.width);
  const down = placesOf(map.height, found.height);
  for (let y = 0; y < map.height; y++) {
    const top = down.first[y]! * found.width;
    const bottom = down.second[y]! * found.width;
    const fromBottom = down.share[y]!;
    for (let x = 0; x < map.width; x++) {
      const left = across.first[x]!;
      const right = across.second[x]!;
      const [a, b] = [found.evidence[top + left]!, found.evidence[top + right]!];
      const [c, d] = [found.evidence[bottom + left]!, found.evidence[bottom + right]!];
      if ((a | b | c | d) === 0) continue;
      const upper = a + across.share[x]! * (b - a);
      const lower = c + across.share[x]! * (d - c);
      const value = Math.round(upper + fromBottom * (lower - upper)) - less;
      const i = y * map.width + x;
      if (value <= map.evidence[i]!) continue;
      const nearest = (fromBottom < 0.5 ? top : bottom) + (across.share[x]! < 0.5 ? left : right);
      const kind = kinds[found.kind[nearest]!]!;
      if (kind < 0 || (map.evidence[i]! >= keepFrom && map.kind[i] !== kind)) continue;
      map.evidence[i] = value;
      map.kind[i] = kind;
    }
  }
}

/** For each of `to` pixels the two of `from` it lies between, and how near it is to the second. */
export function placesOf(
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
