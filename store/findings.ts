/**
 * What the reconciler found, and for how long: one open row about one thing. Each is met and gone once, with its audit
 * entry and its alarm in the same transaction (I11).
 */
import { findingGone, findingMet } from '../domain/events/operation.ts';
import type { TargetName } from '../domain/ids.ts';
import * as alarms from './alarms.ts';
import { appendAll } from './audit.ts';
import type { Db } from './pool.ts';
import { takeTurn } from './turns.ts';

export type FindingRow = {
  /** What it is about, once: `kind/subject`. */
  readonly key: string;
  readonly kind: string;
  readonly severity: 'high' | 'low';
  /** The id of a request; or a role, target, cluster or node. */
  readonly subject: string;
  readonly target: string | null;
  /** Sentences without names: what it is, and what Curfew did about it. */
  readonly detail: string;
  readonly did: string;
  /** What the sentences are made of: JSON of ids, codes and counts. */
  readonly facts: unknown;
};

export type StoredFinding = FindingRow & {
  readonly look: string;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly goneAt: number | null;
};

/** One look at one thing: `requests`, or `cluster/<name>`. */
export type Seen = {
  readonly look: string;
  readonly found: readonly FindingRow[];
  /** False where something could not be read: then what was not met may still be there, and stays open. */
  readonly whole: boolean;
};

export type Kept = { readonly met: readonly string[]; readonly gone: readonly string[] };

/** With more open findings of a kind than this there is one alarm about the kind: people read it, and not a thousand. */
const mostAlarms = 20;

/**
 * Keeps what a look saw, in the caller's transaction: the worker's. Looks that run at once write the same.
 * @returns the keys of what is new, and of what is gone
 */
export async function keep(tx: Db, { look, found, whole }: Seen): Promise<Kept> {
  await takeTurn(tx, 'finding');
  const met = await meet(tx, look, found);
  const gone = whole ? await leave(tx, look, found) : [];
  await appendAll(tx, [
    ...met.map((row) => findingMet(actor, row.subject, said(row))),
    ...gone.map((row) => findingGone(actor, row.subject, said(row))),
  ]);
  await tellAlarms(tx, new Set([...met, ...gone].map(({ kind }) => kind)));
  return { met: met.map(({ key }) => key), gone: gone.map(({ key }) => key) };
}

const actor = 'curfew_worker';
const said = ({ key, kind, severity }: Told) => ({ key, kind, severity });

type Told = Pick<FindingRow, 'key' | 'kind' | 'subject' | 'severity'>;

async function meet(tx: Db, look: string, found: readonly FindingRow[]): Promise<readonly Told[]> {
  if (found.length === 0) return [];
  const rows = [...new Map(found.map((row) => [row.key, row])).values()];
  const kept = await tx.query<Told & { isNew: boolean }>(
    `insert into curfew.finding as f (key, kind, severity, look, subject, target, detail, did, facts)
     select u.key, u.kind, u.severity, $1, u.subject, u.target, u.detail, u.did, u.facts
     from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
       as u (key, kind, severity, subject, target, detail, did, facts)
     on conflict (key) where gone_at is null do update
       set last_seen_at = clock_timestamp(), detail = excluded.detail, did = excluded.did, facts = excluded.facts
     returning f.key, f.kind, f.subject, f.severity, f.xmax = 0 as "isNew"`,
    [
      look,
      rows.map(({ key }) => key),
      rows.map(({ kind }) => kind),
      rows.map(({ severity }) => severity),
      rows.map(({ subject }) => subject),
      rows.map(({ target }) => target),
      rows.map(({ detail }) => detail),
      rows.map(({ did }) => did),
      rows.map(({ facts }) => JSON.stringify(facts)),
    ],
  );
  return kept.filter(({ isNew }) => isNew);
}

const leave = (tx: Db, look: string, found: readonly FindingRow[]): Promise<readonly Told[]> =>
  tx.query<Told>(
    `update curfew.finding f set gone_at = clock_timestamp()
     where f.look = $1 and f.gone_at is null and f.key <> all($2::text[])
     returning f.key, f.kind, f.subject, f.severity`,
    [look, found.map(({ key }) => key)],
  );

/** An alarm each, under `finding/<key>`; where a kind has too many, one under `finding/<kind>` instead of all new ones. */
async function tellAlarms(tx: Db, kinds: ReadonlySet<string>): Promise<void> {
  for (const kind of kinds) {
    const [count] = await tx.query<{ n: number }>(
      'select count(*) as n from curfew.finding where gone_at is null and kind = $1',
      [kind],
    );
    const many = (count?.n ?? 0) > mostAlarms;
    const some = await tx.query<FindingRow>(
      'select key, kind, subject, detail, did from curfew.finding where gone_at is null and kind = $1 order by id limit $2',
      [kind, many ? 0 : mostAlarms],
    );
    for (const { key, subject, detail, did } of some)
      await alarms.raise(tx, { key: `finding/${key}`, code: kind, subject, detail: `${detail} ${did}` });
    const detail = `There are ${count?.n ?? 0} findings of this kind: \`curfew findings\` lists them.`;
    if (many) await alarms.raise(tx, { key: `finding/${kind}`, code: kind, subject: kind, detail });
    else await alarms.resolve(tx, `finding/${kind}`);
    await resolveGone(tx, kind);
  }
}

async function resolveGone(tx: Db, kind: string): Promise<void> {
  const over = await tx.query<{ key: string }>(
    `select a.key from curfew.alarm a where a.resolved_at is null and a.key like 'finding/' || $1 || '/%'
       and not exists (select from curfew.finding f where f.gone_at is null and 'finding/' || f.key = a.key) limit 1000`,
    [kind],
  );
  for (const { key } of over) await alarms.resolve(tx, key);
}

const columns = `key, kind, severity, look, subject, target, detail, did, facts, first_seen_at as "firstSeenAt",
  last_seen_at as "lastSeenAt", gone_at as "goneAt"`;

/** Open ones, the gravest and then the oldest first. */
export const open = (db: Db, limit = 1_000): Promise<readonly StoredFinding[]> =>
  db.query(
    `select ${columns} from curfew.finding where gone_at is null order by severity = 'low', first_seen_at, id limit $1`,
    [limit],
  );

/** Those that are gone, the latest first. */
export const gone = (db: Db, limit = 1_000): Promise<readonly StoredFinding[]> =>
  db.query(`select ${columns} from curfew.finding where gone_at is not null order by gone_at desc, id desc limit $1`, [
    limit,
  ]);

/** Open ones of these kinds on these targets, the oldest first. */
export const openOf = (
  db: Db,
  kinds: readonly string[],
  targets: readonly TargetName[],
  limit: number,
): Promise<readonly StoredFinding[]> =>
  db.query(
    `select ${columns} from curfew.finding
     where gone_at is null and kind = any($1::text[]) and target = any($2::text[]) order by id limit $3`,
    [kinds, targets, limit],
  );
