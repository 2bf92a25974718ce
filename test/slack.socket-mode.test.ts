/** The other way in: no inbound port, the same gate and the same listeners. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleSlackApp, type SlackApp } from '../slack/app.ts';
import { eventually } from './support/eventually.ts';
import { fakeRecords, fakeService, keptLog, people } from './support/slack-desk.ts';
import { startSocketSlack, type SocketSlack } from './support/socket-mode.ts';

let slack: SocketSlack;
let app: SlackApp;
const service = fakeService();
const records = fakeRecords();
const opened = {
  requestId: randomUUID(),
  plan: { verdict: 'automatic', rule: 'r', limits: { maxMs: 1, useWithinMs: 1 } },
  repeated: false,
  confirmed: true,
};

beforeAll(async () => {
  slack = await startSocketSlack();
  records.link({ team: 'T1', user: 'U1' }, people['ana']!);
  service.answers('open', async () => opened as never);
  app = assembleSlackApp({
    config: {
      botToken: 'xoxb-none',
      appId: 'A1',
      teamId: 'T1',
      apiUrl: slack.apiUrl,
      receiver: { kind: 'socket', appToken: 'xapp-none' },
    },
    service,
    records,
    clock: Date.now,
    log: keptLog(),
  });
  await app.start();
  await slack.connected;
});
afterAll(async () => {
  await app.stop();
  await slack.end();
});

const envelope = (trigger: string, more: object = {}) => ({
  envelope_id: randomUUID(),
  type: 'slash_commands',
  accepts_response_payload: true,
  payload: {
    command: '/curfew',
    text: 'orders-prod read 2h because x',
    api_app_id: 'A1',
    team_id: 'T1',
    user_id: 'U1',
    trigger_id: trigger,
    ...more,
  },
});

test('there is nothing to mount', () => {
  expect(app.router).toBeUndefined();
});

test('a command is carried out, and the same one again, in another envelope, is answered alike', async () => {
  const trigger = randomUUID();
  const first = await slack.send(envelope(trigger));
  expect(first.payload).toMatchObject({ response_type: 'ephemeral', text: expect.stringContaining('Sent') });
  const again = await slack.send(envelope(trigger));
  expect(again.payload).toEqual(first.payload);
  expect(service.count('open')).toBe(1);
});

test('a delivery of another workspace is refused here too', async () => {
  const before = service.count('open');
  const { payload } = await slack.send(envelope(randomUUID(), { team_id: 'T2' }));
  expect(payload).toMatchObject({ text: expect.stringContaining('another workspace') });
  expect(service.count('open')).toBe(before);
});

test('an unknown command is answered here too', async () => {
  const { payload } = await slack.send(envelope(randomUUID(), { command: '/other' }));
  expect(payload).toMatchObject({ text: expect.stringContaining('knows no such') });
});

test('what Slack could not deliver while the socket was down comes again, and has one effect (I10)', async () => {
  const before = service.count('open');
  const trigger = randomUUID();
  const connections = slack.connections();
  const lost = envelope(trigger);
  slack.drop();
  // Nobody is there: Slack keeps an envelope that nobody took, and sends it to whoever connects next.
  void slack.send(lost);
  expect(service.count('open')).toBe(before);
  await eventually('the app connects again', () => slack.connections() > connections, { withinMs: 30_000 });
  const taken = await slack.send(lost);
  expect(taken.payload).toMatchObject({ text: expect.stringContaining('Sent') });
  expect(service.count('open')).toBe(before + 1);
});

test('a connection lost before the answer arrived: the same envelope on the next one gets the first answer (I10)', async () => {
  const before = service.count('open');
  const connections = slack.connections();
  const sent = envelope(randomUUID());
  service.answers('open', async () => {
    slack.drop();
    return opened as never;
  });
  void slack.send(sent);
  await eventually('it was carried out', () => service.count('open') === before + 1);
  await eventually('the app connects again', () => slack.connections() > connections, { withinMs: 30_000 });
  const again = await slack.send({ ...sent, retry_attempt: 1, retry_reason: 'timeout' });
  expect(again.payload).toMatchObject({ text: expect.stringContaining('Sent') });
  expect(service.count('open')).toBe(before + 1);
});

test('after a reconnect everything works as before', async () => {
  const before = service.count('open');
  service.answers('open', async () => opened as never);
  const { payload } = await slack.send(envelope(randomUUID()));
  expect(payload).toMatchObject({ text: expect.stringContaining('Sent') });
  expect(service.count('open')).toBe(before + 1);
});
