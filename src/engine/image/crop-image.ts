import type { Image, Rect } from './image.ts';

/** A window onto another image, which must outlive it. */
export function cropImage(image: Image, rect: Rect): Image {
  const { x, y, width, height } = rect;
  if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > image.width || y + height > image.height) {
    throw new RangeError(
      `The window ${width}×${height} at ${x}, ${y} leaves the picture of ${image.width}×${image.height}.`,
    );
  }
  return {
    width,
    height,
    channels: image.channels,
    sampleType: image.sampleType,
    read: (inner) => {
      if (inner.x < 0 || inner.y < 0 || inner.x + inner.width > width || inner.y + inner.height > height)
        throw new RangeError('The rectangle leaves the picture.');
      return image.read({ ...inner, x: inner.x + x, y: inner.y + y });
    },
    dispose: async () => {},
  };
}
