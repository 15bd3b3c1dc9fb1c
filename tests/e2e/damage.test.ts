import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HeirloomError } from '../../src/shared/failure.ts';
import type { Mask } from '../../src/shared/mask.ts';
import { buildRenderer } from './build-renderer.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { type FakeHost, startFakeHost } from './fake-host.ts';

/** Looking for damage in a real browser against a scripted host that finds one bar across every picture. */
describe.skipIf(chromiumPath === undefined)(
  `damage in the window${chromiumPath === undefined ? ' (skipped: no Chromium)' : ''}`,
  () => {
    let folder: string;
    let browser: Browser;
    let host: FakeHost;
    let page: Page;
    let problems: string[];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'heirloom-damage-window-'));
      await buildRenderer(folder);
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(async () => {
      host = await startFakeHost(folder);
      page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, reducedMotion: 'reduce' });
      problems = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy|Vue warn/.test(message.text())) problems.push(message.text());
      });
      await page.goto(host.url);
      const chooser = page.waitForEvent('filechooser');
      await button('Open').click();
      const buffer = await sharp({ create: { width: 800, height: 600, channels: 3, background: '#4a6a5a' } })
        .png()
        .toBuffer();
      await (await chooser).setFiles({ name: 'attic.png', mimeType: 'image/png', buffer });
      await page.getByText('800 × 600 px').waitFor();
      for (const step of ['Clean', 'Enlarge']) await button(`${step}: remove`).click();
      await button('Add a step').click();
      await page.getByRole('button', { name: /^Repair Finds/ }).click();
      return async () => {
        await page.close();
        await host.close();
        expect(problems).toEqual([]);
      };
    });

    const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
    const found = (): Locator =>
      page.getByRole('group', { name: 'Damage found for Repair' }).getByRole('status');
    const sensitivity = (): Locator => page.getByRole('slider', { name: 'Sensitivity' });

    async function look(): Promise<void> {
      await page.getByRole('button', { name: /^Look / }).click();
      await found().waitFor();
    }

    /** The mask of the step, as the newest restoration was told. */
    async function maskOfRun(): Promise<Mask | undefined> {
      const runs = (): number => host.calls.filter(({ name }) => name === 'recipe.run').length;
      const before = runs();
      await page.keyboard.press('Control+Enter');
      await expect.poll(runs).toBe(before + 1);
      const { recipe } = host.calls.filter(({ name }) => name === 'recipe.run').at(-1)?.input as {
        recipe: { steps: { step: string; mask?: Mask }[] };
      };
      await page.getByText('The result shows these steps.').waitFor();
      return recipe.steps.find(({ step }) => step === 'repair')?.mask;
    }

    /** How much redder than green the photo is halfway down, beside the line of comparison: the overlay's color. */
    async function redness(): Promise<number> {
      const { x, y, width, height } = (await page.locator('canvas.overlays').boundingBox())!;
      const clip = { x: x + 0.4 * width, y: y + height / 2 - 1, width: 2, height: 2 };
      const [red = 0, green = 0] = await sharp(await page.screenshot({ clip }))
        .raw()
        .toBuffer();
      return red - green;
    }

    test('shows what was found, and applies it only when it is accepted', async () => {
      await page.getByText('Does nothing until you have seen and accepted').waitFor();
      expect(await redness()).toBeLessThan(0);
      await look();
      expect(await found().textContent()).toBe('Found 1 scratch: 1.7 % of the picture.');
      await page.getByText('On the face only what is more certain counts as damage.').waitFor();
      await expect.poll(redness).toBeGreaterThan(80);
      expect(await maskOfRun()).toBeUndefined();
      await button('Repair what is marked').click();
      await expect.poll(redness).toBeLessThan(0);
      const mask = await maskOfRun();
      expect(mask?.shapes).toEqual([{ kind: 'bitmap', runs: [295 * 800, 10 * 800], erase: false }]);
      await page.keyboard.press('Control+z');
      expect(await maskOfRun()).toBeUndefined();
      await page.keyboard.press('Control+Shift+z');
      expect(await maskOfRun()).toEqual(mask);
    });

    test('follows the sensitivity and the kinds at once, and says when nothing is found', async () => {
      await look();
      const asked = (): number => host.calls.filter(({ name }) => name === 'mask.propose').length;
      await sensitivity().fill('1');
      await expect.poll(() => found().textContent()).toBe('Found 1 scratch: 3.3 % of the picture.');
      await sensitivity().fill('0.05');
      await expect
        .poll(() => found().textContent())
        .toBe('Nothing that needs repair was found at this sensitivity.');
      expect(await button('Repair what is marked').isDisabled()).toBe(true);
      await expect.poll(redness).toBeLessThan(0);
      await sensitivity().fill('0.6');
      await expect.poll(redness).toBeGreaterThan(80);
      await page.getByRole('checkbox', { name: 'Scratches' }).uncheck();
      await expect.poll(() => found().textContent()).toContain('Nothing that needs repair');
      // The search does not tell stains apart.
      expect(await page.getByRole('checkbox', { name: 'Stains' }).count()).toBe(0);
      expect(asked()).toBe(1);
    });

    test('can be discarded, and looked for again', async () => {
      await look();
      await button('Discard').click();
      await found().waitFor({ state: 'detached' });
      await expect.poll(redness).toBeLessThan(0);
      expect(host.calls.some(({ name }) => name === 'mask.release')).toBe(true);
      expect(await maskOfRun()).toBeUndefined();
      await look();
      await expect.poll(redness).toBeGreaterThan(80);
    });

    test('what is painted on an accepted proposal stays when another is accepted', async () => {
      await look();
      await button('Repair what is marked').click();
      await button('Edit mask').click();
      const { x, y, width, height } = (await page.locator('canvas.overlays').boundingBox())!;
      await page.mouse.move(x + width / 2, y + height / 3);
      await page.mouse.down();
      await page.mouse.move(x + width / 2 + 60, y + height / 3, { steps: 4 });
      await page.mouse.up();
      expect((await maskOfRun())?.shapes.map(({ kind }) => kind)).toEqual(['bitmap', 'stroke']);
      await sensitivity().fill('1');
      await expect.poll(() => found().textContent()).toContain('3.3 %');
      await button('Repair what is marked').click();
      const shapes = (await maskOfRun())?.shapes;
      expect(shapes?.map(({ kind }) => kind)).toEqual(['bitmap', 'stroke']);
      expect(shapes?.[0]).toEqual({ kind: 'bitmap', runs: [290 * 800, 20 * 800], erase: false });
    });

    test('a search can be stopped, and one that fails says why', async () => {
      host.script.holdJob = true;
      await button('Look for damage').click();
      await button('Stop').click();
      await button('Look for damage').waitFor();
      expect(await found().count()).toBe(0);
      host.script.holdJob = false;
      host.script.failWith = new HeirloomError(
        'out-of-memory',
        'There is not enough memory to look for damage.',
        'Close other programs.',
      );
      await button('Look for damage').click();
      await page.getByText('There is not enough memory to look for damage.').first().waitFor();
      await button('Look for damage').waitFor();
    });
  },
);
