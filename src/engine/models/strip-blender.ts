import type { ImageWriter } from '../image/image.ts';
import type { Pixels } from './tile-tensors.ts';
import { shareOf, type TilePlan, type TileShare } from './tiling.ts';

/**
 * Puts tile results together from left to right and top to bottom and hands finished rows to a writer: only one strip of tiles (and the rows shared with
 * the next) is held in memory.
 */
export class StripBlender {
  readonly #writer: ImageWriter;
  readonly #plan: TilePlan;
  readonly #scale: number;
  readonly #columns: readonly TileShare[];
  readonly #rows: readonly TileShare[];
  #strip = new Float32Array(0);

  constructor(writer: ImageWriter, plan: TilePlan, input: { readonly width: number; readonly height: number }, scale: number) {
    this.#writer = writer;
    this.#plan = plan;
    this.#scale = scale;
    this.#columns = plan.columns.map((span) => shareOf(span, input.width, scale, plan.featherPx));
    this.#rows = plan.rows.map((span) => shareOf(span, input.height, scale, plan.featherPx));
  }

  /** Adds the output of tile number `index` (row by row); `pixels` covers what the tile read, times the scale. */
  async add(index: number, pixels: Pixels): Promise<void> {
    const { columns } = this.#plan;
    const columnIndex = index % columns.length;
    const rowIndex = Math.floor(index / columns.length);
    if (columnIndex === 0) this.#openStrip(rowIndex);
    this.#accumulate(rowIndex, columnIndex, pixels);
    if (columnIndex === columns.length - 1) await this.#closeStrip(rowIndex);
  }

  get #rowLength(): number {
    return this.#writer.width * this.#writer.channels;
  }

  /** A fresh strip that begins with the rows the strip above has in common with it. */
  #openStrip(rowIndex: number): void {
    const share = this.#rows[rowIndex] as TileShare;
    const next = new Float32Array(share.weights.length * this.#rowLength);
    const above = this.#rows[rowIndex - 1];
    if (above !== undefined) {
      const shared = above.from + above.weights.length - share.from;
      next.set(this.#strip.subarray(this.#strip.length - shared * this.#rowLength));
    }
    this.#strip = next;
  }

  #accumulate(rowIndex: number, columnIndex: number, pixels: Pixels): void {
    const row = this.#rows[rowIndex] as TileShare;
    const column = this.#columns[columnIndex] as TileShare;
    const offsetY = row.from - (this.#plan.rows[rowIndex]?.from ?? 0) * this.#scale;
    const offsetX = column.from - (this.#plan.columns[columnIndex]?.from ?? 0) * this.#scale;
    const { channels, data, width } = pixels;
    const strip = this.#strip;
    if (this.#plan.featherPx === 0) {
      // Nothing overlaps: whole rows are copied.
      const length = column.weights.length * channels;
      for (let y = 0; y < row.weights.length; y++) {
        const source = ((y + offsetY) * width + offsetX) * channels;
        strip.set(data.subarray(source, source + length), y * this.#rowLength + column.from * channels);
      }
      return;
    }
    for (let y = 0; y < row.weights.length; y++) {
      const weightY = row.weights[y] as number;
      let target = y * this.#rowLength + column.from * channels;
      let source = ((y + offsetY) * width + offsetX) * channels;
      for (let x = 0; x < column.weights.length; x++) {
        const weight = weightY * (column.weights[x] as number);
        for (let channel = 0; channel < channels; channel++, target++, source++) {
          strip[target] = weight === 1 ? (data[source] as number) : (strip[target] as number) + weight * (data[source] as number);
        }
      }
    }
  }

  /** Rows that no later strip touches are finished. */
  async #closeStrip(rowIndex: number): Promise<void> {
    const share = this.#rows[rowIndex] as TileShare;
    const next = this.#rows[rowIndex + 1];
    const finished = (next?.from ?? share.from + share.weights.length) - share.from;
    await this.#writer.append(this.#strip.subarray(0, finished * this.#rowLength));
  }
}
