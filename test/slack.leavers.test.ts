/** What somebody had approved who has left: those who could have are asked in Slack, and their click counts. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { currentPolicy } from '../activities/current-policy.ts';
import { createNotices } from '../activities/notices.ts';
import { createTaints } from '../activities/taints.ts';
import type { RequestId } from '../domain/ids.ts';
import { actions } from '../slack/ids.ts';
import { storeRecords } from '../slack/records.ts';
import type { SlackService } from '../slack/service.ts';
import * as intents from '../store/intents.ts';
import * as taints from '../store/taints.ts';
import { relayOnce } from '../temporal/relay.ts';
import { rejudgeMessages } from '../workers/worker/rejudging.ts';
import { approved, claimed, ok, policyText, startCompany, workerGrants, type Company } from './support/company.ts';
import { fakeChannels } from './support/channels.ts';
import { eventually } from './support/eventually.ts';
import { keptLog, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';

const users = ['ada', 'olga', 'otto', 'omar', 'eve'] as const;
let company: Company;
let desk: SlackDesk;
beforeAll(async () => {
  company = await startCompany();
  const service = Object.fromEntries(
    Object.keys(company.use).map((name) => [name, (input: never) => company.use[name as keyof SlackService](input)]),
  ) as unknown as SlackService;
  desk = await startSlackDesk({ users, service, records: storeRecords(company.store.as.curfew_api) });
});
beforeEach(async () => {
  await company.restore();
  const team = desk.workspace.team.id;
  for (const handle of users) await company.change(handle, { slack: [{ team, user: desk.workspace.userId(handle) }] });
  await company.applyPolicy(policyText((text) => `${text}leavers: { approvals: ask }\n`));
});
afterAll(async () => {
  await desk?.end();
  await company?.end();
});
afterEach(() => {
  expect(desk.workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);
});

/** What the worker does each second. */
async function worker(): Promise<void> {
  const store = company.store.as.curfew_worker;
  const clock = () => company.now;
  await createTaints({ store, policyOf: currentPolicy(), clock, messages: rejudgeMessages })();
  const channel = desk.workspace.channelId('approvals');
  const workspace = { team: desk.workspace.team.id, approvals: channel, announcements: channel };
  const notices = createNotices({ store, workspace, port: desk.slack.desk.port, log: keptLog() });
  const { temporal, ctx } = company;
  const options = { store, temporal, channels: { ...fakeChannels(), ...notices }, clock: Date.now, log: ctx.log };
  while ((await relayOnce({ ...options, signal: new AbortController().signal })) > 0);
}

/** Held by ada, approved by olga, who has left; the others are asked. */
async function asked(): Promise<RequestId> {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  const version = company.nextVersion();
  const who = { handle: 'olga' } as const;
  const about = { source: 'hr', event: `event-${version}`, actor: 'curfew_directory' };
  ok(await company.use.leave({ ...about, who, state: 'left', version }));
  await worker();
  return requestId;
}
const messageTo = async (handle: (typeof users)[number]) =>
  (await desk.driver.dms(handle)).findLast((one) => JSON.stringify(one).includes('Does it stay?'));
const of = async (requestId: RequestId) =>
  (await taints.list(company.store.admin, { openOnly: false, limit: 1_000 })).find(
    (one) => one.requestId === requestId,
  );

test('those who could have approved it are asked, and nobody else; one keeps it, and the buttons are gone', async () => {
  const requestId = await asked();
  const message = await messageTo('otto');
  expect(JSON.stringify(message)).toContain('*Name of olga* approved `read` on `orders-prod` for *Name of ada*');
  expect(await messageTo('omar')).toBeDefined();
  for (const handle of ['ada', 'olga', 'eve'] as const)
    expect([handle, await messageTo(handle)]).toEqual([handle, undefined]);
  await desk.driver.press('otto', message ?? expect.fail('nobody was asked'), actions.keepTaint);
  await eventually('it is recorded', async () => (await of(requestId))?.answer?.person === company.id('otto'));
  await worker();
  expect(await of(requestId)).toMatchObject({ outcome: 'kept' });
  const shown = JSON.stringify([await desk.driver.dms('otto'), await desk.driver.dms('omar')]);
  expect(shown).not.toContain(actions.keepTaint);
  expect(shown).toContain('it stays');
});

test('"End now" ends it at once', async () => {
  const requestId = await asked();
  await desk.driver.press('omar', (await messageTo('omar')) ?? expect.fail('nobody was asked'), actions.endTaint);
  await eventually('its end is asked for', async () =>
    (await intents.ofRequest(company.store.admin, requestId)).some(({ cause }) => cause === 'tainted'),
  );
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'revoking' });
});

test('neither the holder, a leaver, somebody without a seat nor a copied or settled message changes anything (I6)', async () => {
  const requestId = await asked();
  const message = (await messageTo('otto')) ?? expect.fail('nobody was asked');
  const refusals = async (): Promise<number> =>
    (await company.store.admin.query(`select from audit.entry where kind in ('taint.refused', 'delivery.refused')`))
      .length;
  const before = await refusals();
  for (const handle of ['ada', 'olga', 'eve'] as const)
    for (const action of [actions.keepTaint, actions.endTaint]) await desk.driver.press(handle, message, action);
  const copied = { ...message, channel: desk.workspace.channelId('approvals') };
  await desk.driver.press('otto', copied, actions.endTaint);
  await eventually('each is written down', async () => (await refusals()) === before + 7);
  expect((await of(requestId))?.answer).toBeFalsy();

  await desk.driver.press('otto', message, actions.keepTaint);
  await eventually('the first word is recorded', async () => (await of(requestId))?.answer?.verdict === 'keep');
  await desk.driver.press('otto', message, actions.endTaint);
  await desk.driver.press('omar', (await messageTo('omar')) ?? expect.fail('nobody was asked'), actions.endTaint);
  await eventually('these are too late', async () => (await refusals()) === before + 9);
  expect(await of(requestId)).toMatchObject({ answer: { person: company.id('otto'), verdict: 'keep' } });
  expect(await intents.ofRequest(company.store.admin, requestId)).toEqual([]);
});
