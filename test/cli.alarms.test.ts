import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AlarmChannel } from '../activities/alarm-channels.ts';
import { CurfewError } from '../domain/errors.ts';
import * as alarms from '../store/alarms.ts';
import { createTelling, keepTelling } from '../workers/worker/alarm-telling.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew, type Ran } from './support/terminal.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
beforeEach(async () => {
  await store.admin.query('delete from curfew.alarm_delivery');
  await store.admin.query('delete from curfew.alarm');
});
afterAll(() => store?.end());

const run = (...words: readonly string[]): Promise<Ran> =>
  curfew(['alarms', ...words], { env: { CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') } });

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const channel = (name: string, hears: () => Promise<void> = () => Promise.resolve()): AlarmChannel => ({
  name,
  raised: hears,
  escalated: hears,
  resolved: hears,
});
const telling = (...channels: readonly AlarmChannel[]) =>
  createTelling({ store: store.as.curfew_worker, channels, log: quiet });
const deaf = (): Promise<void> => Promise.reject(new CurfewError('NotConfirmed', 'The webhook answered 503.'));

const late: alarms.Alarm = { key: 'revoke/x', code: 'revoke-late', subject: 'x', detail: 'It is late.' };

test('open alarms are listed with who was told and who does not hear, and are an exit code', async () => {
  expect(await run()).toMatchObject({ code: 0, out: 'No alarm is open.\n' });
  await alarms.raise(store.as.curfew_worker, late);
  await telling(channel('slack'), channel('webhook', deaf))();
  const listed = await run();
  expect(listed.code).toBe(1);
  expect(listed.out).toMatch(/page +revoke-late +x +\S+ s +slack +webhook +It is late\./);
  const json = JSON.parse((await run('--json')).out) as readonly { severity: string; deliveries: unknown[] }[];
  expect(json).toMatchObject([{ code: 'revoke-late', severity: 'page', resolvedAt: null }]);
  expect(json[0]?.deliveries).toMatchObject([
    { channel: 'slack', step: 'raised', error: null },
    { channel: 'webhook', step: 'raised', deliveredAt: null, error: 'The webhook answered 503.' },
  ]);
  await alarms.resolve(store.as.curfew_worker, late.key);
  expect((await run()).code).toBe(0);
  expect((await run('--all')).out).toMatch(/over +revoke-late/);
});

test('a test alarm goes through every channel and is over', async () => {
  const stopping = new AbortController();
  const told = keepTelling(telling(channel('log'), channel('webhook')), stopping.signal);
  const ran = await run('test', '--json');
  stopping.abort();
  await told;
  expect(ran.code).toBe(0);
  expect(JSON.parse(ran.out)).toEqual({
    heard: true,
    channels: ['log', 'webhook'].map((name) => ({ channel: name, raised: true, resolved: true, trouble: null })),
  });
  expect(await alarms.open(store.admin)).toEqual([]);
});
