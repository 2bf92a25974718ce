import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  logAlarms,
  slackAlarms,
  webhookAlarms,
  type AlarmChannel,
  type ToldAlarm,
} from '../activities/alarm-channels.ts';
import { createWebhook } from '../activities/webhook-channel.ts';
import { testCode, toldOneByOne } from '../domain/alarms.ts';
import { CurfewError } from '../domain/errors.ts';
import type { SlackPort } from '../slack/views/message.ts';
import * as alarms from '../store/alarms.ts';
import { createTelling } from '../workers/worker/alarm-telling.ts';
import { eventually } from './support/eventually.ts';
import { startReceiver, type WebhookReceiver } from './support/webhook-receiver.ts';
import { startStore, type TestStore } from './support/store.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
let store: TestStore;
let receiver: WebhookReceiver;
beforeAll(async () => {
  [store, receiver] = await Promise.all([startStore(), startReceiver([secret])]);
});
beforeEach(async () => {
  await store.admin.query('delete from curfew.alarm_delivery');
  await store.admin.query('delete from curfew.alarm');
});
afterEach(() => {
  receiver.answer(undefined);
  receiver.received.length = 0;
});
afterAll(async () => {
  await Promise.all([store?.end(), receiver?.end()]);
});

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

type Said = { readonly what: string; readonly code: string; readonly detail: string };

/** A channel that keeps what it hears, and can be made deaf. */
function ear(name: string) {
  const said: Said[] = [];
  const state: { fails: boolean } = { fails: false };
  const hear =
    (what: string) =>
    async (alarm: ToldAlarm, level?: number): Promise<void> => {
      if (state.fails) throw new CurfewError('SlackGone', 'no such channel');
      said.push({ what: level === undefined ? what : `${what} ${level}`, code: alarm.code, detail: alarm.detail });
    };
  const channel: AlarmChannel = {
    name,
    raised: hear('raised'),
    escalated: hear('escalated'),
    resolved: hear('resolved'),
  };
  return { channel, said, state, what: () => said.map((one) => one.what) };
}

const telling = (...channels: readonly AlarmChannel[]) =>
  createTelling({ store: store.as.curfew_worker, channels, log: quiet });

const alarm = (code = 'revoke-late'): alarms.Alarm => ({
  key: `${code}/${randomUUID()}`,
  code,
  subject: randomUUID(),
  detail: 'A grant is not ended <!channel> a minute after its end.',
});
/** The reaper raises, because it may write nothing else. */
const raise = (one: alarms.Alarm): Promise<boolean> => alarms.raise(store.as.curfew_reaper, one);
const resolve = (one: alarms.Alarm): Promise<boolean> => alarms.resolve(store.as.curfew_reaper, one.key);
const age = (one: alarms.Alarm, by: string): Promise<unknown> =>
  store.admin.query(`update curfew.alarm set raised_at = raised_at - $2::interval where key = $1`, [one.key, by]);
const dueNow = (): Promise<unknown> => store.admin.query('update curfew.alarm_delivery set next_at = now()');

const isOpen = async (key: string): Promise<boolean> => (await alarms.open(store.admin)).some((one) => one.key === key);

test('every channel hears once that an alarm is there, that it goes on after a quarter of an hour and then hourly, and that it is over', async () => {
  const [one, other] = [ear('one'), ear('other')];
  const round = telling(one.channel, other.channel);
  const late = alarm();
  await raise(late);
  await raise(late);
  await round();
  await round();
  expect(one.said).toEqual([{ what: 'raised', code: 'revoke-late', detail: late.detail }]);
  await age(late, '14 minutes');
  await round();
  expect(one.what()).toEqual(['raised']);
  await age(late, '1 minute');
  await round();
  await round();
  expect(one.what()).toEqual(['raised', 'escalated 1']);
  await age(late, '59 minutes');
  await round();
  expect(one.what()).toHaveLength(2);
  await age(late, '1 minute');
  await round();
  // A worker that was away for hours says once that it goes on, not once for each hour.
  await age(late, '5 hours');
  await round();
  expect(one.what()).toEqual(['raised', 'escalated 1', 'escalated 2', 'escalated 7']);
  await resolve(late);
  await round();
  await round();
  expect(one.what().at(-1)).toBe('resolved');
  expect(one.what()).toHaveLength(5);
  expect(other.said).toEqual(one.said);
});

test('two workers at once say everything once', async () => {
  const one = ear('one');
  const rounds = [telling(one.channel), telling(one.channel), telling(one.channel)];
  for (let many = 0; many < 5; many += 1) await raise(alarm());
  await Promise.all(rounds.map((round) => round()));
  await Promise.all(rounds.map((round) => round()));
  expect(one.said).toHaveLength(5);
});

test('a channel that is dead, and one that hangs, keep no other from hearing, and hear it once they are back', async () => {
  const [dead, well] = [ear('dead'), ear('well')];
  const { promise: hung, resolve: letGo } = Promise.withResolvers<void>();
  const hanging: AlarmChannel = { ...ear('hanging').channel, raised: () => hung };
  dead.state.fails = true;
  const round = telling(dead.channel, hanging, well.channel);
  const late = alarm();
  await raise(late);
  await round();
  expect(well.what()).toEqual(['raised']);
  const another = alarm();
  await raise(another);
  await round();
  expect(well.what()).toEqual(['raised', 'raised']);
  const rows = await store.admin.query<{ channel: string; attempts: number; error: string }>(
    `select channel, attempts, last_error as error from curfew.alarm_delivery where delivered_at is null and channel = 'dead' order by attempts desc`,
  );
  expect(rows[0]).toMatchObject({ channel: 'dead', error: 'no such channel' });
  dead.state.fails = false;
  await dueNow();
  await round();
  expect(dead.what()).toEqual(['raised', 'raised']);
  letGo();
});

test('of what was over before a dead channel was ever asked it hears nothing, and of what it may have heard it hears the end', async () => {
  const [dead, well] = [ear('dead'), ear('well')];
  const round = telling(dead.channel, well.channel);
  const tried = alarm();
  dead.state.fails = true;
  await raise(tried);
  await round();
  dead.state.fails = false;
  await resolve(tried);
  await dueNow();
  await round();
  await round();
  expect(dead.what()).toEqual(['raised', 'resolved']);
  const brief = alarm();
  await raise(brief);
  await resolve(brief);
  await round();
  expect(well.said).toHaveLength(2);
});

test('a storm of ten thousand alarms is a few messages and a number, and its end is not ten thousand either', async () => {
  const one = ear('one');
  const round = telling(one.channel);
  await store.admin.query(
    `insert into curfew.alarm (key, code, subject, detail)
     select 'storm/' || n, 'revoke-late', n::text, 'late' from generate_series(1, 10000) n`,
  );
  await raise(alarm('reaper-silent'));
  for (let rounds = 0; rounds < 5; rounds += 1) await round();
  expect(one.said.filter(({ code }) => code === 'revoke-late')).toHaveLength(toldOneByOne);
  expect(one.said.filter(({ code }) => code === 'reaper-silent')).toHaveLength(1);
  const floods = one.said.filter(({ code }) => code === 'alarm-flood');
  expect(floods).toHaveLength(1);
  expect(floods[0]?.detail).toContain(`${10_000 - toldOneByOne} more alarms of the kind revoke-late`);

  // They end one by one, so that there would be room for another each time.
  await store.admin.query(
    `update curfew.alarm set resolved_at = now() where code = 'revoke-late' and subject::int <= 5000`,
  );
  await store.admin.query(
    `update curfew.alarm set raised_at = raised_at - interval '11 minutes' where code = 'revoke-late'`,
  );
  for (let rounds = 0; rounds < 5; rounds += 1) await round();
  expect(one.said.filter(({ what }) => what === 'raised')).toHaveLength(toldOneByOne + 2);
  await store.admin.query(`update curfew.alarm set resolved_at = now() where code = 'revoke-late'`);
  for (let rounds = 0; rounds < 5; rounds += 1) await round();
  expect(
    one.said
      .filter(({ what }) => what === 'resolved')
      .map(({ code }) => code)
      .toSorted(),
  ).toEqual(['alarm-flood', ...Array.from({ length: toldOneByOne }, () => 'revoke-late')]);
});

/** As if it had been told so long ago. */
const toldBefore = (by: string): Promise<unknown> =>
  store.admin.query(
    `update curfew.alarm_delivery set delivered_at = delivered_at - $1::interval where delivered_at is not null`,
    [by],
  );

test('what happened and does not go on is told once, never again, and over an hour later by itself', async () => {
  const one = ear('one');
  const round = telling(one.channel);
  const news = alarm('person-unknown');
  await raise(news);
  await round();
  await age(news, '50 minutes');
  await toldBefore('50 minutes');
  await round();
  expect([one.what(), await isOpen(news.key)]).toEqual([['raised'], true]);
  await age(news, '11 minutes');
  await toldBefore('11 minutes');
  await round();
  await round();
  expect([one.what(), await isOpen(news.key)]).toEqual([['raised', 'resolved'], false]);
});

test('news that nobody was there to tell is told all the same, and what a dead channel has not heard stays', async () => {
  const [one, deaf] = [ear('one'), ear('deaf')];
  deaf.state.fails = true;
  const round = telling(one.channel, deaf.channel);
  const news = alarm('person-unknown');
  await raise(news);
  await age(news, '5 hours');
  await round();
  await toldBefore('2 hours');
  await round();
  expect([one.what(), await isOpen(news.key)]).toEqual([['raised'], true]);
  deaf.state.fails = false;
  await dueNow();
  await round();
  await round();
  await round();
  expect([deaf.what()[0], await isOpen(news.key)]).toEqual(['raised', false]);
});

test('news that came as a flood is over with it', async () => {
  const one = ear('one');
  const round = telling(one.channel);
  const all = Array.from({ length: 40 }, () => alarm('person-unknown'));
  for (const each of all) await raise(each);
  await round();
  await round();
  await store.admin.query(`update curfew.alarm set raised_at = raised_at - interval '2 hours'`);
  await toldBefore('2 hours');
  await round();
  await eventually('the flood is over', async () => {
    await round();
    return (await alarms.open(store.admin)).length === 0;
  });
});

test('a channel that is new hears what is open', async () => {
  const [first, second] = [ear('first'), ear('second')];
  await raise(alarm());
  await telling(first.channel)();
  await telling(first.channel, second.channel)();
  expect([first.what(), second.what()]).toEqual([['raised'], ['raised']]);
});

test('the test of an operator is over once every channel has taken it', async () => {
  const [one, other] = [ear('one'), ear('other')];
  const round = telling(one.channel, other.channel);
  other.state.fails = true;
  const tried = alarm(testCode);
  await alarms.raise(store.as.curfew_admin, tried);
  await round();
  await round();
  expect(await alarms.open(store.admin)).toHaveLength(1);
  other.state.fails = false;
  await dueNow();
  await round();
  await round();
  await round();
  expect(await alarms.open(store.admin)).toHaveLength(0);
  expect([one.what(), other.what()]).toEqual([
    ['raised', 'resolved'],
    ['raised', 'resolved'],
  ]);
});

test('an operator may raise an alarm and resolve none', async () => {
  const tried = alarm();
  expect(await alarms.raise(store.as.curfew_admin, tried)).toBe(true);
  await expect(alarms.resolve(store.as.curfew_admin, tried.key)).rejects.toThrow();
});

test('the webhook says what, how urgent and since when, and the same message has the same id (I12)', async () => {
  const round = telling(webhookAlarms(createWebhook({ url: receiver.url, secrets: [secret] })));
  const late = alarm('grant-refused');
  await raise(late);
  receiver.answer((_request, response) => void response.writeHead(503).end());
  await round();
  receiver.answer(undefined);
  await dueNow();
  await round();
  await age(late, '16 minutes');
  await round();
  await resolve(late);
  await round();
  const [failed, raised, escalated, resolved] = receiver.received;
  expect(failed?.id).toBe(raised?.id);
  expect(receiver.received.map(({ body }) => body.type)).toEqual([
    'alarm.raised',
    'alarm.raised',
    'alarm.escalated',
    'alarm.resolved',
  ]);
  expect(raised?.body.data).toMatchObject({ code: 'grant-refused', severity: 'notice', subject: late.subject });
  expect(escalated?.body.data).toMatchObject({ severity: 'page', level: 1 });
  expect(Object.keys(resolved?.body.data ?? {}).toSorted()).toEqual(
    ['code', 'detail', 'id', 'key', 'raisedAt', 'raisedBy', 'resolvedAt', 'severity', 'subject'].toSorted(),
  );
});

/** Slack, as far as alarms go. */
function fakePort() {
  const posts: { channel: string; text: string }[] = [];
  const updates: { ts: string; text: string }[] = [];
  const port = {
    post: async ({ channel, text }: { channel: string; text: string }) => {
      posts.push({ channel, text });
      return { channel, ts: String(posts.length) };
    },
    update: async ({ ts, text }: { ts: string; text: string }) => {
      updates.push({ ts, text });
      return 'ok' as const;
    },
  } as unknown as SlackPort;
  return { port, posts, updates };
}

test('Slack has one message an alarm, one more each time it escalates, and all of them say that it is over', async () => {
  const { port, posts, updates } = fakePort();
  const round = telling(slackAlarms({ store: store.as.curfew_worker, port, channel: 'C0OPS' }));
  const late = alarm();
  await raise(late);
  await round();
  await age(late, '16 minutes');
  await round();
  expect(posts.map(({ channel }) => channel)).toEqual(['C0OPS', 'C0OPS']);
  expect(posts[0]?.text).toContain('*revoke-late*');
  expect(posts[0]?.text).not.toContain('<!channel>');
  expect(posts[1]?.text).toContain('goes on for more than 15 min');
  await resolve(late);
  await round();
  expect(updates.map(({ ts }) => ts)).toEqual(['1', '2']);
  for (const { text } of updates) expect(text).toContain('Over after 16 min');
});

test('the log has an error where an alarm is raised or goes on, and tells its end', async () => {
  const lines: string[] = [];
  const note =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level} ${JSON.stringify(fields)} ${message}`);
  const round = telling(logAlarms({ info: note('info'), warn: note('warn'), error: note('error') }));
  const late = alarm();
  await raise(late);
  await round();
  await resolve(late);
  await round();
  await eventually('both are there', () => lines.length === 2);
  expect(lines[0]).toMatch(/^error .*"severity":"page".* A grant is not ended/);
  expect(lines[1]).toMatch(/^info .* an alarm is over$/);
});
