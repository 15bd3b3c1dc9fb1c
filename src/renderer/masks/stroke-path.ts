import type { MaskShape } from '../../shared/mask.ts';

export type Stroke = Extract<MaskShape, { readonly kind: 'stroke' }>;
type StrokePoint = Stroke['points'][number];

export interface Brush {
  readonly radiusPx: number;
  /** 0 to 1. */
  readonly hardness: number;
  /** A pen's pressure scales the radius. */
  readonly usesPressure: boolean;
}

/** A pen that is barely pressed still leaves a line. */
const leastPressure = 0.08;
/** Points nearer to each other than this share of the radius look the same as fewer. */
const spacingShare = 0.06;
/** As many as a stroke holds. */
const mostPoints = 50_000;

/** A stroke while it is being painted, in image pixels. Points too near to the last one to be seen are left out, but for the end. */
export class StrokePath {
  readonly #points: StrokePoint[] = [];
  readonly #brush: Brush;
  readonly #erase: boolean;
  /** Image pixels that are one pixel of the screen. */
  readonly #screenPx: number;
  #left: StrokePoint | undefined;

  constructor(brush: Brush, erase: boolean, screenPx: number) {
    this.#brush = brush;
    this.#erase = erase;
    this.#screenPx = screenPx;
  }

  add(x: number, y: number, pressure: number): void {
    const point = {
      x: round(x, 100),
      y: round(y, 100),
      pressure: this.#brush.usesPressure ? round(Math.min(1, Math.max(leastPressure, pressure)), 1000) : 1,
    };
    const last = this.#points.at(-1);
    const spacing = Math.max(0.5 * this.#screenPx, spacingShare * this.#brush.radiusPx * point.pressure);
    const isNear = last !== undefined && Math.hypot(last.x - point.x, last.y - point.y) < spacing;
    const isSame = last !== undefined && Math.abs(last.pressure - point.pressure) < 0.02;
    if (this.#points.length >= mostPoints || (isNear && isSame)) this.#left = point;
    else {
      this.#points.push(point);
      this.#left = undefined;
    }
  }

  /** Points so far that are certain to stay. */
  get length(): number {
    return this.#points.length;
  }

  /** The stroke so far; `from` leaves out the points before, for drawing only what is new. */
  stroke(from = 0): Stroke {
    return this.#shape(this.#points.slice(from));
  }

  /** The stroke with its true end, without the points that a straight line between others stands for: a third of a screen pixel at most. */
  finished(): Stroke {
    const end = this.#left !== undefined && this.#points.length < mostPoints ? [this.#left] : [];
    return this.#shape(simplified([...this.#points, ...end], this.#brush.radiusPx, this.#screenPx / 3));
  }

  #shape(points: readonly StrokePoint[]): Stroke {
    const { radiusPx, hardness } = this.#brush;
    return { kind: 'stroke', points, radiusPx, hardness, erase: this.#erase };
  }
}

/**
 * Points from which no other is farther away than `tolerancePx`, in its place or its radius (Douglas and Peucker, "Algorithms for the
 * reduction of the number of points", 1973).
 */
function simplified(points: readonly StrokePoint[], radiusPx: number, tolerancePx: number): StrokePoint[] {
  const isKept = new Uint8Array(points.length);
  isKept[0] = isKept[points.length - 1] = 1;
  const spans: [number, number][] = [[0, points.length - 1]];
  for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
    const [first, last] = span;
    let [farthest, most] = [-1, tolerancePx];
    for (let i = first + 1; i < last; i++) {
      const distance = deviation(points[i]!, points[first]!, points[last]!, radiusPx);
      if (distance > most) [farthest, most] = [i, distance];
    }
    if (farthest < 0) continue;
    isKept[farthest] = 1;
    spans.push([first, farthest], [farthest, last]);
  }
  return points.filter((_, index) => isKept[index] === 1);
}

function deviation(point: StrokePoint, a: StrokePoint, b: StrokePoint, radiusPx: number): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((point.x - a.x) * dx + (point.y - a.y) * dy) / length;
  const t = Math.min(1, Math.max(0, along));
  const beside = Math.hypot(point.x - a.x - t * dx, point.y - a.y - t * dy);
  return beside + radiusPx * Math.abs(point.pressure - a.pressure - t * (b.pressure - a.pressure));
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
