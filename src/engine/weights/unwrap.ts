import { isKind, kindOf, type PickleValue, type TensorValue } from './pickle-value.ts';
import { corruptModel, unsupportedModel } from './weights-failure.ts';

/** Named tensors of a checkpoint, and what had to be taken off to reach them, outermost first. */
export interface UnwrappedState {
  readonly tensors: ReadonlyMap<string, TensorValue>;
  readonly unwrapped: readonly string[];
}

/** Where checkpoints keep the network, best first: averaged weights before raw ones, a generator before whatever trained it. */
const wrapperKeys = [
  'params_ema',
  'params-ema',
  'params',
  'model_state_dict',
  'state_dict',
  'model_state',
  'g_ema',
  'generator_ema',
  'model_ema',
  'generator',
  'netG',
  'net_g',
  'model',
  'net',
  'network',
  'weights',
] as const;

/** Prefixes cut when every name has them. `model.` is none of them: it is part of the 2018 ESRGAN names. */
const sharedPrefixes = ['module.', 'netG.', 'net_g.', 'generator.', 'vqvae.'] as const;
/** Prefixes that hold the network beside what trained it; the rest is dropped. */
const networkPrefixes = ['generator_ema.', 'generator.', 'vqvae.'] as const;
/** Names of training companions, dropped beside a network prefix. */
const companions =
  /^(module\.)?(step_counter$|discriminator|disc\.|loss|perceptual|criterion|evaluator|val_evaluator|test_evaluator|pixel_loss|gan_loss|generator\.|quantize_loss|l1|cri_)/;

const maxWrapperLevels = 8;
const maxTensors = 200_000;
const maxVisits = 1_000_000;
const maxNameLength = 1000;

/**
 * The tensors of a checkpoint under their plain names.
 *
 * Enters `params_ema`, `params`, `state_dict` and their like, walks module records, cuts `module.` and other wrappers' prefixes, drops all but tensors.
 *
 * @throws HeirloomError `unsupported-model` when there is no named tensor; `corrupt-model` when the structure unfolds without end.
 */
export function unwrapState(fileName: string, root: PickleValue): UnwrappedState {
  const { value, entered } = enterWrappers(root);
  const flat = flatten(fileName, value);
  if (flat.size === 0) throw unsupportedModel(fileName, `holds no named tensors, but ${describe(root)}`);
  const { tensors, cut } = cutPrefixes(flat);
  return { tensors, unwrapped: [...entered, ...cut] };
}

/**
 * The prefixes that wrappers put before every name, taken off: keys map to the names they had before.
 *
 * Works for any format, since safetensors files carry the same prefixes.
 */
export function cutPrefixes<T>(named: ReadonlyMap<string, T>): { readonly tensors: ReadonlyMap<string, T>; readonly cut: readonly string[] } {
  let tensors = named;
  const cut: string[] = [];
  for (let level = 0; level < maxWrapperLevels; level++) {
    const names = [...tensors.keys()];
    const shared = sharedPrefixes.find((prefix) => names.every((name) => name.startsWith(prefix) && name.length > prefix.length));
    const network = networkPrefixes.find((prefix) => holdsNetwork(names, prefix));
    const prefix = shared ?? network;
    if (prefix === undefined) break;
    tensors = new Map([...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]));
    cut.push(prefix);
  }
  return { tensors, cut };
}

function holdsNetwork(names: readonly string[], prefix: string): boolean {
  return names.some((name) => name.startsWith(prefix)) && names.every((name) => name.startsWith(prefix) || companions.test(name));
}

function enterWrappers(root: PickleValue): { value: PickleValue; entered: string[] } {
  let value = root;
  const entered: string[] = [];
  for (let level = 0; level < maxWrapperLevels; level++) {
    const next = wrapperOf(value);
    if (next === undefined) break;
    value = next.value;
    entered.push(next.key);
  }
  return { value, entered };
}

function wrapperOf(value: PickleValue): { key: string; value: PickleValue } | undefined {
  if (!isKind(value, 'dict')) return undefined;
  for (const key of wrapperKeys) {
    const inner = value.entries.get(key);
    if (isKind(inner, 'dict') && inner.entries.size > 0) return { key, value: inner };
  }
  const [only, ...others] = value.entries;
  if (only === undefined || others.length > 0 || typeof only[0] !== 'string' || !isKind(only[1], 'dict')) return undefined;
  return { key: only[0], value: only[1] };
}

interface Visit {
  readonly name: string;
  readonly value: PickleValue;
}

/** Depth first without recursion, children in order; bounded, because a few shared records can unfold into billions of names. */
function flatten(fileName: string, root: PickleValue): Map<string, TensorValue> {
  const tensors = new Map<string, TensorValue>();
  const pending: Visit[] = [{ name: '', value: root }];
  for (let visits = 0; pending.length > 0; visits++) {
    const visit = pending.pop();
    if (visit === undefined) break;
    const endless = visits > maxVisits || pending.length > maxVisits || visit.name.length > maxNameLength || tensors.size > maxTensors;
    if (endless) throw corruptModel(fileName, 'its modules are nested without end');
    if (isKind(visit.value, 'tensor')) {
      if (visit.name !== '') tensors.set(visit.name, visit.value);
    } else {
      for (const child of childrenOf(visit).reverse()) pending.push(child);
    }
  }
  return tensors;
}

/** Dictionaries and records are walked; lists only below a name, since an optimizer's lists are not a network. */
function childrenOf({ name, value }: Visit): Visit[] {
  const prefix = name === '' ? '' : `${name}.`;
  if (isKind(value, 'dict') || isKind(value, 'record')) {
    const entries = isKind(value, 'dict') ? value.entries : value.attributes;
    return [...entries]
      .filter(([key, child]) => (typeof key === 'string' || typeof key === 'number') && isWalkable(child) && !(name === '' && trainingKeys.has(String(key))))
      .map(([key, child]) => ({ name: `${prefix}${String(key)}`, value: child }));
  }
  if (isKind(value, 'list') || isKind(value, 'tuple')) {
    return name === '' ? [] : value.items.map((child, i) => ({ name: `${prefix}${i}`, value: child })).filter((visit) => isWalkable(visit.value));
  }
  return [];
}

/** State of the training, not of the network, at the top of a checkpoint. */
const trainingKeys: ReadonlySet<string> = new Set(['optimizer', 'optimizers', 'optimizer_states', 'optim', 'lr_schedulers', 'schedulers', 'scheduler', 'rng_state', 'discriminator', 'netD', 'net_d']);

function isWalkable(value: PickleValue): boolean {
  return isKind(value, 'tensor') || isKind(value, 'dict') || isKind(value, 'record') || isKind(value, 'list') || isKind(value, 'tuple');
}

function describe(root: PickleValue): string {
  if (!isKind(root, 'dict')) return `a ${kindOf(root)}`;
  const keys = [...root.entries.keys()].filter((key) => typeof key === 'string').slice(0, 5);
  return keys.length === 0 ? 'an empty dictionary' : `a dictionary with ${keys.map((key) => `"${key}"`).join(', ')}`;
}
