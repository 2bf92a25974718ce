import { Client } from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { minuteMs } from '../domain/time.ts';
import * as claims from '../store/claims.ts';
import { makeCode } from '../service/codes.ts';
import { violationsInBoth } from './support/accessibility.ts';
import { chromiumPath, startBrowser } from './support/browser.ts';
import {
  approved,
  minted,
  ok,
  policyText,
  startCompany,
  verifier,
  withGrace,
  workerEnds,
  workerGrants,
  type Company,
} from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { serve, type TestApi } from './support/http.ts';

const path = chromiumPath();
const insecureHost = 'curfew.test';

describe.skipIf(path === undefined)('the claim page in a real browser', () => {
  let company: Company;
  let api: TestApi;
  let browser: Browser;
  let page: Page;
  /** Whatever the browser complained about: a script that failed, a policy that was broken. */
  const complaints: string[] = [];

  beforeAll(async () => {
    company = await startCompany();
    browser = await startBrowser(path ?? '', insecureHost);
  });
  afterAll(async () => {
    await browser?.close();
    await company?.end();
  });
  beforeEach(async () => {
    await company.restore();
    api = await serve(company, []);
    const context = await browser.newContext({
      viewport: { width: 360, height: 640 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    page = await context.newPage();
    complaints.length = 0;
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A refusal's status is no complaint: the page tells it in words.
      if (message.type() === 'error' && !message.text().includes('status of 4')) complaints.push(message.text());
    });
  });
  afterEach(async () => {
    await page.context().close();
    await api.end();
    expect(complaints).toEqual([]);
  });

  const heading = () => page.locator('h1').textContent();
  const message = () => page.locator('#message').textContent();
  const titled = (text: string) => eventually(`the heading "${text}"`, async () => (await heading()) === text);

  /** In this state, light and dark: what WCAG 2.2 A and AA want, and no wider than a small telephone. */
  const accessible = async (what: string): Promise<void> => {
    expect(await violationsInBoth(page), what).toEqual([]);
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width, `${what}: nothing is wider than a small telephone`).toBeLessThanOrEqual(360);
  };

  test('every state of the page is for everybody: WCAG 2.2 AA, light and dark, on a small telephone', async () => {
    await page.goto(`${api.origin}/claim`);
    await page.getByLabel('Code').waitFor();
    await accessible('a code to type');
    await page.getByLabel('Code').fill(makeCode().shown);
    await page.keyboard.press('Enter');
    await titled('This code is not known');
    await accessible('an error');
    const requestId = await approved(company);
    const { code } = await minted(company, requestId);
    await page.clock.install();
    await page.goto('about:blank');
    await page.goto(`${api.origin}/claim#${code}`);
    await page.getByRole('button', { name: 'Claim now' }).waitFor();
    await accessible('the offer');
    await page.getByRole('button', { name: 'Claim now' }).click();
    const claim = await eventually('the claim', () => claims.of(company.store.admin, requestId));
    await accessible('the login being made');
    await workerGrants(company, requestId, claim.endAt);
    await titled('Your access is ready');
    await accessible('ready');
    await page.clock.fastForward('01:01:00');
    await titled('This access is over');
    await accessible('over');
  });

  test('where logins stop before the end the page says until when, to everybody', async () => {
    for (const [text, shown] of [
      [withGrace(), true],
      [policyText(), false],
    ] as const) {
      await company.applyPolicy(text);
      const requestId = await approved(company);
      const { code } = await minted(company, requestId);
      await page.goto('about:blank');
      await page.goto(`${api.origin}/claim#${code}`);
      await page.getByRole('button', { name: 'Claim now' }).click();
      const claim = await eventually('the claim', () => claims.of(company.store.admin, requestId));
      await workerGrants(company, requestId, claim.endAt);
      await titled('Your access is ready');
      expect(await page.locator('#landing').isVisible()).toBe(shown);
      if (shown) {
        await accessible('with a grace');
        const stop = await page.locator('#stop').getAttribute('datetime');
        expect(stop).toBe(new Date(claim.endAt - 5 * minuteMs).toISOString());
        expect(await page.locator('#landing').innerText()).toMatch(
          /^New logins until .+\. Open sessions go on until the end\.$/,
        );
      }
      await workerEnds(company, requestId);
    }
  });

  test('a press makes a password here, and it logs in to PostgreSQL', async () => {
    const requestId = await approved(company);
    const { code } = await minted(company, requestId);
    const sent: string[] = [];
    page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
    await page.goto(`${api.origin}/claim#${code}`);
    await page.getByRole('button', { name: 'Claim now' }).click();
    const claim = await eventually('the claim', () => claims.of(company.store.admin, requestId));
    await titled('Making your login…');
    await workerGrants(company, requestId, claim.endAt);
    await titled('Your access is ready');

    const password = (await page.locator('#password').textContent()) ?? '';
    expect(password).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(sent.join('\n'), 'the password stays here').not.toContain(password);
    expect(
      sent.filter((line) => line.split(' ')[0]?.includes(code)),
      'the code is in no address',
    ).toEqual([]);
    expect(page.url()).toBe(`${api.origin}/claim`);
    const role = `cfw_${requestId.replaceAll('-', '')}`;
    expect(await page.locator('#psql-0').textContent()).toBe(
      `psql "host=127.0.0.1 port=5432 dbname=orders user=${role}"`,
    );

    await company.store.admin.query(`create role ${role} login password '${claim.verifier}'`);
    const { host, port } = company.store.postgres;
    const client = new Client({ host, port, user: role, password, database: 'postgres' });
    await client.connect();
    await client.end();

    await page.getByRole('button', { name: 'Copy password' }).click();
    await eventually('the note', async () => (await page.locator('#copied').textContent()) === 'Copied.');
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(password);
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width, 'nothing is wider than a small telephone').toBeLessThanOrEqual(360);
    await page.reload();
    expect(await page.content(), 'shown once').not.toContain(password);
  });

  test('at the end of the access the password goes from the page', async () => {
    const requestId = await approved(company);
    const { code } = await minted(company, requestId);
    await page.clock.install();
    await page.goto(`${api.origin}/claim#${code}`);
    await page.getByRole('button', { name: 'Claim now' }).click();
    const claim = await eventually('the claim', () => claims.of(company.store.admin, requestId));
    await workerGrants(company, requestId, claim.endAt);
    await titled('Your access is ready');
    const password = (await page.locator('#password').textContent()) ?? '';
    expect(await page.content()).toContain(password);
    expect(await page.locator('#left').textContent()).toMatch(/^in (1 h|60 min|59 min),$/);
    await page.clock.fastForward('59:30');
    await eventually('the last minute', async () => /seconds/.test((await page.locator('#left').textContent()) ?? ''));
    await page.clock.fastForward('00:40');
    await titled('This access is over');
    expect(await page.content()).not.toContain(password);
  });

  test('opening the link consumes nothing, and the keyboard alone is enough', async () => {
    const requestId = await approved(company);
    const { code } = await minted(company, requestId);
    for (let times = 0; times < 2; times += 1) {
      await page.goto('about:blank');
      await page.goto(`${api.origin}/claim#${code}`);
      await page.getByRole('button', { name: 'Claim now' }).waitFor();
      expect(await page.locator('#offer').textContent()).toContain('orders-prod');
    }
    expect(await claims.of(company.store.admin, requestId)).toBeUndefined();
    await page.keyboard.press('Enter');
    await eventually('the claim', () => claims.of(company.store.admin, requestId));
  });

  test('a lost reply is asked for again with the same password', async () => {
    const requestId = await approved(company);
    const { code } = await minted(company, requestId);
    await page.goto(`${api.origin}/claim#${code}`);
    await page.getByRole('button', { name: 'Claim now' }).waitFor();
    let lost = 0;
    await page.route('**/claim', async (route) => {
      if (route.request().method() !== 'POST' || lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      await route.abort();
    });
    await page.getByRole('button', { name: 'Claim now' }).click();
    await titled('No answer');
    complaints.length = 0;
    await page.getByRole('button', { name: 'Try again' }).click();
    const claim = await eventually('the claim', () => claims.of(company.store.admin, requestId));
    await workerGrants(company, requestId, claim.endAt);
    await titled('Your access is ready');
    expect(lost).toBe(1);
  });

  test('a grant that failed says so, and shows no password', async () => {
    const requestId = await approved(company);
    const { code } = await minted(company, requestId);
    await page.goto(`${api.origin}/claim#${code}`);
    await page.getByRole('button', { name: 'Claim now' }).click();
    await eventually('the claim', () => claims.of(company.store.admin, requestId));
    await eventually('the Workflow', () => company.temporal.view(requestId).state.kind === 'granting');
    company.temporal.happens(requestId, { kind: 'grant-failed', cause: 'TargetRejected' });
    await workerEnds(company, requestId);
    await titled('The login could not be made');
    expect(await page.locator('#ready').isVisible()).toBe(false);
  });

  const readOf = async (code: string) => {
    await page.goto('about:blank');
    await page.goto(`${api.origin}/claim#${code}`);
    await page.getByRole('button', { name: 'Continue' }).waitFor();
    return `${await heading()}: ${await message()}`;
  };

  test('unknown, expired, replaced and used codes each have their own words', async () => {
    const requestId = await approved(company);
    const old = await minted(company, requestId);
    const young = await minted(company, requestId);
    expect(await readOf(makeCode().shown)).toMatch(/^This code is not known: .*new one/);
    expect(await readOf(old.code)).toMatch(/^This code is spent: A newer code/);
    company.now += 16 * minuteMs;
    expect(await readOf(young.code)).toMatch(/^This code is spent: .*expired/);
    company.now -= 16 * minuteMs;
    ok(await company.use.claim({ code: young.code, verifier: verifier(), address: 'x' }));
    expect(await readOf(young.code)).toMatch(/^This code is spent: .*used already/);
  });

  test('without a fragment the code can be typed', async () => {
    const { code } = await minted(company, await approved(company));
    await page.goto(`${api.origin}/claim`);
    await page.getByLabel('Code').fill(code.toLowerCase().replaceAll('-', ' '));
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Claim now' }).waitFor();
  });

  test('where the browser has no WebCrypto the page says so and offers the command line', async () => {
    const { code } = await minted(company, await approved(company));
    const insecure = api.origin.replace('127.0.0.1', insecureHost);
    await page.goto(`${insecure}/claim#${code}`);
    await titled('This browser cannot make a password here');
    expect(await page.locator('#terminal-line').textContent()).toBe(`curfew connect ${code}`);
    complaints.length = 0;
  });
});
