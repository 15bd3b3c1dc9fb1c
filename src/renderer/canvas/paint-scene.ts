import { type Layer, layerBox, paintLayer } from './paint-image.ts';
import { type TileAddress, tilesIn } from './pyramid.ts';
import type { Viewport } from './viewport.ts';

/** Everything that is on the canvas. */
export interface Scene {
  readonly original: Layer;
  /** Places that were retouched, to be laid over the original. */
  readonly retouched: readonly Layer[];
  readonly restored: Layer | undefined;
  /** Live previews, the newest last; each lies over a part of the frame. */
  readonly previews: readonly Layer[];
  readonly show: 'original' | 'after' | 'split';
  /** Where the compare line stands, in device pixels from the left. */
  readonly splitPx: number;
  readonly smooth: boolean;
  /** Device pixels per CSS pixel. */
  readonly density: number;
}

type Lookup = (tile: TileAddress) => ImageBitmap | undefined;

const checkerCssPx = 8;

/** Draws the scene; what is not loaded yet is drawn as well as it can be, and never blank where something coarser is there. */
export function paintScene(
  canvas: CanvasRenderingContext2D,
  scene: Scene,
  viewport: Viewport,
  lookup: Lookup,
): void {
  const { widthPx, heightPx } = viewport;
  canvas.clearRect(0, 0, widthPx, heightPx);
  canvas.imageSmoothingEnabled = scene.smooth;
  // Levels are at most twice too fine, so plain bilinear needs no smaller copies of each tile.
  canvas.imageSmoothingQuality = 'low';
  if (scene.show === 'original') return paintOne(canvas, scene.original, scene, viewport, lookup);
  if (scene.show === 'after') return paintAfter(canvas, scene, viewport, lookup);
  clipped(canvas, 0, scene.splitPx, heightPx, () =>
    paintOne(canvas, scene.original, scene, viewport, lookup),
  );
  clipped(canvas, scene.splitPx, widthPx - scene.splitPx, heightPx, () =>
    paintAfter(canvas, scene, viewport, lookup),
  );
}

function paintAfter(
  canvas: CanvasRenderingContext2D,
  scene: Scene,
  viewport: Viewport,
  lookup: Lookup,
): void {
  const { restored, previews, original, retouched } = scene;
  if (restored !== undefined && hasBase(restored, lookup)) paintOne(canvas, restored, scene, viewport, lookup);
  else for (const layer of [original, ...retouched]) paintOne(canvas, layer, scene, viewport, lookup);
  for (const preview of previews) paintOne(canvas, preview, scene, viewport, lookup);
  const newest = previews.at(-1);
  if (newest !== undefined) outline(canvas, newest, viewport, scene.density);
}

function paintOne(
  canvas: CanvasRenderingContext2D,
  layer: Layer,
  scene: Scene,
  viewport: Viewport,
  lookup: Lookup,
): void {
  const { channels } = layer.image;
  if (channels === 2 || channels === 4) paintChecker(canvas, layer, viewport, scene.density);
  paintLayer(canvas, layer, viewport, lookup);
}

/** True when the coarsest level is there, which can stand in for every other. */
function hasBase({ image }: Layer, lookup: Lookup): boolean {
  const last = Math.max(0, image.levels - 1);
  return tilesIn(image, last, { x: 0, y: 0, width: image.width, height: image.height }).every(
    (tile) => lookup(tile) !== undefined,
  );
}

function clipped(
  canvas: CanvasRenderingContext2D,
  x: number,
  width: number,
  height: number,
  draw: () => void,
): void {
  canvas.save();
  canvas.beginPath();
  canvas.rect(x, 0, width, height);
  canvas.clip();
  draw();
  canvas.restore();
}

/** The usual sign for transparency, in neutral grays; it stands still while the picture moves. */
function paintChecker(
  canvas: CanvasRenderingContext2D,
  layer: Layer,
  viewport: Viewport,
  density: number,
): void {
  const box = layerBox(layer, viewport);
  const side = Math.round(checkerCssPx * density);
  const tile = new OffscreenCanvas(2 * side, 2 * side);
  const pen = tile.getContext('2d');
  if (pen === null) return;
  pen.fillStyle = '#cfcfcf';
  pen.fillRect(0, 0, 2 * side, 2 * side);
  pen.fillStyle = '#9a9a9a';
  pen.fillRect(0, 0, side, side);
  pen.fillRect(side, side, side, side);
  const pattern = canvas.createPattern(tile, 'repeat');
  if (pattern === null) return;
  canvas.fillStyle = pattern;
  canvas.fillRect(box.x, box.y, box.width, box.height);
}

/** A thin line round a preview that covers only a part of the view. */
function outline(canvas: CanvasRenderingContext2D, layer: Layer, viewport: Viewport, density: number): void {
  const box = layerBox(layer, viewport);
  canvas.save();
  canvas.strokeStyle = 'rgb(255 255 255 / 55%)';
  canvas.lineWidth = density;
  canvas.setLineDash([4 * density, 4 * density]);
  canvas.strokeRect(box.x + density / 2, box.y + density / 2, box.width - density, box.height - density);
  canvas.restore();
}
