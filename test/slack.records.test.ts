/** The gate on a real store, behind a receiver of Bolt's that is no HTTP: as Socket Mode delivers. */
import { randomUUID } from 'node:crypto';
import type { Receiver, ReceiverEvent } from '@slack/bolt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refuse } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import { createGate, GatedApp } from '../slack/delivery.ts';
import { register } from '../slack/listeners/commands.ts';
import { storeRecords } from '../slack/records.ts';
import type { Desk } from '../slack/service.ts';
import { fakeService, keptLog } from './support/slack-desk.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
const service = fakeService();
const person = randomUUID() as PersonId;
const opened = {
  requestId: randomUUID(),
  plan: { verdict: 'automatic', rule: 'r', limits: { maxMs: 1, useWithinMs: 1 } },
  repeated: false,
  confirmed: true,
};
beforeAll(async () => {
  store = await startStore();
  await store.admin.query(
    `insert into curfew.person (id, handle, state, kind, version, changed_at) values ($1, 'ana', 'active', 'employee', 1, now())`,
    [person],
  );
  await store.admin.query(
    `insert into curfew.personal (kind, id, person, slack_team, slack_user, salt) values ('link', 'l1', $1, 'T1', 'U1', '\\x00')`,
    [person],
  );
});
afterAll(() => store.end());

/** A Bolt app on a receiver that only hands over events. */
function app(): { deliver: (event: Omit<ReceiverEvent, 'ack'>) => Promise<unknown[]>; desk: Desk } {
  const desk: Desk = {
    service,
    records: storeRecords(store.as.curfew_api),
    accounts: { factsOf: async () => undefined, zoneOf: async () => undefined },
    port: { post: none, update: none, openDm: none, ephemeral: none, publish: none },
    homes: { opened: none, changed: async () => undefined },
    clock: Date.now,
    log: keptLog(),
  };
  const receiver: Receiver = { init: () => undefined, start: async () => undefined, stop: async () => undefined };
  const bolt = new GatedApp(
    { receiver, authorize: async () => ({ botToken: 'xoxb-none', teamId: 'T1' }), convoStore: false },
    createGate(desk, { appId: 'A1', teamId: 'T1' }),
  );
  register(bolt, desk);
  return {
    desk,
    async deliver(event) {
      const answers: unknown[] = [];
      await bolt.processEvent({ ...event, ack: async (answer: unknown) => void answers.push(answer) });
      return answers;
    },
  };
}
const none = async (): Promise<never> => Promise.reject(new Error('nothing is sent here'));

const line = (trigger: string, user = 'U1') => ({
  body: {
    command: '/curfew',
    text: 'orders-prod read 2h because x',
    api_app_id: 'A1',
    team_id: 'T1',
    user_id: user,
    trigger_id: trigger,
  },
});

test('two processes that get the same delivery at once do it once and answer the same', async () => {
  service.answers('open', async () => opened as never);
  const before = service.count('open');
  const apps = [app(), app()];
  const trigger = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => apps.map(({ deliver }) => deliver(line(trigger)))).flat(),
  );
  expect(service.count('open')).toBe(before + 1);
  const [first] = answers;
  expect(first).toEqual([expect.objectContaining({ text: expect.stringContaining('Sent') })]);
  for (const given of answers) expect(given).toEqual(first);
});

test('the person is found by the linked account, and by nothing else', async () => {
  service.answers('open', async (input) => {
    expect(input.person).toBe(person);
    return refuse('PolicyDenied', 'No rule.');
  });
  const { deliver } = app();
  expect(JSON.stringify(await deliver(line(randomUUID())))).toContain('No rule.');
  expect(JSON.stringify(await deliver(line(randomUUID(), 'U2')))).toContain('linked to nobody');
});

test('a refused delivery leaves its entry as the login that refused it', async () => {
  const { deliver } = app();
  await deliver({ body: { ...line(randomUUID()).body, team_id: 'T9' } });
  const entries = await store.admin.query<{ login: string; body: Buffer }>(
    `select login, body from audit.entry where kind = 'delivery.refused'`,
  );
  expect(entries.map((entry) => [entry.login, JSON.parse(entry.body.toString())])).toEqual([
    ['curfew_api', { reference: expect.stringMatching(/^[0-9a-f]{8}$/), why: 'other-team' }],
  ]);
});

test('a delivery is kept under a hash, with nothing of what was typed', async () => {
  const rows = await store.admin.query<{ key: string; answer: unknown }>('select key, answer from curfew.delivery');
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(row.key).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.stringify(rows)).not.toContain('because');
});

test('an event is acknowledged by Bolt, once, and not answered again', async () => {
  const { deliver } = app();
  const body = {
    type: 'event_callback',
    api_app_id: 'A1',
    team_id: 'T1',
    event_id: 'Ev1',
    event: { type: 'app_mention', user: 'U1' },
  };
  expect(await deliver({ body })).toEqual([undefined]);
});
