/** A Chromium of this machine, for pictures and for the tests of pages; none is downloaded. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const names = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** `CHROMIUM_PATH`, or one on the PATH; undefined where there is none. */
export const chromiumPath = (): string | undefined =>
  [
    process.env['CHROMIUM_PATH'],
    ...names.flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))),
  ].find((path) => path !== undefined && path !== '' && existsSync(path));

/** NB. Without a sandbox, because root has none: for pages of this repository only. */
export const launchBrowser = (executablePath: string, more: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', ...more] });
