import { expect, test } from 'vitest';
import { runGolden } from './golden.ts';

/** Fixture, architecture and the hyperparameters that must be read back from the file. */
const cases: readonly (readonly [string, string, Record<string, unknown>])[] = [
  ['compact-x4', 'srvgg-net-compact', { features: 12, convolutions: 4, scale: 4, inputChannels: 3 }],
  ['compact-x2-gray', 'srvgg-net-compact', { features: 10, convolutions: 3, scale: 2, inputChannels: 1 }],
  ['compact-x1', 'srvgg-net-compact', { features: 8, convolutions: 5, scale: 1 }],
  ['rrdb-x4-new', 'rrdb-net', { layout: 'new', features: 8, growth: 4, blocks: 2, scale: 4, unshuffle: 1 }],
  ['rrdb-x2-unshuffled', 'rrdb-net', { layout: 'new', blocks: 2, scale: 2, unshuffle: 2, inputChannels: 3 }],
  ['rrdb-x1-unshuffled', 'rrdb-net', { layout: 'new', blocks: 1, scale: 1, unshuffle: 4, inputChannels: 3 }],
  ['rrdb-x4-middle', 'rrdb-net', { layout: 'middle', blocks: 3, scale: 4 }],
  ['rrdb-x4-old', 'rrdb-net', { layout: 'old', blocks: 2, scale: 4, doublings: 2 }],
  ['rrdb-x1-old', 'rrdb-net', { layout: 'old', blocks: 1, scale: 1, doublings: 0 }],
  ['rrdb-x2-old', 'rrdb-net', { layout: 'old', blocks: 1, scale: 2, doublings: 1 }],
  ['rrdb-x8-old', 'rrdb-net', { layout: 'old', blocks: 1, scale: 8, doublings: 3 }],
  ['rrdb-plus-x4-old', 'rrdb-net', { layout: 'old', blocks: 2, scale: 4, plus: true }],
  ['msr-res-net-x4', 'msr-res-net', { layout: 'new', features: 8, blocks: 3, scale: 4, shuffles: [2, 2] }],
  ['msr-res-net-x3', 'msr-res-net', { layout: 'new', blocks: 2, scale: 3, shuffles: [3] }],
  ['msr-res-net-x2-middle', 'msr-res-net', { layout: 'middle', blocks: 2, scale: 2, shuffles: [2] }],
  ['edsr-x4', 'edsr', { layout: 'basic', features: 8, blocks: 3, scale: 4, residualScale: 1 }],
  ['edsr-x3', 'edsr', { layout: 'basic', blocks: 2, scale: 3 }],
  ['edsr-x2-original', 'edsr', { layout: 'original', blocks: 2, scale: 2 }],
  ['sr-res-net-x4', 'sr-res-net', { layout: 'numbered', features: 8, blocks: 3, scale: 4, firstKernel: 9 }],
  ['sr-res-net-x2-trunk', 'sr-res-net', { layout: 'trunk', blocks: 2, scale: 2, lastKernel: 9 }],
  ['srcnn', 'srcnn', { channels: 1, features: [16, 8], kernels: [9, 1, 5], scale: 1 }],
  ['srcnn-x3', 'srcnn', { channels: 3, features: [12, 8], kernels: [9, 5, 5], scale: 3 }],
  ['espcn-x3', 'espcn', { layout: 'parts', channels: 1, features: [16, 8], kernels: [5, 3, 3], scale: 3 }],
  ['espcn-x2-rgb', 'espcn', { layout: 'numbered', channels: 3, scale: 2 }],
];

test.each(cases)(
  '%s is recognized as %s, measured, and gives what PyTorch gives',
  async (name, id, expected) => {
    const { architecture, params, maxAbsError } = await runGolden(name);
    expect(architecture.id).toBe(id);
    expect(params).toMatchObject(expected);
    expect(maxAbsError).toBeLessThanOrEqual(2e-5);
  },
);
