import { randomUUID } from 'node:crypto';

import { type ImageInfo, parsePixelPath } from '../shared/contract.ts';
import type { Image } from './image/image.ts';
import type { ImageStore } from './image/image-store.ts';
import { createPyramid, type Pyramid } from './image/pyramid.ts';

export interface PixelAnswer {
  readonly bytes: Uint8Array;
  readonly mime: string;
  /** The pixels behind this path never change: it may be cached for ever. */
  readonly immutable: boolean;
}

interface Shelved {
  readonly info: ImageInfo;
  readonly pyramid: Pyramid;
  release(): void;
}

/** Pictures a user interface may look at, by id. */
export class ImageShelf {
  readonly #store: ImageStore;
  readonly #images = new Map<string, Shelved>();

  constructor(store: ImageStore) {
    this.#store = store;
  }

  /** Shows `image`; `release` is called once it is taken off. */
  put(image: Image, release: () => void): ImageInfo {
    const pyramid = createPyramid(image, this.#store);
    const { width, height, channels } = image;
    const info: ImageInfo = { id: randomUUID(), width, height, channels, tilePx: pyramid.tilePx, levels: pyramid.levels };
    this.#images.set(info.id, { info, pyramid, release });
    return info;
  }

  take(id: string): void {
    const shelved = this.#images.get(id);
    if (shelved === undefined) return;
    this.#images.delete(id);
    void shelved.pyramid.dispose().finally(() => shelved.release());
  }

  /** Answers a pixel path of the contract; undefined when there is no such picture or tile. */
  async pixels(path: string): Promise<PixelAnswer | undefined> {
    const request = parsePixelPath(path);
    const shelved = request === undefined ? undefined : this.#images.get(request.image);
    if (request === undefined || shelved === undefined) return undefined;
    if (request.kind === 'thumbnail') return { ...(await shelved.pyramid.thumbnail(Math.min(2048, Math.max(16, request.maxPx)))), immutable: true };
    const { level, column, row } = request;
    const side = shelved.info.tilePx * 2 ** level;
    if (level >= shelved.info.levels || column * side >= shelved.info.width || row * side >= shelved.info.height) return undefined;
    return { ...(await shelved.pyramid.tile(level, column, row)), immutable: true };
  }

  clear(): void {
    for (const id of [...this.#images.keys()]) this.take(id);
  }
}
