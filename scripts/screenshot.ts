// Makes the README's screenshot: the built web host in Chromium, a real photo, a real restoration.
//
//   npm run build && node scripts/run.js scripts/screenshot.ts [photo.jpg] [screenshot.png] [--light] [--actual-size]
//
//   Restored migrant-mother-1936.jpg with the proposed steps in 41 s.
//   Wrote docs/studio.png
//
// The default photo is Dorothea Lange's "Migrant Mother" (Farm Security Administration, 1936; public domain).

import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { launchChromium } from '../tests/e2e/chromium.ts';
import { startWebHost } from '../tests/e2e/web-host.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { light: { type: 'boolean' }, 'actual-size': { type: 'boolean' } },
});
const root = resolve(import.meta.dirname, '..');
const photo = resolve(
  positionals[0] ?? `${root}/../shared/data/eval/open/historic-photos/migrant-mother-1936.jpg`,
);
const output = resolve(positionals[1] ?? `${root}/docs/studio.png`);

const [host, browser] = await Promise.all([startWebHost(), launchChromium()]);
try {
  const page = await browser.newPage({
    viewport: { width: 1400, height: 900 },
    colorScheme: values.light === true ? 'light' : 'dark',
  });
  page.setDefaultTimeout(600_000);
  await page.goto(host.url);
  await page.getByText('Engine ready').waitFor();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await (await chooser).setFiles(photo);
  const started = Date.now();
  await page.getByRole('button', { name: 'Restore', exact: true }).click();
  await page.getByText('The result shows these steps.').waitFor();
  console.log(
    `Restored ${basename(photo)} with the proposed steps in ${Math.round((Date.now() - started) / 1000)} s.`,
  );
  if (values['actual-size'] === true) await page.getByRole('button', { name: 'Actual pixels' }).click();
  await page.mouse.move(700, 20);
  await page.waitForTimeout(500);
  await page.locator('.viewer[aria-busy=false]').waitFor();
  await page.waitForTimeout(300);
  await mkdir(dirname(output), { recursive: true });
  await page.screenshot({ path: output });
  console.log(`Wrote ${output}`);
} finally {
  await browser.close();
  await host.close();
}
