/** A real Chromium for tests of pages, where this machine has one. */
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

/**
 * @param insecureHost a name that leads to 127.0.0.1 but is no loopback name, so that its pages have no WebCrypto, as
 *   over plain HTTP on a network
 */
export const startBrowser = (executablePath: string, insecureHost: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', `--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`],
  });
