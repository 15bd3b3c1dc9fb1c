import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Page } from 'playwright-core';

import { launchChromium } from '../../tests/e2e/chromium.ts';
import { type Measurement, median } from './measurement.ts';
import { addressOf } from './studio.ts';
import { inBenchFolder, writeTestPhoto } from './test-photo.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const width = 6000;
const height = 4000;

/**
 * Painting on a photo of 24 megapixels in a page of the web host in Chromium (which draws on the CPU here): from the pointer to the frame that shows it, and from
 * letting go to the filled place.
 */
export function measureMasks(): Promise<readonly Measurement[]> {
  return inBenchFolder(async (folder) => {
    const photo = join(folder, 'photo.jpg');
    await writeTestPhoto(photo, width, height);
    const host = spawn(process.execPath, [join(root, 'out/main/web.js')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, HEIRLOOM_DATA: join(folder, 'data'), HEIRLOOM_SCRATCH: join(folder, 'scratch') },
    });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage({ viewport: { width: 1400, height: 860 } });
      page.setDefaultTimeout(300_000);
      await page.goto(await addressOf(host));
      await page.waitForSelector('text=Engine ready');
      await page.evaluate(readFileSync(join(root, 'scripts/bench/in-page.js'), 'utf8'));
      const chooser = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Open', exact: true }).click();
      await (await chooser).setFiles(photo);
      await page.getByRole('button', { name: 'Remove', exact: true }).waitFor();
      await page.locator('.viewer[aria-busy=false]').waitFor();
      // What would be computed meanwhile is not what is measured here.
      for (const step of await page.getByRole('checkbox', { name: /is on$/ }).all()) await step.uncheck();
      await page.evaluate('heirloomBench.timeStrokes()');
      const painting = await measurePainting(page);
      const filling = await measureFilling(page);
      return [...painting, ...filling];
    } finally {
      await browser.close();
      host.kill('SIGTERM');
    }
  });
}

async function measurePainting(page: Page): Promise<Measurement[]> {
  await page.getByLabel('Tone is on', { exact: true }).check();
  await page.getByLabel('Live preview').uncheck();
  const box = (await page.locator('.viewer').boundingBox())!;
  const rows: Measurement[] = [];
  await page.getByRole('group', { name: 'Mask of Tone' }).getByRole('button', { name: 'Mask', exact: true }).click();
  const stroke = async (row: number, moves = 40): Promise<void> => {
    const y = box.y + box.height * (0.25 + 0.05 * (row % 10));
    await page.mouse.move(box.x + box.width * 0.25, y);
    await page.mouse.down();
    for (let i = 1; i <= moves; i++) await page.mouse.move(box.x + box.width * (0.25 + (0.48 * i) / moves), y + 40 * Math.sin((10 * i) / moves));
    await page.mouse.up();
  };
  for (const [what, hardness, larger] of [
    ['hard brush', 100, 0],
    ['soft brush three times as wide', 0, 8],
  ] as const) {
    await page.getByRole('slider', { name: 'Hardness' }).fill(String(hardness));
    for (let i = 0; i < larger; i++) await page.keyboard.press(']');
    await page.evaluate('(heirloomBench.latencies = [], heirloomBench.frames = [])');
    for (let row = 0; row < 4; row++) await stroke(row);
    rows.push(...(await strokeRows(page, what)));
  }
  // Each move waits for the page: what is not measured is drawn with few of them.
  for (let row = 0; row < 40; row++) await stroke(row, 8);
  await page.evaluate('(heirloomBench.latencies = [], heirloomBench.frames = [])');
  for (let row = 0; row < 3; row++) await stroke(row);
  rows.push(...(await strokeRows(page, 'the same on a mask of 48 strokes')));
  await page.keyboard.press('Escape');
  return rows;
}

async function strokeRows(page: Page, what: string): Promise<Measurement[]> {
  const { latencies, frames } = await page.evaluate<{ latencies: number[]; frames: number[] }>(
    '({ latencies: heirloomBench.latencies, frames: heirloomBench.frames })',
  );
  return [
    { what: `pointer to frame, ${what}: median`, value: median(latencies), unit: 'ms', target: '≤ 33' },
    { what: `pointer to frame, ${what}: 95 of 100 within`, value: percentile(latencies, 0.95), unit: 'ms' },
    { what: `frame to frame, ${what}: median`, value: median(frames), unit: 'ms', target: '≤ 17' },
  ];
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** From letting go of the brush to the filled place on the screen, for holes of some widths. */
async function measureFilling(page: Page): Promise<Measurement[]> {
  await page.getByLabel('Tone is on', { exact: true }).uncheck();
  const rows: Measurement[] = [];
  await page.locator('.viewer').focus();
  await page.keyboard.press('1');
  await page.locator('.viewer[aria-busy=false]').waitFor();
  await page.keyboard.press('r');
  await page.keyboard.press('u');
  const box = (await page.locator('.viewer').boundingBox())!;
  for (const sidePx of [64, 256]) {
    const [x, y] = [box.x + 60, box.y + 60];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + sidePx, y + sidePx, { steps: 4 });
    const started = performance.now();
    await page.mouse.up();
    await page.getByRole('button', { name: 'Removal 1', exact: true }).waitFor();
    await page.locator('.removals .ring').waitFor({ state: 'detached' });
    rows.push({ what: `letting go to the filled place, hole of ${sidePx}², 24 megapixels`, value: (performance.now() - started) / 1000, unit: 's' });
    await page.keyboard.press('Control+z');
  }
  return rows;
}
