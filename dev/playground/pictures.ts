/**
 * `npm run pictures`: the README's pictures, docs/pictures/*.png, of a story that really runs on a temporary stack. It
 * needs a Chromium on this machine (CHROMIUM_PATH, or on the PATH); with the fonts Inter and Noto Color Emoji
 * installed (Debian: fonts-inter, fonts-noto-color-emoji) they look as they do there.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { chromiumPath, launchBrowser } from '../browser.ts';
import { freePort } from '../ports.ts';
import { startProgress } from '../progress.mjs';
import { openStage } from '../tour/stage.ts';
import { Trouble, messageOf } from '../trouble.ts';
import { sampleCompany } from './company.ts';
import { startPlayground } from './server.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'pictures');
/** So that a README stays quick to open. */
const mostBytes = 200_000;
const schemes = ['dark', 'light'] as const;

const progress = startProgress(process.stdout);
const ends: (() => Promise<void>)[] = [];
try {
  const executable = chromiumPath();
  if (executable === undefined)
    throw new Trouble(
      'there is no Chromium to take pictures with',
      'install one (Debian: chromium-headless-shell) or set CHROMIUM_PATH',
    );
  mkdirSync(folder, { recursive: true });
  const stage = await openStage(progress);
  ends.push(stage.end);
  const { workspace, driver } = stage;
  const playground = await startPlayground({
    workspace,
    driver,
    port: await freePort(),
    company: sampleCompany(workspace),
  });
  ends.push(playground.stop);
  const browser = await launchBrowser(executable, ['--lang=en-GB']);
  ends.push(() => browser.close());
  await takeAll(browser, playground.url);
} catch (error) {
  process.stderr.write(
    error instanceof Trouble ? `${error.message}\n` : `the pictures were not taken: ${messageOf(error)}\n`,
  );
  process.exitCode = 1;
} finally {
  for (const end of ends.toReversed()) await end().catch(() => undefined);
}
process.exit();

async function takeAll(browser: Browser, url: string): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(url);
  const left = page.locator('#left');
  const right = page.locator('#right');

  await press(left, 'Send');
  await left.getByRole('combobox', { name: 'Target' }).fill('orders');
  await left.getByRole('option', { name: 'orders-prod' }).click();
  await left.getByLabel('Role').selectOption('read');
  await left.getByLabel('For how long').fill('30m');
  await left.getByLabel('Why').fill('INC-12 checkout is slow, I need to see the open orders');
  await left
    .getByRole('dialog')
    .getByText(/data owners/)
    .first()
    .waitFor();
  // High enough for the whole form.
  await page.setViewportSize({ width: 1280, height: 1060 });
  await take('ask', page);
  await page.setViewportSize({ width: 1280, height: 800 });
  await press(left.getByRole('dialog'), 'Send');

  await right.getByRole('button', { name: 'Review' }).waitFor();
  await take('card', page);
  await press(right, 'Review');
  await right.getByLabel('Approve').check();
  await right.locator('.dialog-body').evaluate((body) => body.scrollTo(0, 0));
  await take('review', page);
  await press(right, 'Record decision');

  await press(left, 'Claim');
  const link = left.getByRole('link', { name: 'Open the claim page' });
  await link.waitFor();
  const [claim] = await Promise.all([context.waitForEvent('page'), link.click()]);
  await claim.setViewportSize({ width: 860, height: 800 });
  await press(claim, 'Claim now');
  await claim.getByRole('heading', { name: 'Your access is ready' }).waitFor();
  await take('claim', claim, 'main');
  await claim.close();

  await press(left, 'Home');
  await left.locator('.home').getByText('orders-prod').first().waitFor();
  await right.getByText('Active').first().waitFor();
  await take('home', page);
}

function press(within: Locator | Page, name: string): Promise<void> {
  return within.getByRole('button', { name, exact: true }).last().click();
}

/** In both schemes; of the whole page, or of one element of it. */
async function take(name: string, page: Page, part?: string): Promise<void> {
  await page.mouse.move(0, 0);
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const path = join(folder, `${name}-${colorScheme}.png`);
    await (part === undefined ? page : page.locator(part)).screenshot({ path, caret: 'hide', animations: 'disabled' });
    const { size } = statSync(path);
    if (size > mostBytes) throw new Error(`${path} has ${size} bytes, more than ${mostBytes}`);
    progress.say(`  docs/pictures/${name}-${colorScheme}.png  ${Math.ceil(size / 1_000)} kB`);
  }
}
