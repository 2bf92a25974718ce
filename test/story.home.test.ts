/** From the form to the end without leaving the App Home, on the whole stack: Slack, API, Temporal, worker, target. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
});
afterAll(() => stage?.end());

const withinMs = 30_000;
const home = (user: string, pattern: RegExp): Promise<string> =>
  stage.driver.eventually(
    `home of ${user}: ${String(pattern)}`,
    () => pattern.exec(JSON.stringify(stage.driver.home(user)?.['blocks'] ?? ''))?.[1] ?? null,
    withinMs,
  );
const modalSays = (user: string, pattern: RegExp): Promise<string> =>
  stage.driver.eventually(
    `${user} reads ${String(pattern)}`,
    () => pattern.exec(JSON.stringify(stage.driver.modal(user)?.['blocks'] ?? ''))?.[1] ?? null,
    withinMs,
  );
const looks = (user: string) => stage.driver.event(user, { type: 'app_home_opened', tab: 'home', channel: 'D0' });

test('a Home follows what its person, the approver and the worker do', async () => {
  const { driver } = stage;
  await looks('jonas');
  await looks('priya');
  await home('jonas', /(You hold no access)/);
  await driver.pressInHome('jonas', actions.ask);
  await driver.waitForModal('jonas', callbacks.ask);
  await driver.fill('jonas', { [blocks.target]: 'orders-prod', [blocks.role]: 'read', [blocks.duration]: '10m' });
  await modalSays('jonas', /(Could decide now: [^"]*Priya)/);
  expect((await driver.submit('jonas', { [blocks.reason]: 'INC-13 wrong totals' })).action).toBe('closed');

  const id = await home('jonas', /"request:withdraw"[^}]*\}[^}]*"value":"([0-9a-f-]{36})"/);
  await home('priya', new RegExp(`(Request ${id.slice(0, 8)})`));
  await driver.pressInHome('priya', actions.review, { value: id });
  await driver.waitForModal('priya', callbacks.decide);
  expect((await driver.submit('priya', { [blocks.verdict]: 'approve' })).action).toBe('closed');

  await home('jonas', /("request:claim")/);
  await driver.pressInHome('jonas', actions.claim, { value: id });
  const claimed = await stage.claim(await modalSays('jonas', /curfew connect ([A-Z0-9-]+)/i));
  expect(claimed).toBeDefined();
  await driver.close('jonas');
  await home('jonas', /(active until)/);
  await home('priya', /(Nothing waits for you)/);

  await driver.slash('jonas', command, 'end');
  await home('jonas', /(You hold no access)/);
  await stage.is(id, 'closed');
  expect(await stage.findings()).toEqual([]);
});
