import { availableParallelism } from 'node:os';

import type { ModelFiles } from '../../src/engine/models/model-files.ts';
import { createModelHub, type ModelHub } from '../../src/engine/models/model-hub.ts';
import { createInlineRuntime } from '../../src/engine/models/runtime.ts';

/** The networks of these files on all cores, in the process of the bench. */
export function cpuHub(files: ModelFiles): ModelHub {
  return createModelHub({
    files,
    runtime: createInlineRuntime(),
    settings: { device: 'cpu', tilePx: 0, memoryBudgetMiB: 2048, theme: 'system' },
    device: 'cpu',
    threads: availableParallelism(),
    log: () => {},
  });
}
