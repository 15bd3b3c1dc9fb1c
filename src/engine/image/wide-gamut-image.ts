import type { ColorTransform } from './color-transform.ts';
import type { Image } from './image.ts';

interface Native {
  /** The pixels as the file had them, u8 or u16 in the file's own encoding. */
  readonly source: Image;
  readonly transform: ColorTransform;
}

const natives = new WeakMap<Image, Native>();

/**
 * A view of `source` (u8 or u16 samples in a profile's encoding) in working values.
 *
 * Keeping the file's integers and converting what is read takes a quarter of the memory, opens at once, and lets an untouched
 * picture be saved bit for bit, which float32 could not promise for 16-bit profiles without a linear toe.
 */
export function wideGamutImage(source: Image, transform: ColorTransform): Image {
  const maxValue = source.sampleType === 'u8' ? 255 : 65535;
  const image: Image = {
    width: source.width,
    height: source.height,
    channels: source.channels,
    sampleType: 'f32',
    read: async (rect) => {
      const pixels = await source.read(rect);
      transform.toWorking(pixels, source.channels, maxValue);
      return pixels;
    },
    dispose: () => source.dispose(),
  };
  natives.set(image, { source, transform });
  return image;
}

/** What a wide gamut view looks at; undefined for every other image. */
export function nativePixels(image: Image): Native | undefined {
  return natives.get(image);
}
