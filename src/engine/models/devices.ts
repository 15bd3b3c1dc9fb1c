import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { DeviceInfo } from '../../shared/contract.ts';
import { array, number, object, oneOf, optional, string } from '../../shared/schema.ts';

/** What the self-test in the probe process found. */
export interface ProbeReport {
  /** Largest absolute difference from the CPU's numbers; the test's outputs are of the order of 1. */
  readonly maxError: number;
  readonly elapsedMs: number;
}

const labels: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  webgpu: 'GPU (WebGPU)',
  cuda: 'NVIDIA GPU (CUDA)',
  dml: 'GPU (DirectML)',
  coreml: 'Apple GPU / Neural Engine (Core ML)',
};

/** Execution providers worth trying besides the CPU; TensorRT needs minutes per network and is left out. */
const candidates = ['cuda', 'dml', 'coreml', 'webgpu'] as const;

/** Half-precision hardware is off by a few thousandths at most; a broken driver by far more. */
const toleratedError = 0.02;
const probeTimeoutMs = 60_000;
const passed = 'Passed the self-test.';

/** Runs the self-test for one device in a process of its own. */
export type Probe = (device: string) => Promise<ProbeReport>;

/** A probe that starts the built `device-probe` module. */
export function createProcessProbe(entry: string): Probe {
  return (device) =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
      execFile(process.execPath, [entry, device], { timeout: probeTimeoutMs, env }, (error, stdout) => {
        if (error !== null) return reject(new Error(endReason(error)));
        try {
          const answer = object({ maxError: optional(number(0)), elapsedMs: optional(number(0)), error: optional(string(100_000)) }).parse(JSON.parse(stdout));
          const { maxError, elapsedMs } = answer;
          if (maxError === undefined || elapsedMs === undefined) reject(new Error(plainReason(answer.error ?? '')));
          else resolve({ maxError, elapsedMs });
        } catch {
          reject(new Error('the self-test gave no result'));
        }
      });
    });
}

function endReason(error: Error & { readonly killed?: boolean; readonly signal?: NodeJS.Signals | null | undefined; readonly code?: unknown }): string {
  if (error.killed === true) return 'the self-test did not end within a minute';
  if (typeof error.signal === 'string') return `the self-test crashed (${error.signal})`;
  return `the self-test crashed (exit code ${String(error.code)})`;
}

/** What ONNX Runtime's errors mean to a user; unknown ones are shortened to their first sentence without paths and colors. */
function plainReason(message: string): string {
  const text = message.replace(/\u001b\[[0-9;]*m/g, '');
  if (/no supported adapter|no adapters?|failed to get .*adapter/i.test(text)) return 'no supported graphics adapter was found';
  if (/failed to load (shared )?library|cannot open shared object|LoadLibrary failed/i.test(text)) return 'its runtime library is not installed';
  if (/no CUDA-capable device|CUDA driver version|cudaErrorNoDevice|error 100/i.test(text)) return 'no usable NVIDIA driver or device was found';
  if (/backend not found|not available|not supported on this platform/i.test(text)) return 'this build does not include it';
  const sentence = text.replace(/(?:[A-Za-z]:)?[/\\][\w./\\+-]+(?::\d+)?/g, '…').split('\n', 1)[0] ?? '';
  return sentence.trim().slice(0, 160) || 'the self-test failed';
}

/**
 * Which devices this machine has and which of them give the CPU's numbers.
 *
 * @param supported names from onnxruntime-node's `listSupportedBackends`.
 */
export async function probeDevices(supported: readonly string[], probe: Probe): Promise<readonly DeviceInfo[]> {
  const devices: DeviceInfo[] = [await probeCpu(probe)];
  for (const id of candidates) {
    const label = labels[id] ?? id;
    if (!supported.includes(id)) devices.push({ id, label, state: 'unavailable', note: 'This build of Heirloom does not include it.' });
    else devices.push(await probeOne(id, label, probe));
  }
  return devices;
}

async function probeCpu(probe: Probe): Promise<DeviceInfo> {
  const label = labels.cpu ?? 'CPU';
  try {
    const { elapsedMs } = await probe('cpu');
    return { id: 'cpu', label, state: 'ready', note: passed, selfTestMs: elapsedMs };
  } catch {
    return { id: 'cpu', label, state: 'ready', note: 'Always available; its speed could not be measured.' };
  }
}

async function probeOne(id: string, label: string, probe: Probe): Promise<DeviceInfo> {
  try {
    const { maxError, elapsedMs } = await probe(id);
    if (maxError <= toleratedError) return { id, label, state: 'ready', note: passed, selfTestMs: elapsedMs };
    const note = `Struck off: in the self-test its numbers were off by up to ${maxError.toPrecision(2)} from the CPU's.`;
    return { id, label, state: 'struck-off', note };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const crashed = why.includes('crashed') || why.includes('did not end');
    return { id, label, state: crashed ? 'struck-off' : 'unavailable', note: `${crashed ? 'Struck off' : 'Not usable here'}: ${why}.` };
  }
}

/** The fastest device that passed the self-test; the CPU if nothing else did. */
export function fastestDevice(devices: readonly DeviceInfo[]): string {
  const time = (device: DeviceInfo): number => device.selfTestMs ?? Infinity;
  const ready = devices.filter((device) => device.state === 'ready');
  return ready.reduce<DeviceInfo | undefined>((best, device) => (best === undefined || time(device) < time(best) ? device : best), undefined)?.id ?? 'cpu';
}

const savedSchema = object({
  key: string(),
  devices: array(object({ id: string(), label: string(), state: oneOf('ready', 'struck-off', 'unavailable'), note: string(), selfTestMs: optional(number(0)) })),
});

/** Probes once per machine and runtime version: the result is kept in `directory`. */
export async function loadOrProbeDevices(directory: string, key: string, probeAll: () => Promise<readonly DeviceInfo[]>): Promise<readonly DeviceInfo[]> {
  const path = join(directory, 'devices.json');
  try {
    const saved = savedSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    if (saved.key === key) return saved.devices;
  } catch {
    // Missing or damaged: probe again.
  }
  const devices = await probeAll();
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, JSON.stringify({ key, devices }, null, 2));
  await rename(temporary, path);
  return devices;
}
