/** A real Chromium for tests of pages, where this machine has one. */
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../dev/browser.ts';

export { chromiumPath } from '../../dev/browser.ts';

/**
 * @param insecureHost a name that leads to 127.0.0.1 but is no loopback name, so that its pages have no WebCrypto, as
 *   over plain HTTP on a network
 */
export const startBrowser = (executablePath: string, insecureHost: string): Promise<Browser> =>
  launchBrowser(executablePath, [`--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`]);
