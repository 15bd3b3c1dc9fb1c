import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sharedData, sharedDataNote } from '../shared-data.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { startWebHost, type WebHost } from './web-host.ts';

const minutes = 60_000;
/** For what the engine has to compute first. */
const slow = { timeout: minutes, interval: 200 };
type At = readonly [number, number];

/** Painting masks and removing things, in the shipped web host with its real engine in a real browser. */
describe.skipIf(chromiumPath === undefined)(
  `masks in a browser${chromiumPath === undefined ? ' (skipped: no Chromium)' : ''}`,
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
      page.setDefaultTimeout(minutes);
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

    /** Until no removal has a ring: several may be filled at once, as those that lie above another. */
    async function nothingIsFilled(): Promise<void> {
      await expect.poll(() => page.locator('.removals .ring').count(), slow).toBe(0);
    }

    async function open(bytes: Buffer): Promise<void> {
      const chooser = page.waitForEvent('filechooser');
      await button('Open').click();
      await (await chooser).setFiles({ name: 'meadow.png', mimeType: 'image/png', buffer: bytes });
      await button('Remove').waitFor();
      // The removing step alone decides what is exported.
      for (const step of await page.getByRole('checkbox', { name: /is on$/ }).all()) await step.uncheck();
    }

    /** A place on the photo, by shares of its width and height, on the page. */
    async function place([x, y]: At): Promise<At> {
      const box = await page.locator('.viewer').boundingBox();
      const [, width, height] = await shownSize();
      const left = box!.x + (box!.width - width) / 2;
      const top = box!.y + (box!.height - height) / 2;
      return [left + x * width, top + y * height];
    }

    /** Zoom and size in which the whole photo is seen. */
    async function shownSize(): Promise<readonly [number, number, number]> {
      const facts = await page.getByText(/^[\d,]+ × [\d,]+ px$/).textContent();
      const [width, height] = facts!.match(/[\d,]+/g)!.map((number) => Number(number.replaceAll(',', '')));
      const zoom =
        Number((await page.getByLabel('Zoom', { exact: true }).textContent())!.replace(/[^\d.]/g, '')) / 100;
      return [zoom, width! * zoom, height! * zoom];
    }

    async function drag(...points: readonly At[]): Promise<void> {
      const [first, ...rest] = await Promise.all(points.map(place));
      await page.mouse.move(...first!);
      await page.mouse.down();
      for (const point of rest) await page.mouse.move(...point, { steps: 10 });
      await page.mouse.up();
      await frame();
    }

    function frame(): Promise<unknown> {
      return page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    }

    /** Red, green, blue and opacity of the overlay at a place of the photo, away from the pointer. */
    async function overlayAt(at: At): Promise<readonly number[]> {
      await page.mouse.move(5, 5);
      await frame();
      const [x, y] = await place(at);
      const box = await page.locator('.viewer').boundingBox();
      return page.evaluate(`(() => {
        const canvas = document.querySelector('canvas.overlays');
        return [...canvas.getContext('2d').getImageData(${Math.round(x - box!.x)}, ${Math.round(y - box!.y)}, 1, 1).data];
      })()`);
    }

    async function saved(press: () => Promise<void>): Promise<Buffer> {
      const download = page.waitForEvent('download');
      await press();
      return readFile(await (await download).path());
    }

    test('a mask is painted, erased, undone and redone, drawn by lasso, and leaves and comes back as a picture', async () => {
      await open(await meadow(900, 600));
      await page.getByLabel('Tone is on', { exact: true }).check();
      const tone = page.getByRole('group', { name: 'Mask of Tone' });
      await tone.getByRole('button', { name: 'Mask', exact: true }).click();
      await drag([0.2, 0.3], [0.4, 0.3]);
      await drag([0.3, 0.2], [0.3, 0.4]);
      const painted = await overlayAt([0.25, 0.3]);
      expect(painted[0]).toBeGreaterThan(200);
      expect(painted[3]).toBe(128);
      // Where strokes cross the overlay is no denser than anywhere else.
      expect(await overlayAt([0.3, 0.3])).toEqual(painted);
      expect((await overlayAt([0.6, 0.6]))[3]).toBe(0);

      await page.keyboard.press('e');
      await drag([0.3, 0.25], [0.3, 0.35]);
      expect((await overlayAt([0.3, 0.3]))[3]).toBe(0);
      await page.keyboard.press('Control+z');
      expect((await overlayAt([0.3, 0.3]))[3]).toBe(128);
      await page.keyboard.press('Control+Shift+z');
      expect((await overlayAt([0.3, 0.3]))[3]).toBe(0);

      await page.keyboard.press('l');
      await drag([0.6, 0.5], [0.8, 0.5], [0.8, 0.8], [0.6, 0.8]);
      expect((await overlayAt([0.7, 0.65]))[3]).toBe(128);
      await page.keyboard.press('i');
      expect((await overlayAt([0.7, 0.65]))[3]).toBe(0);
      expect((await overlayAt([0.5, 0.5]))[3]).toBe(128);
      await page.keyboard.press('i');

      const file = await saved(() => button('Tone: save the mask').click());
      const { data, info } = await sharp(file)
        .toColourspace('b-w')
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.width, info.height]).toEqual([900, 600]);
      const at = (x: number, y: number) => data[Math.round(y * 600) * 900 + Math.round(x * 900)];
      expect([at(0.7, 0.65), at(0.25, 0.3), at(0.3, 0.3), at(0.5, 0.5)]).toEqual([255, 255, 0, 0]);

      await button('Tone: without a mask').click();
      expect(await tone.getByText('Acts everywhere').isVisible()).toBe(true);
      const chooser = page.waitForEvent('filechooser');
      await button('Tone: mask from a picture').click();
      await (await chooser).setFiles({ name: 'mask.png', mimeType: 'image/png', buffer: file });
      await tone.getByRole('button', { name: 'Edit mask' }).click();
      expect((await overlayAt([0.7, 0.65]))[3]).toBe(128);
      expect((await overlayAt([0.3, 0.3]))[3]).toBe(0);
      await page.keyboard.press('b');
      await drag([0.5, 0.1], [0.55, 0.1]);
      expect((await overlayAt([0.52, 0.1]))[3]).toBe(128);

      const wrong = page.waitForEvent('filechooser');
      await button('Tone: mask from a picture').click();
      const small = await sharp(file).resize(90, 60).png().toBuffer();
      await (await wrong).setFiles({ name: 'small.png', mimeType: 'image/png', buffer: small });
      await page.getByText('"small.png" is 90 × 60 pixels, but the photo is 900 × 600.').waitFor();
    });

    test('the brush is sized by keys and wheel, Space moves the photo, and Escape puts the brush down', async () => {
      await open(await meadow(900, 600));
      await page.keyboard.press('r');
      const size = page.getByRole('slider', { name: 'Size' });
      const before = Number(await size.getAttribute('value'));
      await page.keyboard.press(']');
      await page.keyboard.press(']');
      expect(Number(await size.inputValue())).toBeGreaterThan(before);
      await page.mouse.move(...(await place([0.5, 0.5])));
      await page.keyboard.down('Alt');
      for (let i = 0; i < 6; i++) await page.mouse.wheel(0, 100);
      await page.keyboard.up('Alt');
      await expect.poll(async () => Number(await size.inputValue())).toBeLessThan(before);
      await page.keyboard.down(' ');
      await drag([0.5, 0.5], [0.6, 0.6]);
      await page.keyboard.up(' ');
      expect(await page.getByText('Removal 1').count()).toBe(0);
      await page.keyboard.press('Escape');
      await page.getByRole('toolbar', { name: 'Remove' }).waitFor({ state: 'detached' });
    });

    test('a draft lies in a large place while patches refine it, and another variant takes its place the same way', async () => {
      await open(await meadow(900, 600));
      await page.keyboard.press('r');
      await page.keyboard.press('l');
      const untouched = await shownPixels(page);
      const draft = page.getByRole('progressbar', { name: 'A draft of the place is there; refining it' });
      await drag([0.35, 0.3], [0.65, 0.3], [0.65, 0.7], [0.35, 0.7]);
      await draft.waitFor();
      expect((await overlayAt([0.5, 0.5]))[3]).toBe(0);
      const drafted = await shownPixels(page);
      expect(difference(untouched, drafted)).toBeGreaterThan(1);
      await draft.waitFor({ state: 'detached' });
      await page.getByText('1 removed').waitFor();
      // On a busy machine the window shows the result a little later than it says so.
      await expect.poll(async () => difference(drafted, await shownPixels(page)), slow).toBeGreaterThan(1);
      const filled = await shownPixels(page);
      await button('Again').click();
      await draft.waitFor();
      await draft.waitFor({ state: 'detached' });
      await expect.poll(async () => difference(filled, await shownPixels(page)), slow).toBeGreaterThan(1);
    });

    const photo = join(sharedData ?? '', 'eval/open/kodak24/5.png');
    test.skipIf(sharedData === undefined)(
      `what is painted over is filled in place and exported; not a bit changes elsewhere${sharedDataNote}`,
      async () => {
        const bytes = await readFile(photo);
        await open(bytes);
        await button('Remove').click();
        for (let i = 0; i < 3; i++) await page.keyboard.press(']');
        await drag([0.45, 0.4], [0.5, 0.42]);
        await page.getByRole('button', { name: 'Removal 1', exact: true }).waitFor();
        await nothingIsFilled();
        await expect.poll(async () => (await overlayAt([0.475, 0.41]))[3], slow).toBe(0);
        await nothingIsFilled();
        const first = await shownPixels(page);
        await button('Again').click();
        await expect.poll(async () => difference(first, await shownPixels(page)), slow).toBeGreaterThan(0.01);

        await page.keyboard.press('h');
        await page.keyboard.down('Alt');
        await page.mouse.click(...(await place([0.2, 0.8])));
        await page.keyboard.up('Alt');
        await drag([0.3, 0.7], [0.32, 0.72]);
        await page.getByRole('button', { name: 'Heal 1', exact: true }).waitFor();
        await button('Removal 1: later').click();
        await page.getByLabel('Heal 1 is on').uncheck();
        await page.getByLabel('Heal 1 is on').check();
        await nothingIsFilled();
        await button('Done').click();

        await page.keyboard.press('Control+e');
        const dialog = page.getByRole('dialog', { name: 'Export' });
        await dialog.getByLabel('Format').selectOption('png');
        const file = await saved(() => dialog.getByRole('button', { name: 'Save' }).click());
        const [before, after] = await Promise.all(
          [bytes, file].map((each) => sharp(each).removeAlpha().raw().toBuffer({ resolveWithObject: true })),
        );
        expect(after!.info).toMatchObject({ width: before!.info.width, height: before!.info.height });
        const { width } = before!.info;
        const changed = [];
        for (let i = 0; i < before!.data.length; i++)
          if (before!.data[i] !== after!.data[i])
            changed.push([
              (Math.floor(i / 3) % width) / width,
              Math.floor(i / 3 / width) / before!.info.height,
            ]);
        const near = ([x, y]: readonly number[], [left, top, right, bottom]: readonly number[]): boolean =>
          x! > left! && x! < right! && y! > top! && y! < bottom!;
        const removed = changed.filter((at) => near(at, [0.4, 0.33, 0.55, 0.49]));
        const healed = changed.filter((at) => near(at, [0.25, 0.63, 0.37, 0.79]));
        expect(removed.length).toBeGreaterThan(500);
        expect(healed.length).toBeGreaterThan(500);
        expect(changed.length).toBe(removed.length + healed.length);
      },
    );
  },
);

/** Grass with a slope of light. */
function meadow(width: number, height: number): Promise<Buffer> {
  const bytes = Buffer.alloc(width * height * 3);
  for (let i = 0; i < bytes.length; i++) {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    bytes[i] = 80 + 60 * (y / height) + 20 * Math.sin(x / 5) + 12 * Math.sin(x * y) + (i % 3) * 8;
  }
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** The middle of the photo as it is on the screen. */
async function shownPixels(page: Page): Promise<readonly number[]> {
  await page.locator('.viewer[aria-busy=false]').waitFor();
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas');
    const side = 240;
    return [...canvas.getContext('2d').getImageData((canvas.width - side) / 2, (canvas.height - side) / 2, side, side).data];
  })()`);
}

/** Mean absolute difference, 0 to 255. */
function difference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}
