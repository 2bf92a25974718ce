/**
 * Requests without a Workflow and Workflows without a request, on a real store; Temporal's word is the test's own here,
 * and the real one's in the stories. Nothing is done where Temporal does not answer.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createReconcileRequests, type Workflows } from '../activities/reconcile-requests.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import * as findings from '../store/findings.ts';
import * as intents from '../store/intents.ts';
import * as projections from '../store/projections.ts';
import type { WorkflowFate } from '../workflows/contract.ts';
import {
  approved,
  claimed,
  opened,
  startCompany,
  workerCloses,
  workerGrants,
  type Company,
} from './support/company.ts';
import { ordersProd, quiet } from './support/granting.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());

/** What Temporal says in a test: of whoever is not named, that it runs. */
let fates: Map<RequestId, WorkflowFate>;
let listed: Set<RequestId> | undefined;
let cancelled: RequestId[];
beforeEach(async () => {
  await company.restore();
  fates = new Map();
  listed = new Set();
  cancelled = [];
});
afterEach(async () => {
  await company.store.admin.query(`delete from curfew.finding; update curfew.projection set state = 'closed'`);
});

const workflows: Workflows = {
  running: () => (listed ? Promise.resolve(listed) : Promise.reject(new Error('away'))),
  fateOf: (id) => Promise.resolve(fates.get(id) ?? { kind: listed ? 'running' : 'unknown' }),
  viewOf: (id) => Promise.resolve(company.temporal.view(id)),
  cancel: (id) => {
    cancelled.push(id);
    return Promise.resolve(true);
  },
};

/** One look, some minutes later. @returns the open findings, as `kind subject` */
async function look(aheadMs = 3 * minuteMs): Promise<readonly string[]> {
  const reconcile = createReconcileRequests({
    store: company.store.as.curfew_worker,
    workflows,
    targets: company.ctx.targets.map(({ name }) => name),
    clock: () => Date.now() + aheadMs,
    log: quiet,
    repaint: (requestId, version) => ({
      kind: 'repaint',
      key: `repaint:${requestId}:${version}`,
      payload: { requestId, version },
    }),
  });
  await reconcile();
  return (await findings.open(company.store.admin)).map(({ kind, subject }) => `${kind} ${subject}`);
}

/** As if everything in the store had happened five minutes ago. */
const later = () =>
  company.store.admin.query(
    `update curfew.request set opened_at = opened_at - interval '5 minutes', decide_by = decide_by + interval '1 day';
     update curfew.outbox set done_at = clock_timestamp() where kind = 'start'`,
  );
const stateOf = async (id: RequestId) => (await projections.viewOf(company.store.admin, id))?.state;
const kinds = async (id: RequestId) =>
  (await company.audit(id)).map(({ kind, body }) =>
    typeof body['outcome'] === 'string' ? `${kind} ${body['outcome']}` : kind,
  );

test('whose Workflow runs is left alone, listed or not: a list that lags proves nothing', async () => {
  const { requestId } = await opened(company);
  await later();
  expect(await look()).toEqual([]);
  expect((await stateOf(requestId))?.kind).not.toBe('closed');
});

test('one that was just opened is not missed, nor one whose start is on its way', async () => {
  const young = await opened(company);
  fates.set(young.requestId, { kind: 'gone', how: 'lost' });
  expect(await look(minuteMs)).toEqual([]);
  await later();
  await company.store.admin.query(
    `update curfew.outbox set done_at = null where kind = 'start' and payload ->> 'requestId' = $1`,
    [young.requestId],
  );
  expect(await look()).toEqual([]);
});

test.each([
  ['terminated', 'cancelled'],
  ['failed', 'failed'],
  ['lost', 'failed'],
] as const)(
  'one whose Workflow is %s is closed as %s, and what waited for it waits no more (F11, F12)',
  async (how, outcome) => {
    const requestId = await approved(company);
    await later();
    await company.store.admin.query(
      `insert into curfew.outbox (kind, key, payload) values ('withdraw', $1, jsonb_build_object('requestId', $1::text))`,
      [requestId],
    );
    fates.set(requestId, { kind: 'gone', how });
    expect(await look()).toEqual([`request-without-workflow ${requestId}`]);
    expect(await stateOf(requestId)).toMatchObject({ kind: 'closed', outcome });
    expect(await kinds(requestId)).toContain(`request.closed ${outcome}`);
    const waiting = await company.store.admin.query(
      `select kind from curfew.outbox where done_at is null and payload ->> 'requestId' = $1`,
      [requestId],
    );
    expect(waiting).toEqual([{ kind: 'repaint' }]);
    expect(await look()).toEqual([]);
    expect((await kinds(requestId)).filter((kind) => kind.startsWith('request.closed'))).toHaveLength(1);
  },
);

test('one with a claim is asked to end, and is closed only by whoever verified that on its target (I16)', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  await workerGrants(company, requestId, Date.now() + 60 * minuteMs);
  await later();
  fates.set(requestId, { kind: 'gone', how: 'terminated' });
  expect(await look()).toEqual([`request-without-workflow ${requestId}`]);
  await look();
  expect(await intents.ofRequest(company.store.admin, requestId)).toMatchObject([
    { cause: 'revoked', actor: 'curfew_worker' },
  ]);
  expect((await stateOf(requestId))?.kind).toBe('active');
  expect((await kinds(requestId)).filter((kind) => kind === 'end.asked')).toHaveLength(1);
});

test('one that the reaper has ended, and that nobody has closed yet, is not asked to end every minute', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  await workerGrants(company, requestId, Date.now() + 60 * minuteMs);
  await later();
  fates.set(requestId, { kind: 'gone', how: 'terminated' });
  await look();
  const [asked] = await intents.ofRequest(company.store.admin, requestId);
  if (!asked) expect.fail('its end was not asked for');
  const outcome = { intentId: asked.id, target: ordersProd, evidence: { by: 'reaper' } };
  await intents.outcomes(company.store.as.curfew_reaper, [outcome]);
  await look(4 * minuteMs);
  await look(5 * minuteMs);
  expect(await intents.ofRequest(company.store.admin, requestId)).toHaveLength(1);
});

test('where Temporal does not answer nothing is done, and that is an alarm of its own (I18)', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  await later();
  listed = undefined;
  expect(await look()).toEqual(['temporal-unknown temporal']);
  expect(await intents.ofRequest(company.store.admin, requestId)).toEqual([]);
  expect((await stateOf(requestId))?.kind).not.toBe('closed');
  // What was open before stays open, because it may still be so.
  listed = new Set();
  fates.set(requestId, { kind: 'gone', how: 'lost' });
  await look();
  listed = undefined;
  fates.clear();
  expect((await look()).toSorted()).toEqual([`request-without-workflow ${requestId}`, 'temporal-unknown temporal']);
});

test('a Workflow that is over while the store has it open tells the store how it ended', async () => {
  const { requestId } = await opened(company);
  await later();
  company.temporal.happens(requestId, { kind: 'lapsed', cause: 'nobody decided in time' });
  fates.set(requestId, { kind: 'completed' });
  expect(await look()).toEqual([`workflow-is-over ${requestId}`]);
  expect(await stateOf(requestId)).toMatchObject({
    kind: 'closed',
    outcome: 'lapsed',
    cause: 'nobody decided in time',
  });
  expect(await kinds(requestId)).toContain('request.closed lapsed');
});

test('a Workflow of a request that the store does not have, or has closed, is cancelled once', async () => {
  const stranger = randomUUID() as RequestId;
  const { requestId } = await opened(company);
  company.temporal.happens(requestId, { kind: 'lapsed', cause: 'nobody decided in time' });
  await workerCloses(company, requestId);
  await company.store.admin.query(`update curfew.projection set changed_at = changed_at - interval '5 minutes'`);
  listed = new Set([stranger, requestId]);
  const both = [`workflow-without-request ${stranger}`, `workflow-goes-on ${requestId}`];
  expect((await look()).toSorted()).toEqual(both.toSorted());
  expect((await look()).toSorted()).toEqual(both.toSorted());
  expect(cancelled.toSorted()).toEqual([stranger, requestId].toSorted());
  // The list lags: the Workflow itself says that it is over.
  fates.set(stranger, { kind: 'completed' }).set(requestId, { kind: 'completed' });
  expect(await look()).toEqual([]);
});

test('ends, messages and reviews that wait are counted', async () => {
  const { admin, as } = company.store;
  const answered = `insert into curfew.revoke_outcome (intent_id, target, evidence)
    select i.id, i.target, '{}' from curfew.revoke_intent i on conflict do nothing`;
  await admin.query(answered);
  const requestId = await approved(company);
  const scope = { kind: 'grant', requestId, target: ordersProd } as const;
  await intents.insert(as.curfew_worker, { id: randomUUID(), scope, actor: 'curfew_worker', cause: 'revoked' });
  await admin.query(
    `update curfew.revoke_intent set asked_at = asked_at - interval '2 minutes';
     insert into curfew.outbox (kind, key, payload, created_at) values ('alarm', 'x', '{}', clock_timestamp() - interval '5 minutes')`,
  );
  const loud = await approved(company);
  await claimed(company, loud);
  await workerGrants(company, loud, Date.now() + 60 * minuteMs);
  await admin.query(`update curfew.request set kind = 'break-glass' where id = $1`, [loud]);
  await admin.query(
    `update curfew.access_grant set ended_at = clock_timestamp() - interval '25 hours' where request_id = $1`,
    [loud],
  );
  expect((await look()).toSorted()).toEqual(['intents-wait intents', 'outbox-waits outbox', 'review-debt reviews']);
  await admin.query(`update curfew.outbox set done_at = clock_timestamp()`);
  await admin.query(answered);
  await admin.query(`update curfew.request set kind = 'access' where id = $1`, [loud]);
  expect(await look()).toEqual([]);
});
