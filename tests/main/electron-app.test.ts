import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron } from 'playwright-core';
import { expect, test } from 'vitest';
import { electronBinary } from '../../scripts/electron-binary.js';
import { programFiles } from '../../src/host/program-files.ts';
import { removeFolder } from '../host/fake-engine.ts';

const files = programFiles();
const binary = electronBinary();

/** Why the program itself cannot be started here; then its parts are tested with the fake alone. */
function whyNot(): string | undefined {
  if (binary === undefined) return "Electron's program file is not installed";
  if (!existsSync(join(files.root, 'out', 'main', 'index.js'))) return 'the program is not built';
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return 'there is no display';
  if (process.platform === 'linux' && process.getuid?.() === 0) return 'Electron does not run sandboxed as root';
  return undefined;
}

const reason = whyNot();

test.skipIf(reason !== undefined)(`the desktop program opens its window, shut off from Node${reason === undefined ? '' : ` (skipped: ${reason})`}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  const app = await _electron.launch({
    executablePath: binary!,
    args: [files.root],
    env: { ...(process.env as Record<string, string>), HEIRLOOM_DATA: join(folder, 'data'), HEIRLOOM_SCRATCH: join(folder, 'scratch') },
  });
  try {
    const page = await app.firstWindow();
    expect(page.url()).toBe('studio://app/');
    expect(await page.evaluate('typeof require + typeof process + typeof window.heirloom.transport.send')).toBe('undefinedundefinedfunction');
    await page.getByText('Engine ready').waitFor();
    expect(await page.evaluate("fetch('https://example.com').then(() => 'sent', () => 'refused')")).toBe('refused');
    expect(await page.evaluate("window.open('https://example.com') === null")).toBe(true);
  } finally {
    await app.close();
    await removeFolder(folder);
  }
});
