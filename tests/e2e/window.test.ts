import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HeirloomError } from '../../src/shared/failure.ts';
import { buildRenderer } from './build-renderer.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { type FakeHost, startFakeHost } from './fake-host.ts';

/** The window in a real browser against a scripted host: what a real engine does rarely or slowly. */
describe.skipIf(chromiumPath === undefined)(
  `window${chromiumPath === undefined ? ' (skipped: no Chromium)' : ''}`,
  () => {
    let folder: string;
    let browser: Browser;
    let host: FakeHost;
    let page: Page;
    let problems: string[];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'heirloom-window-'));
      await buildRenderer(folder);
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(async () => {
      host = await startFakeHost(folder);
      page = await browser.newPage({ viewport: { width: 1200, height: 800 }, reducedMotion: 'reduce' });
      problems = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy|Vue warn/.test(message.text())) problems.push(message.text());
      });
      await page.goto(host.url);
      return async () => {
        await page.close();
        await host.close();
        expect(problems).toEqual([]);
      };
    });

    async function open(name = 'grandmother.png', width = 900, height = 700): Promise<void> {
      const chooser = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await (await chooser).setFiles({ name, mimeType: 'image/png', buffer: await ramp(width, height) });
      await page
        .getByText(`${width.toLocaleString('en-US')} × ${height.toLocaleString('en-US')} px`)
        .waitFor();
    }

    const button = (name: string) => page.getByRole('button', { name, exact: true });
    const lastInput = (name: string): unknown =>
      host.calls.filter((call) => call.name === name).at(-1)?.input;

    test('opens, restores, compares by line and by key, and marks a result as out of date', async () => {
      await open();
      expect(await page.getByText('Proposed for this photo').isVisible()).toBe(true);
      await page.keyboard.press('Control+Enter');
      await page.getByText('The result shows these steps.').waitFor();
      await page.getByText('1,800 × 1,400 px').waitFor();
      const line = page.getByRole('slider', { name: 'Line between original and restored' });
      await line.focus();
      await page.keyboard.press('End');
      await settled(page);
      const original = await middlePixel(page);
      await page.keyboard.press('Home');
      await settled(page);
      const restored = await middlePixel(page);
      expect(restored).not.toEqual(original);
      await page.locator('.viewer').click();
      await page.keyboard.down('\\');
      await settled(page);
      expect(await middlePixel(page)).toEqual(original);
      await page.keyboard.up('\\');
      await settled(page);
      expect(await middlePixel(page)).toEqual(restored);
      await page.getByRole('slider', { name: 'Strength' }).fill('20');
      await page.getByText('The steps changed; this result is out of date.').waitFor();
      await page.keyboard.press('Control+z');
      await page.getByText('The result shows these steps.').waitFor();
    });

    test('nothing is called restored before the result is there to be seen', async () => {
      await open();
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      let asked = 0;
      await page.route('**/pixels/**/tile/**', async (route) => {
        asked++;
        await held;
        await route.continue();
      });
      await button('Restore').click();
      await page.getByText('The result shows these steps.').waitFor();
      await expect.poll(() => asked).toBeGreaterThan(0);
      const line = page.getByRole('slider', { name: 'Line between original and restored' });
      const label = page.locator('.viewer').getByText('Restored');
      expect(await line.count()).toBe(0);
      expect(await label.count()).toBe(0);
      const early = await middlePixel(page);
      release();
      await line.waitFor();
      await line.focus();
      await page.keyboard.press('Home');
      await settled(page);
      expect(await label.isVisible()).toBe(true);
      expect(await middlePixel(page)).not.toEqual(early);
      await page.locator('.viewer').click();
      await page.keyboard.down('\\');
      await settled(page);
      expect(await middlePixel(page)).toEqual(early);
      await page.keyboard.up('\\');
    });

    test('shows stage, percent and time left while it works, and Escape cancels', async () => {
      await open();
      host.script.holdJob = true;
      await button('Restore').click();
      await page.getByText('Enlarge, tile 23 of 37').first().waitFor();
      await page.getByText('About 41 s left', { exact: true }).waitFor();
      expect(await page.getByRole('progressbar', { name: 'Restoring' }).getAttribute('value')).not.toBeNull();
      await page.keyboard.press('Escape');
      await page.getByText('Restoring was cancelled.').waitFor();
      await button('Restore').waitFor();
      host.script.holdJob = false;
    });

    test('a failure is one sentence with what to do; photo and steps stay and the next run works', async () => {
      await open();
      host.script.failWith = new HeirloomError(
        'out-of-memory',
        'There was not enough memory.',
        'Choose a smaller size.',
      );
      await button('Restore').click();
      const alert = page.getByRole('alert');
      await alert.getByText('There was not enough memory.').waitFor();
      expect(await alert.getByText('Choose a smaller size.').isVisible()).toBe(true);
      host.script.failWith = undefined;
      await button('Restore').click();
      await page.getByText('The result shows these steps.').waitFor();
      expect(await alert.count()).toBe(0);
    });

    test('a file that is no picture is refused in a sentence and the open photo stays', async () => {
      await open();
      const chooser = page.waitForEvent('filechooser');
      await button('Open').click();
      await (
        await chooser
      ).setFiles({ name: 'letter.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('Dear Emma,') });
      await page.getByText('"letter.jpg" is not a picture Heirloom can read.').waitFor();
      expect(await page.getByText('900 × 700 px').isVisible()).toBe(true);
    });

    test('a lost engine is said, the photo is opened again with its steps, and the next job runs', async () => {
      await open();
      await page.getByRole('slider', { name: 'Character' }).fill('0.6');
      host.script.holdJob = true;
      await button('Restore').click();
      await page.getByText('Enlarge, tile 23 of 37').first().waitFor();
      await host.loseEngine();
      await page.getByText('The engine stopped; it has been started again.').waitFor();
      await page.getByText('The engine stopped while restoring the photo').waitFor();
      expect(await page.getByRole('slider', { name: 'Character' }).inputValue()).toBe('0.6');
      await button('Restore').click();
      await page.getByText('The result shows these steps.').waitFor();
      expect(await page.getByRole('button', { name: 'Undo' }).isEnabled()).toBe(true);
    });

    test('an engine that stays away is said and nothing can be started', async () => {
      await open();
      await host.loseEngine(true);
      await page.getByRole('alert').getByText('stays off').waitFor();
      expect(await button('Restore').isDisabled()).toBe(true);
    });

    test('a broken connection is said and comes back by itself', async () => {
      await open();
      host.dropConnections();
      await page.getByText('The connection to Heirloom is interrupted').first().waitFor();
      await page.getByText('Engine ready').waitFor();
      await page.getByRole('banner').waitFor();
      await button('Restore').click();
      await page.getByText('The result shows these steps.').waitFor();
    });

    test('moving α asks for a preview of what is in view and lays it over the photo', async () => {
      await open();
      await settled(page);
      const before = await middlePixel(page);
      await page.getByRole('slider', { name: 'Character' }).fill('0.9');
      await page.getByText('Preview, 65 ms').waitFor();
      await settled(page);
      expect(await middlePixel(page)).not.toEqual(before);
      expect(lastInput('preview.request')).toMatchObject({
        recipe: { steps: [{}, { params: { alpha: 0.9 } }] },
      });
      expect(
        (lastInput('preview.request') as { rect: { width: number; height: number } }).rect.width,
      ).toBeGreaterThan(500);
    });

    test('exports with the chosen options and the browser gets the file', async () => {
      await open();
      await page.keyboard.press('Control+e');
      const dialog = page.getByRole('dialog', { name: 'Export' });
      await dialog.getByLabel('Format').selectOption('tiff');
      expect(await dialog.getByLabel('Quality').count()).toBe(0);
      await dialog.getByLabel('Depth').selectOption('16');
      await dialog.getByLabel('Metadata').selectOption('strip');
      await dialog.getByLabel('Print resolution').fill('450');
      const download = page.waitForEvent('download');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await download;
      await dialog.getByText('Handed to your browser as grandmother restored.tif').waitFor();
      expect(lastInput('export.start')).toMatchObject({
        target: 'grandmother restored.tif',
        options: { format: 'tiff', bitDepth: 16, metadata: 'strip', dpi: 450 },
      });
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    });

    test('zooms to the pointer, moves, and says how large it shows', async () => {
      await open('large.png', 3000, 2000);
      const zoom = page.getByLabel('Zoom', { exact: true });
      const fitted = await zoom.textContent();
      await page.locator('.viewer').click();
      await page.keyboard.press('1');
      expect(await zoom.textContent()).toBe('100 %');
      await page.mouse.move(300, 300);
      await page.mouse.wheel(0, -400);
      await expect.poll(() => zoom.textContent()).not.toBe('100 %');
      await page.keyboard.press('0');
      expect(await zoom.textContent()).toBe(fitted);
    });

    test('steps can be added, moved, switched off and removed', async () => {
      await open();
      await button('Add a step').click();
      await page.getByRole('button', { name: /^Tone Brings/ }).click();
      await button('Tone: earlier').click();
      await page.getByLabel('Clean is on').uncheck();
      await button('Enlarge: remove').click();
      await button('Restore').click();
      await page.getByText('The result shows these steps.').waitFor();
      const { recipe } = lastInput('recipe.run') as {
        recipe: { steps: { step: string; enabled: boolean }[] };
      };
      expect(recipe.steps.map((use) => [use.step, use.enabled])).toEqual([
        ['tone', true],
        ['clean', false],
      ]);
    });

    test('a model file that is dropped is handed over, and why it is refused is said', async () => {
      await page.getByText('Engine ready').waitFor();
      const data = await page.evaluateHandle(
        "(() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'odd.pth')); return data; })()",
      );
      await page.dispatchEvent('body', 'drop', { dataTransfer: data });
      await page.getByText('"odd.pth" holds no network that Heirloom knows.').waitFor();
    });

    test('every control has a name', async () => {
      await open();
      const nameless =
        await page.evaluate(`[...document.querySelectorAll('button, input, select, [role=slider]')].filter((element) => {
      const labelled = element.labels && [...element.labels].some((label) => label.textContent.trim() !== '');
      return !labelled && !(element.getAttribute('aria-label') || '').trim() && !(element.tagName === 'BUTTON' && element.textContent.trim());
    }).map((element) => element.outerHTML)`);
      expect(nameless).toEqual([]);
    });
  },
);

/** A picture whose pixels differ from place to place. */
function ramp(width: number, height: number): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let index = 0; index < width * height; index++) {
    pixels[index * 3] = 40 + Math.floor(((index % width) / width) * 150);
    pixels[index * 3 + 1] = 60 + Math.floor((Math.floor(index / width) / height) * 120);
    pixels[index * 3 + 2] = 90;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Waits until the viewer has all its tiles and has drawn them. */
async function settled(page: Page): Promise<void> {
  await page.locator('.viewer[aria-busy=false]').waitFor();
  await page.evaluate(
    'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
  );
}

function middlePixel(page: Page): Promise<unknown> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas');
    return [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data];
  })()`);
}
