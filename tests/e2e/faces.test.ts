import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FaceEdits } from '../../src/shared/face-edit.ts';
import { buildRenderer } from './build-renderer.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { type FakeHost, startFakeHost } from './fake-host.ts';

/** The faces panel in a real browser against a scripted host that sees two faces in every picture. */
describe.skipIf(chromiumPath === undefined)(
  `faces in the window${chromiumPath === undefined ? ' (skipped: no Chromium)' : ''}`,
  () => {
    let folder: string;
    let browser: Browser;
    let host: FakeHost;
    let page: Page;
    let problems: string[];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'heirloom-faces-window-'));
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
      await (await chooser).setFiles({ name: 'family.png', mimeType: 'image/png', buffer: await picture() });
      await page.getByText('800 × 600 px').waitFor();
      for (const step of ['Clean', 'Enlarge']) await button(`${step}: remove`).click();
      await button('Add a step').click();
      await page.getByRole('button', { name: /^Faces Restores/ }).click();
      await page.getByText('2 faces, 1 on').waitFor();
      return async () => {
        await page.close();
        await host.close();
        expect(problems).toEqual([]);
      };
    });

    const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
    const checkbox = (name: string): Locator => page.getByRole('checkbox', { name, exact: true });

    /** What was decided, as the last restoration was told. */
    async function decided(): Promise<FaceEdits | undefined> {
      const runs = (): number => host.calls.filter(({ name }) => name === 'recipe.run').length;
      const before = runs();
      await page.keyboard.press('Control+Enter');
      await expect.poll(runs).toBe(before + 1);
      const input = host.calls.filter(({ name }) => name === 'recipe.run').at(-1)?.input as {
        recipe: { steps: { step: string; faces?: FaceEdits }[] };
      };
      await page.getByText('The result shows these steps.').waitFor();
      return input.recipe.steps.find(({ step }) => step === 'faces')?.faces;
    }

    test('says which start off and why; each can be turned on and off, and undo and redo follow', async () => {
      expect(await checkbox('Face 1').isChecked()).toBe(true);
      expect(await checkbox('Face 2').isChecked()).toBe(false);
      expect(await button('Face 2, off: see it large').getAttribute('title')).toContain(
        'to be surely the same person',
      );
      await checkbox('Face 2').check();
      await checkbox('Face 1').uncheck();
      expect((await decided())?.faces.map(({ id, state }) => [id, state])).toEqual([
        ['face-2', 'accepted'],
        ['face-1', 'rejected'],
      ]);
      await page.keyboard.press('Control+z');
      await page.keyboard.press('Control+z');
      await page.getByText('2 faces, 1 on').waitFor();
      expect(await decided()).toBeUndefined();
      await page.keyboard.press('Control+Shift+z');
      expect(await checkbox('Face 2').isChecked()).toBe(true);
    });

    test('turns all on and all off', async () => {
      await button('All on').click();
      await page.getByText('2 faces, all on').waitFor();
      await button('All off').click();
      await page.getByText('2 faces, none on').waitFor();
      expect((await decided())?.faces.map(({ state }) => state)).toEqual(['rejected']);
    });

    test('shows the other side while the pointer is on a face', async () => {
      const opacity = (): Promise<unknown> =>
        page.evaluate(`getComputedStyle(document.querySelector('.tile .after')).opacity`);
      await expect.poll(opacity).toBe('1');
      await button('Face 1, on: see it large').hover();
      await page.getByText('Before', { exact: true }).waitFor();
      await expect.poll(opacity).toBe('0');
    });

    test('a face opens large with a line, a strength and the rest of its own', async () => {
      await button('Face 1, on: see it large').click();
      const dialog = page.getByRole('dialog', { name: 'Face 1' });
      const line = dialog.getByRole('slider', { name: 'Line between original and restored' });
      await line.focus();
      await page.keyboard.press('Home');
      expect(await line.getAttribute('aria-valuenow')).toBe('0');
      await dialog.getByText('0.08').waitFor();
      await dialog.getByText('Distance by face recognition').waitFor();
      await dialog.getByText('0.27').waitFor();
      await dialog.getByRole('slider', { name: 'Strength' }).fill('40');
      await dialog.getByLabel('Keep the eyes as they are').check();
      await dialog.getByRole('button', { name: 'Next face' }).click();
      const second = page.getByRole('dialog', { name: 'Face 2' });
      await second.getByText('to be surely the same person').waitFor();
      await second.getByLabel('Restore this face').check();
      await second.getByRole('button', { name: 'Done' }).click();
      await second.waitFor({ state: 'detached' });
      expect((await decided())?.faces).toMatchObject([
        { id: 'face-1', state: 'auto', strength: 0.4, protectEyes: true, protectMouth: false },
        { id: 'face-2', state: 'accepted' },
      ]);
    });

    test('a box drawn by hand becomes a face, and can be taken away again', async () => {
      await button('Draw a face').click();
      const viewer = (await page.locator('.viewer').boundingBox())!;
      const [x, y] = [viewer.x + viewer.width / 2, viewer.y + 0.7 * viewer.height];
      await page.mouse.move(x - 40, y - 50);
      await page.mouse.down();
      await page.mouse.move(x, y, { steps: 4 });
      await page.mouse.move(x + 40, y + 50);
      await page.mouse.up();
      await page.getByText('3 faces, 2 on').waitFor();
      const [drawn] = (await decided())!.faces;
      expect(drawn).toMatchObject({ id: 'drawn-1', source: 'drawn', state: 'auto' });
      expect(drawn!.box.x + drawn!.box.width / 2).toBeCloseTo(400, -1);
      expect(drawn!.box.height / drawn!.box.width).toBeCloseTo(1.25, 1);
      await button('Face 3, on: see it large').click();
      await button('Remove this face').click();
      await page.getByText('2 faces, 1 on').waitFor();
      expect(await decided()).toBeUndefined();
    });

    test('a face can be marked, and its points moved, by keyboard alone', async () => {
      await button('Draw a face').focus();
      await page.keyboard.press('Enter');
      await button('Put one in the middle').focus();
      await page.keyboard.press('Enter');
      await page.getByText('3 faces, 2 on').waitFor();
      await button('Face 3, on: see it large').focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Face 3' });
      await dialog.getByText('Points of the face').click();
      const nose = dialog.getByRole('button', { name: /^Nose at/ });
      const before = await nose.getAttribute('aria-label');
      await nose.focus();
      await page.keyboard.press('Shift+ArrowRight');
      await expect.poll(() => nose.getAttribute('aria-label')).not.toBe(before);
      await page.keyboard.press('Escape');
      const [drawn] = (await decided())!.faces;
      const middle = drawn!.box.x + drawn!.box.width / 2;
      expect(drawn!.points?.[2]?.x).toBeCloseTo(middle + 10, 0);
    });

    test('points are dragged in the photo, a click on a frame opens the face, and a drag across it moves the photo', async () => {
      await button('Face 1, on: see it large').click();
      await page.getByText('Points of the face').click();
      await button('Move them in the photo').click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      const viewer = (await page.locator('.viewer').boundingBox())!;
      const [x, y] = [viewer.x + viewer.width / 2, viewer.y + viewer.height / 2];
      // The middle of the face is in the middle of the view, and the nose a tenth of its height below.
      const shownPx = viewer.height / 2;
      await page.mouse.move(x, y + 0.1 * shownPx);
      await page.mouse.down();
      await page.mouse.move(x + 30, y + 0.1 * shownPx, { steps: 3 });
      await page.mouse.up();
      await expect.poll(async () => (await decided())?.faces[0]?.source).toBe('corrected');
      const [face] = (await decided())!.faces;
      expect(face!.points![2]!.x).toBeGreaterThan(face!.box.x + face!.box.width / 2 + 2);
      // Beside the line between original and restored.
      await page.mouse.move(x + 80, y + 0.4 * shownPx);
      await page.mouse.down();
      await page.mouse.move(x + 30, y + 0.4 * shownPx, { steps: 3 });
      await page.mouse.up();
      expect(await page.getByRole('dialog').count()).toBe(0);
      await page.mouse.click(x + 60, y + 0.4 * shownPx);
      await page.getByRole('dialog', { name: 'Face 1' }).waitFor();
    });

    test('every control of panel and dialog has a name', async () => {
      await button('Frames in the photo').click();
      await button('Face 2, off: see it large').click();
      await page.getByText('Points of the face').click();
      const nameless =
        await page.evaluate(`[...document.querySelectorAll('button, input, select, [role=slider], progress')].filter((element) => {
        const labelled = element.labels && [...element.labels].some((label) => label.textContent.trim() !== '');
        return !labelled && !(element.getAttribute('aria-label') || '').trim() && !(element.tagName === 'BUTTON' && element.textContent.trim());
      }).map((element) => element.outerHTML)`);
      expect(nameless).toEqual([]);
    });
  },
);

/** A picture whose pixels differ from place to place. */
function picture(): Promise<Buffer> {
  const [width, height] = [800, 600];
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
