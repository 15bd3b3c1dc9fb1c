/** Input pixels of context that a network gets around a part of a picture: its receptive field while that is affordable. */
export function contextPx(receptiveFieldPx: number): number {
  return receptiveFieldPx <= affordableMarginPx ? receptiveFieldPx : featheredMarginPx;
}

/** One tile along one axis, in input pixels. */
export interface TileSpan {
  /** What the network reads: the core grown by the margin, cut at the picture's borders. */
  readonly from: number;
  readonly to: number;
  /** What this tile answers for, with the feather on either side where it meets a neighbor. */
  readonly coreFrom: number;
  readonly coreTo: number;
}

/** How a picture is cut for a network. */
export interface TilePlan {
  /** Input pixels of context around each core. */
  readonly marginPx: number;
  /** Half width, in input pixels, of the linear cross-fade between neighbors; 0 when the margin covers the receptive field. */
  readonly featherPx: number;
  readonly columns: readonly TileSpan[];
  readonly rows: readonly TileSpan[];
}

export interface TileGeometry {
  readonly receptiveFieldPx: number;
  readonly sizeMultiple: number;
}

/** Beyond this margin the exact way costs more than it gives, and neighbors are cross-faded instead. */
const affordableMarginPx = 48;
const featheredMarginPx = 24;
const featherPx = 8;

/**
 * Cuts a picture into tiles of about `tilePx`.
 *
 * When the receptive field is at most 48 px, the margin covers it and the tiled result equals the untiled one up to rounding. Otherwise each tile sees 24 px around its
 * core and neighbors are cross-faded over 16 px.
 */
export function planTiles(width: number, height: number, tileWidthPx: number, tileHeightPx: number, geometry: TileGeometry): TilePlan {
  const { sizeMultiple, receptiveFieldPx } = geometry;
  const exact = receptiveFieldPx <= affordableMarginPx;
  const up = (value: number): number => Math.ceil(value / sizeMultiple) * sizeMultiple;
  const marginPx = up(contextPx(receptiveFieldPx));
  const axis = (length: number, tilePx: number): TileSpan[] => spans(length, up(Math.max(tilePx, 1)), marginPx, sizeMultiple);
  const columns = axis(width, tileWidthPx);
  const rows = axis(height, tileHeightPx);
  return { marginPx, featherPx: exact ? 0 : featherPx, columns, rows };
}

/** Equal cores, so that no sliver is left at the end; every border is a multiple of `multiple` except the picture's own. */
function spans(length: number, tilePx: number, marginPx: number, multiple: number): TileSpan[] {
  const count = Math.max(1, Math.ceil(length / tilePx));
  const core = Math.ceil(length / count / multiple) * multiple;
  const result: TileSpan[] = [];
  for (let coreFrom = 0; coreFrom < length; coreFrom += core) {
    const coreTo = Math.min(length, coreFrom + core);
    result.push({ coreFrom, coreTo, from: Math.max(0, coreFrom - marginPx), to: Math.min(length, coreTo + marginPx) });
  }
  return result;
}

/** The part of the output one tile contributes to along one axis, with its weights. */
export interface TileShare {
  /** First output pixel, in the whole picture. */
  readonly from: number;
  /** Weight of each output pixel from `from` on; the weights of all tiles sum to 1 everywhere. */
  readonly weights: Float32Array;
}

/** Shares of `span` among its neighbors, at `scale` output pixels per input pixel. */
export function shareOf(span: TileSpan, length: number, scale: number, feather: number): TileShare {
  const before = span.coreFrom === 0 ? 0 : feather;
  const after = span.coreTo === length ? 0 : feather;
  const from = (span.coreFrom - before) * scale;
  const to = (span.coreTo + after) * scale;
  const weights = new Float32Array(to - from).fill(1);
  const ramp = (half: number): number => 2 * half * scale;
  for (let i = 0; i < ramp(before); i++) weights[i] = (i + 0.5) / ramp(before);
  for (let i = 0; i < ramp(after); i++) weights[weights.length - 1 - i] = (i + 0.5) / ramp(after);
  return { from, weights };
}
