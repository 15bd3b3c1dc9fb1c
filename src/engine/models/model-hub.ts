import { basename } from 'node:path';

import type { Compatibility, ModelCard, Settings } from '../../shared/contract.ts';
import { HeirloomError } from '../../shared/failure.ts';
import type { ModelInfo, ModelRole } from '../architectures/architecture.ts';
import { detectArchitecture } from '../architectures/registry.ts';
import type { Context } from '../context.ts';
import { type EncodedGraph, Graph } from '../graph/graph.ts';
import { blendWeights, compareWeights } from '../weights/blend.ts';
import { openWeights } from '../weights/open-weights.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weights.ts';
import { type CatalogEntry, fileSha256, fileStamp } from './catalog.ts';
import { isOnnxFile, readReadyGraph } from './ready-graph.ts';
import { createModel, type Model } from './model.ts';
import type { ModelFiles } from './model-files.ts';
import { createNetwork, type Network } from './network.ts';
import { probePath } from './path-probe.ts';
import { ResidentWeights } from './resident-weights.ts';
import type { Runtime, Session } from './runtime.ts';
import { SessionCache } from './session-cache.ts';

/** Which network: one model, or the one at α between two ends. */
export interface ModelChoice {
  readonly id: string;
  /** The other end; needed unless `alpha` is 0. */
  readonly partner?: string;
  /** θ = (1−α)·θ_id + α·θ_partner. */
  readonly alpha?: number;
}

/** The door to every network on this machine. */
export interface ModelHub {
  list(): Promise<readonly ModelCard[]>;
  /** Describes a file that need not be installed, and measures how fast it runs here. */
  inspect(path: string): Promise<ModelCard>;
  add(path: string): Promise<ModelCard>;
  remove(id: string): Promise<void>;
  install(id: string, context: Context): Promise<ModelCard>;
  /** Id of the model a step uses when none was chosen: the first one present with that role and, if given, end. */
  defaultFor(role: ModelRole, end?: string): string | undefined;
  entry(id: string): CatalogEntry;
  /** Whether the model's file is on this machine. */
  has(id: string): boolean;
  /** Part of a cache key: changes with the choice and with the files behind it. */
  key(choice: ModelChoice): string;
  /** @throws HeirloomError `missing-model`, `unsupported-model`, `corrupt-model`, or `bad-input` when the two ends do not fit together. */
  open(choice: ModelChoice): Promise<Model>;
  /**
   * A network that does not turn one picture into one: detectors and parsers.
   *
   * @throws HeirloomError as `open`.
   */
  openNetwork(id: string): Promise<Network>;
  compare(a: string, b: string): Promise<Compatibility>;
  /** Writes the network at α as `.safetensors` under the family's usual names. */
  interpolate(choice: Required<ModelChoice>, path: string): Promise<void>;
  applySettings(settings: Settings, device: string): Promise<void>;
  close(): Promise<void>;
}

export interface ModelHubOptions {
  readonly files: ModelFiles;
  readonly runtime: Runtime;
  readonly settings: Settings;
  readonly device: string;
  readonly threads: number;
  log(line: string): void;
  /** A model's speed here became known. */
  onSpeed?(): void;
}

/** Two ends being slid, their middle, and one more: enough for a slider. */
const sessionsKept = 4;
/** A session takes about four times its weights (RRDBNet: 67 MB of weights, 300 MB). */
const sessionBytesPerParameter = 16;
const sessionBudgetBytes = 2 ** 29;
const weightsKept = 4;
const smallestTimedMegapixels = 0.25;

interface Described {
  readonly info: ModelInfo;
  readonly architecture: string;
  readonly parameters: number;
}

export function createModelHub(options: ModelHubOptions): ModelHub {
  const { files, runtime, threads, log } = options;
  let { settings, device } = options;
  const sessions = new SessionCache(sessionsKept, sessionBudgetBytes);
  const resident = new Map<string, ResidentWeights>();
  const described = new Map<string, Described>();
  const speeds = new Map<string, number>();
  const hashes = new Map<string, string>();

  const pathOf = (id: string): string => {
    const path = files.path(id);
    if (path !== undefined) return path;
    const { title, url } = files.entry(id);
    throw new HeirloomError('missing-model', `${title} is not on this machine.`, url === undefined ? 'Add its file in the models panel.' : 'Install it in the models panel.');
  };

  const weightsOf = (id: string): Weights => {
    const path = pathOf(id);
    const key = `${path}|${fileStamp(path)}`;
    const kept = resident.get(key) ?? new ResidentWeights(openWeights(path));
    resident.delete(key);
    resident.set(key, kept);
    for (const [oldest, weights] of resident) {
      if (resident.size <= weightsKept) break;
      resident.delete(oldest);
      weights.close();
    }
    return kept;
  };

  const key = ({ id, partner, alpha = 0 }: ModelChoice): string => {
    const stamp = (model: string): string => `${model}@${fileStamp(pathOf(model))}`;
    if (partner === undefined || alpha === 0) return stamp(id);
    if (alpha === 1) return stamp(partner);
    return `${stamp(id)}+${alpha}*${stamp(partner)}`;
  };

  const describePath = async (path: string): Promise<Described> => {
    const stamp = `${path}|${fileStamp(path)}`;
    const known = described.get(stamp);
    if (known !== undefined) return known;
    const result = isOnnxFile(path) ? await readReadyGraph(path, runtime) : describeWeights(openWeights(path));
    described.set(stamp, result);
    return result;
  };

  const graphOf = (choice: ModelChoice): EncodedGraph => {
    const { id, partner, alpha = 0 } = choice;
    return encodeWeights(blendOf(id, partner, alpha));
  };

  const blendOf = (id: string, partner: string | undefined, alpha: number): Weights => {
    if (alpha === 0) return weightsOf(id);
    if (partner === undefined) throw new HeirloomError('bad-input', `${files.entry(id).title} has no partner to interpolate with.`, 'Choose a second model, or set α to 0.');
    if (alpha === 1) return weightsOf(partner);
    const [a, b] = [weightsOf(id), weightsOf(partner)];
    const report = compareWeights(a, b);
    if (!report.compatible) throw new HeirloomError('bad-input', report.verdict, 'Choose two models of the same architecture and size.');
    return blendWeights(a, b, alpha);
  };

  const load = async (choice: ModelChoice, on: string): Promise<Session> => {
    const only = choice.alpha === undefined || choice.alpha === 0 ? choice.id : choice.alpha === 1 ? choice.partner : undefined;
    const path = only === undefined ? undefined : pathOf(only);
    const encoded = path !== undefined && isOnnxFile(path) ? (await readReadyGraph(path, runtime)).graph : graphOf(choice);
    return runtime.load(encoded, { device: on, threads });
  };

  /** Time per megapixel over one tile, the better of two runs after a warm-up; nothing for networks that do not take one picture of any size. */
  const measureSpeed = async (info: ModelInfo, path: string): Promise<{ readonly msPerMegapixel?: number }> => {
    if (!info.tileable || (info.role !== 'enlarge' && info.role !== 'clean')) return {};
    const encoded = isOnnxFile(path) ? (await readReadyGraph(path, runtime)).graph : encodeWeights(openWeights(path));
    const session = await runtime.load(encoded, { device, threads });
    try {
      const side = Math.ceil(128 / info.sizeMultiple) * info.sizeMultiple;
      let fastestMs = Infinity;
      for (let run = 0; run < 3; run++) {
        const data = new Float32Array(info.inputChannels * side * side).fill(0.5);
        const started = performance.now();
        await session.run({ [session.inputNames[0] ?? 'input']: { data, dims: [1, info.inputChannels, side, side] } });
        if (run > 0) fastestMs = Math.min(fastestMs, performance.now() - started);
      }
      const msPerMegapixel = (fastestMs * 1e6) / (side * side);
      speeds.set(`${path}|${fileStamp(path)}`, msPerMegapixel);
      return { msPerMegapixel };
    } finally {
      await session.release();
    }
  };

  /** Notes the speed of real work on the cards of both ends: they are one architecture. Small pictures say little. */
  const timed =
    (apply: Model['apply'], { id, partner }: ModelChoice): Model['apply'] =>
    async (image, store, context) => {
      const started = performance.now();
      const result = await apply(image, store, context);
      const megapixels = (image.width * image.height) / 1e6;
      if (megapixels < smallestTimedMegapixels) return result;
      for (const model of partner === undefined ? [id] : [id, partner]) {
        const path = files.path(model);
        if (path !== undefined) speeds.set(`${path}|${fileStamp(path)}`, (performance.now() - started) / megapixels);
      }
      options.onSpeed?.();
      return result;
    };

  const card = async (entry: CatalogEntry): Promise<ModelCard> => {
    const path = files.path(entry.id);
    const { file: _file, ...facts } = entry;
    const base: ModelCard = { ...facts, present: path !== undefined, architecture: '' };
    if (path === undefined) return base;
    try {
      const speed = speeds.get(`${path}|${fileStamp(path)}`);
      const sha256 = entry.sha256 ?? (await hashOf(path));
      return { ...base, ...cardFacts(await describePath(path)), sha256, ...(speed === undefined ? {} : { msPerMegapixel: speed }) };
    } catch (error) {
      return { ...base, present: false, note: error instanceof Error ? error.message : String(error) };
    }
  };

  const hashOf = async (path: string): Promise<string> => {
    const stamp = `${path}|${fileStamp(path)}`;
    const sha256 = hashes.get(stamp) ?? (await fileSha256(path));
    hashes.set(stamp, sha256);
    return sha256;
  };

  const hub: ModelHub = {
    list: async () => Promise.all(files.entries.map(card)),
    inspect: async (path) => {
      const facts = await describePath(path);
      const name = basename(path);
      const speed = await measureSpeed(facts.info, path);
      return { id: name, title: name, role: facts.info.role, origin: 'added', present: true, license: 'unknown: see where the file came from', sha256: await hashOf(path), ...cardFacts(facts), ...speed };
    },
    add: async (path) => {
      const { info } = await describePath(path);
      return card(await files.add(path, { title: basename(path), role: info.role }));
    },
    remove: async (id) => {
      await sessions.drop((sessionKey) => sessionKey.includes(`${id}@`));
      await files.remove(id);
    },
    install: async (id, context) => card(await files.install(id, context)),
    defaultFor: (role, end) =>
      files.entries.find((entry) => entry.role === role && (end === undefined || entry.end === end) && files.path(entry.id) !== undefined)?.id,
    entry: (id) => files.entry(id),
    has: (id) => files.path(id) !== undefined,
    key,
    open: async (choice) => {
      const path = pathOf(choice.alpha === 1 && choice.partner !== undefined ? choice.partner : choice.id);
      const { info, parameters } = await describePath(path);
      const choiceKey = key(choice);
      const model = createModel(choiceKey.replace(/@[^+*]*/g, ''), info, {
        devices: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
        withSession: (on, use) => sessions.with(`${choiceKey}|${on}`, () => load(choice, on), use, parameters * sessionBytesPerParameter),
        tileBudgetBytes: (settings.memoryBudgetMiB * 2 ** 20) / 4,
        tilePx: settings.tilePx,
        log,
      });
      return { ...model, apply: timed(model.apply, choice) };
    },
    openNetwork: async (id) => {
      const facts = await describePath(pathOf(id));
      const choiceKey = key({ id });
      return createNetwork(id, facts, {
        devices: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
        withSession: (on, use) => sessions.with(`${choiceKey}|${on}`, () => load({ id }, on), use),
        log,
      });
    },
    compare: async (a, b) => {
      const report = compareWeights(weightsOf(a), weightsOf(b));
      if (!report.compatible) return report;
      const warning = await probePath(hub, a, b);
      return warning === undefined ? report : { ...report, warning };
    },
    interpolate: async ({ id, partner, alpha }, path) => {
      const blended = blendOf(id, partner, alpha);
      writeSafetensors(path, blended, {
        dtype: 'f32',
        metadata: { format: 'pt', 'heirloom.interpolation': `(1-${alpha})*${id} + ${alpha}*${partner}` },
      });
    },
    applySettings: async (next, nextDevice) => {
      settings = next;
      if (nextDevice !== device) await sessions.drop(() => true);
      device = nextDevice;
    },
    close: async () => {
      await sessions.drop(() => true);
      for (const weights of resident.values()) weights.close();
      resident.clear();
      await runtime.close();
    },
  };
  return hub;
}

function encodeWeights(weights: Weights): EncodedGraph {
  const { architecture, params } = detectArchitecture(weights);
  const graph = new Graph(architecture.id);
  return graph.encode(architecture.build(graph, weights, params), { external: true });
}

function describeWeights(weights: Weights): Described {
  try {
    const { architecture, params } = detectArchitecture(weights);
    let parameters = 0;
    for (const { shape } of weights.tensors.values()) parameters += shape.reduce((product, size) => product * size, 1);
    return { info: architecture.describe(params), architecture: architecture.name, parameters };
  } finally {
    weights.close();
  }
}

function cardFacts({ info, architecture, parameters }: Described): Partial<ModelCard> & { readonly architecture: string } {
  return {
    architecture,
    parameters,
    scale: info.scale,
    hyperparameters: info.hyperparameters,
    gflopPerMegapixel: info.flopPerPixel / 1000,
    ...(Number.isFinite(info.receptiveFieldPx) ? { receptiveFieldPx: info.receptiveFieldPx } : {}),
  };
}
