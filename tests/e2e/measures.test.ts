import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildRenderer } from './build-renderer.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { type FakeHost, startFakeHost } from './fake-host.ts';

/** The dialog in a real browser against scripted figures. */
describe.skipIf(chromiumPath === undefined)(`measures${chromiumPath === undefined ? ' (skipped: no Chromium)' : ''}`, () => {
  let folder: string;
  let browser: Browser;
  let host: FakeHost;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heirloom-measures-'));
    await buildRenderer(folder);
    [browser, host] = await Promise.all([launchChromium(), startFakeHost(folder)]);
    page = await browser.newPage({ viewport: { width: 1200, height: 800 }, reducedMotion: 'reduce' });
    await page.goto(host.url);
  });
  afterAll(async () => {
    await browser?.close();
    await host?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const asked = () => host.calls.filter(({ name }) => name === 'measure.run').map(({ input }) => input as { readonly reference?: string });

  async function choose(press: string, name: string, width: number, height: number): Promise<void> {
    const chooser = page.waitForEvent('filechooser');
    await button(press).click();
    const buffer = await sharp({ create: { width, height, channels: 3, background: '#a08060' } }).png().toBuffer();
    await (await chooser).setFiles({ name, mimeType: 'image/png', buffer });
  }

  test('by key: consistency, then a reference that fits and one that does not; cancel and Escape', async () => {
    await choose('Open', 'grandmother.png', 90, 70);
    await page.getByText('90 × 70 px').waitFor();
    // Without a result there is nothing to measure.
    await page.keyboard.press('Shift+M');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Control+Enter');
    await page.getByText('The result shows these steps.').waitFor();
    await page.keyboard.press('Shift+M');
    const dialog = page.getByRole('dialog', { name: 'Measures' });
    const row = dialog.getByRole('row', { name: 'Consistency, dB' });
    await row.waitFor();
    expect(await row.innerText()).toContain('38.24');
    expect(await row.innerText()).toContain('higher: closer to the original');
    await dialog.getByText('Result and original have different sizes').waitFor();
    expect(asked()).toHaveLength(1);
    expect(asked()[0]?.reference).toBeUndefined();

    await choose('Choose a reference…', 'truth.png', 180, 140);
    const against = dialog.getByRole('table', { name: 'Against the reference truth.png' });
    await against.getByText('equal (∞)').waitFor();
    expect(await against.getByRole('row', { name: 'MS-SSIM (Y)' }).innerText()).toContain('not measurable');
    expect(asked().at(-1)?.reference).toBeTypeOf('string');
    await choose('Choose a reference…', 'small.png', 90, 70);
    await dialog.getByText('"small.png" has another size than the result.').waitFor();
    expect(await against.count()).toBe(0);

    host.script.holdJob = true;
    await button('Leave the reference out').click();
    await dialog.getByRole('progressbar', { name: 'Measuring' }).waitFor();
    await button('Cancel measuring').click();
    host.script.holdJob = false;
    await dialog.getByText('Nothing is measured.').waitFor();
    await expect.poll(() => host.calls.filter(({ name }) => name === 'job.cancel').length).toBe(1);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  test('by button: a result of the size of the photo shows how much was changed, and names no direction as better', async () => {
    await page.getByLabel('Enlarge is on', { exact: true }).setChecked(false);
    await button('Restore again').click();
    await page.getByText('The result shows these steps.').waitFor();
    await button('Measures…').click();
    const table = page.getByRole('table', { name: 'How much was changed' });
    expect(await table.getByRole('row', { name: 'PSNR (Y), dB' }).innerText()).toContain('31.26');
    expect(await table.getByText('higher: less changed').count()).toBe(2);
    expect(await table.getByText('is better').count()).toBe(0);
  });
});
