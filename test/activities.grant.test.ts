import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { roleOf } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as grants from '../store/grants.ts';
import * as projections from '../store/projections.ts';
import type { Store } from '../store/pool.ts';
import { acceptStore } from '../targets/postgres/accept-store.ts';
import { click, ok, opened, policyText, type Handle } from './support/company.ts';
import { startGranting, type Claimed, type Granting } from './support/granting.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
});
afterAll(() => world.end());
beforeEach(async () => {
  await world.company.restore();
  await world.check();
  world.statements.length = 0;
});

const grant = (it: Claimed, more: Parameters<Granting['activities']>[0] = {}, info = {}): Promise<{ endAt: number }> =>
  world.run(world.activities(more).grant, it, info);

const failure = async (work: Promise<unknown>): Promise<ApplicationFailure> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ApplicationFailure)) throw new Error('it was granted', { cause: thrown });
  return thrown;
};
const calls = (): readonly string[] =>
  world.statements.filter(({ purpose }) => purpose === 'call').map(({ call }) => call);
const kindsOf = async (it: Claimed): Promise<readonly string[]> =>
  (await world.company.audit(it.requestId)).map(({ kind }) => kind);

describe('a grant', () => {
  test('is one call; then the login works, and receipt, entry and view are there', async () => {
    const it = await world.claimed();
    expect(await grant(it)).toEqual({ endAt: it.endAt });
    expect(calls()).toEqual(['grant', 'verify']);

    const role = roleOf(it.requestId);
    const login = { user: role, password: it.password, database: 'orders' };
    const counted = await world.postgres.as(login, (client) =>
      client.query('select count(*)::int as n from sales.orders'),
    );
    expect(counted.rows).toEqual([{ n: 500 }]);

    const { store } = world.company;
    const { grant: receipt } = await grants.receipts(store.admin, it.requestId);
    expect(receipt).toMatchObject({ role, template: 'orders_read', endAt: it.endAt, canLogin: true, memberships: 1 });
    expect(receipt?.readAt).toBeGreaterThanOrEqual(receipt?.grantedAt ?? Infinity);
    expect(await projections.viewOf(store.admin, it.requestId)).toEqual({
      ...it.view,
      version: it.view.version + 1,
      state: { kind: 'active', approvals: expect.any(Array) as unknown, endAt: it.endAt },
    });
    const made = (await world.company.audit(it.requestId)).filter(({ kind }) => kind === 'grant.made');
    expect(made.map(({ body }) => body)).toMatchObject([{ cluster: world.cluster.target.name }]);
  });

  test('that was made and not recorded is found again by the next attempt, and recorded once', async () => {
    const it = await world.claimed();
    const real = world.company.store.as.curfew_worker;
    const dying: Store = { ...real, transaction: () => Promise.reject(new Error('the process died here')) };
    const first = await failure(grant(it, { store: dying }));
    expect(first).toMatchObject({ nonRetryable: false, type: 'Unexpected' });
    expect(first.message).not.toContain('died');
    expect(await world.canLogin(it.requestId)).toBe(true);

    await grant(it);
    expect(await grant(it)).toEqual({ endAt: it.endAt });
    // Recorded, and its answer lost until it was over: still the grant that it was, and no failure.
    expect(await grant(it, { clock: () => it.endAt + 1 })).toEqual({ endAt: it.endAt });
    expect((await kindsOf(it)).filter((kind) => kind === 'grant.made')).toHaveLength(1);
    const [{ count } = {}] = await world.postgres.query<{ count: number }>(
      'control',
      `select count(*)::int from pg_roles where rolname = $1`,
      [roleOf(it.requestId)],
    );
    expect(count).toBe(1);
  });
});

const untilOf = async (it: Claimed) =>
  (await world.cluster.target.listLive()).find(({ grantId }) => grantId === it.requestId);
const claimedAt = async ({ requestId }: Claimed): Promise<number> => {
  const [row] = await world.company.store.admin.query<{ at: number }>(
    'select accepted_at as at from curfew.claim where request_id = $1',
    [requestId],
  );
  return row?.at ?? 0;
};

describe('a grant with a grace', () => {
  test.each([
    ['5m', 300_000, hourMs],
    ['1h', 3_600_000, hourMs],
    ['5m', 300_000, 4 * minuteMs],
  ])(
    'of %s lets nobody log in any more before the end, and never for less than half of the time',
    async (_, graceMs, durationMs) => {
      const grace = graceMs === 300_000 ? '5m' : '1h';
      await world.company.applyPolicy(
        policyText((text) => text.replace('limits: { max: 4h,', `limits: { max: 4h, grace: ${grace},`)),
      );
      const it = await world.claimed({ durationMs });
      expect(await grant(it)).toEqual({ endAt: it.endAt });
      const live = await untilOf(it);
      expect(live).toMatchObject({ state: 'active', canLogin: true, endAt: it.endAt });
      const heldMs = it.endAt - (await claimedAt(it));
      expect(live?.graceMs).toBe(Math.min(graceMs, Math.floor(heldMs / 2)));
      expect(live?.validUntilAt).toBe(it.endAt - (live?.graceMs ?? 0));
      // Said again, it is the same call.
      const dying: Store = {
        ...world.company.store.as.curfew_worker,
        transaction: () => Promise.reject(new Error('the process died here')),
      };
      const again = await world.claimed({ durationMs });
      await failure(grant(again, { store: dying }));
      expect(await grant(again)).toEqual({ endAt: again.endAt });
    },
  );
});

describe('a store that is behind what the target has seen of it', () => {
  afterEach(() => acceptStore(world.postgres.admin, 'control', 0));

  test('grants nothing', async () => {
    const it = await world.claimed();
    await world.sample.reaper.markStore(1_000_000);
    const refused = await failure(grant(it));
    expect(refused.type).toBe('TargetNotReady');
    expect(refused.message).toContain('curfew recover');
    expect(await world.canLogin(it.requestId)).toBeUndefined();
  });

  test('only in the moment between reading and calling, is asked again', async () => {
    const it = await world.claimed();
    const { admin } = world.company.store;
    const [row] = await admin.query<{ id: number }>('select audit.newest() as id');
    const real = world.company.store.as.curfew_worker;
    let reads = 0;
    const store: Store = {
      ...real,
      query: async <Row>(text: string, values?: readonly unknown[]) => {
        const rows = await real.query<Row>(text, values);
        if (!text.includes('audit.newest') || (reads += 1) > 1) return rows;
        await world.sample.reaper.markStore(row?.id ?? 0);
        return rows.map((seen) => ({ ...seen, newest: (row?.id ?? 0) - 1 }));
      },
    };
    expect(await grant(it, { store })).toEqual({ endAt: it.endAt });
    expect(reads).toBe(2);
  });
});

/** Each is done to a request that was approved and claimed in order. */
const refusals: readonly {
  readonly what: string;
  readonly code: string;
  readonly retry?: true;
  readonly alarm?: true;
  readonly happens: (it: Claimed) => Promise<unknown> | void;
}[] = [
  {
    what: 'an approver who has left',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('olga', { state: 'left' }),
  },
  {
    what: 'an approver who is suspended',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('olga', { state: 'suspended' }),
  },
  {
    what: 'an approver who left the group',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('olga', { groups: [] }),
  },
  {
    what: 'an approver who turned out to be the requester',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('olga', { aliases: [world.company.id('ada')] }),
  },
  {
    what: 'an approver whom the requester put into the group',
    code: 'ApproverNotEligible',
    happens: () => world.company.change('olga', { groups: [{ name: 'owners', by: world.company.id('ada') }] }),
  },
  {
    what: 'a decision that is void',
    code: 'ApproverNotEligible',
    happens: (it) =>
      world.company.store.admin.query(
        `insert into curfew.decision_void (decision_id, cause, actor) select id, 'test', 'test' from curfew.decision where request_id = $1`,
        [it.requestId],
      ),
  },
  {
    what: 'a requester who is suspended',
    code: 'PolicyDenied',
    happens: () => world.company.change('ada', { state: 'suspended' }),
  },
  {
    what: 'a requester who may not ask any more',
    code: 'PolicyDenied',
    happens: () => world.company.change('ada', { groups: [] }),
  },
  {
    what: 'a stricter policy',
    code: 'PolicyDenied',
    happens: () =>
      world.company.applyPolicy(policyText((text) => text.replace('limits: { max: 4h,', 'limits: { max: 3h,'))),
  },
  {
    what: 'a policy that cannot be read',
    code: 'PolicyDenied',
    happens: () => world.company.applyPolicy('version: 1\ntargets: nonsense'),
  },
  { what: 'somebody who asked for its end', code: 'NotPending', happens: (it) => askForItsEnd(it) },
  { what: 'a target that failed its check', code: 'TargetNotReady', happens: () => world.company.checkTargets(false) },
  {
    what: 'a check that says nothing of its cluster',
    code: 'TargetNotReady',
    happens: () => world.company.checkTargets(),
  },
  {
    what: 'a check that is older than a week',
    code: 'TargetNotReady',
    happens: () =>
      world.company.store.admin.query(`update curfew.target_check set checked_at = now() - interval '8 days'`),
  },
  {
    what: 'another cluster than the one that was checked (a restore, a failover)',
    code: 'TargetNotReady',
    happens: () =>
      world.company.store.admin.query(
        `update curfew.target_check set result = jsonb_set(result, '{timeline}', '7') where target = 'orders-prod'`,
      ),
  },
  {
    what: 'a row that is not what was shown',
    code: 'StaleView',
    alarm: true,
    happens: (it) =>
      world.company.store.admin.query('update curfew.request set duration_ms = duration_ms + 1000 where id = $1', [
        it.requestId,
      ]),
  },
  {
    what: 'a claim for longer than approved',
    code: 'PolicyDenied',
    happens: (it) =>
      world.company.store.admin.query(
        `update curfew.claim set end_at = end_at + interval '1 hour' where request_id = $1`,
        [it.requestId],
      ),
  },
  {
    what: 'a forged ticket',
    code: 'TargetRejected',
    alarm: true,
    happens: (it) =>
      world.company.store.admin.query(`update curfew.claim set ticket = sha256('forged') where request_id = $1`, [
        it.requestId,
      ]),
  },
  {
    what: 'a verifier that was exchanged',
    code: 'TargetRejected',
    alarm: true,
    happens: (it) =>
      world.company.store.admin.query(
        `update curfew.claim set verifier = (select verifier from curfew.claim where request_id <> $1 limit 1) where request_id = $1`,
        [it.requestId],
      ),
  },
];

const askForItsEnd = (it: Claimed): Promise<unknown> =>
  world.company.store.admin.query(
    `insert into curfew.revoke_intent (id, request_id, target, actor, cause) values (gen_random_uuid(), $1, $2, 'test', 'revoked')`,
    [it.requestId, it.target],
  );

describe('no grant', () => {
  test.each(refusals)('with $what ($code)', async ({ code, alarm, happens }) => {
    const it = await world.claimed();
    await happens(it);
    const thrown = await failure(grant(it));
    expect(thrown).toMatchObject({ type: code, nonRetryable: true });
    expect(await world.canLogin(it.requestId)).toBeUndefined();
    expect(await grants.receipts(world.company.store.admin, it.requestId)).toEqual({});
    const raised = (await alarms.open(world.company.store.admin)).some(({ subject }) => subject === it.requestId);
    expect(raised).toBe(alarm ?? false);
  });

  test('with fewer approvals than the plan takes, whatever the Workflow says', async () => {
    const { requestId } = await opened(world.company, { role: 'write' });
    ok(await click(world.company, requestId, 'olga' satisfies Handle));
    const other = await world.claimed();
    const thrown = await failure(grant({ ...other, requestId }));
    expect(thrown.type).toBe('NotPending');
    await world.company.store.admin.query(
      `insert into curfew.claim (request_id, credential_id, verifier, ticket, ticket_key, end_at, accepted_at)
       select $1, gen_random_uuid(), verifier, ticket, ticket_key, end_at, accepted_at from curfew.claim where request_id = $2`,
      [requestId, other.requestId],
    );
    const [{ id } = {}] = await world.company.store.admin.query<{ id: never }>(
      'select credential_id as id from curfew.claim where request_id = $1',
      [requestId],
    );
    if (!id) throw new Error('no claim');
    expect((await failure(grant({ ...other, requestId, credentialId: id }))).type).toBe('ApproverNotEligible');
    expect(await world.canLogin(requestId)).toBeUndefined();
  });

  test('for another claim than the accepted one, a target that is not served, a request that nobody made', async () => {
    const it = await world.claimed();
    const other = await world.claimed();
    expect((await failure(grant({ ...it, credentialId: other.credentialId }))).type).toBe('NotPending');
    expect((await failure(grant({ ...it, target: 'models-prod' as never }))).type).toBe('UnknownTarget');
    expect((await failure(grant({ ...it, requestId: other.credentialId as never }))).type).toBe('UnknownRequest');
    expect(await world.canLogin(it.requestId)).toBeUndefined();
  });

  test('without the store: not known is no (I18), and it is tried again', async () => {
    const it = await world.claimed();
    const lost = world.company.store.open('curfew_worker', { url: 'postgres://curfew_worker:x@127.0.0.1:1/curfew' });
    expect(await failure(grant(it, { store: lost }))).toMatchObject({ type: 'NotRecorded', nonRetryable: false });
    expect(calls()).toEqual([]);
  });

  test('by an attempt that wakes up after its deadline (F3)', async () => {
    const it = await world.claimed();
    expect(await failure(grant(it, {}, { startToCloseTimeoutMs: 1_000 }))).toMatchObject({
      type: 'TargetRejected',
      nonRetryable: true,
    });
    expect(await world.canLogin(it.requestId)).toBeUndefined();
  });

  test('after its time is over', async () => {
    const it = await world.claimed();
    expect((await failure(grant(it, { clock: () => it.endAt + 1 }))).type).toBe('NotPending');
    expect((await failure(grant(it, { clock: () => Date.now() + 8 * dayMs }))).type).toBe('NotPending');
  });

  test('once it was revoked: the tombstone holds, whoever asks again (I4)', async () => {
    const it = await world.claimed();
    await world.sample.worker.revokeMany([it.requestId]);
    expect((await failure(grant(it))).type).toBe('TargetRejected');
    expect(await world.canLogin(it.requestId)).toBeUndefined();
    const refusal = (await world.company.audit(it.requestId)).at(-1);
    expect(refusal).toMatchObject({
      kind: 'grant.refused',
      login: 'curfew_worker',
      body: { code: 'TargetRejected', sqlstate: 'CF001' },
    });
    expect((await alarms.open(world.company.store.admin)).some(({ subject }) => subject === it.requestId)).toBe(false);
  });

  describe('where the server lets the login in without a password (P1)', () => {
    let trusting: Server;
    beforeAll(async () => {
      // AuthenticationOk (protocol 3.0): come in, whoever you are.
      trusting = createServer((socket) =>
        socket.once('data', () => socket.end(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]))),
      );
      trusting.listen(0, '127.0.0.1');
      await once(trusting, 'listening');
    });
    afterAll(() => trusting.close());

    test('nothing is sent to it', async () => {
      const it = await world.claimed();
      const nodes = [
        ...world.cluster.nodes,
        { name: 'standby', host: '127.0.0.1', port: (trusting.address() as AddressInfo).port },
      ];
      expect(await failure(grant(it, { cluster: { ...world.cluster, nodes } }))).toMatchObject({
        type: 'TargetNotReady',
        nonRetryable: true,
      });
      expect(calls()).toEqual([]);
    });
  });
});

test('no failure repeats a verifier, a ticket or a password (I12)', async () => {
  const it = await world.claimed();
  const { store } = world.company;
  const [secret] = await store.admin.query<{ verifier: string; ticket: Buffer }>(
    'select verifier, ticket from curfew.claim where request_id = $1',
    [it.requestId],
  );
  await store.admin.query(`update curfew.claim set ticket = sha256('forged') where request_id = $1`, [it.requestId]);
  const thrown = await failure(grant(it));
  const shown = JSON.stringify([thrown.message, thrown.stack, thrown.cause, await alarms.open(store.admin)]);
  expect(shown).not.toContain(secret?.verifier);
  expect(shown).not.toContain('SCRAM');
  expect(shown).not.toContain(it.password);
});
