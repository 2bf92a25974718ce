import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import * as intents from '../store/intents.ts';
import { openStore, type Db, type Store } from '../store/pool.ts';
import * as people from '../store/people.ts';
import * as projections from '../store/projections.ts';
import {
  approved,
  ask,
  claimed,
  click,
  code,
  ok,
  opened,
  startCompany,
  workerCloses,
  workerEnds,
  workerGrants,
  type Company,
  type Handle,
} from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

/** Claimed, and its login is there. */
async function held(): Promise<RequestId> {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return requestId;
}
const asked = (requestId: RequestId) => intents.ofRequest(company.store.admin, requestId);
const mine = (requestId: RequestId, handle: Handle = 'ada') => ({ requestId, person: company.id(handle) });
const kinds = async (requestId: RequestId) => (await company.audit(requestId)).map(({ kind }) => kind);

test('the holder\'s "I\'m done" is an intent, an audit entry and an Update, together', async () => {
  const requestId = await held();
  expect(ok(await company.use.release(mine(requestId)))).toEqual({ already: false, confirmed: true });
  expect(await asked(requestId)).toMatchObject([
    { cause: 'released', actor: company.id('ada'), scope: { kind: 'grant', target: 'orders-prod' } },
  ]);
  expect((await kinds(requestId)).at(-1)).toBe('end.asked');
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'revoking', end: { outcome: 'released' } });
});

test('releasing five times at once is releasing once', async () => {
  const requestId = await held();
  const all = await Promise.all(Array.from({ length: 5 }, () => company.use.release(mine(requestId))));
  expect(all.filter((one) => !ok(one).already)).toHaveLength(1);
  expect(await asked(requestId)).toHaveLength(1);
  expect((await kinds(requestId)).filter((kind) => kind === 'end.asked')).toHaveLength(1);
});

test('a grant under way is released as soon as it is there', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  ok(await company.use.release(mine(requestId)));
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'granting', ending: { outcome: 'released' } });
});

test('a release that overtakes the word of the grant is not lost', async () => {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  const view = company.temporal.view(requestId);
  const active = { ...view, version: view.version + 1, state: { kind: 'active', approvals: [], endAt } } as const;
  await projections.save(company.store.as.curfew_worker, requestId, active, company.now);
  expect(ok(await company.use.release(mine(requestId)))).toEqual({ already: false, confirmed: true });
  company.temporal.happens(requestId, { kind: 'granted', endAt });
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'revoking', end: { outcome: 'released' } });
});

test('release is for what was claimed, withdraw for everything that is open', async () => {
  const { requestId } = await opened(company);
  expect(code(await company.use.release(mine(requestId)))).toBe('NotPending');
  expect(ok(await company.use.withdraw(mine(requestId))).already).toBe(false);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'closed', outcome: 'withdrawn' });
  await workerCloses(company, requestId);
  expect(ok(await company.use.withdraw(mine(requestId)))).toEqual({ already: true, confirmed: true });
  const holding = await held();
  ok(await company.use.withdraw(mine(holding)));
  expect(company.temporal.view(holding).state).toMatchObject({ kind: 'revoking', end: { outcome: 'released' } });
});

test.each(['eve', 'olga', 'carl'] as const)("%s neither releases nor withdraws another's request", async (handle) => {
  const requestId = await held();
  expect(code(await company.use.release(mine(requestId, handle)))).toBe('NotAllowed');
  expect(code(await company.use.withdraw(mine(requestId, handle)))).toBe('NotAllowed');
  expect((await company.audit(requestId)).at(-1)).toMatchObject({ kind: 'end.refused', actor: company.id(handle) });
  expect(await asked(requestId)).toEqual([]);
});

test.each([
  ['an owner of the target', 'omar', 'somebody who answers for the target'],
  ['an access controller', 'carl', 'somebody who answers for the target'],
  ['an approver who counted', 'olga', 'an approver'],
  ['the holder', 'ada', 'its holder'],
  ["the holder's other account", 'ada-admin', 'its holder'],
] as const)('%s may end it now', async (_who, handle, words) => {
  const requestId = await held();
  ok(await company.use.revoke(mine(requestId, handle)));
  expect(await asked(requestId)).toMatchObject([{ cause: 'revoked', actor: company.id(handle) }]);
  expect(company.temporal.view(requestId).state).toMatchObject({
    kind: 'revoking',
    end: { outcome: 'revoked', cause: `ended by ${words}` },
  });
});

test('"not you?" is remembered as such', async () => {
  const requestId = await held();
  ok(await company.use.revoke({ ...mine(requestId, 'olga'), disowned: true }));
  expect(await asked(requestId)).toMatchObject([{ cause: 'disowned' }]);
  expect((await company.audit(requestId)).at(-1)?.body).toEqual({ cause: 'disowned' });
});

test('nobody else ends it: colleagues, the suspended, guests; the attempt is audited', async () => {
  const requestId = await held();
  expect(code(await company.use.revoke(mine(requestId, 'eve')))).toBe('NotAllowed');
  await company.change('carl', { state: 'suspended' });
  expect(code(await company.use.revoke(mine(requestId, 'carl')))).toBe('NotAllowed');
  await company.change('olga', { state: 'suspended' });
  expect(code(await company.use.revoke(mine(requestId, 'olga'))), 'an approver').toBe('NotAllowed');
  const account = { deleted: false, bot: false, restricted: true, stranger: false, readAt: company.now };
  expect(code(await company.use.revoke({ ...mine(requestId, 'omar'), account }))).toBe('NotAllowed');
  expect(code(await company.use.revoke({ requestId, person: 'ffffffff-0000-4000-8000-000000000000' as never }))).toBe(
    'UnknownPerson',
  );
  expect((await kinds(requestId)).filter((kind) => kind === 'end.refused')).toHaveLength(5);
  expect(await asked(requestId)).toEqual([]);
});

test('neither an unknown policy nor a dead Temporal stops a revoke (I18)', async () => {
  const requestId = await held();
  for (const text of ['version: 98\n', 'version: 99\n']) await company.applyPolicy(text);
  company.temporal.dead = true;
  for (const handle of ['olga', 'omar', 'carl'] as const) {
    expect(ok(await company.use.revoke(mine(requestId, handle)))).toEqual({ already: false, confirmed: false });
  }
  expect(code(await company.use.revoke(mine(requestId, 'eve'))), 'who may not by any policy').toBe('NotAllowed');
  expect(await asked(requestId)).toHaveLength(3);
  expect((await company.outbox()).at(-1)).toEqual({ kind: 'revoke', done: false });
});

test('a view that says closed stops no end: only the receipt does, or that nothing was ever claimed', async () => {
  const requestId = await held();
  const view = await projections.viewOf(company.store.admin, requestId);
  if (!view) throw new Error('no view');
  const closed = { kind: 'closed', outcome: 'expired', cause: 'time is up' } as const;
  const forged = { ...view, version: view.version + 1_000, state: closed };
  expect(await projections.save(company.store.as.curfew_worker, requestId, forged, company.now)).toBe(true);
  expect(ok(await company.use.revoke(mine(requestId, 'carl')))).toEqual({ already: false, confirmed: true });
  expect(await asked(requestId)).toMatchObject([{ cause: 'revoked', actor: company.id('carl') }]);
  expect(ok(await company.use.release(mine(requestId))).confirmed).toBe(true);
  expect(await asked(requestId)).toHaveLength(2);
  expect((await kinds(requestId)).filter((kind) => kind === 'end.asked')).toHaveLength(2);
});

test('with the store out of reach an end is not recorded', async () => {
  const requestId = await held();
  const nowhere = openStore({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'x', statementTimeoutMs: 300 });
  expect(code(await company.with({ store: nowhere }).release(mine(requestId)))).toBe('NotRecorded');
  await nowhere.close();
});

test('what is over is over, for everybody', async () => {
  const requestId = await held();
  await workerEnds(company, requestId);
  expect(code(await company.use.release(mine(requestId)))).toBe('no refusal');
  expect(ok(await company.use.revoke(mine(requestId, 'omar')))).toEqual({ already: true, confirmed: true });
  expect(await asked(requestId)).toEqual([]);
  for (const id of ['x', '\0', '00000000-0000-4000-8000-000000000000']) {
    expect(code(await company.use.revoke({ requestId: id as RequestId, person: company.id('carl') }))).toBe(
      'UnknownRequest',
    );
  }
});

// == Reviews of break-glass ======================================================================================

async function responded(): Promise<RequestId> {
  const change = { kind: 'break-glass', role: 'write', ticket: 'INC-12', durationMs: 30 * minuteMs } as const;
  const { requestId } = ok(await company.use.open(ask(company, change)));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return requestId;
}
const note = 'restarted the checkout';

test('a break-glass is reviewed after its end, by a second person, once', async () => {
  const requestId = await responded();
  const review = (handle: Handle, verdict: 'justified' | 'follow-up' = 'justified') =>
    company.use.review({ ...mine(requestId, handle), verdict, note });
  expect(code(await review('carl')), 'not over yet').toBe('NotPending');
  await workerEnds(company, requestId);
  expect(code(await review('ada'))).toBe('SelfApproval');
  expect(code(await review('ada-admin')), 'an owner, and the responder').toBe('SelfApproval');
  expect(code(await review('eve'))).toBe('ApproverNotEligible');
  const account = { deleted: false, bot: false, restricted: false, stranger: false, fresh: true, readAt: company.now };
  const fresh = await company.use.review({ ...mine(requestId, 'carl'), account, verdict: 'justified', note });
  expect(fresh, 'an account that was linked today').toMatchObject({ code: 'ApproverNotEligible' });
  expect(await company.use.review({ ...mine(requestId, 'carl'), verdict: 'justified', note: ' ' })).toMatchObject({
    field: 'note',
  });
  const all = await Promise.all([review('carl'), review('carl'), review('omar')]);
  expect(all.filter((one) => code(one) === 'no refusal').length).toBeGreaterThanOrEqual(1);
  const again = await Promise.all([review('carl'), review('omar')]);
  expect(again.map(code).toSorted()).toEqual(['NotPending', 'no refusal']);
  const entries = await company.audit(requestId);
  expect(entries.filter(({ kind }) => kind === 'review.recorded')).toHaveLength(1);
  expect(entries.filter(({ kind }) => kind === 'review.refused').length).toBeGreaterThanOrEqual(6);
  expect(JSON.stringify(entries)).not.toContain(note);
  expect(
    (await company.outbox()).filter(({ kind }) => kind === 'reviewed'),
    'its messages are painted again',
  ).toHaveLength(1);
  expect(
    (await company.outbox()).filter(({ kind }) => kind === 'review-over'),
    'and whoever asks for it hears that it is given',
  ).toHaveLength(1);
});

test('what was approved beforehand is not reviewed', async () => {
  const requestId = await held();
  await workerEnds(company, requestId);
  expect(code(await company.use.review({ ...mine(requestId, 'carl'), verdict: 'justified', note }))).toBe('NotPending');
});

// == Leaving ======================================================================================================

const leaving = (handle: string, state: 'left' | 'suspended' | 'active' = 'left', version = company.nextVersion()) => ({
  source: 'hr',
  event: `event-${version}`,
  who: { handle },
  state,
  version,
  actor: 'curfew_directory',
});

test('a leaver loses everything in one transaction: intents, voids, and words to the Workflows', async () => {
  const grant = await held();
  const waiting = (await opened(company)).requestId;
  const others = (await opened(company, { person: company.id('eve'), role: 'write' })).requestId;
  ok(await click(company, others, 'omar'));
  const left = ok(await company.use.leave(leaving('ada')));
  expect(left).toMatchObject({ person: company.id('ada'), change: 'applied', state: 'left', confirmed: true });
  expect(left.requests).toEqual(expect.arrayContaining([grant, waiting]));
  for (const id of [grant, waiting]) {
    expect((await asked(id)).map(({ scope, cause }) => `${scope.kind} ${cause}`).toSorted()).toEqual([
      'grant left',
      'person left',
    ]);
  }
  expect(company.temporal.view(grant).state).toMatchObject({ kind: 'revoking', end: { cause: 'the person left' } });
  expect(company.temporal.view(waiting).state).toMatchObject({ kind: 'closed', outcome: 'withdrawn' });
  expect(company.temporal.leaves.at(-2), 'and one more for her other account').toMatchObject({
    personId: company.id('ada'),
    cause: 'left',
    learnedAt: company.now,
  });

  const omar = ok(await company.use.leave(leaving('omar')));
  expect(omar.voided).toBeGreaterThanOrEqual(1);
  expect(company.temporal.view(others).state).toMatchObject({ kind: 'awaiting', approvals: [] });
  expect((await kinds(others)).at(-1)).toBe('decision.voided');
});

/** The directory's store, counting statements. */
function counting(): { readonly store: Store; readonly count: () => number } {
  const inner = company.store.as.curfew_directory;
  let count = 0;
  const counted = (db: Db): Db => ({
    query: (text, values) => {
      count += 1;
      return db.query(text, values);
    },
  });
  const transaction: Store['transaction'] = (work) => inner.transaction((tx) => work(counted(tx)));
  return { store: { ...counted(inner), transaction, close: () => inner.close() }, count: () => count };
}

test('a leaver with thirty requests takes two statements more than one with two: many are told a moment later', async () => {
  company.temporal.dead = true;
  const statements: number[] = [];
  for (const [handle, many] of [
    ['ben', 2],
    ['eve', 30],
  ] as const) {
    const inputs = Array.from({ length: many }, () => ask(company, { person: company.id(handle) }));
    for (const input of inputs) ok(await company.use.open(input));
    const { store, count } = counting();
    expect(ok(await company.with({ directory: store }).leave(leaving(handle))).requests.length).toBeGreaterThanOrEqual(
      many,
    );
    statements.push(count());
  }
  const [few = 0, many] = statements;
  expect(many).toBe(few + 2);
});

test('a leaver is safe with Temporal dead: only the words wait', async () => {
  const grant = await held();
  company.temporal.dead = true;
  const left = ok(await company.use.leave(leaving('ada', 'suspended')));
  expect(left).toMatchObject({ change: 'applied', state: 'suspended', confirmed: false });
  expect((await asked(grant)).map(({ cause }) => cause)).toEqual(['suspended', 'suspended']);
  expect((await company.outbox()).filter(({ done }) => !done).map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['leave', 'revoke']),
  );
  expect(code(await company.use.open(ask(company)))).toBe('NotAllowed');
});

test('an older "active" undoes nothing, and a newer one gives nothing back (I9)', async () => {
  const requestId = await approved(company);
  const older = company.nextVersion();
  ok(await company.use.leave(leaving('ada')));
  expect(ok(await company.use.leave(leaving('ada', 'active', older)))).toMatchObject({
    change: 'older',
    state: 'left',
  });
  expect(ok(await company.use.leave(leaving('ada', 'active')))).toMatchObject({ change: 'applied', state: 'active' });
  expect(code(await company.use.mintCode(mine(requestId)))).toBe('NotPending');
  expect(code(await company.use.open(ask(company))), 'a rehire has no groups').toBe('PolicyDenied');
});

test('somebody unknown leaves an audit entry, an alarm and a tombstone that an older import cannot lift', async () => {
  const version = company.nextVersion() + 1_000;
  const left = ok(await company.use.leave(leaving('zoe', 'left', version)));
  expect(left).toMatchObject({ person: null, change: 'unknown' });
  const alarms = await company.store.admin.query<{ code: string; detail: string }>(
    'select code, detail from curfew.alarm',
  );
  expect(alarms).toMatchObject([{ code: 'person-unknown' }]);
  const entries = await company.store.admin.query<{ body: Buffer }>(
    `select body from audit.entry where kind = 'person.unknown'`,
  );
  expect(entries).toHaveLength(1);
  expect(JSON.stringify([alarms, entries.map(({ body }) => body.toString())]), 'a handle is a name').not.toContain(
    'zoe',
  );
  ok(await company.use.leave(leaving('zoe', 'active', version - 1)));
  expect(await company.store.admin.query(`select 1 from curfew.person where handle = 'zoe'`)).toEqual([]);
  const { after } = await company.store.as.curfew_directory.transaction((tx) =>
    people.apply(tx, { handle: 'zoe', version: Date.now(), state: 'active' }, 'curfew_directory'),
  );
  expect(after.state, 'the older word does not count').toBe('left');
});

test('somebody unknown who becomes active is not made up', async () => {
  expect(ok(await company.use.leave(leaving('yara', 'active')))).toMatchObject({ person: null, change: 'unknown' });
  expect(await company.store.admin.query(`select 1 from curfew.person where handle = 'yara'`)).toEqual([]);
});

const by = (id: string) => ({ ...leaving('x'), who: { id } });

test('HR may name people by id, and garbage finds nobody', async () => {
  expect(ok(await company.use.leave(by(company.id('nina'))))).toMatchObject({
    person: company.id('nina'),
    state: 'left',
  });
  for (const id of ['x', '00000000-0000-4000-8000-000000000000']) {
    expect(ok(await company.use.leave(by(id)))).toMatchObject({ person: null, change: 'unknown' });
  }
});

test('with the store out of reach a leaving is not recorded, and says so', async () => {
  const nowhere = openStore({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'x', statementTimeoutMs: 300 });
  expect(code(await company.with({ directory: nowhere }).leave(leaving('eve')))).toBe('NotRecorded');
  await nowhere.close();
});
