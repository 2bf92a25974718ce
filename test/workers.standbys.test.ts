/** The reaper with two nodes and nothing else alive: no store, no worker, no Temporal, and in the end no primary. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLog } from '../config/log.ts';
import type { TargetName } from '../domain/ids.ts';
import { startReaper, type Reaper } from '../workers/reaper.ts';
import { until } from './support/postgres.ts';
import { granted, reaperPassword, type Prepared } from './support/target.ts';
import { startTwoNodes, type TwoNodes } from './support/two-nodes.ts';

let two: TwoNodes;
let reaper: Reaper;
beforeAll(async () => {
  two = await startTwoNodes();
  reaper = startReaper(
    {
      storeUrl: 'postgres://curfew_reaper:nobody@127.0.0.1:1/curfew',
      clusters: [
        {
          name: 'main',
          zone: 'default',
          targets: ['orders-prod' as TargetName],
          database: 'control',
          user: 'curfew_reaper',
          password: reaperPassword,
          nodes: two.nodes,
        },
      ],
      everyMs: 1_000,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
    },
    createLog('reaper', 'fatal'),
  );
});
const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end().catch(() => undefined);
  await two.primary.start();
  await two.standby.resumeReplay();
  await two.standby.replayed();
});
afterAll(async () => {
  await reaper?.stop();
  await two?.end();
});

type Session = { readonly closedAt: () => number | undefined };

async function onStandby(holder: Prepared, options?: string): Promise<Session> {
  const { host, port } = two.on.standby;
  const login = { user: holder.role, password: holder.password, database: 'orders', connectionTimeoutMillis: 60_000 };
  const client = new Client({ host, port, ...login, ...(options === undefined ? {} : { options }) });
  let at: number | undefined;
  for (const event of ['error', 'end'] as const) client.on(event, () => (at ??= Date.now()));
  open.push(client);
  await client.connect();
  return { closedAt: () => at };
}

/** Live on both nodes until then. */
async function held(lastsMs: number): Promise<Prepared> {
  const holder = await granted(two.sample.worker, { endAt: Date.now() + lastsMs });
  await two.standby.replayed();
  return holder;
}

test.each([
  ['that has fallen behind', () => two.standby.pauseReplay()],
  ['whose primary is dead', () => two.primary.crash('immediate')],
])('a session on a standby %s is over within two seconds of its end (I2, P9)', async (_name, breakIt) => {
  const holder = await held(5_000);
  const session = await onStandby(holder);
  await breakIt();
  expect(session.closedAt()).toBeUndefined();
  const closedAt = await until(session.closedAt, 'it is closed', 10_000);
  expect(closedAt).toBeGreaterThanOrEqual(holder.call.endAt - 50);
  expect(closedAt).toBeLessThan(holder.call.endAt + 2_000);
  await expect(onStandby(holder)).rejects.toThrow();
});

test('a login that is held open on a standby is ended after ten seconds, so that its grant can be (P3, F26)', async () => {
  const holder = await held(600_000);
  const startedAt = Date.now();
  const coming = onStandby(holder, '-c post_auth_delay=60').then(
    ({ closedAt }) => until(closedAt, 'it is closed'),
    () => Date.now(),
  );
  const [target, ids] = [two.open('curfew_reaper'), [holder.call.grantId]];
  await until(async () => (await target.verifyMany('standby', ids))[0]?.inFlight.length === 1, 'it is in flight');
  await target.revokeMany(ids);
  expect((await coming) - startedAt).toBeLessThan(20_000);
  await until(async () => (await target.verifyMany('standby', ids))[0]?.ended, 'its grant is over there');
});
