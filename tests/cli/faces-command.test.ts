import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Terminal } from '../../src/cli/command.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { identityLimit } from '../../src/engine/faces/identity-guard.ts';
import { programFiles } from '../../src/host/program-files.ts';
import { golden } from '../engine/faces/face-hubs.ts';
import { removeFolder } from '../host/fake-engine.ts';
import { sharedData, sharedDataNote } from '../shared-data.ts';

const built = existsSync(programFiles().entries.inferenceWorker);
const note = built ? '' : ' (skipped: the program is not built)';
const folder = mkdtempSync(join(tmpdir(), 'hl-test-faces-'));
const gray = join(folder, 'gray.png');
let out = '';
let err = '';

beforeEach(async () => {
  vi.stubEnv('HEIRLOOM_DATA', join(folder, 'data'));
  vi.stubEnv('HEIRLOOM_SCRATCH', join(folder, 'scratch'));
  mkdirSync(join(folder, 'data'), { recursive: true });
  await sharp({ create: { width: 200, height: 150, channels: 3, background: '#888' } })
    .png()
    .toFile(gray);
  [out, err] = ['', ''];
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await removeFolder(folder);
});

function run(...args: string[]): Promise<number> {
  const terminal: Terminal = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isInteractive: false,
    columns: 80,
    signal: new AbortController().signal,
  };
  return runCli(args, terminal);
}

describe('heirloom faces', () => {
  test('says how it is used', async () => {
    expect(await run('faces')).toBe(2);
    expect(err).toContain('heirloom faces FILE');
    expect(await run('faces', gray, '--eyes', '0')).toBe(2);
  });
});

describe.skipIf(!built)(`heirloom faces with an engine${note}`, () => {
  test('looks with the detector that ships, and says that another one is not there', async () => {
    expect(await run('faces', gray), err).toBe(0);
    expect(out).toBe('No face was found.\n');
    expect(await run('faces', gray, '--detector', 'retinaface-resnet50')).toBe(4);
    expect(err).toContain('RetinaFace ResNet-50 is not on this machine.');
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test.skipIf(sharedData === undefined)(
    `lists a face, as a table and as JSON, and answers when there is none${sharedDataNote}`,
    async () => {
      const portrait = `${sharedData}/eval/open/faces/obama_small.jpg`;
      [out, err] = ['', ''];
      expect(await run('faces', portrait, '--json', '--eyes', '20'), err).toBe(0);
      const faces = JSON.parse(out) as {
        id: string;
        score: number;
        box: { width: number };
        points: Record<string, { x: number; y: number }>;
        eyeDistancePx: number;
      }[];
      expect(faces).toHaveLength(1);
      expect(faces[0]).toMatchObject({ id: 'face-1' });
      expect(faces[0]!.points['leftEye']!.x).toBeLessThan(faces[0]!.points['rightEye']!.x);
      expect(faces[0]!.eyeDistancePx).toBeGreaterThan(20);
      out = '';
      expect(await run('faces', portrait, '--eyes', '20')).toBe(0);
      expect(out.split('\n')[1]).toMatch(/^face-1\s+\d+×\d+\s+\d+,\d+\s+[01]\.\d\d/);
      out = '';
      expect(await run('faces', gray)).toBe(0);
      expect(out).toBe('No face was found.\n');
    },
  );

  test.skipIf(sharedData === undefined)(
    `tries each face, and says how far it would be from the person, by recognition too once a network is added${sharedDataNote}`,
    async () => {
      const portrait = `${sharedData}/eval/open/faces/obama_small.jpg`;
      const tried = async (): Promise<{ identityDistance: number; embeddingDistance?: number }> => {
        [out, err] = ['', ''];
        expect(await run('faces', portrait, '--try', '--json', '--eyes', '20'), err).toBe(0);
        return (JSON.parse(out) as [{ identityDistance: number; embeddingDistance?: number }])[0];
      };
      const before = await tried();
      expect(before.identityDistance).toBeLessThan(identityLimit);
      expect(before).not.toHaveProperty('embeddingDistance');
      expect(before).not.toHaveProperty('warning');

      // Random weights know nobody; the number is what the network says.
      expect(await run('models', 'add', join(golden, 'arc-face-plain.pth')), err).toBe(0);
      const { embeddingDistance, ...rest } = await tried();
      expect(rest).toMatchObject(before);
      expect(embeddingDistance).toBeGreaterThanOrEqual(0);
      expect(embeddingDistance).toBeLessThanOrEqual(2);
      expect((await tried()).embeddingDistance).toBe(embeddingDistance);

      out = '';
      expect(await run('faces', portrait, '--try', '--eyes', '20')).toBe(0);
      const numbers = `${before.identityDistance.toFixed(2)} ${embeddingDistance!.toFixed(2)}`;
      expect(out.split('\n')[0]).toMatch(/eyes px\s+distance\s/);
      expect(out.split('\n')[1]).toContain(numbers);
    },
    60_000,
  );
});
