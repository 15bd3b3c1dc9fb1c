import { settingsSchema } from '../shared/contract.ts';
import { array, type Infer, object, string } from '../shared/schema.ts';

/** What the engine process is started with, as JSON in the environment variable `HEIRLOOM_ENGINE`. */
export const processOptionsSchema = object({
  dataDirectory: string(),
  scratchDirectory: string(),
  modelDirectories: array(string(), 100),
  settings: settingsSchema,
  version: string(100),
  entries: object({ inferenceWorker: string(), fillWorker: string(), deviceProbe: string() }),
  /** Unix domain socket or named pipe on which pixels are served. */
  pixelSocket: string(),
});

export type ProcessOptions = Infer<typeof processOptionsSchema>;

export const processOptionsVariable = 'HEIRLOOM_ENGINE';
