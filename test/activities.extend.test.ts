import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withinWindows } from '../activities/judge-grant.ts';
import type { ExtensionId, RequestId } from '../domain/ids.ts';
import { roleOf } from '../domain/ids.ts';
import type { Window } from '../domain/plan.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import { evidenceHash } from '../policy/digest.ts';
import * as alarms from '../store/alarms.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import * as projections from '../store/projections.ts';
import type { Store } from '../store/pool.ts';
import { click, ok, policyText, type Handle } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { after, ordersProd, startGranting, type Granting } from './support/granting.ts';
import { waitForTurns } from './support/turns.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
});
afterAll(() => world.end());
beforeEach(async () => {
  await world.company.restore();
  await world.company.applyPolicy(allowing(1));
  await world.check();
  world.statements.length = 0;
});

const allowing = (count: number, more: (text: string) => string = (text) => text): string =>
  policyText((text) => more(text.replace('limits: { max: 4h,', `limits: { max: 4h, extend: ${count},`)));

/** Held by ada for an hour, as its Workflow and the store have it. */
type Held = { readonly requestId: RequestId; readonly password: string; readonly endAt: number };
async function held(): Promise<Held> {
  const it = await world.claimed();
  const { endAt } = await world.run(world.activities().grant, it);
  world.company.temporal.happens(it.requestId, { kind: 'granted', endAt });
  return { ...it, endAt };
}

type Order = Parameters<ReturnType<Granting['activities']>['extend']>[0];
const orderOf = (requestId: RequestId, extensionId: ExtensionId): Order => ({
  requestId,
  target: ordersProd,
  extensionId,
  view: world.company.temporal.view(requestId),
});

let keys = 0;
const askFor = async ({ requestId }: Held, more: { byMs?: number; reason?: string } = {}) =>
  ok(
    await world.company.use.extend({
      requestId,
      person: world.company.id('ada'),
      key: `extend-${(keys += 1)}`,
      ...more,
    }),
  );

/** Asked for, and given at once by the plan. */
async function allowed(it: Held, byMs = hourMs): Promise<Order> {
  const { extensionId, kind } = await askFor(it, { byMs });
  expect(kind).toBe('automatic');
  return orderOf(it.requestId, extensionId);
}

const account = () => ({ deleted: false, bot: false, restricted: false, stranger: false, readAt: world.company.now });
async function decide(extensionId: ExtensionId, handle: Handle): Promise<unknown> {
  const person = world.company.id(handle);
  const model = ok(await world.company.use.extensionModel({ extensionId, person }));
  return world.company.use.decideExtension({
    extensionId,
    person,
    account: account(),
    digest: model.digest,
    verdict: 'approve',
  });
}

/** Asked of the owners, and approved by one of them. */
async function approved(it: Held, by: Handle = 'omar'): Promise<Order> {
  await world.company.applyPolicy(allowing(0));
  const { extensionId, kind } = await askFor(it, { byMs: hourMs, reason: 'not done yet' });
  expect(kind).toBe('asked');
  ok((await decide(extensionId, by)) as object);
  return orderOf(it.requestId, extensionId);
}

const extend = (order: Order, more: Parameters<Granting['activities']>[0] = {}, info = {}) =>
  world.run(world.activities(more).extend, order, info);

const failure = async (work: Promise<unknown>): Promise<ApplicationFailure> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ApplicationFailure)) throw new Error('it was extended', { cause: thrown });
  return thrown;
};

const atTarget = async (id: RequestId): Promise<{ until: number; valid: number } | undefined> => {
  const [row] = await world.postgres.query<{ until: string; valid: string }>(
    'control',
    `select extract(epoch from l.until) * 1000 as until, extract(epoch from r.rolvaliduntil) * 1000 as valid
     from curfew.ledger l join pg_roles r on r.oid = l.role_oid where l.grant_id = $1`,
    [id],
  );
  return row && { until: Number(row.until), valid: Number(row.valid) };
};
const storedEnd = async (id: RequestId) => (await grants.byId(world.company.store.admin, id))?.endAt;
const kindsOf = async (id: RequestId) => (await world.company.audit(id)).map(({ kind }) => kind);
const calls = (): readonly string[] =>
  world.statements.filter(({ purpose }) => purpose === 'call').map(({ call }) => call);

describe('an extension', () => {
  test('moves ledger, VALID UNTIL and store together, in one call; the old password goes on without a gap', async () => {
    const it = await held();
    const login = { user: roleOf(it.requestId), password: it.password, database: 'orders' };
    const order = await allowed(it);
    world.statements.length = 0;
    const seen = await world.postgres.as(login, async (client) => {
      const before = await client.query('select pg_backend_pid() as pid');
      expect(await extend(order)).toEqual({ endAt: it.endAt + hourMs });
      const later = await client.query('select pg_backend_pid() as pid');
      return [before.rows, later.rows];
    });
    expect(seen[0]).toEqual(seen[1]);
    expect(calls()).toEqual(['extend', 'list_live']);
    const endAt = it.endAt + hourMs;
    expect(await atTarget(it.requestId)).toEqual({ until: endAt, valid: endAt });
    expect(await storedEnd(it.requestId)).toBe(endAt);
    await world.postgres.as(login, (client) => client.query('select 1 from sales.orders limit 1'));

    const { store } = world.company;
    const outcome = await extensions.outcomeOf(store.admin, order.extensionId);
    expect(outcome).toMatchObject({
      kind: 'extended',
      writtenBy: 'curfew_worker',
      evidence: {
        kind: 'extension',
        requestId: it.requestId,
        extension: order.extensionId,
        target: order.target,
        role: roleOf(it.requestId),
        endAt,
        validUntilAt: endAt,
        canLogin: true,
      },
    });
    const made = (await world.company.audit(it.requestId)).find(({ kind }) => kind === 'extension.made');
    expect(made?.body).toMatchObject({ receipt: evidenceHash(outcome?.evidence as object) });
    expect(await projections.viewOf(store.admin, it.requestId)).toMatchObject({
      version: order.view.version + 1,
      state: { kind: 'active', endAt },
    });
    expect((await kindsOf(it.requestId)).filter((kind) => kind === 'extension.made')).toHaveLength(1);
  });

  test('that was asked for is made with the ticket that its approval signed', async () => {
    const it = await held();
    const order = await approved(it);
    expect(await extend(order)).toEqual({ endAt: it.endAt + hourMs });
    expect(await atTarget(it.requestId)).toMatchObject({ until: it.endAt + hourMs });
  });

  test('that nobody has to approve is made also while those are away who could', async () => {
    await world.company.applyPolicy(allowing(1));
    const it = await held();
    const order = await allowed(it);
    const owners = ['olga', 'omar', 'otto', 'ben'] as const;
    for (const handle of owners) {
      const person = world.company.id(handle);
      const away = { person, fromAt: world.company.now - 1_000, untilAt: world.company.now + hourMs };
      ok(await world.company.use.away(away));
    }
    const made = await extend(order).catch((error: unknown) => error);
    for (const handle of owners) ok(await world.company.use.back({ person: world.company.id(handle) }));
    expect(made).toEqual({ endAt: it.endAt + hourMs });
  });

  test('that was made and not recorded is found by the next attempt, and recorded once', async () => {
    const it = await held();
    const order = await allowed(it);
    const real = world.company.store.as.curfew_worker;
    const dying: Store = { ...real, transaction: () => Promise.reject(new Error('the process died here')) };
    expect(await failure(extend(order, { store: dying }))).toMatchObject({ nonRetryable: false, type: 'Unexpected' });
    expect(await storedEnd(it.requestId)).toBe(it.endAt);
    await extend(order);
    expect(await extend(order)).toEqual({ endAt: it.endAt + hourMs });
    expect(await storedEnd(it.requestId)).toBe(it.endAt + hourMs);
    expect((await kindsOf(it.requestId)).filter((kind) => kind === 'extension.made')).toHaveLength(1);
  });

  test('that an attempt made without recording it is found by the last question', async () => {
    const it = await held();
    const order = await allowed(it);
    const real = world.company.store.as.curfew_worker;
    const dying: Store = { ...real, transaction: () => Promise.reject(new Error('the process died here')) };
    await failure(extend(order, { store: dying }));
    expect(await extend({ ...order, over: 'it did not answer in time' })).toEqual({ endAt: it.endAt + hourMs });
    expect(await storedEnd(it.requestId)).toBe(it.endAt + hourMs);
  });

  test('that did not come about is recorded as failed by the last question, and the end stays', async () => {
    const it = await held();
    const order = await allowed(it);
    expect((await failure(extend({ ...order, over: 'it did not answer in time' }))).type).toBe('NotPending');
    const { store } = world.company;
    expect(await extensions.outcomeOf(store.admin, order.extensionId)).toMatchObject({
      kind: 'failed',
      cause: 'it did not answer in time',
    });
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
    const view = await projections.viewOf(store.admin, it.requestId);
    expect(view?.state).toMatchObject({ kind: 'active', endAt: it.endAt });
    expect(view && 'extension' in view.state).toBe(false);
    expect(await kindsOf(it.requestId)).toContain('extension.failed');
    // Nothing that comes late brings it about after all.
    expect((await failure(extend(order))).type).toBe('NotPending');
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
  });

  test.each([
    ['that was made', {}],
    ['that did not come about', { over: 'it did not answer in time' }],
  ])('%s is recorded in the turn of its grant, so that no end of many runs into it (I9)', async (_, more) => {
    const it = await held();
    const order = await allowed(it);
    const { admin } = world.company.store;
    let done: Promise<unknown> = Promise.resolve();
    await admin.transaction(async (tx) => {
      await tx.query(`set local lock_timeout = '500ms'`);
      await grants.takeTurns(tx, [it.requestId]);
      let isOver = false;
      done = extend({ ...order, ...more })
        .catch(() => undefined)
        .finally(() => (isOver = true));
      await eventually('it waits, or is over', async () => isOver || (await waitForTurns(admin)) > 0);
      expect(isOver).toBe(false);
      await projections.viewsToChange(tx, [it.requestId]);
      await tx.query('select from curfew.access_grant where request_id = $1 for update', [it.requestId]);
    });
    await done;
    expect((await extensions.outcomeOf(admin, order.extensionId))?.kind).toBe('over' in more ? 'failed' : 'extended');
  });
});

/** Each is done to an extension that was approved in order. */
const refusals: readonly {
  readonly what: string;
  readonly code: string;
  readonly alarm?: true;
  readonly happens: (it: Held, order: Order) => unknown;
}[] = [
  {
    what: 'an approver who has left',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('omar', { state: 'left' }),
  },
  {
    what: 'an approver who turned out to be the holder',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('omar', { aliases: [world.company.id('ada')] }),
  },
  {
    what: 'a holder who is suspended',
    code: 'PolicyDenied',
    happens: () => world.company.change('ada', { state: 'suspended' }),
  },
  {
    what: 'a stricter policy',
    code: 'PolicyDenied',
    happens: () => world.company.applyPolicy(allowing(0, (text) => text.replace('max: 4h', 'max: 3h'))),
  },
  {
    what: 'a role that may not be held for as long any more',
    code: 'PolicyDenied',
    happens: () =>
      world.company.applyPolicy(
        allowing(0, (text) => text.replaceAll('max: 8h', 'max: 1h').replace('max: 4h', 'max: 1h')),
      ),
  },
  {
    what: 'somebody who asked for the end',
    code: 'NotPending',
    happens: (it) =>
      world.company.store.admin.query(
        `insert into curfew.revoke_intent (id, request_id, target, actor, cause) values (gen_random_uuid(), $1, $2, 'test', 'revoked')`,
        [it.requestId, ordersProd],
      ),
  },
  { what: 'a target that failed its check', code: 'TargetNotReady', happens: () => world.company.checkTargets(false) },
  {
    what: 'a later end than was shown',
    code: 'StaleView',
    alarm: true,
    happens: (_, { extensionId }) =>
      world.company.store.admin.query(
        `update curfew.extension set end_at = end_at + interval '1 minute' where id = $1`,
        [extensionId],
      ),
  },
  {
    what: 'a forged ticket',
    code: 'TargetRejected',
    alarm: true,
    happens: (_, { extensionId }) =>
      world.company.store.admin.query(
        `update curfew.extension_ticket set ticket = sha256('forged') where extension_id = $1`,
        [extensionId],
      ),
  },
  {
    what: 'no ticket',
    code: 'NotPending',
    happens: (_, { extensionId }) =>
      world.company.store.admin.query('delete from curfew.extension_ticket where extension_id = $1', [extensionId]),
  },
  {
    what: 'nobody’s approval, whatever ticket there is',
    code: 'ApproverNotEligible',
    happens: (_, { extensionId }) =>
      world.company.store.admin.query('delete from curfew.extension_decision where extension_id = $1', [extensionId]),
  },
  {
    what: 'an end that was revoked on the target',
    code: 'TargetRejected',
    happens: (it) => world.sample.worker.revokeMany([it.requestId]),
  },
];

describe('no extension', () => {
  test.each(refusals)('with $what ($code)', async ({ code, alarm, happens }) => {
    const it = await held();
    const order = await approved(it);
    const ends = await atTarget(it.requestId);
    await happens(it, order);
    expect(await failure(extend(order))).toMatchObject({ type: code, nonRetryable: true });
    const now = await atTarget(it.requestId);
    if (code !== 'TargetRejected' || alarm) expect(now).toEqual(ends);
    expect(await storedEnd(it.requestId)).toBe(it.endAt);
    expect(await extensions.outcomeOf(world.company.store.admin, order.extensionId)).toBeUndefined();
    const raised = (await alarms.open(world.company.store.admin)).some(({ subject }) => subject === it.requestId);
    expect(raised).toBe(alarm ?? false);
  });

  test('by itself beyond the allowance of the plan, whatever a row says (I7)', async () => {
    const it = await held();
    const order = await approved(it);
    await world.company.store.admin.query(`update curfew.extension set kind = 'automatic' where id = $1`, [
      order.extensionId,
    ]);
    expect((await failure(extend(order))).type).toBe('PolicyDenied');
    expect(await storedEnd(it.requestId)).toBe(it.endAt);
  });

  test('by itself where the policy wants more people by now than have approved it, whatever a row says (I7)', async () => {
    await world.company.applyPolicy(allowing(1));
    const it = await held();
    await world.company.applyPolicy(allowing(1, (text) => text.replace('need: 1', 'need: 2')));
    const { extensionId, kind } = await askFor(it, { byMs: hourMs, reason: 'not done yet' });
    expect(kind).toBe('asked');
    for (const by of ['omar', 'otto'] as const) ok((await decide(extensionId, by)) as object);
    await world.company.store.admin.query(`update curfew.extension set kind = 'automatic' where id = $1`, [
      extensionId,
    ]);
    expect((await failure(extend(orderOf(it.requestId, extensionId)))).type).toBe('PolicyDenied');
  });

  test('past what the template allows from the grant on, even with a good ticket and a lax policy', async () => {
    await world.company.applyPolicy(
      allowing(1, (text) =>
        text
          .replace('read: { template: orders_read, max: 8h }', 'read: { template: orders_read, max: 48h }')
          .replace('limits: { max: 4h', 'limits: { max: 48h'),
      ),
    );
    const it = await held();
    const order = await allowed(it, 30 * hourMs);
    const thrown = await failure(extend(order));
    expect(thrown).toMatchObject({ type: 'TargetRejected', nonRetryable: true });
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
  });

  test('by an attempt that wakes up after its deadline (F3)', async () => {
    const it = await held();
    const order = await allowed(it);
    expect(await failure(extend(order, {}, { startToCloseTimeoutMs: 1_000 }))).toMatchObject({
      type: 'TargetRejected',
    });
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
  });

  test('without the store: not known is no (I18)', async () => {
    const it = await held();
    const order = await allowed(it);
    const lost = world.company.store.open('curfew_worker', { url: 'postgres://curfew_worker:x@127.0.0.1:1/curfew' });
    expect(await failure(extend(order, { store: lost }))).toMatchObject({ type: 'NotRecorded', nonRetryable: false });
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
  });

  test('by a store that came back from a backup: what it holds as live may be revoked', async () => {
    const it = await held();
    const order = await allowed(it);
    const { store } = world.company;
    await store.admin.query(
      `insert into curfew.alarm (key, code, subject, detail) values ('store-behind/main', 'store-behind', 'main', 'it came back')`,
    );
    const refused = await failure(extend(order));
    await store.admin.query(`update curfew.alarm set resolved_at = now() where code = 'store-behind'`);
    expect(refused).toMatchObject({ type: 'TargetNotReady', message: expect.stringContaining('curfew recover') });
    expect(calls().filter((call) => call === 'extend')).toEqual([]);
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
  });

  test('of a condition that is over or not known (I18)', async () => {
    await world.company.applyPolicy(withRule('extend: 1,', 'until: ticket,'));
    const it = await world.claimed({ ticket: 'INC-12' });
    const { endAt } = await world.run(world.activities().grant, it);
    world.company.temporal.happens(it.requestId, { kind: 'granted', endAt });
    const order = await allowed({ ...it, endAt });
    for (const [state, code] of [
      ['over', 'PolicyDenied'],
      ['unknown', 'NotRecorded'],
    ] as const) {
      const thrown = await failure(extend(order, { conditions: () => Promise.resolve(state) }));
      expect(thrown).toMatchObject({ type: code, nonRetryable: state === 'over' });
    }
    expect(await atTarget(it.requestId)).toEqual({ until: endAt, valid: endAt });
    expect(await extend(order)).toEqual({ endAt: endAt + hourMs });
  });

  test('of a grant that is over', async () => {
    const it = await held();
    const order = await allowed(it);
    expect((await failure(extend(order, { clock: () => it.endAt }))).type).toBe('NotPending');
    expect(await atTarget(it.requestId)).toEqual({ until: it.endAt, valid: it.endAt });
  });
});

test('the end of a grant ends the extension that nothing has come of', async () => {
  const it = await held();
  const order = await allowed(it);
  const view: RequestView = after(order.view, { kind: 'ended', cause: 'by the test' });
  await world.run(world.activities().revoke, { requestId: it.requestId, target: ordersProd, view });
  expect(await extensions.outcomeOf(world.company.store.admin, order.extensionId)).toMatchObject({
    kind: 'failed',
    cause: 'the grant has ended',
  });
  expect((await failure(extend(order))).type).toBe('NotPending');
  expect(await world.canLogin(it.requestId)).toBe(false);
});

const secretsOf = async (id: RequestId): Promise<{ verifier: string }> => {
  const [row] = await world.company.store.admin.query<{ verifier: string }>(
    'select verifier from curfew.claim where request_id = $1',
    [id],
  );
  if (!row) throw new Error('no claim');
  return row;
};

const withRule = (limits: string, until = '') =>
  policyText((text) => text.replace('limits: { max: 4h,', `${until} limits: { max: 4h, ${limits}`));

describe('a grant of a plan with hours, a start or a condition', () => {
  const all = '{ days: mon-sun, from: "00:00", to: "24:00", zone: UTC }';

  test('is made for as long as its condition is known to hold, and else not (I18)', async () => {
    await world.company.applyPolicy(withRule('', 'until: ticket,'));
    const it = await world.claimed({ ticket: 'INC-12' });
    const asked: string[] = [];
    const says = (state: 'over' | 'unknown' | 'holds') => (condition: { readonly key: string }) => {
      asked.push(condition.key);
      return Promise.resolve(state);
    };
    expect(await failure(world.run(world.activities({ conditions: says('over') }).grant, it))).toMatchObject({
      type: 'PolicyDenied',
      nonRetryable: true,
    });
    expect(await failure(world.run(world.activities({ conditions: says('unknown') }).grant, it))).toMatchObject({
      type: 'NotRecorded',
      nonRetryable: false,
    });
    expect(await world.canLogin(it.requestId)).toBeUndefined();
    expect(await world.run(world.activities({ conditions: says('holds') }).grant, it)).toEqual({ endAt: it.endAt });
    expect(asked).toEqual(['INC-12', 'INC-12', 'INC-12']);
  });

  test('is made within the hours that were approved, and else refused: outside of them, and past their end', async () => {
    await world.company.applyPolicy(withRule(`windows: [${all}],`));
    const it = await world.claimed();
    expect(await world.run(world.activities().grant, it)).toEqual({ endAt: it.endAt });

    const office: Window = { days: ['mon'], fromMinute: 480, toMinute: 1_080, zone: 'Europe/Berlin' };
    const monday = Date.parse('2026-11-23T10:00:00+01:00');
    const closesAt = Date.parse('2026-11-23T18:00:00+01:00');
    expect(withinWindows([office], closesAt, monday)).toBeUndefined();
    expect(withinWindows(undefined, closesAt + 1, monday)).toBeUndefined();
    expect(withinWindows([office], closesAt + 1, monday)).toMatchObject({ code: 'PolicyDenied' });
    expect(withinWindows([office], closesAt, closesAt)).toMatchObject({ code: 'PolicyDenied' });
    expect(withinWindows([office], monday, monday - 3 * hourMs)).toMatchObject({ code: 'PolicyDenied' });
  });

  test('is refused before its start', async () => {
    const startAt = Date.now() + 30 * minuteMs;
    const { requestId } = ok(
      await world.company.use.open({
        person: world.company.id('ada'),
        kind: 'access',
        target: 'orders-prod',
        role: 'read',
        durationMs: hourMs,
        reason: 'a planned change',
        key: `start-${startAt}`,
        startAt,
      }),
    );
    ok(await click(world.company, requestId, 'olga'));
    world.company.now = startAt;
    const { code } = ok(await world.company.use.mintCode({ requestId, person: world.company.id('ada') }));
    const { verifier } = await secretsOf((await world.claimed()).requestId);
    world.company.now = startAt;
    // The API's clock runs ahead by half an hour, and it alone has heard of the claim.
    world.company.temporal.dead = true;
    ok(await world.company.use.claim({ code, verifier, address: '192.0.2.7' }));
    world.company.temporal.dead = false;
    const [{ id } = {}] = await world.company.store.admin.query<{ id: never }>(
      'select credential_id as id from curfew.claim where request_id = $1',
      [requestId],
    );
    const order = {
      requestId,
      target: ordersProd,
      credentialId: id as never,
      view: world.company.temporal.view(requestId),
    };
    const thrown = await failure(world.run(world.activities().grant, order));
    expect(thrown).toMatchObject({ type: 'NotPending', message: expect.stringContaining('not come yet') as string });
  });
});
