import type { Mask } from '../../shared/mask.ts';
import { rasterizeMask } from '../../shared/raster/rasterize-mask.ts';
import type { Image } from '../image/image.ts';

/** A mask as a gray picture of the size it was made for, white where it selects; drawn as it is read. */
export function maskPicture(mask: Mask): Image {
  const { width, height } = mask;
  return {
    width,
    height,
    channels: 1,
    sampleType: 'u8',
    read: async (rect) => rasterizeMask(mask, mask, rect),
    dispose: async () => {},
  };
}
