import type { ImageInfo } from '../../shared/contract.ts';
import type { Rect, Size } from './viewport.ts';

/** One tile of an image's pyramid; level 0 is full size, every further level half of the one before. */
export interface TileAddress {
  readonly image: string;
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

type Pyramid = Pick<ImageInfo, 'id' | 'width' | 'height' | 'tilePx' | 'levels'>;

export function tileKey(tile: TileAddress): string {
  return `${tile.image}/${tile.level}/${tile.column}/${tile.row}`;
}

/** Pixels of a level. */
export function levelSize(image: Size, level: number): Size {
  const side = (length: number): number => Math.max(1, Math.ceil(length / 2 ** level));
  return { width: side(image.width), height: side(image.height) };
}

/** The coarsest level that still has a pixel for every device pixel at `zoom` (device pixels per image pixel). */
export function levelFor(zoom: number, levels: number): number {
  const level = Math.floor(Math.log2(1 / zoom) + 1e-6);
  return Math.min(Math.max(0, levels - 1), Math.max(0, level));
}

/** Columns and rows of tiles at a level. */
export function tileCounts(
  image: Pyramid,
  level: number,
): { readonly columns: number; readonly rows: number } {
  const size = levelSize(image, level);
  return { columns: Math.ceil(size.width / image.tilePx), rows: Math.ceil(size.height / image.tilePx) };
}

/** The tiles of a level that touch `part` (image pixels), the ones nearest to its middle first. */
export function tilesIn(image: Pyramid, level: number, part: Rect): TileAddress[] {
  const { columns, rows } = tileCounts(image, level);
  const span = image.tilePx * 2 ** level;
  const clamp = (value: number, count: number): number => Math.min(count - 1, Math.max(0, Math.floor(value)));
  const left = clamp(part.x / span, columns);
  const right = clamp((part.x + part.width - 1e-6) / span, columns);
  const top = clamp(part.y / span, rows);
  const bottom = clamp((part.y + part.height - 1e-6) / span, rows);
  const middleX = (part.x + part.width / 2) / span - 0.5;
  const middleY = (part.y + part.height / 2) / span - 0.5;
  const tiles: TileAddress[] = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) tiles.push({ image: image.id, level, column, row });
  }
  const distance = (tile: TileAddress): number => Math.hypot(tile.column - middleX, tile.row - middleY);
  return tiles.sort((a, b) => distance(a) - distance(b));
}

/** The part of the image a tile covers, in image pixels, clipped to the image. */
export function tileRect(image: Pyramid, tile: TileAddress): Rect {
  const size = levelSize(image, tile.level);
  const scaleX = image.width / size.width;
  const scaleY = image.height / size.height;
  const x = tile.column * image.tilePx;
  const y = tile.row * image.tilePx;
  const width = Math.min(image.tilePx, size.width - x);
  const height = Math.min(image.tilePx, size.height - y);
  return { x: x * scaleX, y: y * scaleY, width: width * scaleX, height: height * scaleY };
}

/** The tile one level coarser that contains this one. */
export function parentTile(tile: TileAddress): TileAddress {
  return { image: tile.image, level: tile.level + 1, column: tile.column >> 1, row: tile.row >> 1 };
}

/** The up to four tiles one level finer that make this one. */
export function childTiles(image: Pyramid, tile: TileAddress): TileAddress[] {
  if (tile.level === 0) return [];
  const level = tile.level - 1;
  const { columns, rows } = tileCounts(image, level);
  const children: TileAddress[] = [];
  for (const row of [tile.row * 2, tile.row * 2 + 1]) {
    for (const column of [tile.column * 2, tile.column * 2 + 1]) {
      if (column < columns && row < rows) children.push({ image: tile.image, level, column, row });
    }
  }
  return children;
}
