/**
 * Each contradiction between the store and a target is planted here, on a real store and a real target without a
 * reaper: it is found by its kind, acted upon, told once, and gone again when it is gone.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { currentPolicy } from '../activities/current-policy.ts';
import { createReconcileTarget, type Reconciled } from '../activities/reconcile-targets.ts';
import { roleOf, type RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as findings from '../store/findings.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import * as projections from '../store/projections.ts';
import * as checks from '../store/target-checks.ts';
import { openCatalogs, type Catalogs } from '../targets/postgres/catalogs.ts';
import { makeTicket } from '../targets/postgres/ticket.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { toRow } from '../temporal/messages.ts';
import { ticketKey } from './support/company.ts';
import { after, ordersProd, quiet, startGranting, type Claimed, type Granting } from './support/granting.ts';
import { workerPassword } from './support/target.ts';

let world: Granting;
let catalogs: Catalogs;
beforeAll(async () => {
  world = await startGranting();
  catalogs = openCatalogs({
    name: 'orders-prod',
    controlDatabase: 'control',
    nodes: [{ name: 'primary', host: world.postgres.host, port: world.postgres.port }],
    user: 'curfew_worker',
    password: workerPassword,
    applicationName: 'curfew-reconciler',
  });
});
afterAll(async () => {
  await catalogs?.close();
  await world?.end();
});

/** Undoes what a test did to the world, whatever became of it. */
const mends: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  await world.company.restore();
  await accepted();
});
afterEach(async () => {
  for (const mend of mends.splice(0).toReversed()) await mend();
  for (const { requestId } of await grants.live(admin())) {
    await world.cluster.revoker.end(requestId);
    await admin().query('update curfew.access_grant set ended_at = clock_timestamp() where request_id = $1', [
      requestId,
    ]);
  }
  await control(`update curfew.ledger set revoked_at = revoked_at - interval '5 minutes' where state = 'revoked'`);
  // What a superuser granted is a superuser's to take back (P20).
  await control(`do $$ declare m record; begin
    for m in select r.rolname as template, u.rolname as member from pg_auth_members a join pg_roles r on r.oid = a.roleid
      join pg_roles u on u.oid = a.member where u.rolname ~ '^cfw_'
    loop execute format('revoke %I from %I', m.template, m.member); end loop; end $$`);
  await admin().query('update curfew.finding set gone_at = clock_timestamp() where gone_at is null');
});

/** An operator looked at the target and took it as it is. */
async function accepted(): Promise<void> {
  await world.check();
  await checked(true, (await checks.latest(admin(), ordersProd))?.result as object);
}
const checked = (ok: boolean, result: object) =>
  world.company.store.as.curfew_admin.transaction((tx) =>
    checks.insert(tx, { target: ordersProd, ok, result }, 'curfew_admin'),
  );

const admin = () => world.company.store.admin;
const worker = () => world.company.store.as.curfew_worker;
const control = (text: string, values: readonly unknown[] = []) => world.postgres.query('control', text, values);

type Options = { readonly aheadMs?: number; readonly cluster?: Partial<Reconciled> };

/** One look. @returns the open findings, as `kind subject` */
async function look({ aheadMs = 0, cluster = {} }: Options = {}): Promise<readonly string[]> {
  const reconcile = createReconcileTarget({
    store: worker(),
    policyOf: currentPolicy(),
    clock: () => Date.now() + aheadMs,
    log: quiet,
    revoke: ({ requestId, ...input }) => toRow({ kind: 'revoke', payload: { requestId, input } }),
  });
  await reconcile({ ...world.cluster, targets: [ordersProd], catalogs, ...cluster });
  return (await findings.open(admin())).map(({ kind, subject }) => `${kind} ${subject}`);
}

async function held(): Promise<Claimed> {
  const it = await world.claimed();
  await world.run(world.activities().grant, it);
  return it;
}
const ended = async (): Promise<Claimed> => {
  const it = await held();
  const view = after(after(it.view, { kind: 'granted', endAt: it.endAt }), { kind: 'expired' });
  await world.run(world.activities().revoke, { requestId: it.requestId, target: it.target, view });
  return it;
};
/** As if it had been ended a while ago. */
const longAgo = (it: Claimed) =>
  control(`update curfew.ledger set revoked_at = clock_timestamp() - interval '2 minutes' where grant_id = $1`, [
    it.requestId,
  ]);
const askedFor = async (id: RequestId): Promise<boolean> => (await intents.ofRequest(admin(), id)).length > 0;
const ledgerOf = async (id: string) =>
  (await control('select state from curfew.ledger where grant_id = $1', [id]))[0] as { state: string } | undefined;

/** A login that the target's own function made, with the API's ticket, and that nobody recorded. */
async function grantOf(grantId: string): Promise<void> {
  const endAt = Date.now() + 600_000;
  const password = randomBytes(24).toString('base64url');
  const fields = {
    grantId,
    personId: randomUUID(),
    template: 'orders_read',
    verifier: makeVerifier(password),
    endAt,
  };
  await world.cluster.target.grant({
    ...fields,
    attemptDeadlineAt: Date.now() + 30_000,
    keyId: 'k1',
    ticket: makeTicket({ key: ticketKey, op: 'grant', ...fields }),
    graceMs: 0,
    storeIndex: 1_000_000_000,
  });
}

/** What the last check saw. */
const asItIs = async () => (await checks.latest(admin(), ordersProd))?.result as object;

const away = () => Promise.reject(new Error('ECONNREFUSED password=canary'));

/** Alarms about strangers. */
const raised = async () => (await alarms.open(admin())).filter(({ code }) => code === 'stranger').map(({ key }) => key);

test('of a company in which all is well nothing is found', async () => {
  await held();
  await ended();
  expect(await look({ aheadMs: 10_000 })).toEqual([]);
});

describe('a grant that its target has and the store has not is disabled, and never adopted (I19)', () => {
  test('where the store has no such request', async () => {
    const grantId = randomUUID();
    await grantOf(grantId);
    expect(await look()).toEqual([`surplus-grant ${grantId}`]);
    expect(await world.canLogin(grantId as RequestId)).toBe(false);
    expect(await ledgerOf(grantId)).toEqual({ state: 'revoked' });
    expect(await look()).toEqual([]);
  });

  test('where nobody claimed it, and where its grant was not recorded in two minutes', async () => {
    const it = await world.claimed();
    await grantOf(it.requestId);
    expect(await look()).toEqual([]);
    expect(await look({ aheadMs: 3 * minuteMs })).toEqual([`surplus-grant ${it.requestId}`]);
    expect(await world.canLogin(it.requestId)).toBe(false);
  });

  test('where a failover or a restore brought back to life what had ended, with its login (F23 F25, P10)', async () => {
    const it = await ended();
    const role = roleOf(it.requestId);
    await control(
      `update curfew.ledger set state = 'active', revoked_at = null, revoked_by = null, disabled_at = null where grant_id = $1`,
      [it.requestId],
    );
    await control(
      `alter role ${role} login valid until '${new Date(it.endAt).toISOString()}'; grant orders_read to ${role}`,
    );
    expect(await look({ aheadMs: 10_000 })).toContain(`surplus-grant ${it.requestId}`);
    expect(await world.canLogin(it.requestId)).toBe(false);
    expect(await ledgerOf(it.requestId)).toEqual({ state: 'revoked' });
    expect(await askedFor(it.requestId)).toBe(true);
  });
});

test('a grant that only the store has is told to its Workflow, and else verified, recorded and closed after three minutes', async () => {
  const it = await held();
  await control('select curfew.revoke($1)', [it.requestId]);
  expect(await look()).toEqual([]);
  await longAgo(it);
  expect(await look()).toEqual([`gone-grant ${it.requestId}`]);
  expect(await world.company.outbox()).toContainEqual({ kind: 'revoke', done: false });
  expect((await grants.byId(admin(), it.requestId))?.endedAt).toBeNull();

  expect(await look({ aheadMs: 4 * minuteMs })).toEqual([`gone-grant ${it.requestId}`]);
  expect((await grants.receipts(admin(), it.requestId)).revoke?.nodes).toMatchObject([
    { ended: true, sessionsLeft: 0 },
  ]);
  expect((await projections.viewOf(admin(), it.requestId))?.state).toMatchObject({ kind: 'closed', outcome: 'failed' });
  const kinds = (await world.company.audit(it.requestId)).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'grant.ended')).toHaveLength(1);
  expect(kinds).not.toContain('grant.failed');
  expect(await look()).toEqual([]);
});

test('what is past its end for half a minute and still there is ended (I2)', async () => {
  const it = await held();
  await control(`update curfew.ledger set until = clock_timestamp() - interval '20 seconds' where grant_id = $1`, [
    it.requestId,
  ]);
  expect(await look()).not.toContain(`past-end ${it.requestId}`);
  mends.push(() => control('select curfew.revoke($1)', [it.requestId]));
  const again = await held();
  await control(`update curfew.ledger set until = clock_timestamp() - interval '40 seconds' where grant_id = $1`, [
    again.requestId,
  ]);
  expect(await look()).toContain(`past-end ${again.requestId}`);
  expect(await world.canLogin(again.requestId)).toBe(false);
});

test('a session that outlived its grant is closed', async () => {
  const it = await held();
  const login = { user: roleOf(it.requestId), password: it.password, database: 'orders' };
  await world.postgres.as(login, async (client) => {
    const lost = new Promise((resolve) => client.on('error', resolve));
    await control(`alter role ${roleOf(it.requestId)} nologin`);
    await control(
      `update curfew.ledger set state = 'revoked', revoked_at = clock_timestamp() - interval '1 minute' where grant_id = $1`,
      [it.requestId],
    );
    expect(await look()).toContain(`session-after-end ${it.requestId}`);
    await lost;
  });
});

describe('what somebody did to a role by hand is met, and the grant ended (F31, I19)', () => {
  const done: Readonly<Record<string, readonly [string, (role: string) => string]>> = {
    disabled: ['login-gone', (role) => `alter role ${role} nologin`],
    renamed: ['login-gone', (role) => `alter role ${role} rename to innocent`],
    dropped: ['login-gone', (role) => `drop role ${role}`],
    'made to last for ever': ['role-altered', (role) => `alter role ${role} valid until 'infinity'`],
    'given another template': ['other-membership', (role) => `grant orders_write to ${role}`],
    'given its own template by another grantor': ['other-membership', (role) => `grant orders_read to ${role}`],
    'passed on to another role': ['member-of-grant', (role) => `create role mallory; grant ${role} to mallory`],
  };
  test.each(Object.entries(done))('%s', async (_name, [kind, text]) => {
    const it = await held();
    const role = roleOf(it.requestId);
    mends.push(() => control('drop role if exists mallory').then(() => control('drop role if exists innocent')));
    await control(text(role));
    const subject = kind === 'member-of-grant' ? role : it.requestId;
    expect(await look()).toContain(`${kind} ${subject}`);
    expect(await world.canLogin(it.requestId)).not.toBe(true);
    expect(await ledgerOf(it.requestId)).toEqual({ state: 'revoked' });
    expect(await askedFor(it.requestId)).toBe(true);
  });

  test('enabled again after its end', async () => {
    const it = await ended();
    await longAgo(it);
    await control(`alter role ${roleOf(it.requestId)} login`);
    expect(await look()).toEqual([`login-back ${it.requestId}`]);
    expect(await world.canLogin(it.requestId)).toBe(false);
    expect(await look()).toEqual([]);
  });

  test('made a member of something after its end', async () => {
    const it = await ended();
    await longAgo(it);
    await control(`grant orders_write to ${roleOf(it.requestId)}`);
    expect(await look()).toEqual([`membership-left ${it.requestId}`]);
    await control(`revoke orders_write from ${roleOf(it.requestId)}`);
  });

  test('made with the name of a grant that nobody made', async () => {
    await control('create role cfw_stranger login');
    mends.push(() => control('drop role cfw_stranger'));
    expect(await look()).toEqual(['stranger cfw_stranger']);
    expect(await askedFor(randomUUID() as RequestId)).toBe(false);
  });
});

test('two ends for one grant are found, and nothing is moved', async () => {
  const it = await held();
  await control(`update curfew.ledger set until = until + interval '1 minute' where grant_id = $1`, [it.requestId]);
  await control(`alter role ${roleOf(it.requestId)} valid until '${new Date(it.endAt + minuteMs).toISOString()}'`);
  expect(await look({ aheadMs: 3 * minuteMs })).toEqual([`ends-apart ${it.requestId}`]);
  expect(await world.canLogin(it.requestId)).toBe(true);
});

test('a template that fails its lint while it is granted is found, and only then (I15)', async () => {
  await world.postgres.query('orders', 'grant update on sales.orders to orders_read with grant option');
  mends.push(() => world.postgres.query('orders', 'revoke update on sales.orders from orders_read'));
  expect(await look()).toEqual([]);
  await held();
  expect(await look()).toEqual(['template-fails-lint orders-prod/orders_read/template-grant-option']);
});

describe('the target itself', () => {
  test('whose check failed, or is older than a week, while there are grants on it', async () => {
    await held();
    const result = await asItIs();
    await checked(false, result);
    expect(await look()).toEqual([`check-failed ${ordersProd}`]);
    await checked(true, result);
    expect(await look()).toEqual([]);
    expect(await look({ aheadMs: 8 * 24 * 60 * minuteMs })).toContain(`check-old ${ordersProd}`);
  });

  test('that is another cluster than was checked, until that is accepted (F23 F25, P10)', async () => {
    await checked(true, { ...(await asItIs()), timeline: 99 });
    expect(await look()).toEqual([`cluster-changed ${ordersProd}`]);
    await accepted();
    expect(await look()).toEqual([]);
  });

  test('whose clock is more than two seconds off (F33)', async () => {
    const target = {
      ...world.cluster.target,
      whoami: async (node: string) => ({ ...(await world.cluster.target.whoami(node)), skewMs: 2_500 }),
    };
    expect(await look({ cluster: { target } })).toEqual(['clock-apart orders-prod/primary']);
  });

  test('that cannot be read hides nothing that was open, and is not taken for empty', async () => {
    await control('create role cfw_stranger login');
    mends.push(() => control('drop role if exists cfw_stranger'));
    await look();
    await control('drop role cfw_stranger');
    const it = await held();
    const target = { ...world.cluster.target, whoami: away, listLive: away };
    const open = await look({ cluster: { target }, aheadMs: 5 * minuteMs });
    expect(open.toSorted()).toEqual(['stranger cfw_stranger', 'target-unknown orders-prod/primary']);
    expect(await world.canLogin(it.requestId)).toBe(true);
    expect(await look()).toEqual([]);
  });
});

test('a finding is told once, with an entry and an alarm, and once more when it is gone (I11)', async () => {
  const id = randomUUID();
  const subject = `cfw_${id.slice(0, 8)}`;
  await control(`create role ${subject} login`);
  await look();
  await look();
  const key = `finding/stranger/${subject}`;
  expect((await alarms.open(admin())).filter((alarm) => alarm.key === key)).toMatchObject([
    { code: 'stranger', subject },
  ]);
  await control(`drop role ${subject}`);
  await look();
  expect((await alarms.open(admin())).filter((alarm) => alarm.key === key)).toEqual([]);
  const kinds = (await world.company.audit(subject)).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(['alarm.raised', 'alarm.resolved', 'finding.gone', 'finding.met']);
});

test('a thousand findings of a kind are one alarm', async () => {
  const roles = Array.from({ length: 25 }, (_, index) => `cfw_many_${index}`);
  await control(roles.map((role) => `create role ${role} login`).join(';'));
  mends.push(() => control(`drop role if exists ${roles.join(', ')}`));
  expect(await look()).toHaveLength(25);
  expect(await raised()).toEqual(['finding/stranger']);
  await control(`drop role ${roles.join(', ')}`);
  await look();
  expect(await raised()).toEqual([]);
});
