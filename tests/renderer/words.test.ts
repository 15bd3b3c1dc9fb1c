import { describe, expect, test } from 'vitest';
import { keyName, showKeys } from '../../src/renderer/commands.ts';
import { formatRules, suggestedName, withFormat } from '../../src/renderer/export-rules.ts';
import {
  formatBytes,
  formatDuration,
  formatMegapixels,
  formatMemory,
  formatParameters,
  formatPrintSize,
  formatZoom,
} from '../../src/renderer/format.ts';
import { isModelName } from '../../src/renderer/intake.ts';
import type { ExportOptions } from '../../src/shared/export-options.ts';

const press = (
  key: string,
  held: Partial<Record<'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey', boolean>> = {},
) => keyName({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held });

describe('numbers as people read them', () => {
  test.each([
    [formatDuration(4.6), '5 s'],
    [formatDuration(120), '2 min'],
    [formatDuration(3599), '59 min 59 s'],
    [formatDuration(3900), '1 h 5 min'],
    [formatDuration(-3), '0 s'],
    [formatBytes(999), '999 bytes'],
    [formatBytes(67_040_989), '67.0 MB'],
    [formatMemory(2048), '2 GiB'],
    [formatMemory(1536), '1.5 GiB'],
    [formatMegapixels(1000, 1247), '1.2 MP'],
    [formatMegapixels(8, 8), '0.000 MP'],
    [formatZoom(0.0432), '4.3 %'],
    [formatZoom(2), '200 %'],
    [formatPrintSize(1000, 500, 254), '10.0 × 5.0 cm'],
    [formatParameters(16_697_987), '16.7 million'],
  ])('%s', (found, expected) => expect(found).toBe(expected));
});

describe('keys', () => {
  test('are named alike on every keyboard', () => {
    expect(press('z', { ctrlKey: true })).toBe('Mod+Z');
    expect(press('Z', { metaKey: true, shiftKey: true })).toBe('Mod+Shift+Z');
    expect(press('?', { shiftKey: true })).toBe('?');
    expect(press('+', { shiftKey: true })).toBe('+');
    expect(press('ArrowLeft', { shiftKey: true })).toBe('Shift+ArrowLeft');
  });

  test('are shown as the system writes them', () => {
    expect(showKeys('Mod+Shift+Z', false)).toBe('Ctrl+Shift+Z');
    expect(showKeys('Mod+Z', true)).toBe('⌘Z');
    expect(showKeys('+', false)).toBe('+');
    expect(showKeys('Mod++', false)).toBe('Ctrl++');
    expect(showKeys('ArrowUp', false)).toBe('↑');
  });
});

describe('export', () => {
  const tiff: ExportOptions = {
    format: 'tiff',
    quality: 92,
    bitDepth: 16,
    chroma: '4:4:4',
    profile: 'source',
    metadata: 'keep',
  };

  test('a format takes no more than it can carry', () => {
    expect(withFormat(tiff, 'jpeg').bitDepth).toBe(8);
    expect(withFormat(tiff, 'png').bitDepth).toBe(16);
    expect(withFormat({ ...tiff, lossless: true }, 'png')).not.toHaveProperty('lossless');
    for (const rules of Object.values(formatRules)) expect(rules.bitDepths).toContain(8);
  });

  test('the suggested name never is the original’s', () => {
    expect(suggestedName('Grandmother.jpeg', 'jpeg')).toBe('Grandmother restored.jpg');
    expect(suggestedName('1912', 'tiff')).toBe('1912 restored.tif');
    expect(suggestedName('.png', 'png')).toBe('photo restored.png');
  });
});

test('model files are told from photos by their names', () => {
  expect(['a.pth', 'b.PT', 'c.safetensors', 'd.onnx'].every(isModelName)).toBe(true);
  expect(['a.jpg', 'pth', 'b.onnx.png'].some(isModelName)).toBe(false);
});
