/**
 * Each invariant that the checker knows has a violation planted here, on a real store and a real target, and is
 * reported by its number; and a company in which nothing is wrong is told to be well.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openAccess } from '../doctor/access.ts';
import { checkAll } from '../doctor/check-all.ts';
import { invariants, type Finding, type Invariant } from '../doctor/finding.ts';
import type { TargetName, TemplateName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import { raise } from '../store/alarms.ts';
import { announcementChannels, delivered, lateAlarm, oneChannelCode, oneChannelKey } from '../store/announcements.ts';
import { append } from '../store/audit.ts';
import { insert as insertIntent } from '../store/intents.ts';
import { sequence, waiting } from '../store/log.ts';
import type { RequestRow } from '../store/requests.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import { endGrants } from '../targets/postgres/end.ts';
import {
  approvalsPlan,
  breakGlassPlan,
  plantAnnouncement,
  plantClaim,
  plantDecision,
  plantEnd,
  plantExtension,
  plantGrant,
  plantPerson,
  plantRequest,
  plantView,
} from './support/planted.ts';
import { oddEntry } from './support/entries.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import {
  asHolder,
  databases,
  granted,
  installSample,
  makeSample,
  openWorker,
  type Prepared,
} from './support/target.ts';

let postgres: Postgres;
let store: TestStore;
let worker: Target;

beforeAll(async () => {
  [postgres, store] = await Promise.all([startPostgres(), startStore()]);
  await makeSample(postgres);
  await (await installSample(postgres)).close();
  worker = openWorker(postgres);
});
afterAll(async () => {
  await worker?.close();
  await Promise.all([postgres?.stop(), store?.end()]);
});

/** Puts the world right again after each test; run whatever happened. */
const mends: (() => Promise<unknown>)[] = [];
const planted = new Set<Invariant>();
afterEach(async () => {
  for (const mend of mends.splice(0).toReversed()) await mend();
});

const look = (now = Date.now() + 1): Promise<readonly Finding[]> =>
  checkAll({
    store: store.as.curfew_admin,
    targets: [
      openAccess(postgres.admin, {
        cluster: 'main',
        targets: ['orders-prod' as TargetName, 'models-prod' as TargetName],
        controlDatabase: 'control',
        databases,
      }),
    ],
    now,
  });

/** Fails unless the checker names this invariant about this subject. */
async function expectFinding(invariant: Invariant, subject: string, now?: number): Promise<readonly Finding[]> {
  const findings = await look(now);
  expect(findings).toContainEqual(expect.objectContaining({ invariant, subject }));
  planted.add(invariant);
  return findings;
}

const sql = (text: string, values?: readonly unknown[]) => store.admin.query(text, values);
const onTarget = (text: string) => postgres.query('control', text);

type Held = Prepared & {
  readonly request: RequestRow;
  readonly requester: PersonFacts;
  readonly approver: PersonFacts;
};

/** A grant as it should be: asked, approved by somebody else, claimed, granted, recorded. Ended after the test. */
async function held(fields: Partial<RequestRow> = {}, approved = true): Promise<Held> {
  const [requester, approver] = [await plantPerson(store), await plantPerson(store)];
  const request = await plantRequest(store, requester.id, fields);
  if (approved) await plantDecision(store, request, approver);
  const endAt = Date.now() + 600_000;
  await plantClaim(store, request, endAt);
  const holder = await granted(worker, { grantId: request.id, personId: requester.id, endAt });
  await plantGrant(store, request, endAt);
  mends.push(() =>
    sql('update curfew.access_grant set ended_at = coalesce(ended_at, clock_timestamp()) where request_id = $1', [
      request.id,
    ]),
  );
  mends.push(() => endGrants(worker, [request.id], { deadlineAt: Date.now() + 10_000 }));
  return { ...holder, request, requester, approver };
}

/** The same, ended in order, with its receipt. */
async function ended(): Promise<Held> {
  const holder = await held();
  await endGrants(worker, [holder.request.id], { deadlineAt: Date.now() + 10_000 });
  await plantEnd(store, holder.request);
  return holder;
}

const about = async ({ request, role }: Held): Promise<readonly Finding[]> =>
  (await look()).filter(({ subject }) => subject === request.id || subject === role);

/** Its end moved on target and store, as an extension does. */
async function moved(
  { request, role }: Held,
  fields: Parameters<typeof plantExtension>[2],
): Promise<{ readonly id: string; readonly endAt: number }> {
  const extension = await plantExtension(store, request, { outcome: 'extended', ...fields });
  const until = new Date(extension.endAt).toISOString();
  await onTarget(`update curfew.ledger set until = '${until}' where grant_id = '${request.id}';
    alter role ${role} valid until '${until}'`);
  return extension;
}

/** Data owners first, and then a step that opens to directors after five minutes. */
const escalating = (openedAt: number): Partial<RequestRow> => {
  const plan = approvalsPlan();
  const first = plan.verdict === 'approvals' ? plan.stages : [];
  const escalate = { afterMs: 300_000, to: [{ kind: 'group', group: 'directors' }] } as const;
  const second = { name: 'managers', need: 1, from: [{ kind: 'group', group: 'managers' }], escalate } as const;
  return { openedAt, plan: { ...plan, stages: [...first, { ...second, together: true }] } as GrantablePlan };
};

/** A table's triggers and constraints switched off for one change that the store itself would refuse. */
const force = (text: string, values?: readonly unknown[]) =>
  store.admin.transaction(async (tx) => {
    await tx.query('set local session_replication_role = replica');
    await tx.query(text, values);
  });

test('where all is in order nothing is found', async () => {
  await ended();
  const holder = await held();
  await asHolder(postgres, holder, async () => {
    expect(await look()).toEqual([]);
  });
});

test('I1: a login without the approvals that its plan wants', async () => {
  const { role } = await held({}, false);
  await expectFinding('I1', role);
});

test('I1: a login that no request is behind', async () => {
  const holder = await granted(worker);
  mends.push(() => endGrants(worker, [holder.call.grantId], { deadlineAt: Date.now() + 10_000 }));
  await expectFinding('I1', holder.role);
});

test('I2: a grant that is over and may log in, and one that has a session', async () => {
  const { request } = await held();
  await onTarget(
    `update curfew.ledger set until = clock_timestamp() - interval '1 minute' where grant_id = '${request.id}'`,
  );
  await expectFinding('I2', request.id);
  await onTarget(
    `update curfew.ledger set until = clock_timestamp() + interval '1 minute' where grant_id = '${request.id}'`,
  );
  expect((await look()).filter(({ invariant }) => invariant === 'I2')).toEqual([]);

  const open = await held();
  await asHolder(postgres, open, async () => {
    await onTarget(`alter role ${open.role} nologin; revoke orders_read from ${open.role} granted by curfew_owner cascade;
      update curfew.ledger set state = 'revoked', revoked_at = clock_timestamp() - interval '1 minute' where grant_id = '${open.request.id}'`);
    const found = await look();
    expect(found).toContainEqual(
      expect.objectContaining({ invariant: 'I2', code: 'session', subject: open.request.id }),
    );
  });
});

test('I3: a login that runs out later than its ledger row, or never', async () => {
  const { role } = await held();
  await onTarget(`alter role ${role} valid until 'infinity'`);
  await expectFinding('I3', role);
});

test('I3: a login that goes on after its grace has begun', async () => {
  const { request, role } = await held();
  await onTarget(`update curfew.ledger set grace = '5 minutes' where grant_id = '${request.id}'`);
  await expectFinding('I3', role);
  await onTarget(`alter role ${role} valid until '${new Date((await endOf(request.id)) - 300_000).toISOString()}'`);
  expect((await look()).filter(({ invariant }) => invariant === 'I3')).toEqual([]);
});
async function endOf(id: string): Promise<number> {
  const [row] = await postgres.query<{ until: Date }>(
    'control',
    `select until from curfew.ledger where grant_id = '${id}'`,
  );
  return row?.until.getTime() ?? 0;
}

test('I4: a tombstone that can log in, and a grant that is live after its receipt', async () => {
  const { request, role } = await ended();
  await onTarget(`alter role ${role} login valid until 'infinity'`);
  mends.push(() => onTarget(`alter role ${role} nologin valid until '-infinity'`));
  await expectFinding('I4', request.id);

  const back = await held();
  await plantEnd(store, back.request, { verifiedAt: Date.now() - 1_000 });
  await expectFinding('I4', back.request.id);
});

test("I5: a grant's role that was renamed", async () => {
  const { request, role } = await held();
  await onTarget(`alter role ${role} rename to cfw_other`);
  mends.push(() => onTarget(`alter role cfw_other rename to ${role}`));
  await expectFinding('I5', request.id);
});

test("I6: an approval of the requester's own alias, and one person who is two approvers", async () => {
  const { request, requester, approver } = await held();
  await sql('insert into curfew.person_alias (person, alias) values ($1, $2)', [requester.id, approver.id]);
  await expectFinding('I6', request.id);

  const [one, other, asker] = [await plantPerson(store), await plantPerson(store), await plantPerson(store)];
  const twice = await plantRequest(store, asker.id, { plan: approvalsPlan(2) });
  await plantDecision(store, twice, one);
  await plantDecision(store, twice, { ...other, aliases: [one.id] });
  await plantClaim(store, twice, Date.now() + 600_000);
  await expectFinding('I6', twice.id);
  await sql('delete from curfew.person_alias where person = $1', [requester.id]);
});

test('I6: an approval of a bot, and one of somebody whom the plan does not name', async () => {
  const bot = await held();
  await force(`update curfew.decision set facts = jsonb_set(facts, '{account,bot}', 'true') where request_id = $1`, [
    bot.request.id,
  ]);
  await expectFinding('I6', bot.request.id);
  const other = await held();
  await force(
    `update curfew.decision set facts = jsonb_set(facts, '{person,groups}', '["others"]') where request_id = $1`,
    [other.request.id],
  );
  await expectFinding('I6', other.request.id);
});

test('I7: a decision on another digest, and a grant of another template than was approved', async () => {
  const shown = await held();
  await force('update curfew.decision set digest = $2 where request_id = $1', [shown.request.id, 'f'.repeat(64)]);
  await expectFinding('I7', shown.request.id);
  const template = await held({ template: 'orders_write' as TemplateName });
  await expectFinding('I7', template.request.id);
});

test('I7: a claim for longer than was approved', async () => {
  const { request } = await held();
  await force(`update curfew.claim set end_at = end_at + interval '1 hour' where request_id = $1`, [request.id]);
  await expectFinding('I7', request.id);
});

test('I8: an approver who was not active when it was granted, and approvals that were void', async () => {
  const gone = await held();
  await sql(`update curfew.person set state = 'left', changed_at = clock_timestamp() - interval '10 s' where id = $1`, [
    gone.approver.id,
  ]);
  await expectFinding('I8', gone.request.id);

  const noWord = await held();
  await force(
    `insert into curfew.decision_void (decision_id, cause, actor, voided_at)
     select id, 'left', 'curfew_directory', clock_timestamp() - interval '10 s' from curfew.decision where request_id = $1`,
    [noWord.request.id],
  );
  await force(`update curfew.decision set made_at = made_at - interval '1 minute' where request_id = $1`, [
    noWord.request.id,
  ]);
  await expectFinding('I8', noWord.request.id);
});

test('I9: a leaver who holds a login after a minute, and one whose request is open', async () => {
  const { requester } = await held();
  await sql(
    `update curfew.person set state = 'left', changed_at = clock_timestamp() - interval '2 minutes' where id = $1`,
    [requester.id],
  );
  await expectFinding('I9', requester.id);
  const { id } = await plantPerson(store);
  const open = await plantRequest(store, id, { openedAt: Date.now() - 3_600_000 });
  await sql(
    `update curfew.person set state = 'suspended', changed_at = clock_timestamp() - interval '2 minutes' where id = $1`,
    [id],
  );
  await expectFinding('I9', open.id);
  // Of the other account, of one who is active there, likewise.
  const { id: other } = await plantPerson(store, { aliases: [id] });
  const theirs = await plantRequest(store, other, { openedAt: Date.now() - 3_600_000 });
  await expectFinding('I9', theirs.id);
  await plantView(store, theirs, { kind: 'closed', outcome: 'withdrawn', cause: 'test' }, 9);
  await plantView(store, open, { kind: 'closed', outcome: 'withdrawn', cause: 'test' }, 9);
});

test('I10: a claim that was accepted twice', async () => {
  const { id } = await plantPerson(store);
  const subject = randomUUID();
  for (const body of [{}, {}])
    await append(store.as.curfew_api, oddEntry({ kind: 'claim.accepted', actor: id, subject, body }));
  await expectFinding('I10', subject);
});

test('I14: a template off the list, a longer life than it may, an attribute, and a worker that is in a template', async () => {
  const { request, role } = await held();
  await onTarget(`update curfew.template set max_ttl = interval '1 second' where role = 'orders_read'`);
  mends.push(() =>
    onTarget(
      `update curfew.template set max_ttl = interval '8 hours 5 seconds', enabled = true where role = 'orders_read'`,
    ),
  );
  await expectFinding('I14', request.id);
  await onTarget(
    `update curfew.template set max_ttl = interval '8 hours 5 seconds', enabled = false where role = 'orders_read'`,
  );
  await expectFinding('I14', request.id);
  await onTarget(`update curfew.template set enabled = true where role = 'orders_read'`);
  await onTarget(`alter role ${role} createdb`);
  await expectFinding('I14', request.id);
  await onTarget(`alter role ${role} nocreatedb`);
  await onTarget('grant orders_write to curfew_worker');
  mends.push(() => onTarget('revoke orders_write from curfew_worker'));
  await expectFinding('I14', 'main/curfew_worker');
});

test('I15: a template with a live grant that may make triggers', async () => {
  await held();
  await postgres.query('orders', 'grant trigger on sales.orders to orders_read');
  mends.push(() => postgres.query('orders', 'revoke trigger on sales.orders from orders_read'));
  await expectFinding('I15', 'main/orders');
});

test('I16: what is shown as ended without a receipt, and a receipt of a node that had sessions left', async () => {
  const { request } = await held();
  await endGrants(worker, [request.id], { deadlineAt: Date.now() + 10_000 });
  await sql('update curfew.access_grant set ended_at = clock_timestamp() where request_id = $1', [request.id]);
  await expectFinding('I16', request.id);

  const left = await held();
  await endGrants(worker, [left.request.id], { deadlineAt: Date.now() + 10_000 });
  const node = {
    node: 'primary',
    standby: false,
    sessionsFound: 2,
    sessionsLeft: 1,
    canLogin: false,
    ended: false,
    verifiedAt: Date.now(),
  };
  await plantEnd(store, left.request, { nodes: [node] });
  await expectFinding('I16', left.request.id);
});

test('I17: an end that was asked for and is late in silence; an alarm makes it heard', async () => {
  const { request } = await held();
  await insertIntent(store.as.curfew_api, {
    id: randomUUID(),
    scope: { kind: 'grant', requestId: request.id, target: request.target },
    actor: 'curfew_api',
    cause: 'revoked',
  });
  const later = Date.now() + 120_000;
  await expectFinding('I17', request.id, later);
  // A stolen worker's login may say that it is ended; that makes nobody silent.
  await store.as.curfew_worker.query(
    `insert into curfew.revoke_outcome (intent_id, target, evidence)
     select id, target, '{}' from curfew.revoke_intent where request_id = $1`,
    [request.id],
  );
  await expectFinding('I17', request.id, later);
  await raise(store.as.curfew_reaper, {
    key: `test/${request.id}`,
    code: 'revoke-late',
    subject: request.id,
    detail: 'It is late.',
  });
  expect((await look(later)).filter(({ invariant }) => invariant === 'I17')).toEqual([]);
  await sql('update curfew.alarm set resolved_at = clock_timestamp()');
  await store.as.curfew_reaper.query(
    `insert into curfew.revoke_outcome (intent_id, target, evidence) select id, target, '{}' from curfew.revoke_intent where target is not null`,
  );
});

test('I17: a request that is closed while its login is enabled', async () => {
  const { request } = await held();
  await plantView(store, request, { kind: 'closed', outcome: 'expired', cause: 'time is up' }, 9);
  await expectFinding('I17', request.id);
});

test('I18: a store that a target has seen further than it is, and one that is being recovered', async () => {
  await onTarget('update curfew.mark set store_index = 1000000000');
  mends.push(() => onTarget('update curfew.mark set store_index = 0'));
  await expectFinding('I18', 'main');
  await store.as.curfew_admin.query(
    `insert into curfew.recovery (id, found, people) values (gen_random_uuid(), '[]', 'not imported: a test')`,
  );
  await expectFinding('I18', 'store');
  await sql('update curfew.recovery set completed_at = clock_timestamp()');
});

test('I19: a login that the ledger does not know, and a grant that only the store, or only the target, has', async () => {
  const stranger = `cfw_${randomUUID().replaceAll('-', '')}`;
  await onTarget(`create role ${stranger} login`);
  mends.push(() => onTarget(`drop role ${stranger}`));
  await expectFinding('I19', stranger);

  const { id } = await plantPerson(store);
  const lost = await plantRequest(store, id);
  await plantClaim(store, lost, Date.now() + 600_000);
  await plantGrant(store, lost, Date.now() + 600_000, Date.now() - 120_000);
  await expectFinding('I19', lost.id);
  await sql('delete from curfew.receipt where request_id = $1', [lost.id]).catch(() => undefined);
  await force('delete from curfew.access_grant where request_id = $1', [lost.id]);

  const { request } = await held();
  await force('delete from curfew.access_grant where request_id = $1', [request.id]);
  await onTarget(
    `update curfew.ledger set granted_at = clock_timestamp() - interval '2 minutes' where grant_id = '${request.id}'`,
  );
  await expectFinding('I19', request.id);
});

test('I21: a session that joins to no request', async () => {
  const holder = await granted(worker);
  mends.push(() => endGrants(worker, [holder.call.grantId], { deadlineAt: Date.now() + 10_000 }));
  await asHolder(postgres, holder, () => expectFinding('I21', holder.role));
});

test('I22: an ended grantee that owns objects and is in a role, or has members; a quarantine that shares', async () => {
  const holder = await held();
  await postgres.query('orders', `create table sales.mine (id int); alter table sales.mine owner to ${holder.role}`);
  mends.push(() => postgres.query('orders', 'drop table sales.mine'));
  await endGrants(worker, [holder.request.id], { deadlineAt: Date.now() + 10_000 });
  await plantEnd(store, holder.request);
  expect((await look()).filter(({ invariant }) => invariant === 'I22')).toEqual([]);
  await onTarget(`grant orders_read to ${holder.role}`);
  await expectFinding('I22', holder.role);
  await onTarget(`revoke orders_read from ${holder.role}; create role mallory; grant ${holder.role} to mallory`);
  mends.push(() => onTarget('drop role mallory'));
  await expectFinding('I22', holder.role);
  await onTarget(`revoke ${holder.role} from mallory`);

  await postgres.query(
    'orders',
    'create function sales.kept() returns int language sql as $$ select 1 $$; alter function sales.kept() owner to curfew_quarantine',
  );
  mends.push(() => postgres.query('orders', 'drop function sales.kept()'));
  await expectFinding('I22', 'main/orders');
});

/** Break-glass as it should be: announced, heard of, granted. */
async function broken(fields: Partial<RequestRow> = {}, announced = true): Promise<RequestRow> {
  const { id } = await plantPerson(store);
  const plan = breakGlassPlan();
  const request = await plantRequest(store, id, { kind: 'break-glass', ticket: 'INC-12', plan, ...fields });
  if (announced) await plantAnnouncement(store, request);
  for (const channel of announcementChannels) await delivered(store.as.curfew_worker, request.id, channel);
  const endAt = Date.now() + 600_000;
  await plantClaim(store, request, endAt);
  await plantGrant(store, request, endAt);
  await plantEnd(store, request);
  return request;
}
const loud = async (id: string, now?: number): Promise<readonly string[]> =>
  (await look(now)).filter(({ invariant, subject }) => invariant === 'I13' && subject === id).map(({ code }) => code);
const shift = (column: string, table: string, by: string, id: string) =>
  force(`update curfew.${table} set ${column} = ${column} + $2::interval where request_id = $1`, [id, by]);

test('I13: break-glass that nobody announced, or only afterwards, or for too long', async () => {
  const request = await broken({}, false);
  await expectFinding('I13', request.id);
  expect(await loud(request.id)).toEqual(['unlogged', 'unannounced', 'unannounced']);
  const fine = await broken();
  expect(await loud(fine.id)).toEqual([]);
  await shift('committed_at', 'announcement', '1 minute', fine.id);
  expect(await loud(fine.id)).toEqual(['unannounced', 'unannounced']);
  const long = await broken();
  await shift('end_at', 'access_grant', '2 hours', long.id);
  expect(await loud(long.id)).toContain('long');
});

test('I13: an announcement that came late in silence; an alarm makes it heard', async () => {
  const request = await broken();
  await shift('delivered_at', 'announcement', '2 minutes', request.id);
  expect(await loud(request.id)).toEqual(['quiet', 'quiet']);
  await raise(store.as.curfew_worker, lateAlarm(request.id, 'slack'));
  const key = oneChannelKey('webhook');
  await raise(store.as.curfew_worker, { key, code: oneChannelCode, subject: 'webhook', detail: 'There is none.' });
  expect(await loud(request.id)).toEqual([]);
  await sql('update curfew.alarm set resolved_at = clock_timestamp() where resolved_at is null');
});

test('I13: whoever owes a review approves all the same, or is reviewed by another account of theirs', async () => {
  const request = await broken();
  const approve = async (): Promise<void> => {
    const other = await plantRequest(store, (await plantPerson(store)).id);
    await plantDecision(store, other, { ...(await plantPerson(store)), id: request.person });
  };
  const over = async (by: string): Promise<void> => {
    for (const column of ['granted_at', 'end_at', 'ended_at']) await shift(column, 'access_grant', by, request.id);
  };
  await over('-23 hours');
  await approve();
  expect(await loud(request.id), 'it is no debt yet').not.toContain('debt');
  await over('-2 hours');
  expect(await loud(request.id)).toContain('debt');
  const { id: account } = await plantPerson(store, { aliases: [request.person] });
  await force(
    `insert into curfew.review (request_id, requester, person, verdict, reviewed_at)
     values ($1, $2, $3, 'justified', clock_timestamp())`,
    [request.id, request.person, account],
  );
  expect(await loud(request.id)).toContain('own-review');
  planted.add('I13');
});

test('I11: a row that no entry speaks of, an entry without its row, and one change that is told twice', async () => {
  const { id: requester } = await plantPerson(store);
  const approver = await plantPerson(store);
  const silent = await plantRequest(store, requester);
  const decision = await plantDecision(store, silent, approver);
  const isOf = ({ invariant, subject }: Finding): boolean => invariant === 'I11' && subject === silent.id;
  expect((await look()).filter(isOf)).toEqual([]);
  // As whoever can write past Curfew would: a void and an end that nobody is told of.
  await sql(`insert into curfew.decision_void (decision_id, cause, actor) values ($1, 'left', 'curfew_worker')`, [
    decision.id,
  ]);
  await sql(
    `insert into curfew.revoke_intent (id, request_id, target, actor, cause)
     values (gen_random_uuid(), $1, 'orders-prod', 'curfew_worker', 'revoked')`,
    [silent.id],
  );
  const codes = async () => (await look()).filter(isOf).map(({ code }) => code);
  expect(await codes()).toEqual(['no-entry', 'no-entry']);
  const voided = { actor: 'curfew_worker', subject: silent.id, body: { decision: decision.id, cause: 'left' } };
  await append(store.as.curfew_worker, oddEntry({ kind: 'decision.voided', ...voided }));
  await append(store.as.curfew_worker, oddEntry({ kind: 'end.asked', ...voided, body: { cause: 'revoked' } }));
  expect(await codes()).toEqual([]);
  await append(store.as.curfew_worker, oddEntry({ kind: 'decision.voided', ...voided }));
  expect(await codes()).toEqual(['no-change']);

  const made = { actor: requester, subject: randomUUID(), body: { role: 'cfw_none' } };
  await append(store.as.curfew_worker, oddEntry({ kind: 'grant.made', ...made }));
  await expectFinding('I11', made.subject);
});

test('I11: an entry that was edited after it got its place', async () => {
  while ((await waiting(store.admin)).entries > 0) await sequence(store.as.curfew_worker, 5_000);
  const edit = (actor: string) =>
    store.admin.transaction(async (tx) => {
      await tx.query('alter table audit.entry disable trigger entry_kept');
      const [row] = await tx.query<{ id: number; before: string }>(
        `update audit.entry e set actor = $1 from (select max(id) as id from audit.entry) last, audit.entry old
         where e.id = last.id and old.id = e.id returning e.id, old.actor as before`,
        [actor],
      );
      await tx.query('alter table audit.entry enable always trigger entry_kept');
      return row ?? { id: 0, before: '' };
    });
  const { id, before } = await edit('somebody else');
  mends.push(() => edit(before));
  await expectFinding('I11', String(id));
});

test('every invariant that the checker knows was planted and found', () => {
  expect([...planted].toSorted()).toEqual([...invariants].toSorted());
});

test('a grant that was extended in order, by a delegate of an approver, is well', async () => {
  const holder = await held();
  const away = await plantPerson(store);
  const delegate = await plantPerson(store, { groups: ['elsewhere'], standsInFor: [{ ...away, by: away.id }] });
  await moved(holder, { approvers: [delegate] });
  expect(await about(holder)).toEqual([]);
  // And so is one that its plan allows by itself.
  const plan = approvalsPlan();
  const alone = await held({ plan: { ...plan, limits: { ...plan.limits, extensions: 1 } } as GrantablePlan });
  await moved(alone, { kind: 'automatic' });
  expect(await about(alone)).toEqual([]);
});

test('a request of two steps, approved by a manager and one to whom the second has escalated, is well', async () => {
  const holder = await held(escalating(Date.now() - 600_000));
  await plantDecision(store, holder.request, await plantPerson(store, { groups: ['directors'] }), {
    stage: 1,
    madeAt: Date.now() - 60_000,
  });
  expect(await about(holder)).toEqual([]);
});

test('I6: an approval of somebody to whom its step had not escalated yet', async () => {
  const holder = await held(escalating(Date.now() - 1_000));
  await plantDecision(store, holder.request, await plantPerson(store, { groups: ['directors'] }), { stage: 1 });
  expect(await expectFinding('I6', holder.request.id)).toContainEqual(
    expect.objectContaining({ invariant: 'I1', code: 'not-approved' }),
  );
});

test('I6: an approval of the delegate of whoever asked, and one that a delegation of their own making allowed', async () => {
  const holder = await held({}, false);
  const { requester } = holder;
  const delegate = await plantPerson(store, { standsInFor: [{ ...requester, by: requester.id }] });
  await plantDecision(store, holder.request, delegate);
  expect(await expectFinding('I6', holder.request.id)).toContainEqual(
    expect.objectContaining({ invariant: 'I6', code: 'self' }),
  );
  const other = await held({}, false);
  const away = await plantPerson(store);
  const named = await plantPerson(store, { groups: [], standsInFor: [{ ...away, by: other.requester.id }] });
  await plantDecision(store, other.request, named);
  await expectFinding('I6', other.request.id);
});

test('I6: two seats for one human and their delegate, in whichever order', async () => {
  const away = await plantPerson(store);
  const delegate = await plantPerson(store, { groups: [], standsInFor: [{ ...away, by: away.id }] });
  for (const pair of [
    [away, delegate],
    [delegate, away],
  ] as const) {
    const holder = await held({ plan: approvalsPlan(2) }, false);
    for (const [index, one] of pair.entries())
      await plantDecision(store, holder.request, one, { madeAt: Date.now() - 5_000 + index * 1_000 });
    expect(await expectFinding('I6', holder.request.id)).toContainEqual(
      expect.objectContaining({ invariant: 'I6', code: 'twice', subject: holder.request.id }),
    );
  }
});

test('I6: an approval by somebody whom a conflict of the plan keeps away', async () => {
  const plan = approvalsPlan();
  const stages = plan.verdict === 'approvals' ? plan.stages : [];
  const never = [{ name: 'auditors only look', groups: ['auditors'], all: false }];
  const holder = await held(
    { plan: { ...plan, stages: stages.map((one) => ({ ...one, never })) } as GrantablePlan },
    false,
  );
  await plantDecision(store, holder.request, await plantPerson(store, { groups: ['data-owners', 'auditors'] }));
  await expectFinding('I6', holder.request.id);
});

test('I1, I7: an extension without the approvals that it takes, and one that its plan does not allow by itself', async () => {
  for (const fields of [{}, { kind: 'automatic' }] as const) {
    const holder = await held();
    await moved(holder, fields);
    const findings = await expectFinding('I7', holder.request.id);
    expect(findings).toContainEqual(expect.objectContaining({ invariant: 'I1', code: 'longer', subject: holder.role }));
  }
});

test('I6: an extension that its own holder approved, and one that one person approved for two', async () => {
  const holder = await held();
  const alias = await plantPerson(store, { aliases: [holder.requester.id] });
  await moved(holder, { approvers: [alias] });
  await expectFinding('I6', holder.request.id);
  await force('delete from curfew.person_alias where person = $1', [alias.id]);

  const two = await held();
  await moved(two, { plan: approvalsPlan(2), approvers: [two.approver] });
  await expectFinding('I6', two.request.id);
});

test('I7: a decision on another extension, and a recorded end that no extension names', async () => {
  const holder = await held();
  const { id } = await moved(holder, { approvers: [holder.approver] });
  await force('update curfew.extension_decision set digest = $2 where extension_id = $1', [id, 'f'.repeat(64)]);
  await expectFinding('I7', holder.request.id);
  const later = await held();
  await force(`update curfew.access_grant set end_at = end_at + interval '1 hour' where request_id = $1`, [
    later.request.id,
  ]);
  await expectFinding('I7', later.request.id);
});

test('I8: an extension by somebody who had left when it was made, and one for a holder who had', async () => {
  const holder = await held();
  const away = await plantPerson(store);
  const delegate = await plantPerson(store, { groups: [], standsInFor: [{ ...away, by: away.id }] });
  await moved(holder, { approvers: [delegate] });
  await sql(`update curfew.person set state = 'left', changed_at = clock_timestamp() - interval '10 s' where id = $1`, [
    away.id,
  ]);
  await expectFinding('I8', holder.request.id);
});

test('I3: an extension that moved the login and not the ledger', async () => {
  const { role } = await held();
  await onTarget(`alter role ${role} valid until '${new Date(Date.now() + 3_600_000).toISOString()}'`);
  await expectFinding('I3', role);
});

test('I14: an extension beyond what the template may live', async () => {
  const holder = await held();
  await moved(holder, { approvers: [holder.approver], endAt: Date.now() + 9 * 3_600_000 });
  await expectFinding('I14', holder.request.id);
});

test('I19: an extension that only the target has, once it is no longer under way', async () => {
  const holder = await held();
  const { endAt } = await moved(holder, { approvers: [holder.approver], outcome: 'failed' });
  expect(endAt).toBeGreaterThan(0);
  expect((await look()).filter(({ invariant }) => invariant === 'I19')).toEqual([]);
  await expectFinding('I19', holder.request.id, Date.now() + 180_000);
});

test('I10: an extension that was made twice', async () => {
  const subject = randomUUID();
  const body = { extension: randomUUID() };
  for (const actor of [randomUUID(), randomUUID()])
    await append(store.as.curfew_worker, oddEntry({ kind: 'extension.made', actor, subject, body }));
  await expectFinding('I10', subject);
});

test('a cluster that cannot be read proves nothing: the look fails', async () => {
  await expect(
    checkAll({
      store: store.as.curfew_admin,
      targets: [
        openAccess(
          { ...postgres.admin, password: 'wrong' },
          { cluster: 'main', targets: [], controlDatabase: 'control', databases },
        ),
      ],
      now: Date.now(),
    }),
  ).rejects.toThrow(/password/);
});
