import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { fastestDevice, loadOrProbeDevices, probeDevices } from '../../../src/engine/models/devices.ts';
import { SessionCache } from '../../../src/engine/models/session-cache.ts';
import type { Session } from '../../../src/engine/models/runtime.ts';
import { HeirloomError } from '../../../src/shared/failure.ts';

describe('devices', () => {
  it('are struck off when they crash or give wrong numbers, and the fastest of the others is picked', async () => {
    const devices = await probeDevices(['cpu', 'webgpu', 'cuda', 'dml'], async (device) => {
      if (device === 'cuda') throw new Error('the self-test crashed (SIGSEGV)');
      if (device === 'dml') return { maxError: 0.7, elapsedMs: 1 };
      return { maxError: 1e-4, elapsedMs: device === 'cpu' ? 30 : 4 };
    });
    const state = Object.fromEntries(devices.map((device) => [device.id, device.state]));
    expect(state).toEqual({ cpu: 'ready', cuda: 'struck-off', dml: 'struck-off', coreml: 'unavailable', webgpu: 'ready' });
    expect(devices.find(({ id }) => id === 'dml')?.note).toContain('off by up to 0.70');
    expect(fastestDevice(devices)).toBe('webgpu');
  });

  it('always leave the CPU', async () => {
    const devices = await probeDevices(['cpu', 'webgpu'], () => Promise.reject(new Error('no adapters')));
    expect(fastestDevice(devices)).toBe('cpu');
    expect(devices.find(({ id }) => id === 'webgpu')).toMatchObject({ state: 'unavailable', note: 'Not usable here: no adapters.' });
  });

  it('are probed once, until the version changes or the file is damaged', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heirloom-devices-'));
    let probes = 0;
    const probe = (key: string): Promise<unknown> => loadOrProbeDevices(folder, key, async () => (probes++, [{ id: 'cpu', label: 'CPU', state: 'ready', note: '', selfTestMs: 2 }]));
    await probe('1');
    expect(await probe('1')).toEqual([{ id: 'cpu', label: 'CPU', state: 'ready', note: '', selfTestMs: 2 }]);
    expect(probes).toBe(1);
    await probe('2');
    expect(probes).toBe(2);
    expect(JSON.parse(readFileSync(join(folder, 'devices.json'), 'utf8'))).toHaveProperty('key', '2');
    writeFileSync(join(folder, 'devices.json'), '{"key":');
    await probe('2');
    expect(probes).toBe(3);
    rmSync(folder, { recursive: true });
  });
});

describe('the session cache', () => {
  const make = (name: string, released: string[]): Session => ({ inputNames: [], outputNames: [], run: async () => ({}), release: async () => void released.push(name) });

  it('releases the least recently used session, but never one in use', async () => {
    const released: string[] = [];
    const cache = new SessionCache(2);
    const use = (key: string, work: () => Promise<void> = async () => {}): Promise<void> => cache.with(key, async () => make(key, released), work);
    await use('a');
    await use('b');
    await use('a');
    await use('c');
    expect(released).toEqual(['b']);
    await use('a', async () => {
      await use('d');
      await use('e');
      expect(released).not.toContain('a');
    });
    await cache.drop(() => true);
    expect([...released].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('releases what is too large together, but never for the sake of networks that take next to nothing', async () => {
    const released: string[] = [];
    const loaded: string[] = [];
    const cache = new SessionCache(4, 100);
    const use = (key: string, sizeBytes?: number): Promise<void> => cache.with(key, async () => (loaded.push(key), make(key, released)), async () => {}, sizeBytes);
    for (let face = 0; face < 3; face++) {
      await use('restorer', 300);
      await use('parser');
      await use('recognizer');
    }
    expect(loaded).toEqual(['restorer', 'parser', 'recognizer']);
    await use('other', 60);
    expect(released).toEqual(['restorer']);
    await use('third', 60);
    expect(released).toEqual(['restorer', 'other']);
    await cache.drop(() => true);
  });

  it('does not keep a session that failed, or one that could not be loaded', async () => {
    const released: string[] = [];
    const cache = new SessionCache(2);
    let loads = 0;
    const load = async (): Promise<Session> => (loads++, make('a', released));
    await expect(cache.with('a', load, () => Promise.reject(new HeirloomError('device', 'lost')))).rejects.toThrow('lost');
    expect(released).toEqual(['a']);
    await cache.with('a', load, async () => {});
    expect(loads).toBe(2);
    await expect(cache.with('b', () => Promise.reject(new HeirloomError('corrupt-model', 'bad')), async () => {})).rejects.toThrow('bad');
    await expect(cache.with('b', async () => make('b', released), async () => 'ok')).resolves.toBe('ok');
  });
});
