/** Where the window looks at a picture. All lengths in device pixels unless they are called frame. */
export interface Viewport {
  /** The canvas, in device pixels. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Device pixels per frame pixel. */
  readonly zoom: number;
  /** The frame point in the middle of the canvas. */
  readonly centerX: number;
  readonly centerY: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Rect extends Size {
  readonly x: number;
  readonly y: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The zoom at which the whole frame is seen, with a margin; never above `maxZoom`, so that a tiny picture is not blown up. */
export function fitZoom(
  frame: Size,
  canvas: Pick<Viewport, 'widthPx' | 'heightPx'>,
  marginPx: number,
  maxZoom: number,
): number {
  const width = Math.max(1, canvas.widthPx - 2 * marginPx);
  const height = Math.max(1, canvas.heightPx - 2 * marginPx);
  return Math.min(maxZoom, width / frame.width, height / frame.height);
}

/** The frame centered at a zoom. */
export function centered(viewport: Viewport, frame: Size, zoom: number): Viewport {
  return { ...viewport, zoom, centerX: frame.width / 2, centerY: frame.height / 2 };
}

export function toFrame(viewport: Viewport, point: Point): Point {
  return {
    x: viewport.centerX + (point.x - viewport.widthPx / 2) / viewport.zoom,
    y: viewport.centerY + (point.y - viewport.heightPx / 2) / viewport.zoom,
  };
}

export function toCanvas(viewport: Viewport, point: Point): Point {
  return {
    x: (point.x - viewport.centerX) * viewport.zoom + viewport.widthPx / 2,
    y: (point.y - viewport.centerY) * viewport.zoom + viewport.heightPx / 2,
  };
}

/** Changes the zoom so that the frame point under `anchor` stays where it is. */
export function zoomAt(viewport: Viewport, zoom: number, anchor: Point): Viewport {
  const point = toFrame(viewport, anchor);
  return {
    ...viewport,
    zoom,
    centerX: point.x - (anchor.x - viewport.widthPx / 2) / zoom,
    centerY: point.y - (anchor.y - viewport.heightPx / 2) / zoom,
  };
}

/** Moves the picture by device pixels. */
export function panBy(viewport: Viewport, deltaX: number, deltaY: number): Viewport {
  return {
    ...viewport,
    centerX: viewport.centerX - deltaX / viewport.zoom,
    centerY: viewport.centerY - deltaY / viewport.zoom,
  };
}

/** Keeps the picture in sight: the middle of the canvas stays on it, and an axis that fits stays centered. */
export function confine(viewport: Viewport, frame: Size): Viewport {
  const axis = (center: number, length: number, canvasPx: number): number => {
    const half = canvasPx / viewport.zoom / 2;
    if (length <= 2 * half) return length / 2;
    const slack = half * 0.5;
    return Math.min(length - half + slack, Math.max(half - slack, center));
  };
  return {
    ...viewport,
    centerX: axis(viewport.centerX, frame.width, viewport.widthPx),
    centerY: axis(viewport.centerY, frame.height, viewport.heightPx),
  };
}

/** The part of the frame that is seen; undefined when none is. */
export function visibleFrame(viewport: Viewport, frame: Size): Rect | undefined {
  const from = toFrame(viewport, { x: 0, y: 0 });
  const to = toFrame(viewport, { x: viewport.widthPx, y: viewport.heightPx });
  return intersect(
    { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y },
    { x: 0, y: 0, ...frame },
  );
}

export function intersect(a: Rect, b: Rect): Rect | undefined {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}

/**
 * The whole-pixel part of the frame a preview shows: what is seen, or the middle of it where that is more than `maxPixels`.
 */
export function previewRect(viewport: Viewport, frame: Size, maxPixels: number): Rect | undefined {
  const seen = visibleFrame(viewport, frame);
  if (seen === undefined) return undefined;
  const shrink = Math.min(1, Math.sqrt(maxPixels / (seen.width * seen.height)));
  const width = seen.width * shrink;
  const height = seen.height * shrink;
  const left = Math.floor(seen.x + (seen.width - width) / 2);
  const top = Math.floor(seen.y + (seen.height - height) / 2);
  const right = Math.min(frame.width, Math.ceil(left + width));
  const bottom = Math.min(frame.height, Math.ceil(top + height));
  return { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}
