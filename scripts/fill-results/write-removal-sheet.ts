import path from 'node:path';
import { quietContext } from '../../src/engine/context.ts';
import type { FillMethod } from '../../src/engine/fill/fill-by-method.ts';
import { fillImage } from '../../src/engine/fill/fill-image.ts';
import type { FillNetwork } from '../../src/engine/fill/fill-network.ts';
import { maskFromImage } from '../../src/engine/fill/mask-from-image.ts';
import { openPhoto } from '../../src/engine/image/decode.ts';
import { fullRect, type Image } from '../../src/engine/image/image.ts';
import type { ImageStore } from '../../src/engine/image/image-store.ts';
import { sharp } from '../../src/engine/image/sharp.ts';
import { toBytes } from '../../src/engine/metrics/degrade-jpeg.ts';
import { cutPixels, type Pixels, readPixels } from '../../src/engine/metrics/pixels.ts';
import { remove } from '../../src/engine/steps/remove.ts';
import { emptyMask, type Mask } from '../../src/shared/mask.ts';
import type { Rect } from '../../src/shared/rect.ts';
import { maskBounds, rasterizeMask } from '../../src/shared/raster/rasterize-mask.ts';
import { label } from '../results/contact-sheet.ts';

type Outline = readonly (readonly [x: number, y: number])[];

/** What is taken away: things outlined by hand in photographs that may be shown, or a photograph with a mask picture beside it. */
const removals: readonly { readonly file: string; readonly outlines?: readonly Outline[]; readonly mask?: string }[] = [
  { file: 'object-removal/overture-creations-5sI6fQgYIuo.png', mask: 'object-removal/overture-creations-5sI6fQgYIuo_mask.png' },
  // Two bathers.
  {
    file: 'kodak24/12.png',
    outlines: [
      [[306, 62], [330, 56], [362, 66], [372, 112], [388, 200], [410, 215], [404, 240], [388, 322], [352, 362], [306, 350], [296, 396], [256, 404], [168, 390], [160, 362], [194, 346], [196, 274], [222, 262], [212, 162], [246, 98], [290, 92]],
    ],
  },
  // The viewer beside the lighthouse.
  {
    file: 'kodak24/19.png',
    outlines: [[[418, 388], [468, 388], [476, 418], [456, 450], [458, 505], [480, 515], [484, 556], [408, 556], [412, 515], [430, 505], [430, 462], [416, 425]]],
  },
  // The door knob.
  { file: 'kodak24/2.png', outlines: [[[263, 184], [300, 197], [316, 235], [302, 272], [264, 290], [226, 274], [210, 236], [226, 200]]] },
  // A rock in the surf, at the border of the photograph.
  { file: 'kodak24/21.png', outlines: [[[688, 420], [720, 406], [768, 408], [768, 452], [690, 450]]] },
  // The sign in the pond, and the cupola of the barn.
  {
    file: 'kodak24/22.png',
    outlines: [
      [[512, 336], [566, 336], [566, 398], [560, 424], [538, 424], [534, 398], [512, 396]],
      [[264, 62], [288, 40], [334, 44], [348, 72], [340, 98], [272, 92]],
    ],
  },
];

const methods: readonly { readonly title: string; readonly method: FillMethod }[] = [
  { title: 'together (Heirloom)', method: 'together' },
  { title: 'network alone', method: 'network' },
  { title: 'patches alone', method: 'exemplar' },
];
const side = 300;
const labelPx = 18;

/** One row a removal: the photograph with what goes in red, and every method's result; written as PNG to `target`. */
export async function writeRemovalSheet(folder: string, network: FillNetwork, store: ImageStore, target: string): Promise<void> {
  const titles = ['photograph, red goes', ...methods.map(({ title }) => title)];
  const tiles = titles.map((title, column) => ({ input: label(title, side), left: column * (side + 2), top: 0 }));
  for (const [row, { file, outlines = [], mask }] of removals.entries()) {
    const { image } = await openPhoto(path.join(folder, file), { store });
    const painted = mask === undefined ? outlined(image, outlines) : await maskAt(path.join(folder, mask), store);
    const soft = { ...painted, featherPx: remove.params.featherPx.default };
    const pictures = [withMask(await readPixels(image), rasterizeMask(painted, image, fullRect(image)))];
    for (const { method } of methods) {
      const filled = await fillImage(image, soft, { method, seed: 1, store, network }, quietContext());
      pictures.push(await readPixels(filled));
      await filled.dispose();
    }
    const shown = squareAround(maskBounds(painted, image) ?? fullRect(image), image);
    for (const [column, picture] of pictures.entries())
      tiles.push({ input: await tile(cutPixels(picture, shown)), left: column * (side + 2), top: labelPx + row * (side + 2) });
    await image.dispose();
  }
  const width = titles.length * (side + 2);
  const height = labelPx + removals.length * (side + 2);
  await sharp({ create: { width, height, channels: 3, background: '#222' } }).composite(tiles).png({ palette: true, colours: 256, effort: 8 }).toFile(target);
}

function outlined(image: Image, outlines: readonly Outline[]): Mask {
  const shapes = outlines.map((outline) => ({ kind: 'lasso', points: outline.map(([x, y]) => ({ x, y })), erase: false }) as const);
  return { ...emptyMask(image), shapes };
}

async function maskAt(file: string, store: ImageStore): Promise<Mask> {
  const { image } = await openPhoto(file, { store });
  const mask = await maskFromImage(image, quietContext());
  await image.dispose();
  return mask;
}

function withMask(photo: Pixels, coverage: Float32Array): Pixels {
  const red = [0.9, 0.1, 0.1];
  const data = photo.data.map((value, i) => value + 0.55 * coverage[Math.floor(i / photo.channels)]! * (red[i % photo.channels]! - value));
  return { ...photo, data };
}

/** A square with the place in its middle, at 100 % where that shows enough around it. */
function squareAround({ x, y, width, height }: Rect, size: { readonly width: number; readonly height: number }): Rect {
  const length = Math.min(size.width, size.height, Math.max(side, Math.round(1.4 * Math.max(width, height))));
  const from = (center: number, whole: number): number => Math.round(Math.min(Math.max(0, center - length / 2), whole - length));
  return { x: from(x + width / 2, size.width), y: from(y + height / 2, size.height), width: length, height: length };
}

function tile(cut: Pixels): Promise<Buffer> {
  return sharp(toBytes(cut), { raw: { width: cut.width, height: cut.height, channels: 3 } })
    .resize(side, side, { kernel: 'lanczos3' })
    .png()
    .toBuffer();
}
