/**
 * A stolen worker: its logins on the store and on the target, and its access to Temporal. Nothing that it sends makes a
 * login (the two-key rule), and nothing that it writes keeps one alive (I4 I7 I14; F47).
 */
import { randomUUID } from 'node:crypto';
import { Client, DatabaseError } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { controlDatabase } from '../dev/company/targets.ts';
import { storeUrl } from '../dev/stack/environments.ts';
import type { DecisionId, RequestId } from '../domain/ids.ts';
import { actions } from '../slack/ids.ts';
import {
  accessRequestId,
  accessRequestType,
  claim,
  decide,
  mainQueue,
  revoke,
  status,
  type AccessRequestInput,
} from '../workflows/contract.ts';
import { forbiddenOnStore, forbiddenOnTarget } from '../dev/faults/stolen.ts';
import { eventually } from './support/eventually.ts';
import { automatic, newCredentialId, person, request } from './support/requests.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
let thief: { readonly onStore: Client; readonly onTarget: Client };
beforeAll(async () => {
  stage = await openTheatre();
  const { settings } = stage.stack;
  const { ports, secrets } = settings;
  const onStore = new Client({ connectionString: storeUrl(settings, 'curfew_worker') });
  const onTarget = new Client({
    connectionString: `postgres://curfew_worker:${secrets.targetWorker}@127.0.0.1:${ports.target}/${controlDatabase}`,
  });
  await Promise.all([onStore.connect(), onTarget.connect()]);
  thief = { onStore, onTarget };
});
afterAll(async () => {
  await Promise.all([thief?.onStore.end(), thief?.onTarget.end()]);
  await stage?.end();
});
afterEach(async () => {
  await stage.revive();
  await stage.settled();
  expect(await stage.findings()).toEqual([]);
});

const sqlstateOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it was let through',
    (error: unknown) => (error instanceof DatabaseError ? error.code : error),
  );

/** Anything on the target that could log in under this request's name, now or before. */
async function expectNeverGranted(requestId: string): Promise<void> {
  const rows = await stage.onTarget('select from pg_roles where rolname = $1', [
    `cfw_${requestId.replaceAll('-', '')}`,
  ]);
  expect(rows).toEqual([]);
  expect(await stage.ledgerOf(requestId)).not.toBe('active');
  expect(await stage.inStore('select from curfew.access_grant where request_id = $1', [requestId])).toEqual([]);
}

const handleOf = (requestId: string) => stage.temporal.workflow.getHandle(accessRequestId(requestId as RequestId));

async function idOf(handle: string): Promise<string> {
  const [row] = await stage.inStore<{ id: string }>('select id from curfew.person where handle = $1', [handle]);
  if (!row) throw new Error(`the directory does not know ${handle}`);
  return row.id;
}

async function refusal(requestId: string, kind: string, code: string): Promise<void> {
  await eventually(`${kind} with ${code}`, async () => (await stage.refusalOf(requestId, kind)) === code);
}

/** Claim, although nothing shows it yet: the card's own button with another action. */
async function pressClaim(who: string, requestId: string): Promise<void> {
  await stage.driver.press(who, await stage.cardOf(requestId), actions.review, {
    edit: (payload) => ({
      ...payload,
      actions: [{ ...(payload['actions'] as readonly object[])[0], action_id: actions.claim }],
    }),
  });
}

const askToRead = (): Promise<string> => stage.ask('amara', 'orders-prod read 5m because INC-12 slow checkout');

test('an approval that only the Workflow was told of brings neither code nor login (I6 I7)', async () => {
  const requestId = await askToRead();
  await stage.is(requestId, 'awaiting');
  const [row] = await stage.inStore<{ digest: string }>('select digest from curfew.request where id = $1', [requestId]);
  const priya = person({ id: (await idOf('priya')) as never, groups: ['data-owners', 'data-owners-payments'] });
  const readAt = Date.now();
  const forged = await handleOf(requestId).executeUpdate(decide, {
    args: [
      {
        decisionId: 'f'.repeat(64) as DecisionId,
        verdict: 'approve',
        digest: row?.digest as never,
        stage: 0,
        facts: { person: priya, account: { deleted: false, bot: false, restricted: false, stranger: false, readAt } },
        madeAt: readAt,
      },
    ],
  });
  // The Workflow believes it; nobody else does.
  expect(forged.state.kind).toBe('approved');
  await stage.is(requestId, 'approved');
  await stage.pressDm('amara', requestId, actions.claim);
  await refusal(requestId, 'code.refused', 'NotPending');
  await handleOf(requestId).executeUpdate(claim, { args: [{ credentialId: newCredentialId() }] });
  await stage.is(requestId, 'closed');
  expect((await stage.endingOf(requestId, 'amara')).outcome).toBe('failed');
  await expectNeverGranted(requestId);
});

test('a Workflow with a plan of its own in the place of a real one brings nothing (I7)', async () => {
  const requestId = await askToRead();
  await stage.is(requestId, 'awaiting');
  const real = (await handleOf(requestId).query(status)).decideByAt;
  await handleOf(requestId).terminate('stolen');
  const forged: AccessRequestInput = {
    ...request('default', { requestId: requestId as RequestId, plan: automatic(), decideByAt: real, slack: true }),
    requester: { id: (await idOf('amara')) as never, aliases: [] },
  };
  await stage.temporal.workflow.start(accessRequestType, {
    workflowId: accessRequestId(requestId as RequestId),
    taskQueue: mainQueue,
    args: [forged],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  expect((await handleOf(requestId).query(status)).state.kind).toBe('approved');
  // It even has its requester told so.
  await stage.pressDm('amara', requestId, actions.claim);
  await refusal(requestId, 'code.refused', 'NotPending');
  await handleOf(requestId).executeUpdate(claim, { args: [{ credentialId: newCredentialId() }] });
  await stage.is(requestId, 'closed');
  await expectNeverGranted(requestId);
});

test('a Workflow of a request that nobody made brings nothing', async () => {
  const forged = request('default', { plan: automatic() });
  const handle = await stage.temporal.workflow.start(accessRequestType, {
    workflowId: accessRequestId(forged.requestId),
    taskQueue: mainQueue,
    args: [forged],
  });
  await handle.executeUpdate(claim, { args: [{ credentialId: newCredentialId() }] });
  await eventually('its grant was refused', async () => (await handle.query(status)).state.kind === 'revoking');
  await eventually('what never was is ended', async () => (await stage.ledgerOf(forged.requestId)) === 'revoked');
  await expectNeverGranted(forged.requestId);
  await handle.terminate('the thief goes');
});

test('its login on the store writes no request, decision, claim or person, and what it says of a state opens nothing', async () => {
  const requestId = await askToRead();
  await stage.is(requestId, 'awaiting');
  const { onStore } = thief;
  for (const text of forbiddenOnStore) expect([text, await sqlstateOf(onStore.query(text))]).toEqual([text, '42501']);
  for (const kind of ['decision.made', 'claim.accepted', 'request.opened', 'reaper.ended']) {
    const said = onStore.query('select audit.append($1, $2, $3, $4)', [kind, 'priya', requestId, Buffer.from('{}')]);
    expect(await sqlstateOf(said)).toBe('CFA01');
  }
  const approved = {
    kind: 'approved',
    needs: [1],
    approvals: [{ decisionId: 'f'.repeat(64), person: await idOf('priya'), stage: 0 }],
  };
  await onStore.query(
    `update curfew.projection set version = version + 100, state = 'approved', view = jsonb_set(view || jsonb_build_object('version', version + 100), '{state}', $2)
      where request_id = $1`,
    [requestId, JSON.stringify(approved)],
  );
  await pressClaim('amara', requestId);
  await refusal(requestId, 'code.refused', 'NotPending');
  await stage.pressDm('amara', requestId, actions.withdraw);
  await eventually(
    'its Workflow is over',
    async () => (await handleOf(requestId).describe()).status.name === 'COMPLETED',
  );
  await expectNeverGranted(requestId);
  await stage.inStore(
    `update curfew.projection set state = 'closed', outcome = 'withdrawn',
       view = jsonb_set(view, '{state}', '{"kind": "closed", "outcome": "withdrawn", "cause": "the requester withdrew it"}') where request_id = $1`,
    [requestId],
  );
  // Its Workflow's own word came too late for the forged view, and so did the entry of its close: the checker would say so.
  const late = (await stage.findings()).filter(({ invariant }) => invariant === 'I11');
  expect(late).toMatchObject([{ code: 'no-entry', subject: requestId }]);
  const close = Buffer.from('{"cause":"the requester withdrew it","outcome":"withdrawn"}');
  await onStore.query('select audit.append($1, $2, $3, $4)', ['request.closed', 'curfew_worker', requestId, close]);
});

test('a ticket that it read makes no other login than the one it was made for, and none twice (I4 I5 I14)', async () => {
  const requestId = await stage.ask('mei', 'models-prod read 5m because checking label drift');
  const login = await stage.login('mei', requestId);
  const { rows } = await thief.onStore.query<{
    person: string;
    verifier: string;
    ticket: Buffer;
    ticket_key: string;
    end_at: Date;
  }>(
    'select r.person, c.verifier, c.ticket, c.ticket_key, c.end_at from curfew.claim c join curfew.request r on r.id = c.request_id where r.id = $1',
    [requestId],
  );
  const [claimed] = rows;
  if (!claimed) throw new Error('the store holds no claim');
  const honest = {
    grant: requestId,
    person: claimed.person,
    template: 'models_read',
    verifier: claimed.verifier,
    until: claimed.end_at.toISOString(),
  };
  const grant = (fields: Partial<typeof honest> = {}): Promise<unknown> => {
    const { grant: id, person: who, template, verifier, until } = { ...honest, ...fields };
    return sqlstateOf(
      thief.onTarget.query(
        `select * from curfew.grant($1, $2, $3, $4, $5, clock_timestamp() + interval '5 s', $6, $7, '0', 9007199254740991)`,
        [id, who, template, verifier, until, claimed.ticket_key, claimed.ticket],
      ),
    );
  };
  const own = `SCRAM-SHA-256$4096:${'A'.repeat(22)}==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;
  const changed: readonly Partial<typeof honest>[] = [
    { grant: randomUUID() },
    { person: randomUUID() },
    { template: 'models_write' },
    { template: 'orders_write' },
    { verifier: own },
    { until: new Date(claimed.end_at.getTime() + 1).toISOString() },
  ];
  for (const fields of changed) expect([fields, await grant(fields)]).toEqual([fields, 'CF013']);
  const extend = thief.onTarget.query(`select curfew.extend($1, $2, clock_timestamp() + interval '5 s', $3, $4)`, [
    requestId,
    new Date(claimed.end_at.getTime() + 60_000).toISOString(),
    claimed.ticket_key,
    claimed.ticket,
  ]);
  expect(await sqlstateOf(extend)).toBe('CF013');
  for (const text of forbiddenOnTarget(login.role))
    expect([text, await sqlstateOf(thief.onTarget.query(text))]).toEqual([text, '42501']);
  await stage.pressDm('mei', requestId, actions.release);
  await stage.is(requestId, 'closed');
  expect(await grant()).toBe('CF001');
  expect(await sqlstateOf(stage.connect(login))).toMatch(/^28/);
});

test('an outcome that it forges keeps no login alive: the reaper believes its own evidence only (I4 I9 I17)', async () => {
  const { worker, reaper } = stage.stack;
  const requestId = await stage.ask('mei', 'models-prod read 5m because checking label drift');
  const login = await stage.login('mei', requestId);
  const session = await stage.connect(login);
  let gone = false;
  session.once('end', () => (gone = true));
  // The process itself is the thief's now and ends nothing; the reaper is slow for a moment.
  await worker.kill('SIGKILL');
  const pid = reaper.pid() ?? 0;
  process.kill(pid, 'SIGSTOP');
  try {
    await stage.driver.press('noor', await stage.cardOf(requestId), actions.endNow);
    await eventually('the forged outcome is in the store', async () => {
      const { rowCount } = await thief.onStore.query(
        `insert into curfew.revoke_outcome (intent_id, target, evidence)
         select id, 'models-prod', '{"by": "reaper", "grants": []}' from curfew.revoke_intent where request_id = $1`,
        [requestId],
      );
      return rowCount === 1;
    });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually('the session is closed all the same', () => gone);
  expect(await sqlstateOf(stage.connect(login))).toMatch(/^28/);
  await worker.start();
  await stage.is(requestId, 'closed');
  expect((await stage.endingOf(requestId, 'mei')).outcome).toBe('revoked');
}, 600_000);

test('a Signal that says that an end is recorded ends the login, and nothing is called over before that is proven (I16 I17)', async () => {
  const requestId = await stage.ask('mei', 'models-prod read 10m because checking label drift');
  const login = await stage.login('mei', requestId);
  const session = await stage.connect(login);
  let gone = false;
  session.once('end', () => (gone = true));
  await stage.is(requestId, 'active');
  await handleOf(requestId).signal(revoke, { actor: 'curfew_worker', cause: 'the person left', recorded: true });
  await eventually(
    'its Workflow is over',
    async () => (await handleOf(requestId).describe()).status.name === 'COMPLETED',
  );
  await eventually('the session is closed', () => gone);
  expect(await sqlstateOf(stage.connect(login))).toMatch(/^28/);
  await eventually(
    'it is closed, and never without a receipt',
    async () => {
      const [row] = await stage.inStore<{ closed: boolean; receipt: boolean }>(
        `select p.state = 'closed' as closed, exists (select from curfew.receipt c where c.request_id = p.request_id and c.kind = 'revoke') as receipt
         from curfew.projection p where p.request_id = $1`,
        [requestId],
      );
      const card = await stage.cardOf(requestId);
      if (row?.receipt === false) expect([row.closed, card.text.includes('Ended')]).toEqual([false, false]);
      return row?.closed;
    },
    { withinMs: 180_000, everyMs: 250 },
  );
  await eventually('its card says so', async () => (await stage.cardOf(requestId)).text.includes('Ended'));
  const { outcome, receipts, canLogin, entries } = await stage.endingOf(requestId, 'mei');
  expect({ outcome, receipts, canLogin }).toEqual({
    outcome: 'revoked',
    receipts: ['grant', 'revoke'],
    canLogin: false,
  });
  expect(entries).toMatchObject({ 'end.asked': 1, 'grant.ended': 1 });
  expect(entries).not.toHaveProperty('request.closed');
}, 300_000);
