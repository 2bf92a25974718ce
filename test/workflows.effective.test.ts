/** The Workflow `effective` on a real server, with the store: it waits for a day, and tells when that is not kept. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSettling } from '../activities/settling.ts';
import { secondMs } from '../domain/time.ts';
import { keepForLater, settleDue } from '../service/due.ts';
import { createTemporal } from '../temporal/connection.ts';
import { relayOnce } from '../temporal/relay.ts';
import { effectiveId } from '../workflows/contract.ts';
import { fakeChannels } from './support/channels.ts';
import { startCompany, type Company } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { fakeActivities } from './support/requests.ts';
import { placeIn, startTestTemporal, startWorker, type Place, type TestTemporal } from './support/temporal.ts';

let company: Company;
let real: TestTemporal;
let place: Place;
/** By how much the worker's clock is ahead. */
let ahead = 0;
beforeAll(async () => {
  company = await startCompany();
  real = await startTestTemporal();
  place = placeIn(real);
});
afterAll(async () => {
  await place?.temporal.close();
  await real?.end();
  await company?.end();
});

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const worker = () =>
  startWorker(real, place, {
    activities: {
      ...fakeActivities(),
      ...createSettling({ store: company.store.as.curfew_worker, clock: () => Date.now() + ahead, log }),
    },
  });
const alarms = () =>
  company.store.admin.query<{ open: boolean }>(
    `select resolved_at is null as open from curfew.alarm where code = 'due-late' order by raised_at`,
  );

async function kept(event: string, handle: 'omar' | 'otto', inMs: number): Promise<void> {
  const effectiveAt = Date.now() + inMs;
  const said = { source: 'hr', event, who: { handle }, state: 'left' as const, version: company.nextVersion() };
  company.temporal.dead = true;
  await keepForLater(company.ctx, { ...said, actor: 'curfew_directory', effectiveAt });
  const { store } = company;
  await store.admin.query('update curfew.outbox set next_at = now()');
  const relay = {
    store: store.as.curfew_worker,
    temporal: place.temporal,
    channels: fakeChannels(),
    clock: Date.now,
    log,
  };
  await relayOnce({ ...relay, signal: new AbortController().signal });
}

test('waits over a restart of its worker, and ends with what became of it', async () => {
  const first = await worker();
  await kept('restart-1', 'omar', 3 * secondMs);
  await first.stop();
  const second = await worker();
  try {
    const handle = real.client.workflow.getHandle(effectiveId('hr', 'restart-1'));
    const result = handle.result();
    await eventually('its day has come', async () => {
      company.now = Date.now();
      return (await settleDue(company.ctx)) === 1;
    });
    expect(await result).toBe('applied');
    expect(await alarms()).toEqual([]);
  } finally {
    await second.stop();
  }
});

test('raises an alarm where no process applies what was due, and resolves it once one does', async () => {
  ahead = 70 * secondMs;
  const running = await worker();
  try {
    await kept('late-1', 'otto', secondMs);
    const result = real.client.workflow.getHandle(effectiveId('hr', 'late-1')).result();
    await eventually('somebody is told', async () => (await alarms()).some(({ open }) => open));
    company.now = Date.now() + 2 * secondMs;
    expect(await settleDue(company.ctx)).toBe(1);
    expect(await result).toBe('applied');
    expect((await alarms()).some(({ open }) => open)).toBe(false);
  } finally {
    await running.stop();
  }
});

test('a second start of one event is the same Workflow (I10)', async () => {
  const { address, namespace } = real.server;
  const temporal = createTemporal({
    address,
    namespace,
    codecKeys: [{ id: 'k', key: Buffer.alloc(32) }],
    identity: 't',
  });
  try {
    const input = { source: 'hr', event: 'restart-1', effectiveAt: Date.now() };
    expect(await temporal.startEffective(input)).toBe('already-there');
  } finally {
    await temporal.close();
  }
});
