/**
 * What the reconciler does on the real stack, by its Schedule: Temporal lost with its database, an operator's bulk
 * cancel and terminates at each state, and roles that somebody changed by hand. Nothing of it outlives the next look.
 */
import { rm } from 'node:fs/promises';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { actions } from '../slack/ids.ts';
import { accessRequestId, reconcileScheduleId } from '../workflows/contract.ts';
import { eventually } from './support/eventually.ts';
import { holdTemplate, openTheatre, workerWaits, type Login, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
});
afterAll(() => stage?.end());
afterEach(async () => {
  await stage.revive();
  await stage.settled();
  await look();
  expect(await stage.findings()).toEqual([]);
  expect(await stage.inStore('select kind, subject from curfew.finding where gone_at is null')).toEqual([]);
});

type Held = { readonly login: Login; readonly session: Client; readonly endedAt: () => number | undefined };

/** A grant that nobody has to decide, and a session on it. */
async function holding(who: string): Promise<Held> {
  const requestId = await stage.ask(who, 'models-prod read 10m because checking label drift');
  const login = await stage.login(who, requestId);
  const session = await stage.connect(login);
  let endedAt: number | undefined;
  session.once('end', () => (endedAt = Date.now()));
  session.on('error', () => undefined);
  return { login, session, endedAt: () => endedAt };
}

const schedule = () => stage.temporal.schedule.getHandle(reconcileScheduleId);
const handleOf = (id: string) => stage.temporal.workflow.getHandle(accessRequestId(id as RequestId));

/** A look of the Schedule that begins now, and its end. */
async function look(): Promise<void> {
  const at = Date.now();
  await schedule().trigger();
  await eventually(
    'the reconciler has looked',
    async () => {
      const beats = await stage.inStore<{ name: string }>(
        `select name from curfew.heartbeat where name ~ '^reconcile/.*/scheduled$' and at >= $1`,
        [new Date(at)],
      );
      return beats.length === 2;
    },
    { withinMs: 30_000 },
  );
}

const found = async (id: string): Promise<readonly string[]> =>
  (await stage.inStore<{ kind: string }>('select distinct kind from curfew.finding where subject = $1', [id])).map(
    ({ kind }) => kind,
  );

test('Temporal lost with its database: what was open is closed, what was held is ended and verified, and the Schedule is made again (I19; F11)', async () => {
  const asked = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
  const open = await stage.ask('diego', 'models-prod read 10m because checking label drift');
  await stage.is(asked, 'awaiting');
  await stage.is(open, 'approved');
  const held = await holding('mei');
  const { temporal, state } = stage.stack;
  await temporal.kill();
  for (const end of ['', '-wal', '-shm']) await rm(`${state.file('temporal', 'temporal.db')}${end}`, { force: true });
  await temporal.start();
  // As if all of it had been opened a while ago: the start of a young request may be on its way.
  await stage.inStore(`update curfew.request set opened_at = opened_at - interval '5 minutes'`);
  await eventually('there is a Schedule again', () => schedule().describe(), { withinMs: 90_000 });
  await look();
  await eventually('the session is closed', held.endedAt);
  for (const id of [asked, open, held.login.requestId]) {
    await stage.is(id, 'closed');
    expect(await found(id)).toEqual(['request-without-workflow']);
  }
  expect(await stage.endingOf(held.login.requestId, 'mei')).toMatchObject({
    outcome: 'failed',
    entries: { 'grant.made': 1, 'end.asked': 1, 'grant.ended': 1 },
    receipts: ['grant', 'revoke'],
    ledger: 'revoked',
    canLogin: false,
    sessions: 0,
  });
  expect(await stage.endingOf(asked, 'amara')).toMatchObject({ outcome: 'failed', grants: 0, ledger: null });
  for (const id of [asked, open, held.login.requestId])
    await eventually('its card says so', async () => (await stage.cardOf(id)).text.includes('its Workflow was lost'));
  // And the new server serves as the old one did.
  const again = await holding('mei');
  await stage.pressDm('mei', again.login.requestId, actions.release);
  await stage.is(again.login.requestId, 'closed');
}, 600_000);

test('Workflows terminated in the middle of a grant and of a revoke are closed all the same, once each (I2 I19; F12)', async () => {
  const asked = await stage.ask('mei', 'models-prod read 10m because checking label drift');
  const code = await stage.codeFor('mei', asked);
  const ending = await holding('diego');
  const template = await holdTemplate(stage, 'models_read');
  const claiming = stage.claim(code);
  await workerWaits(stage, 'target');
  await stage.pressDm('diego', ending.login.requestId, actions.release);
  await stage.is(ending.login.requestId, 'revoking');
  const ids = [asked, ending.login.requestId];
  await Promise.all(ids.map((id) => handleOf(id).terminate('by an operator')));
  await template.release();
  const orphan = await claiming;
  await look();
  for (const id of ids) {
    await stage.is(id, 'closed');
    expect(await stage.ledgerOf(id)).toBe('revoked');
    expect(await stage.sessionsOf(orphan.role)).toBe(0);
  }
  await expect(stage.connect(orphan)).rejects.toThrow();
  expect(await found(asked)).toEqual(['request-without-workflow']);
  expect(await stage.endingOf(asked, 'mei')).toMatchObject({ outcome: 'cancelled', receipts: ['grant', 'revoke'] });
  // Whoever comes first records it: the attempt that was under way, or the reconciler.
  expect(await stage.endingOf(ending.login.requestId, 'diego')).toMatchObject({
    entries: { 'grant.ended': 1 },
    grants: 1,
  });
}, 600_000);

test('a bulk cancel ends everything by its own exit, and the reconciler has nothing to find (F14)', async () => {
  const asked = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
  await stage.is(asked, 'awaiting');
  const held = [await holding('mei'), await holding('diego')];
  const { connection, options } = stage.temporal;
  const query = `WorkflowType = 'accessRequest' AND ExecutionStatus = 'Running'`;
  await eventually('the list has all three', async () => (await stage.temporal.workflow.count(query)).count >= 3);
  await connection.workflowService.startBatchOperation({
    namespace: options.namespace,
    jobId: 'bulk-cancel',
    reason: 'an operator',
    visibilityQuery: query,
    cancellationOperation: { identity: 'operator' },
  });
  for (const one of held) await eventually('its session is closed', one.endedAt, { withinMs: 30_000 });
  const ids = [asked, ...held.map(({ login }) => login.requestId)];
  for (const id of ids) {
    await stage.is(id, 'closed');
    expect((await stage.endingOf(id, 'mei')).outcome).toBe('cancelled');
  }
  await look();
  for (const id of ids) expect(await found(id)).toEqual([]);
}, 600_000);

test('a role that somebody made a member of more, or renamed, is ended within a look (I19; F31)', async () => {
  const held = await holding('mei');
  await stage.onTarget(`grant orders_read to ${held.login.role}`);
  await look();
  await eventually('the session is closed', held.endedAt);
  expect(await found(held.login.requestId)).toContain('other-membership');
  // Not called ended while that is there: it is a superuser's, and theirs to take back (P20).
  expect(await stage.stateOf(held.login.requestId)).not.toBe('closed');
  await stage.onTarget(`revoke orders_read from ${held.login.role}`);
  await stage.is(held.login.requestId, 'closed', 60_000);
  expect(await stage.endingOf(held.login.requestId, 'mei')).toMatchObject({ outcome: 'revoked', ledger: 'revoked' });
});
