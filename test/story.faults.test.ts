/**
 * Faults that take more than one part, or come from an operator of Temporal: everything but PostgreSQL dead, a kill and
 * a crash inside a revoke, and Workflows that are terminated, cancelled and reset. Access ends on time, once, for ever.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseError, type Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { actions } from '../slack/ids.ts';
import { accessRequestId, reconcileScheduleId } from '../workflows/contract.ts';
import { eventually, until } from './support/eventually.ts';
import { wrongInLog } from './support/proof.ts';
import { holdTable, holdTemplate, openTheatre, workerWaits, type Login, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
});
afterAll(() => stage?.end());
afterEach(async () => {
  await stage.revive();
  await stage.settled();
  expect(await stage.findings()).toEqual([]);
});

type Grant = { readonly login: Login; readonly session: Client; readonly endedAt: () => number | undefined };

/** A grant that nobody has to decide, and a session with an open transaction on it. */
async function holding(who: string, span: string): Promise<Grant> {
  const requestId = await stage.ask(who, `models-prod read ${span} because checking label drift`);
  const login = await stage.login(who, requestId);
  const session = await stage.connect(login);
  let endedAt: number | undefined;
  session.once('end', () => (endedAt = Date.now()));
  await session.query('begin');
  return { login, session, endedAt: () => endedAt };
}

/** The session is over soon after its end, and the server lets nobody in any more. */
async function expectEndedOnTime({ login, endedAt }: Grant, withinMs = 2_000): Promise<void> {
  const at = await eventually('the session is closed', endedAt, {
    withinMs: login.endAt - Date.now() + withinMs + 5_000,
  });
  expect(at - login.endAt).toBeGreaterThanOrEqual(0);
  expect(at - login.endAt).toBeLessThanOrEqual(withinMs);
  await expectNoLogin(login);
}

async function expectNoLogin(login: Login): Promise<void> {
  const error: unknown = await stage.connect(login).then(
    async (session) => session.end(),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  expect((error as DatabaseError).code).toMatch(/^28/);
}

const handleOf = ({ requestId }: Login) => stage.temporal.workflow.getHandle(accessRequestId(requestId as RequestId));

/** One of everything, and the right outcome. */
async function expectOutcome(login: Login, who: string, outcome: string): Promise<void> {
  await stage.is(login.requestId, 'closed', 60_000);
  expect(await stage.endingOf(login.requestId, who)).toMatchObject({
    outcome,
    entries: { 'claim.accepted': 1, 'grant.made': 1, 'grant.ended': 1 },
    claims: 1,
    grants: 1,
    receipts: ['grant', 'revoke'],
    ledger: 'revoked',
    canLogin: false,
    sessions: 0,
    cards: 1,
  });
}

test('a worker that is killed, and a target that crashes, inside a revoke end it once all the same (I2 I16 I17 I23; F2 F18)', async () => {
  const { worker, target } = stage.stack;
  // Before the COMMIT of the revoke: it waits for a template that somebody else is changing.
  const before = await holding('mei', '10m');
  const template = await holdTemplate(stage, 'models_read');
  await stage.pressDm('mei', before.login.requestId, actions.release);
  await workerWaits(stage, 'target');
  await target.crash('immediate');
  await template.release();
  await target.start();
  await expectOutcome(before.login, 'mei', 'released');
  // After it: ended on the target, and the receipt is not in the store yet.
  const after = await holding('diego', '10m');
  const table = await holdTable(stage, 'receipt');
  await stage.pressDm('diego', after.login.requestId, actions.release);
  await eventually('it is ended on the target', after.endedAt);
  await workerWaits(stage, 'store');
  expect(await stage.stateOf(after.login.requestId)).not.toBe('closed');
  await Promise.all([worker.kill('SIGKILL'), target.crash('kill')]);
  await table.release();
  await Promise.all([worker.start(), target.start()]);
  await expectOutcome(after.login, 'diego', 'released');
  await expectNoLogin(before.login);
  await expectNoLogin(after.login);
}, 600_000);

test('with everything but PostgreSQL dead no new login comes in after the end, and the restart ends the rest (I2 I3; F5 F7 F10)', async () => {
  const { worker, api, reaper, temporal } = stage.stack;
  const held = await holding('mei', '7s');
  await Promise.all([worker.kill('SIGKILL'), api.kill('SIGKILL'), reaper.kill('SIGKILL'), temporal.kill()]);
  expect(Date.now()).toBeLessThan(held.login.endAt);
  await until(held.login.endAt);
  await expectNoLogin(held.login);
  // VALID UNTIL closes no session (P1): that takes somebody alive, and the reaper alone is enough.
  expect((await held.session.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await reaper.start();
  await eventually('the reaper closes it', held.endedAt, { withinMs: 30_000 });
  await temporal.start();
  await Promise.all([worker.start(), api.start()]);
  await expectOutcome(held.login, 'mei', 'expired');
}, 600_000);

test('a request and a decision that Temporal never heard of, of an API that died, reach it once (I10; F8)', async () => {
  const { api, temporal } = stage.stack;
  const decided = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
  await stage.openReview('priya', decided);
  await temporal.kill();
  const asked = await stage.ask('jonas', 'orders-prod read 10m because INC-13 wrong totals');
  // Not known whether it was heard, so the form says "recorded".
  expect((await stage.driver.submit('priya', { [actions.verdict]: 'approve' })).action).toBe('updated');
  await api.kill('SIGKILL');
  await Promise.all([temporal.start(), api.start()]);
  await stage.is(decided, 'approved');
  expect((await stage.cardOf(asked)).text).toContain('Waiting for approval');
  for (const [id, who] of [
    [asked, 'jonas'],
    [decided, 'amara'],
  ] as const) {
    await stage.pressDm(who, id, actions.withdraw);
    await stage.is(id, 'closed');
    expect(await stage.endingOf(id, who)).toMatchObject({
      outcome: 'withdrawn',
      decisions: id === decided ? 1 : 0,
      entries: { 'request.opened': 1, 'end.asked': 1, 'request.closed': 1 },
      grants: 0,
      cards: 1,
    });
  }
});

test('a cancelled Workflow cleans up after itself, asked, approved or held (I1 I2; F14)', async () => {
  const asked = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
  const open = await stage.ask('diego', 'models-prod read 10m because checking label drift');
  await stage.is(asked, 'awaiting');
  await stage.is(open, 'approved');
  const held = await holding('mei', '10m');
  const ids = [asked, open, held.login.requestId];
  await Promise.all(ids.map((id) => stage.temporal.workflow.getHandle(accessRequestId(id as RequestId)).cancel()));
  await eventually('its session is closed', held.endedAt);
  await expectOutcome(held.login, 'mei', 'cancelled');
  for (const [id, who] of [
    [asked, 'amara'],
    [open, 'diego'],
  ] as const) {
    await stage.is(id, 'closed');
    expect(await stage.endingOf(id, who)).toMatchObject({
      outcome: 'cancelled',
      entries: { 'request.opened': 1, 'request.closed': 1 },
      grants: 0,
      ledger: null,
    });
  }
  await expectNoLogin(held.login);
});

/** The points of a Workflow's run to which an operator may reset it: where a task of it ended. */
async function resetPoints(login: Login) {
  const { runId } = await handleOf(login).describe();
  const { events } = await stage.temporal.workflow.getHandle(handleOf(login).workflowId, runId).fetchHistory();
  return (events ?? []).flatMap(({ eventId, workflowTaskCompletedEventAttributes: ended }) =>
    ended && eventId ? [{ runId, eventId }] : [],
  );
}

async function reset(login: Login, { runId, eventId }: Awaited<ReturnType<typeof resetPoints>>[number]): Promise<void> {
  const { connection, options } = stage.temporal;
  const { workflowId } = handleOf(login);
  await connection.workflowService.resetWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'an operator tries again',
    requestId: randomUUID(),
    workflowTaskFinishEventId: eventId,
  });
}

test('a Workflow that is reset brings nothing back and takes nothing away (I4 I5; F13)', async () => {
  const over = await holding('diego', '10m');
  await stage.pressDm('diego', over.login.requestId, actions.release);
  await expectOutcome(over.login, 'diego', 'released');
  const held = await holding('mei', '14s');
  // In the middle of the hold, to the very first task: grant runs again, and is the same grant.
  const [first] = await resetPoints(held.login);
  if (!first) throw new Error('its Workflow has not run yet');
  await reset(held.login, first);
  await eventually('it is held again', async () => {
    const { events } = await handleOf(held.login).fetchHistory();
    return (events ?? []).filter((event) => event.activityTaskCompletedEventAttributes).length >= 2;
  });
  expect((await held.session.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  // Long over, to the point after each of its tasks.
  const before = await stage.endingOf(over.login.requestId, 'diego');
  for (const point of await resetPoints(over.login)) {
    await reset(over.login, point);
    await handleOf(over.login).result();
    await expectNoLogin(over.login);
  }
  expect(await stage.endingOf(over.login.requestId, 'diego')).toEqual(before);
  await expectEndedOnTime(held);
  await expectOutcome(held.login, 'mei', 'expired');
}, 600_000);

test('a terminated Workflow leaves access that ends on time, or when it is pulled, and is closed by the reconciler (I2 I4 I19; F12)', async () => {
  const schedule = stage.temporal.schedule.getHandle(reconcileScheduleId);
  await schedule.pause('what the reaper does alone');
  const asked = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
  await stage.is(asked, 'awaiting');
  const [pulled, held] = [await holding('diego', '10m'), await holding('mei', '12s')];
  // And one in the middle of its grant: the login is made, and nobody is there any more to hear of it.
  const granting = await stage.ask('mei', 'models-prod read 10s because checking label drift');
  const code = await stage.codeFor('mei', granting);
  const template = await holdTemplate(stage, 'models_read');
  const claimed = stage.claim(code);
  await workerWaits(stage, 'target');
  const ids = [asked, granting, pulled.login.requestId, held.login.requestId];
  await Promise.all(
    ids.map((id) => stage.temporal.workflow.getHandle(accessRequestId(id as RequestId)).terminate('by an operator')),
  );
  await template.release();
  const orphan = await claimed;
  const session = await stage.connect(orphan);
  let endedAt: number | undefined;
  session.once('end', () => (endedAt = Date.now()));
  await stage.driver.press('noor', await stage.cardOf(pulled.login.requestId), actions.endNow);
  await eventually('it is closed at once', pulled.endedAt, { withinMs: 5_000 });
  await expectNoLogin(pulled.login);
  await expectEndedOnTime(held);
  await expectEndedOnTime({ login: orphan, session, endedAt: () => endedAt });
  for (const { requestId } of [pulled.login, held.login, orphan])
    expect(await stage.ledgerOf(requestId)).toBe('revoked');
  // Nothing of what was never claimed is there, and nothing can be made of it any more.
  expect(await stage.ledgerOf(asked)).toBeUndefined();
  await schedule.unpause();
  await schedule.trigger();
  for (const id of ids) await stage.is(id, 'closed');
  expect(await stage.endingOf(asked, 'amara')).toMatchObject({ outcome: 'cancelled', receipts: [], cards: 1 });
  for (const { requestId } of [pulled.login, held.login])
    expect(await stage.endingOf(requestId, 'mei')).toMatchObject({
      outcome: 'cancelled',
      entries: { 'grant.made': 1, 'grant.ended': 1 },
      grants: 1,
      receipts: ['grant', 'revoke'],
      sessions: 0,
    });
}, 600_000);

test('after all of it the whole log verifies, whoever was dead meanwhile (I11)', async () => {
  expect(await wrongInLog(stage)).toEqual([]);
}, 600_000);
