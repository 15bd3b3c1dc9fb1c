import { resampleArray, type Kernel } from '../image/resample.ts';
import type { Pixels } from './pixels.ts';
import type { Plane } from './plane.ts';

/** A plane at another size by MATLAB's bicubic, computed in float32; values may ring outside their range. */
export function resizePlane(plane: Plane, width: number, height: number): Plane {
  const source = { width: plane.width, height: plane.height, channels: 1, pixels: Float32Array.from(plane.data) } as const;
  return { width, height, data: Float64Array.from(resampleArray(source, width, height, 'bicubic').pixels) };
}

/** Pixels at another size, antialiased; not clamped. */
export function resizePixels(pixels: Pixels, width: number, height: number, kernel: Kernel = 'bicubic'): Pixels {
  const { channels } = pixels;
  const source = { width: pixels.width, height: pixels.height, channels, pixels: pixels.data } as const;
  return { width, height, channels, data: resampleArray(source, width, height, kernel).pixels };
}
