import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quietContext } from '../../src/engine/context.ts';
import type { FillMethod } from '../../src/engine/fill/fill-by-method.ts';
import { fillImage } from '../../src/engine/fill/fill-image.ts';
import { createFillNetwork, type FillNetwork } from '../../src/engine/fill/fill-network.ts';
import { detectArchitecture } from '../../src/engine/architectures/registry.ts';
import { Graph } from '../../src/engine/graph/graph.ts';
import { createNetwork } from '../../src/engine/models/network.ts';
import { createInlineRuntime } from '../../src/engine/models/runtime.ts';
import { openWeights } from '../../src/engine/weights/open-weights.ts';
import { rasterizeMask } from '../../src/shared/raster/rasterize-mask.ts';
import { fullRect, type Image } from '../../src/engine/image/image.ts';
import type { ImageStore } from '../../src/engine/image/image-store.ts';
import { sharp } from '../../src/engine/image/sharp.ts';
import { toBytes } from '../../src/engine/metrics/degrade-jpeg.ts';
import { type Pixels, readPixels } from '../../src/engine/metrics/pixels.ts';
import type { Mask } from '../../src/shared/mask.ts';
import { readPhoto } from '../results/contact-sheet.ts';

/** One hidden place of one photograph. */
export interface Trial {
  readonly photo: Image;
  readonly truth: Pixels;
  readonly mask: Mask;
  /** (height, width), 1 where the mask hides the photograph. */
  readonly hole: Uint8Array;
}

/** A way to fill what is hidden; all trials at once, in their order. */
export interface Contestant {
  readonly name: string;
  fill(trials: readonly Trial[]): Promise<readonly Pixels[]>;
}

export async function trialOf(photo: Image, mask: Mask): Promise<Trial> {
  const coverage = rasterizeMask(mask, photo, fullRect(photo));
  return {
    photo,
    truth: await readPixels(photo),
    mask,
    hole: Uint8Array.from(coverage, (value) => (value > 0 ? 1 : 0)),
  };
}

/** Heirloom's own fill with a method. */
export function heirloomContestant(
  name: string,
  method: FillMethod,
  store: ImageStore,
  network?: FillNetwork,
): Contestant {
  return {
    name,
    fill: async (trials) => {
      const results: Pixels[] = [];
      for (const { photo, mask, hole, truth } of trials) {
        // Whole pixels: the trial's hole has no soft edge.
        const filled = await fillImage(photo, hardMask(mask, hole, truth), { method, seed: 1, store, ...(network === undefined ? {} : { network }) }, quietContext());
        results.push(await readPixels(filled));
        await filled.dispose();
      }
      return results;
    },
  };
}

/** A fill network from a file, on the CPU; undefined when the file is not there. */
export async function networkFrom(path: string, threads: number): Promise<FillNetwork | undefined> {
  if (!existsSync(path)) return undefined;
  const weights = openWeights(path);
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph(architecture.id);
  const session = await createInlineRuntime().load(graph.encode(architecture.build(graph, weights, params)), { device: 'cpu', threads });
  const described = { info: architecture.describe(params), architecture: architecture.name };
  return createFillNetwork(
    createNetwork(basename(path), described, { devices: ['cpu'], withSession: (_device, use) => use(session), log: () => {} }),
  );
}

/** The hole as a mask without partly covered pixels. */
function hardMask(mask: Mask, hole: Uint8Array, { width, height }: Pixels): Mask {
  const runs = [0];
  for (let i = 0, isIn = 0; i < width * height; i++) {
    if (hole[i] !== isIn) {
      isIn = hole[i]!;
      runs.push(0);
    }
    runs[runs.length - 1]!++;
  }
  return { ...mask, width, height, shapes: [{ kind: 'bitmap', runs, erase: false }] };
}

/** OpenCV's Telea and Navier-Stokes, run in Python; none where Debian's python3-opencv is missing. */
export function openCvContestants(): Contestant[] {
  const python = '/usr/bin/python3';
  if (!existsSync(python)) return [];
  try {
    execFileSync(python, ['-c', 'import cv2'], { stdio: 'ignore' });
  } catch {
    return [];
  }
  return [
    { name: 'OpenCV Telea', fill: (trials) => throughOpenCv(python, 'telea', trials) },
    { name: 'OpenCV Navier–Stokes', fill: (trials) => throughOpenCv(python, 'navier-stokes', trials) },
  ];
}

async function throughOpenCv(python: string, method: string, trials: readonly Trial[]): Promise<Pixels[]> {
  const folder = mkdtempSync(join(tmpdir(), 'heirloom-fill-'));
  try {
    for (const [index, { truth, hole }] of trials.entries()) {
      await writePng(join(folder, `${index}.png`), truth);
      const { width, height } = truth;
      await writePng(join(folder, `${index}.mask.png`), { width, height, channels: 1, data: Float32Array.from(hole) });
    }
    execFileSync(python, [fileURLToPath(new URL('../fill-baselines.py', import.meta.url)), folder]);
    return await Promise.all(trials.map((_, index) => readPhoto(join(folder, `${index}.${method}.png`))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writePng(path: string, pixels: Pixels): Promise<void> {
  const { width, height, channels } = pixels;
  await sharp(Buffer.from(toBytes(pixels)), { raw: { width, height, channels } }).png({ compressionLevel: 1 }).toFile(path);
}
