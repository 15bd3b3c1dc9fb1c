import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chooseFaceRestorer } from '../../src/engine/faces/choose-face-models.ts';
import { chooseFaceDetector } from '../../src/engine/faces/open-face-detector.ts';
import { createImageStore, type ImageStore } from '../../src/engine/image/image-store.ts';
import { Memo, type Remember } from '../../src/engine/memo.ts';
import { openModelFiles } from '../../src/engine/models/model-files.ts';
import { createModelHub, type ModelHub } from '../../src/engine/models/model-hub.ts';
import { createInlineRuntime } from '../../src/engine/models/runtime.ts';

/** Where faces are measured: the shipped models and those named, and room for pictures. */
export interface Study {
  readonly hub: ModelHub;
  readonly store: ImageStore;
  /** Ids of the networks in use. */
  readonly detector: string;
  readonly restorer: string;
  /** Of the detector of damage that was named, '' without one. */
  readonly scratchDetector: string;
  readonly detectorName: string;
  readonly restorerName: string;
  /** What was found out about one picture, so that strengths do not compute it anew. */
  rememberFor(picture: string): Remember;
  close(): Promise<void>;
}

export interface StudyOptions {
  /** Folder with the shipped catalog. */
  readonly models: string;
  /** Id of a restorer in it; '' takes the first. */
  readonly model: string;
  /** Files to use instead. */
  readonly detector?: string;
  readonly restorer?: string;
  readonly scratchDetector?: string;
}

export async function openStudy(options: StudyOptions): Promise<Study> {
  const folder = mkdtempSync(path.join(tmpdir(), 'heirloom-face-results-'));
  const files = openModelFiles([options.models], path.join(folder, 'models'));
  const add = async (file: string | undefined, role: string): Promise<string | undefined> =>
    file === undefined ? undefined : (await files.add(file, { title: path.basename(file), role })).id;
  const added = {
    detector: await add(options.detector, 'face-detect'),
    restorer: await add(options.restorer, 'face-restore'),
    scratches: await add(options.scratchDetector, 'scratch-detect'),
  };
  const hub = createModelHub({
    files,
    runtime: createInlineRuntime(),
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 1024, theme: 'system' },
    device: 'cpu',
    threads: 1,
    log: () => {},
  });
  const store = createImageStore({ directory: path.join(folder, 'scratch'), memoryBudgetBytes: 512e6 });
  const memo = new Memo(512e6);
  const detector = chooseFaceDetector(hub, added.detector);
  const restorer = chooseFaceRestorer(hub, added.restorer ?? options.model, 0).id;
  return {
    hub,
    store,
    detector,
    restorer,
    scratchDetector: added.scratches ?? '',
    detectorName: hub.entry(detector).title,
    restorerName: hub.entry(restorer).title,
    rememberFor: (picture) => memo.under(picture),
    close: async () => {
      await hub.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
