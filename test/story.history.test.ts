/** One request's story, told by `curfew history` from a real log and a real Workflow's history, which agree. */
import { randomBytes, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { hourMs } from '../domain/time.ts';
import type { UseCases } from '../service/contract.ts';
import * as kept from '../store/histories.ts';
import * as projections from '../store/projections.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { createTemporal, type Temporal } from '../temporal/connection.ts';
import { accessRequestId } from '../workflows/contract.ts';
import { ask, ok, type Handle } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { startGranting, type Granting } from './support/granting.ts';
import { workerPassword } from './support/target.ts';
import { startTestTemporal, testKeys, type TestTemporal } from './support/temporal.ts';
import { curfew } from './support/terminal.ts';
import { startWorkerProcess, type WorkerUnderTest } from './support/worker-process.ts';

let world: Granting;
let real: TestTemporal;
let temporal: Temporal;
let use: UseCases;
let worker: WorkerUnderTest;

const startWorker = async (): Promise<WorkerUnderTest> => {
  const { host, port } = world.postgres;
  const nodes = [{ name: 'primary', host, port }];
  const cluster = { name: 'main', targets: ['orders-prod'], database: 'control', user: 'curfew_worker' };
  const started = await startWorkerProcess({
    storeUrl: world.company.store.url('curfew_worker'),
    temporal: real.server,
    codecKeys: testKeys,
    clusters: [{ ...cluster, password: workerPassword, nodes }],
  });
  await started.ready();
  return started;
};

beforeAll(async () => {
  [world, real] = await Promise.all([startGranting(), startTestTemporal({ keepState: true })]);
  const { address, namespace } = real.server;
  temporal = createTemporal({ address, namespace, codecKeys: testKeys, identity: 'api', deadlineMs: 10_000 });
  use = world.company.with({ temporal, clock: Date.now });
  await world.company.restore();
  await world.check();
  worker = await startWorker();
}, 600_000);
afterAll(async () => {
  await worker?.end();
  await temporal?.close();
  await real?.end();
  await world?.end();
});

const person = (handle: Handle) => world.company.id(handle);
const is = (id: RequestId, kind: string) =>
  eventually(
    `${id} is ${kind}`,
    async () => (await projections.viewOf(world.company.store.admin, id))?.state.kind === kind,
    { withinMs: 30_000 },
  );

async function decided(verdict: 'approve' | 'deny', durationMs: number = hourMs): Promise<RequestId> {
  const { requestId } = ok(await use.open(ask(world.company, { durationMs })));
  const { digest } = ok(await use.reviewModel({ requestId, person: person('olga') }));
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() };
  const reason = verdict === 'deny' ? { reason: 'not today' } : {};
  ok(await use.decide({ requestId, person: person('olga'), account, digest, verdict, ...reason }));
  return requestId;
}

const historyKept = (id: RequestId) =>
  eventually('its history is kept', async () => (await kept.historiesOf(world.company.store.admin, id)).length > 0, {
    withinMs: 30_000,
  });

const tell = (id: RequestId, ...words: readonly string[]) =>
  curfew(['history', id, ...words], { env: { CURFEW_ADMIN_STORE_URL: world.company.store.url('curfew_admin') } });

type Told = {
  readonly timeline: readonly { readonly where: string; readonly what: string }[];
  readonly differences: readonly { readonly sentence: string }[];
  readonly histories: readonly { readonly bundles: readonly string[] }[];
};

const claimed = async (durationMs: number): Promise<RequestId> => {
  const id = await decided('approve', durationMs);
  const { code } = ok(await use.mintCode({ requestId: id, person: person('ada') }));
  ok(await use.claim({ code, verifier: makeVerifier(randomBytes(24).toString('base64url')), address: '192.0.2.7' }));
  await is(id, 'active');
  return id;
};

let released: RequestId;
test('a request that was approved, claimed, granted and released: log and history agree in everything', async () => {
  released = await claimed(hourMs);
  ok(await use.release({ requestId: released, person: person('ada') }));
  await is(released, 'closed');
  await historyKept(released);

  const shown = await tell(released, '--json');
  const { timeline, differences, histories } = JSON.parse(shown.out) as Told;
  expect(differences).toEqual([]);
  expect(shown.code).toBe(0);
  const both = timeline.filter(({ where }) => where === 'both').map(({ what }) => what);
  expect(both).toHaveLength(5);
  expect(timeline.at(-1)?.what).toMatch(/was kept|history/i);
  for (const { bundles } of histories)
    for (const hash of bundles) expect(await kept.bundleOf(world.company.store.admin, hash)).toBeDefined();

  const text = await tell(released, '--utc');
  expect(text.out).toContain('The log and the history of its Workflow agree.');
  expect(text.out).toContain('when (UTC)');
  expect(text.out).toMatch(/both +\w+ approved/);
});

/** To the point after each of its tasks, when it was long over. */
async function resetEverywhere(id: RequestId): Promise<number> {
  const { workflow, workflowService, options } = real.client;
  const workflowId = accessRequestId(id);
  const { runId } = await workflow.getHandle(workflowId).describe();
  const { events } = await workflow.getHandle(workflowId, runId).fetchHistory();
  const points = (events ?? []).filter(({ workflowTaskCompletedEventAttributes: ended }) => ended);
  for (const { eventId } of points) {
    if (!eventId) continue;
    await workflowService.resetWorkflowExecution({
      namespace: options.namespace,
      workflowExecution: { workflowId, runId },
      reason: 'an operator tries again',
      requestId: randomUUID(),
      workflowTaskFinishEventId: eventId,
    });
    await workflow.getHandle(workflowId).result();
  }
  return points.length;
}

test('a request whose Workflow an operator reset after its end tells one story (I5, F13)', async () => {
  const id = await claimed(5_000);
  await historyKept(id);
  const points = await resetEverywhere(id);
  expect(points).toBeGreaterThan(2);
  await eventually(
    'all runs are kept',
    async () => (await kept.historiesOf(world.company.store.admin, id)).length === points + 1,
    { withinMs: 30_000 },
  );
  const { differences } = JSON.parse((await tell(id, '--json')).out) as Told;
  expect(differences).toEqual([]);
}, 600_000);

const agrees = async (id: RequestId): Promise<void> => {
  await is(id, 'closed');
  await historyKept(id);
  const { differences } = JSON.parse((await tell(id, '--json')).out) as Told;
  expect(differences).toEqual([]);
};

test('a worker that is killed as a request closes leaves its history to the next one, which keeps it once', async () => {
  const id = await decided('deny');
  await is(id, 'closed');
  await worker.process.kill('SIGKILL');
  worker = await startWorker();
  await historyKept(id);
  const { timeline, differences } = JSON.parse((await tell(id, '--json')).out) as Told;
  expect(differences).toEqual([]);
  expect(timeline.filter(({ what }) => /history/i.test(what))).toHaveLength(1);
}, 600_000);

test('people are called by their handles, by their names where that is asked for, and by neither once they are erased', async () => {
  const { admin } = world.company.store;
  const ada = String(person('ada'));
  const nameOf = `select name from curfew.personal where kind = 'person' and person = $1`;
  const [{ name } = { name: '' }] = await admin.query<{ name: string }>(nameOf, [ada]);
  expect(name).not.toBe('');
  expect((await tell(released)).out).toContain('ada ');
  expect((await tell(released)).out).not.toContain(name);
  expect((await tell(released, '--names')).out).toContain(name);
  await admin.query(`update curfew.personal set name = null where kind = 'person' and person = $1`, [ada]);
  expect((await tell(released, '--names')).out).not.toContain(name);
});

test('an entry that somebody changed behind the back of everything is named by its number', async () => {
  const { admin } = world.company.store;
  const change = `update audit.entry set actor = '00000000-0000-4000-8000-000000000000'
    where subject = $1 and kind = 'decision.made' returning id`;
  await expect(admin.query(change, [released])).rejects.toThrow('never changed');
  const [row] = await admin.transaction(async (tx) => {
    await tx.query(`alter table audit.entry disable trigger all`);
    const changed = await tx.query<{ id: number }>(change, [released]);
    await tx.query(`alter table audit.entry enable trigger all`);
    return changed;
  });
  const shown = await tell(released, '--utc');
  expect(shown.code).toBe(1);
  expect(shown.out).toContain('DIFFER');
  expect(shown.out).toContain(`(entry ${row?.id})`);
  const { differences } = JSON.parse((await tell(released, '--json')).out) as Told;
  expect(differences.map(({ sentence }) => sentence).join()).toContain('as person');
});

test('a history that somebody changed, and one that is gone, are named', async () => {
  const { admin } = world.company.store;
  const behind = (statement: string): Promise<unknown> =>
    admin.transaction(async (tx) => {
      await tx.query(`alter table curfew.history disable trigger all`);
      await tx.query(statement, [released]);
      await tx.query(`alter table curfew.history enable trigger all`);
    });
  const kind = `subject = $1 and kind = 'history.exported'`;
  const [entry] = await admin.query<{ id: number }>(`select id from audit.entry where ${kind}`, [released]);
  const another =
    '{"events":[{"eventId":"1","eventTime":"2026-01-01T00:00:00Z","eventType":"EVENT_TYPE_UNSPECIFIED"}]}';
  const never = another.replace('2026-01-01T00:00:00Z', 'never');
  for (const bytes of [...[another, never, 'no JSON'].map((text) => gzipSync(text)), Buffer.from('no gzip')]) {
    await behind(`update curfew.history set bytes = '\\x${bytes.toString('hex')}' where request_id = $1`);
    const broken = await tell(released);
    expect(broken.code).toBe(1);
    expect(broken.out).toContain(`it was changed. (entry ${entry?.id})`);
  }
  await behind(`delete from curfew.history where request_id = $1`);
  const gone = await tell(released, '--json');
  expect((JSON.parse(gone.out) as Told).differences.map(({ sentence }) => sentence).join()).toContain('and is gone');
  expect(gone.code).toBe(1);
});

test('whichever way a request ends, the two agree: withdrawn, expired after an extension, ended by an approver, by a leave', async () => {
  const { requestId: withdrawn } = ok(await use.open(ask(world.company, { durationMs: hourMs })));
  ok(await use.withdraw({ requestId: withdrawn, person: person('ada') }));
  await agrees(withdrawn);

  const extended = await claimed(6_000);
  ok(await use.extend({ requestId: extended, person: person('ada'), key: 'more', reason: 'more', byMs: 2_000 }));
  await agrees(extended);

  const revoked = await claimed(hourMs);
  ok(await use.revoke({ requestId: revoked, person: person('olga') }));
  await agrees(revoked);

  const left = await claimed(hourMs);
  const leaving = { source: 'hr', event: 'ada-left', who: { handle: 'ada' }, state: 'left' } as const;
  ok(await use.leave({ ...leaving, version: world.company.nextVersion(), actor: 'curfew_directory' }));
  await agrees(left);
}, 600_000);
