import { HeirloomError } from '../../shared/failure.ts';
import type { ModelInfo } from '../architectures/architecture.ts';
import type { Context } from '../context.ts';
import type { ChannelCount, Image } from '../image/image.ts';
import { type ImageStore, resultSampleType } from '../image/image-store.ts';
import type { Session } from './runtime.ts';
import { StripBlender } from './strip-blender.ts';
import { hasNonFinite, type Pixels } from './tile-tensors.ts';
import { createTileFilter, type TileFilter } from './tile-filter.ts';
import { contextPx, planTiles, type TilePlan } from './tiling.ts';

/** How a model is run: everything that depends on the machine and the settings. */
export interface RunEnvironment {
  /** Devices to try in order: the chosen one first, the CPU last. */
  readonly devices: readonly string[];
  /** Loads the network on a device and keeps it loaded while `use` runs. */
  withSession<T>(device: string, use: (session: Session) => Promise<T>): Promise<T>;
  /** Memory one tile may take on the device. */
  readonly tileBudgetBytes: number;
  /** Longest tile side asked for in the settings; 0 = by memory. */
  readonly tilePx: number;
  log(line: string): void;
}

/** A described network: image in, image out; padded, tiled, cancellable. */
export interface Model {
  readonly id: string;
  readonly info: ModelInfo;
  /**
   * Runs the network over a whole picture, top to bottom in tiles; memory in use does not depend on the picture's size.
   *
   * Gray stays one channel and alpha is kept (enlarged by Lanczos). Out of memory on the device: smaller tiles, then the CPU, then a failure; never
   * wrong pixels.
   *
   * @throws HeirloomError `out-of-memory`, `device`; CancelledError within one tile of cancelling.
   */
  apply(image: Image, store: ImageStore, context: Context): Promise<Image>;
  /** Runs the network once over a small picture held in memory. */
  once(pixels: Pixels): Promise<Pixels>;
}

/** Below this a tile is all margin; what does not fit then does not fit at all. */
const smallestTilePx = 64;
/** Keeps one tile at about half a second on two CPU cores, so that cancelling feels immediate. */
const flopPerTile = 2.5e11;

/** What a model must see around a part of a picture, in pixels. */
export function contextOf({ info }: Model): number {
  return contextPx(info.receptiveFieldPx);
}

export function createModel(id: string, info: ModelInfo, environment: RunEnvironment): Model {
  return {
    id,
    info,
    once: (pixels) =>
      environment.withSession(environment.devices[0] ?? 'cpu', (session) => runPixels(createTileFilter(info, pixels.channels as ChannelCount), session, pixels)),
    apply: async (image, store, context) => {
      checkSize(id, info, image);
      let tilePx = firstTilePx(info, environment);
      let last: HeirloomError | undefined;
      for (const device of environment.devices) {
        for (; tilePx >= smallestTilePx; tilePx = Math.floor(tilePx / 2)) {
          try {
            const size = tilePx;
            return await environment.withSession(device, (session) => applyTiled(info, session, size, image, store, context));
          } catch (error) {
            if (!(error instanceof HeirloomError) || (error.code !== 'out-of-memory' && error.code !== 'device')) throw error;
            last = error;
            environment.log(`model ${id} on ${device}, tiles of ${tilePx} px: ${error.message}`);
            if (error.code === 'device' || !info.tileable) break;
          }
        }
        tilePx = firstTilePx(info, environment);
      }
      if (last?.code === 'device') throw last;
      throw new HeirloomError(
        'out-of-memory',
        `There is not enough memory to run ${id} on this picture, even in tiles of ${smallestTilePx} px.`,
        'Close other programs, or choose a smaller model.',
      );
    },
  };
}

function checkSize(id: string, { fixedSize }: ModelInfo, image: Image): void {
  if (fixedSize === undefined || (fixedSize.width === image.width && fixedSize.height === image.height)) return;
  throw new HeirloomError(
    'unsupported-model',
    `${id} accepts pictures of exactly ${fixedSize.width}×${fixedSize.height} pixels, not ${image.width}×${image.height}.`,
    'Choose a model without a fixed size.',
  );
}

/** The tile side that fits the budget, before margins are cut off. */
export function firstTilePx(info: ModelInfo, environment: RunEnvironment): number {
  if (environment.tilePx > 0) return Math.max(smallestTilePx, environment.tilePx);
  // Measured: 2 to 2.4 kB per pixel for SRVGGNetCompact (1.2 to 2.4 MFLOP), 31 kB for RRDBNet (36 MFLOP).
  const bytesPerPixel = Math.max(2000, info.flopPerPixel / 1000);
  const byMemory = Math.sqrt(environment.tileBudgetBytes / bytesPerPixel);
  const byTime = Math.max(192, Math.sqrt(flopPerTile / info.flopPerPixel));
  return Math.floor(Math.min(byMemory, byTime, 1024) / 16) * 16;
}

async function applyTiled(info: ModelInfo, session: Session, tilePx: number, image: Image, store: ImageStore, context: Context): Promise<Image> {
  const plan = planFor(info, tilePx, image);
  const filter = createTileFilter(info, image.channels);
  const size = { width: image.width * info.scale, height: image.height * info.scale };
  const { channels } = image;
  const writer = await store.create({ ...size, channels, sampleType: resultSampleType(store, image, size, channels) });
  try {
    const blender = new StripBlender(writer, plan, image, info.scale);
    const tiles = plan.rows.flatMap((row) => plan.columns.map((column) => ({ row, column })));
    const start = async (index: number): Promise<Pixels> => runTile(filter, session, image, tiles[index]);
    let pending: Promise<Pixels> | undefined = start(0);
    for (let index = 0; index < tiles.length; index++) {
      const output: Pixels = await (pending as Promise<Pixels>);
      context.report(index / tiles.length);
      pending = index + 1 < tiles.length ? start(index + 1) : undefined;
      pending?.catch(() => {});
      await blender.add(index, output);
      context.report((index + 1) / tiles.length);
    }
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** The tiles of a picture for a tile side of `tilePx`, margins included. */
export function planFor(info: ModelInfo, tilePx: number, image: Image): TilePlan {
  const { width, height } = image;
  // What fits in one tile needs no margins.
  const fits = width * height <= tilePx * tilePx;
  if (!info.tileable || fits) return planTiles(width, height, width, height, { receptiveFieldPx: 0, sizeMultiple: info.sizeMultiple });
  const probe = planTiles(width, height, tilePx, tilePx, info);
  const corePx = Math.max(smallestTilePx / 2, tilePx - 2 * probe.marginPx);
  // One strip of output is held in memory: very wide pictures get flatter tiles.
  const stripBudgetBytes = 128 * 2 ** 20;
  const bytesPerInputRow = width * info.scale * info.scale * image.channels * 4;
  const coreHeightPx = Math.max(smallestTilePx / 2, Math.min(corePx, Math.floor(stripBudgetBytes / bytesPerInputRow)));
  return planTiles(width, height, corePx, coreHeightPx, info);
}

async function runTile(filter: TileFilter, session: Session, image: Image, tile: TileSpans | undefined): Promise<Pixels> {
  if (tile === undefined) throw new RangeError('A picture has at least one tile.');
  const { row, column } = tile;
  const rect = { x: column.from, y: row.from, width: column.to - column.from, height: row.to - row.from };
  const data = await image.read(rect);
  return runPixels(filter, session, { data, width: rect.width, height: rect.height, channels: image.channels });
}

async function runPixels(filter: TileFilter, session: Session, pixels: Pixels): Promise<Pixels> {
  const outputs = await session.run({ [session.inputNames[0] ?? 'input']: filter.prepare(pixels) });
  const output = outputs[session.outputNames[0] ?? 'output'];
  if (output === undefined) throw new HeirloomError('device', 'The network gave no output.');
  if (hasNonFinite(output)) throw new HeirloomError('device', 'The device gave numbers that are not finite.', 'Choose another device in the settings.');
  return filter.finish(output, pixels);
}

type TileSpans = { readonly row: TilePlan['rows'][number]; readonly column: TilePlan['columns'][number] };

