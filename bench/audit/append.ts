/**
 * What the log costs a grant: the same calls on the same target and the same store transaction, with the entry
 * `grant.made` and without it, turn by turn. Two clusters, both with fsync on, as in earnest.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '../../dev/postgres.ts';
import { grantMade } from '../../domain/events/grant.ts';
import type { GrantReceipt } from '../../domain/grant.ts';
import {
  roleOf,
  type CredentialId,
  type PersonId,
  type RequestId,
  type TargetName,
  type TemplateName,
} from '../../domain/ids.ts';
import { hourMs, minuteMs } from '../../domain/time.ts';
import type { RequestView } from '../../domain/view.ts';
import { evidenceHash } from '../../policy/digest.ts';
import * as grants from '../../store/grants.ts';
import type { Db } from '../../store/pool.ts';
import * as projections from '../../store/projections.ts';
import type { Target } from '../../targets/postgres/accessor.ts';
import { interleaved, ratio, timed, type Metric } from '../metric.ts';
import { furnish, open, orderOf, startBenchCluster } from '../target.ts';
import { openGround, type Ground } from './ground.ts';

const target = 'bench' as TargetName;
const budget = 1.05;
/** The first ones open connections and fill caches. */
const warmUp = 5;

/** @param pairs how many times each side is taken; also of the store's transaction alone */
export async function measureAppend(pairs: number): Promise<readonly Metric[]> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-bench-'));
  const ground = await openGround();
  let cluster: Cluster | undefined;
  let worker: Target | undefined;
  try {
    cluster = await startBenchCluster(folder);
    await furnish(cluster);
    const at = open(cluster, () => undefined);
    worker = at;
    const waiting = (await request(ground, 4 * (pairs + warmUp))).values();
    const next = (): Order => {
      const { value } = waiting.next();
      if (!value) throw new Error('too few requests were made');
      return value;
    };
    const whole = (isLogged: boolean) => async (): Promise<number> => {
      const order = next();
      return timed(async () => record(ground, await granted(at, order), order.personId, isLogged));
    };
    const alone = (isLogged: boolean) => async (): Promise<number> => {
      const { grantId, personId, endAt } = next();
      const receipt = receiptOf(grantId, { endAt, canLogin: true, memberships: 1 });
      return timed(() => record(ground, receipt, personId, isLogged));
    };
    for (const side of [whole(true), whole(false), alone(true), alone(false)])
      for (let turn = 0; turn < warmUp; turn += 1) await side();
    const [all, store] = [
      await interleaved(pairs, whole(true), whole(false)),
      await interleaved(pairs, alone(true), alone(false)),
    ];
    await countEntries(ground, 2 * (pairs + warmUp));
    const inStore = ratio('audit.append.store.ratio', store, budget);
    return [
      { ...ratio('audit.append.ratio', all, budget), note: 'the whole grant: the calls on the target and the store' },
      { ...inStore, budget: null, ok: true, note: 'the store’s transaction alone, as the activity records a grant' },
    ];
  } finally {
    await worker?.close();
    await ground.end();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Order = Awaited<ReturnType<typeof orderOf>>;

/** Requests that somebody has claimed, as the store has them then. */
async function request({ admin }: Ground, many: number): Promise<readonly Order[]> {
  const orders: Order[] = [];
  for (let n = 0; n < many; n += 1) orders.push(await orderOf());
  const ids = orders.map(({ grantId }) => grantId);
  const limits = { maxMs: hourMs, decideWithinMs: hourMs, useWithinMs: hourMs };
  const plan = { verdict: 'automatic', policy: digest, rule: 'bench', limits };
  const [first] = orders;
  if (!first) return orders;
  await admin.query(
    `insert into curfew.person (id, handle, state, kind, version, changed_at)
     select id, 'bench-' || id, 'active', 'employee', 0, clock_timestamp() from unnest($1::uuid[]) as n (id)`,
    [orders.map(({ personId }) => personId)],
  );
  await admin.query(
    `insert into curfew.request (id, kind, person, target, databases, role, template, duration_ms, reason_hash, plan, policy_hash, digest, opened_at, decide_by)
     select id, 'access', person, $3, array['control'], 'read', $4, $5, $6, $7, $6, $6, clock_timestamp(), clock_timestamp()
     from unnest($1::uuid[], $2::uuid[]) as n (id, person)`,
    [ids, orders.map(({ personId }) => personId), target, first.template, hourMs / 2, digest, JSON.stringify(plan)],
  );
  await admin.query(
    `insert into curfew.projection (request_id, version, state, view, changed_at)
     select id, 2, 'granting', $2, clock_timestamp() from unnest($1::uuid[]) as n (id)`,
    [ids, JSON.stringify({ ...heldUntil(first.endAt), version: 2, state: { kind: 'granting', approvals: [] } })],
  );
  return orders;
}

const digest = '0'.repeat(64);
const heldUntil = (endAt: number): RequestView => ({
  version: 3,
  state: { kind: 'active', approvals: [], endAt },
  decideByAt: endAt,
  useByAt: endAt,
  noticed: false,
});

/** The login is made, and read back in a later transaction. */
async function granted(at: Target, order: Order): Promise<GrantReceipt> {
  const { endAt } = await at.grant({ ...order, attemptDeadlineAt: Date.now() + minuteMs });
  const [seen] = await at.verifyMany('primary', [order.grantId]);
  if (!seen?.canLogin) throw new Error('the login that was made is not there');
  const { canLogin, memberships } = seen;
  return receiptOf(order.grantId, { endAt, canLogin, memberships });
}

type Seen = Pick<GrantReceipt, 'endAt' | 'canLogin' | 'memberships'>;

function receiptOf(grantId: string, seen: Seen): GrantReceipt {
  const requestId = grantId as RequestId;
  const now = Date.now();
  const at = { grantedAt: now, readAt: now };
  const what = { target, template: 'bench_read' as TemplateName, role: roleOf(requestId) };
  return { kind: 'grant', requestId, ...what, ...at, ...seen, attestations: [] };
}

/** Grant, receipt, entry and view in one transaction, as `activities/grant.ts` records them. */
async function record({ as }: Ground, receipt: GrantReceipt, personId: string, isLogged: boolean): Promise<void> {
  const { requestId, template, role, grantedAt, endAt, canLogin, memberships } = receipt;
  const person = personId as PersonId;
  const credential = randomUUID() as CredentialId;
  const seen = { target, cluster: 'main', template, role, credential, grantedAt, endAt, canLogin, memberships };
  const entry = isLogged
    ? grantMade(person, requestId, { ...seen, receipt: evidenceHash(receipt) })
    : grantMade(person, requestId, { ...seen, receipt: '' });
  await as.curfew_worker.transaction(async (tx) => {
    const row = { requestId, target, template, role, grantedAt, endAt, person };
    const recorded = await grants.insert(isLogged ? tx : unlogged(tx), row, receipt, entry);
    if (recorded !== 'recorded') throw new Error('it was recorded before');
    await projections.save(tx, requestId, heldUntil(endAt), Date.now());
  });
}

/** @throws Error where the sides were not what they are called */
async function countEntries({ admin }: Ground, logged: number): Promise<void> {
  const { rows } = await admin.query<{ made: string; entries: string }>(
    'select (select count(*) from curfew.access_grant) as made, (select count(*) from audit.entry) as entries',
  );
  const [row] = rows;
  if (Number(row?.entries) !== logged || Number(row?.made) !== 2 * logged)
    throw new Error(`${row?.made} grants left ${row?.entries} entries`);
}

/** The same statements, but for what appends the entry: neither it nor its values are sent. */
const unlogged = (tx: Db): Db => ({
  query: (text, values = []) => {
    const without = text.replace(/audit\.append\((\$\d+(, )?){4}\)/, '1');
    return tx.query(without, without === text ? values : values.slice(0, -4));
  },
});
