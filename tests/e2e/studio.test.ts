import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { chromiumPath, launchChromium } from './chromium.ts';
import { canKillEngine, startWebHost, type WebHost } from './web-host.ts';

const minutes = 60_000;

/** The main job end to end: the shipped web host with its real engine in a real browser. */
describe.skipIf(chromiumPath === undefined)(
  `studio in a browser${chromiumPath === undefined ? ' (skipped: no Chromium)' : ''}`,
  () => {
    let browser: Browser;
    let host: WebHost;
    let page: Page;
    let problems: string[];

    beforeAll(async () => {
      [host, browser] = await Promise.all([startWebHost(), launchChromium()]);
    }, 3 * minutes);
    afterAll(async () => {
      await browser?.close();
      await host?.close();
    });
    beforeEach(async () => {
      page = await browser.newPage({ viewport: { width: 1200, height: 800 }, reducedMotion: 'reduce' });
      page.setDefaultTimeout(2 * minutes);
      problems = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy|Vue warn/.test(message.text())) problems.push(message.text());
      });
      await page.goto(host.url);
      await page.getByText('Engine ready').waitFor();
    });
    afterEach(async () => {
      await page.close();
      expect(problems).toEqual([]);
    });

    const button = (name: string) => page.getByRole('button', { name, exact: true });

    async function choose(name: string, bytes: Buffer): Promise<void> {
      const chooser = page.waitForEvent('filechooser');
      await button('Open').click();
      await (await chooser).setFiles({ name, mimeType: 'image/png', buffer: bytes });
    }

    async function open(width: number, height: number): Promise<void> {
      await choose('grandmother.png', await photograph(width, height));
      await page.getByText(`${width} × ${height} px`).waitFor();
    }

    async function turn(step: string, on: boolean): Promise<void> {
      await page.getByLabel(`${step} is on`, { exact: true }).setChecked(on);
    }

    test('the token in the address is taken once and does not stay in it', () => {
      expect(new URL(page.url()).search).toBe('');
    });

    test('opens, restores, compares and exports a photo; the saved file is the restored picture', async () => {
      await open(90, 70);
      await page.getByText('Proposed for this photo').waitFor();
      await turn('Tone', false);
      await turn('Clean', false);
      await turn('Enlarge', true);
      await page.getByRole('spinbutton', { name: 'Factor, exact' }).fill('2');
      await page.keyboard.press('Tab');
      await button('Restore').click();
      await page.getByText('The result shows these steps.').waitFor();
      await page.getByText('180 × 140 px').waitFor();
      await page.getByText(/^consistency \d+\.\d dB$/).waitFor();

      const line = page.getByRole('slider', { name: 'Line between original and restored' });
      await line.focus();
      await page.keyboard.press('End');
      const original = await pixels(page);
      await page.keyboard.press('Home');
      const restored = await pixels(page);
      expect(difference(original, restored)).toBeGreaterThan(0);
      expect(difference(original, restored)).toBeLessThan(12);

      await page.keyboard.press('Control+e');
      const dialog = page.getByRole('dialog', { name: 'Export' });
      await dialog.getByLabel('Format').selectOption('png');
      const download = page.waitForEvent('download');
      await dialog.getByRole('button', { name: 'Save' }).click();
      const file = await download;
      expect(file.suggestedFilename()).toBe('grandmother restored.png');
      const saved = await sharp(await readFile(await file.path())).metadata();
      expect([saved.format, saved.width, saved.height]).toEqual(['png', 180, 140]);
    });

    test('a running job shows where it is and is cancelled by Escape; the photo stays', async () => {
      await open(640, 480);
      await turn('Enlarge', true);
      await button('Restore').click();
      await page.getByRole('progressbar', { name: 'Restoring' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByText('Restoring was cancelled.').waitFor();
      await button('Restore').waitFor();
      expect(await page.getByText('640 × 480 px').isVisible()).toBe(true);
    });

    test('a file that is no picture and one that ends too early are refused in a sentence', async () => {
      await choose('letter.jpg', Buffer.from('Dear Emma, the photographs arrived.'));
      const alert = page.getByRole('alert').first();
      await alert.getByText('letter.jpg').waitFor();
      expect(await page.getByRole('heading', { name: 'Restore an old photograph' }).isVisible()).toBe(true);
      await button('Close this message').click();
      const whole = await photograph(400, 300);
      await choose('torn.png', whole.subarray(0, whole.length / 2));
      await page.getByRole('alert').first().getByText('torn.png').first().waitFor();
      await button('Open what can be read').click();
      await page.getByText('400 × 300 px').waitFor();
    });

    test.skipIf(!canKillEngine)(
      `an engine killed in mid-job is said, and the next job runs${canKillEngine ? '' : ' (skipped: needs /proc)'}`,
      async () => {
        await open(800, 600);
        await turn('Enlarge', true);
        await button('Restore').click();
        await page.getByRole('progressbar', { name: 'Restoring' }).waitFor();
        await host.killEngine();
        await page.getByText('The engine stopped; it has been started again.').waitFor();
        await page.getByText('The engine stopped while restoring grandmother.png').waitFor();
        await turn('Enlarge', false);
        await turn('Clean', false);
        await turn('Tone', true);
        await button('Restore').click();
        await page.getByText('The result shows these steps.').waitFor();
      },
    );

    test('a parameter that is moved is seen at once in the live preview', async () => {
      await open(120, 90);
      await turn('Enlarge', false);
      await turn('Clean', false);
      await turn('Tone', true);
      const before = await pixels(page);
      await page.getByRole('slider', { name: 'Midtones' }).fill('1.8');
      await page.getByText(/^Preview, \d/).waitFor();
      expect(difference(before, await pixels(page))).toBeGreaterThan(5);
    });
  },
);

/** A soft picture with grain, as far from a test pattern as a few lines go. */
function photograph(width: number, height: number): Promise<Buffer> {
  const bytes = Buffer.alloc(width * height * 3);
  let seed = 7;
  for (let index = 0; index < width * height; index++) {
    const x = index % width;
    const y = Math.floor(index / width);
    const face = 90 * Math.exp(-((x / width - 0.5) ** 2 + (y / height - 0.45) ** 2) * 12);
    for (let channel = 0; channel < 3; channel++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      bytes[index * 3 + channel] =
        70 + face + 8 * Math.sin(x / 3) + (seed / 2_147_483_648) * 12 - channel * 12;
    }
  }
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** The canvas once all its tiles are drawn. */
async function pixels(page: Page): Promise<readonly number[]> {
  await page.locator('.viewer[aria-busy=false]').waitFor();
  await page.evaluate(
    'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
  );
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas');
    const side = 64;
    return [...canvas.getContext('2d').getImageData((canvas.width - side) / 2, (canvas.height - side) / 2, side, side).data];
  })()`);
}

/** Mean absolute difference, 0 to 255. */
function difference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}
