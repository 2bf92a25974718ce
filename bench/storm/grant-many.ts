/** Very many grants by the target's own function, a hundred in a transaction, over a few connections of the worker's. */
import { Client, type ClientConfig } from 'pg';
import type { GrantCall } from '../../targets/postgres/calls.ts';

/** Connections; a template takes members of one transaction at a time, but the other's work is on its way meanwhile. */
const hands = 2;
/** In one transaction, which holds the template until it commits: shorter than another waits for it (5 s). */
const batch = 100;

const text = `select count(g.role)::int as n from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::text[], $8::bytea[], $9::int[], $10::bigint[])
    as o (id, person, template, verifier, until, deadline, key_id, ticket, grace, store_index),
  lateral curfew.grant(o.id, o.person, o.template, o.verifier, o.until, o.deadline, o.key_id, o.ticket,
    o.grace * interval '1 ms', o.store_index) as g`;

/**
 * @param login of curfew_worker, in the control database
 * @throws Error where the target does not grant all of them
 */
export async function grantMany(login: ClientConfig, orders: readonly GrantCall[]): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    const client = new Client({ application_name: 'curfew-bench', ...login });
    client.on('error', () => undefined);
    await client.connect();
    try {
      while (next < orders.length) {
        const some = orders.slice(next, next + batch);
        next += some.length;
        const { rows } = await client.query<{ n: number }>(text, valuesOf(some));
        if (rows[0]?.n !== some.length) throw new Error('the target did not grant what it was asked');
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(hands, Math.ceil(orders.length / batch)) }, work));
}

const valuesOf = (orders: readonly GrantCall[]): unknown[] => [
  orders.map(({ grantId }) => grantId),
  orders.map(({ personId }) => personId),
  orders.map(({ template }) => template),
  orders.map(({ verifier }) => verifier),
  orders.map(({ endAt }) => new Date(endAt).toISOString()),
  orders.map(({ attemptDeadlineAt }) => new Date(attemptDeadlineAt).toISOString()),
  orders.map(({ keyId }) => keyId),
  orders.map(({ ticket }) => Buffer.from(ticket)),
  orders.map(({ graceMs }) => graceMs),
  orders.map(({ storeIndex }) => storeIndex),
];
