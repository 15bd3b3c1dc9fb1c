import type { ImageInfo } from '../../shared/contract.ts';
import { childTiles, levelFor, parentTile, type TileAddress, tileRect, tilesIn } from './pyramid.ts';
import { intersect, type Rect, toCanvas, type Viewport, visibleFrame } from './viewport.ts';

/** A picture laid over a part of the frame. */
export interface Layer {
  readonly image: ImageInfo;
  /** Where it lies, in frame pixels. */
  readonly place: Rect;
}

type Lookup = (tile: TileAddress) => ImageBitmap | undefined;

/** The tiles a layer needs to be sharp at this viewport, the middle first; and the coarsest one, which stands in until they are there. */
export function neededTiles(layer: Layer, viewport: Viewport): TileAddress[] {
  const seen = seenPart(layer, viewport);
  if (seen === undefined) return [];
  const { image } = layer;
  const last = Math.max(0, image.levels - 1);
  const level = layerLevel(layer, viewport);
  const fine = tilesIn(image, level, seen);
  return level === last ? fine : [...tilesIn(image, last, seen), ...fine];
}

/** Draws what of the layer is loaded: sharp tiles where they are there, finer or coarser ones in their place where not. */
export function paintLayer(
  canvas: CanvasRenderingContext2D,
  layer: Layer,
  viewport: Viewport,
  lookup: Lookup,
): void {
  const seen = seenPart(layer, viewport);
  if (seen === undefined) return;
  for (const tile of tilesIn(layer.image, layerLevel(layer, viewport), seen))
    paintCell(canvas, layer, viewport, lookup, tile);
}

/** Where a layer lies on the canvas, in whole device pixels. */
export function layerBox(layer: Layer, viewport: Viewport): Rect {
  return box(layer, viewport, { x: 0, y: 0, width: layer.image.width, height: layer.image.height });
}

function paintCell(
  canvas: CanvasRenderingContext2D,
  layer: Layer,
  viewport: Viewport,
  lookup: Lookup,
  tile: TileAddress,
): void {
  const bitmap = lookup(tile);
  const cell = tileRect(layer.image, tile);
  if (bitmap !== undefined) {
    const target = box(layer, viewport, cell);
    canvas.drawImage(bitmap, target.x, target.y, target.width, target.height);
    return;
  }
  const children = childTiles(layer.image, tile);
  const finer = children.map(lookup);
  if (children.length > 0 && finer.every((found) => found !== undefined)) {
    for (const child of children) paintCell(canvas, layer, viewport, lookup, child);
    return;
  }
  for (
    let ancestor = parentTile(tile);
    ancestor.level < layer.image.levels;
    ancestor = parentTile(ancestor)
  ) {
    const coarse = lookup(ancestor);
    if (coarse === undefined) continue;
    paintPart(canvas, layer, viewport, coarse, tileRect(layer.image, ancestor), cell);
    return;
  }
}

/** Draws the part `cell` of a coarser tile that covers `whole`. */
function paintPart(
  canvas: CanvasRenderingContext2D,
  layer: Layer,
  viewport: Viewport,
  bitmap: ImageBitmap,
  whole: Rect,
  cell: Rect,
): void {
  const part = intersect(cell, whole);
  if (part === undefined) return;
  const scaleX = bitmap.width / whole.width;
  const scaleY = bitmap.height / whole.height;
  const target = box(layer, viewport, part);
  canvas.drawImage(
    bitmap,
    (part.x - whole.x) * scaleX,
    (part.y - whole.y) * scaleY,
    Math.max(0.01, part.width * scaleX),
    Math.max(0.01, part.height * scaleY),
    target.x,
    target.y,
    target.width,
    target.height,
  );
}

/** A part of the image on the canvas; edges are rounded, so that neighbors meet without a gap. */
function box(layer: Layer, viewport: Viewport, part: Rect): Rect {
  const scaleX = layer.place.width / layer.image.width;
  const scaleY = layer.place.height / layer.image.height;
  const from = toCanvas(viewport, { x: layer.place.x + part.x * scaleX, y: layer.place.y + part.y * scaleY });
  const to = toCanvas(viewport, {
    x: layer.place.x + (part.x + part.width) * scaleX,
    y: layer.place.y + (part.y + part.height) * scaleY,
  });
  const x = Math.round(from.x);
  const y = Math.round(from.y);
  return { x, y, width: Math.max(1, Math.round(to.x) - x), height: Math.max(1, Math.round(to.y) - y) };
}

function layerLevel(layer: Layer, viewport: Viewport): number {
  return levelFor((viewport.zoom * layer.place.width) / layer.image.width, layer.image.levels);
}

/** The part of the image that is on the canvas, in image pixels. */
function seenPart(layer: Layer, viewport: Viewport): Rect | undefined {
  const { place, image } = layer;
  const seen = visibleFrame(viewport, { width: place.x + place.width, height: place.y + place.height });
  const part = seen && intersect(seen, place);
  if (part === undefined) return undefined;
  const scaleX = image.width / place.width;
  const scaleY = image.height / place.height;
  return {
    x: (part.x - place.x) * scaleX,
    y: (part.y - place.y) * scaleY,
    width: part.width * scaleX,
    height: part.height * scaleY,
  };
}
