/**
 * Many live grants, without a Workflow each: the logins are made by the target's own `grant` with a real ticket, as the
 * worker makes them; what the store knows of them is written beside it, as it would stand there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { controlDatabase } from '../../dev/company/targets.ts';
import { ticketKeyId } from '../../dev/stack/settings.ts';
import { roleOf, type PersonId, type RequestId } from '../../domain/ids.ts';
import { minuteMs } from '../../domain/time.ts';
import type { GrantCall } from '../../targets/postgres/calls.ts';
import { makeTicket } from '../../targets/postgres/ticket.ts';
import { makeVerifier } from '../../targets/postgres/verifier.ts';
import { grantMany } from './grant-many.ts';
import { database, template, type Ground } from './ground.ts';

export type Person = { readonly id: PersonId; readonly handle: string };
export type Seeded = { readonly id: RequestId; readonly role: string; readonly person: Person; readonly endAt: number };

const password = 'a-password-of-the-bench';
/** One verifier for all: its making is the client's, and no part of what is measured. */
const verifier = makeVerifier(password);
const targetName = 'models-prod';
const batch = 1_000;

/** People whom only the bench knows, active, in no group. */
export async function makePeople({ store }: Ground, count: number): Promise<readonly Person[]> {
  const people = Array.from({ length: count }, (): Person => {
    const id = randomUUID() as PersonId;
    return { id, handle: `storm-${id}` };
  });
  await store.query(
    `insert into curfew.person (id, handle, state, kind, version, changed_at)
     select i, h, 'active', 'employee', 0, clock_timestamp() from unnest($1::uuid[], $2::text[]) as n (i, h)`,
    [people.map(({ id }) => id), people.map(({ handle }) => handle)],
  );
  return people;
}

/** @param personOf whose the n-th grant is */
export async function seed(
  ground: Ground,
  count: number,
  { personOf, endAt }: { readonly personOf: (n: number) => Person; readonly endAt: number },
): Promise<readonly Seeded[]> {
  const all = Array.from({ length: count }, (_, n): Seeded => {
    const id = randomUUID() as RequestId;
    return { id, role: roleOf(id), person: personOf(n), endAt };
  });
  for (let from = 0; from < count; from += batch) {
    const some = all.slice(from, from + batch);
    await record(ground, some);
    await grantMany(
      loginOf(ground),
      some.map((one) => orderOf(ground, one)),
    );
    if (count > batch)
      ground.say(`${Math.min(from + batch, count).toLocaleString('en')} of ${count.toLocaleString('en')} granted`);
  }
  return all;
}

const loginOf = ({ stack: { settings } }: Ground) => ({
  host: '127.0.0.1',
  port: settings.ports.target,
  database: controlDatabase,
  user: 'curfew_worker',
  password: settings.secrets.targetWorker,
});

function orderOf({ stack }: Ground, { id, person, endAt }: Seeded): GrantCall {
  const key = Buffer.from(stack.settings.secrets.ticketKey, 'base64');
  const fields = { grantId: id, personId: person.id, template, verifier, endAt };
  return {
    ...fields,
    attemptDeadlineAt: Date.now() + 2 * minuteMs,
    keyId: ticketKeyId,
    ticket: makeTicket({ ...fields, key, op: 'grant' }),
    graceMs: 0,
    storeIndex: Number.MAX_SAFE_INTEGER,
  };
}

/** Requests in `active`, claimed and granted, of a plan that took nobody. */
async function record({ store }: Ground, rows: readonly Seeded[]): Promise<void> {
  const plan = { verdict: 'automatic', policy: hash('policy'), rule: 'seeded', limits: limitsOfSeeds };
  const columns = [
    rows.map(({ id }) => id),
    rows.map(({ person }) => person.id),
    rows.map(({ id }) => hash(id)),
    rows.map(({ role }) => role),
    rows.map(({ endAt }) => new Date(endAt)),
    rows.map(({ endAt }) => JSON.stringify(heldUntil(endAt))),
  ];
  await store.query('begin');
  await store.query(
    'create temporary table if not exists seeded (id uuid, person uuid, digest text, role text, end_at timestamptz, view jsonb)',
  );
  await store.query('truncate seeded');
  await store.query(
    'insert into seeded select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])',
    columns,
  );
  await store.query(
    `insert into curfew.request (id, kind, person, target, databases, role, template, duration_ms, reason_hash, plan, policy_hash, digest, opened_at, decide_by)
     select id, 'access', person, $1, array[$2], 'read', $3, 3600000, digest, $4, $5, digest, clock_timestamp(), end_at from seeded`,
    [targetName, database, template, JSON.stringify(plan), hash('policy')],
  );
  await store.query(
    `insert into curfew.projection (request_id, version, state, view, end_at, changed_at)
     select id, 3, 'active', view, end_at, clock_timestamp() from seeded`,
  );
  await store.query(
    `insert into curfew.access_grant (request_id, target, person, template, role, granted_at, end_at)
     select id, $1, person, $2, role, clock_timestamp(), end_at from seeded`,
    [targetName, template],
  );
  await store.query('commit');
}

const heldUntil = (endAt: number) => ({
  version: 3,
  state: { kind: 'active', approvals: [], endAt },
  decideByAt: endAt,
  useByAt: endAt,
  noticed: true,
});
const limitsOfSeeds = { maxMs: 60 * minuteMs, decideWithinMs: 60 * minuteMs, useWithinMs: 60 * minuteMs };
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A session of one seeded grant, in which nothing is done. */
export async function enter({ stack }: Ground, role: string): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port: stack.settings.ports.target,
    database,
    user: role,
    password,
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Spread over all of them, a few at a time. */
export async function enterMany(ground: Ground, seeded: readonly Seeded[], count: number): Promise<readonly Client[]> {
  const step = Math.max(1, Math.floor(seeded.length / count));
  const chosen = seeded.filter((_, n) => n % step === 0).slice(0, count);
  const sessions: Client[] = [];
  for (let from = 0; from < chosen.length; from += 10) {
    sessions.push(...(await Promise.all(chosen.slice(from, from + 10).map(({ role }) => enter(ground, role)))));
  }
  return sessions;
}

export const leave = (sessions: readonly Client[]): Promise<unknown> =>
  Promise.allSettled(sessions.map((session) => session.end()));
