/**
 * Makes a log long: entries as `audit.append` leaves them, but inserted by the superuser, with the instants of the lives
 * that they tell of; places by the real sequencer. Beside each batch of it the same number of rows is inserted bare.
 */
import { bodyBytes } from '../../store/audit.ts';
import { sequence } from '../../store/log.ts';
import { timed, type Paired } from '../metric.ts';
import type { Ground } from './ground.ts';
import { adopted, adoptedText, entriesOfALife, lifeOf, livesAtOnce, type Written } from './lives.ts';
import { policy } from '../../dev/company/life.ts';

/** As many as the worker gives places to at once. */
export const batch = livesAtOnce * entriesOfALife;
/** The rest of a long log is filled without a floor beside it. */
const mostPairs = 40;

/** Tables that have what the real ones have but what makes them a log: partitions, triggers, and whoever may not write. */
export async function furnish(ground: Ground): Promise<void> {
  const { admin } = ground;
  await admin.query(`create table bare_leaf (index bigint primary key, entry bigint not null unique, hash bytea not null);
    create table bare_entry (id bigint primary key, at timestamptz not null, login name not null, kind text not null,
      actor text not null, subject text not null, body bytea not null);
    create index on bare_entry (subject, id)`);
  await admin.query('insert into curfew.policy_version (hash, text) values ($1, $2)', [policy.hash, adoptedText]);
  await write(ground, [adopted]);
  await places(ground, 1);
}

/** Times, in ms, of batches of `batch` entries. */
export type Filled = { readonly leaves: Paired; readonly entries: Paired };

/**
 * Makes the log at least `size` entries long, whole rounds of lives at a time; it has `from` rounds.
 * @returns how many it has now, its size, and how long the sequencer took beside bare inserts of its leaves, and of whole
 *   entries
 */
export async function fill(
  ground: Ground,
  from: number,
  size: number,
  say: (text: string) => void,
): Promise<{ readonly rounds: number; readonly size: number; readonly filled: Filled }> {
  const own: number[] = [];
  const leaf: number[] = [];
  const entry: number[] = [];
  const rounds = Math.max(from, Math.ceil(size / batch));
  for (let round = from; round < rounds; round += 1) {
    const lives = Array.from({ length: livesAtOnce }, (_, n) => lifeOf(round * livesAtOnce + n));
    await write(
      ground,
      lives.flatMap(({ entries }) => entries).toSorted((one, other) => one.at - other.at),
    );
    await keep(
      ground,
      lives.flatMap(({ receipts }) => receipts),
    );
    const give = () => timed(() => places(ground, batch));
    if (own.length >= mostPairs) await give();
    else {
      const sides = [
        async () => void own.push(await give()),
        async () => void leaf.push(await bareLeaves(ground, round * batch)),
        async () => void entry.push(await bareEntries(ground, round * batch)),
      ];
      for (const side of own.length % 2 === 0 ? sides : sides.toReversed()) await side();
    }
    say(`${((round + 1) * batch).toLocaleString('en')} entries`);
  }
  const filled = { leaves: { own, floor: leaf }, entries: { own, floor: entry } };
  return { rounds, size: rounds * batch + 1, filled };
}

async function write({ admin }: Ground, written: readonly Written[]): Promise<void> {
  const entries = written.map(({ entry }) => entry);
  await admin.query(
    `insert into audit.entry (at, login, kind, actor, subject, body)
     select e.at, e.login, e.kind, e.actor, e.subject, e.body
     from unnest($1::timestamptz[], $2::name[], $3::text[], $4::text[], $5::text[], $6::bytea[])
       with ordinality as e (at, login, kind, actor, subject, body, place) order by e.place`,
    [
      written.map(({ at }) => new Date(at)),
      written.map(({ login }) => login),
      entries.map(({ kind }) => kind),
      entries.map(({ actor }) => actor),
      entries.map(({ subject }) => subject),
      entries.map(({ body }) => bodyBytes(body)),
    ],
  );
}

/** The requests themselves are no part of the log: nobody needs their rows here. */
async function keep({ admin }: Ground, receipts: readonly object[]): Promise<void> {
  await admin.query('set session_replication_role = replica');
  await admin.query(
    `insert into curfew.receipt (request_id, kind, body, made_at)
     select (body ->> 'requestId')::uuid, body ->> 'kind', body, now() from unnest($1::jsonb[]) as n (body)`,
    [receipts.map((receipt) => JSON.stringify(receipt))],
  );
  await admin.query('reset session_replication_role');
}

/** Everything that was appended has its place when it returns. */
async function places({ as }: Ground, many: number): Promise<void> {
  let given = 0;
  while (given < many) {
    const done = await sequence(as.curfew_worker, batch);
    if (!done || done.to === done.from) throw new Error('entries were left without places');
    given += done.to - done.from;
  }
}

/** The rows that the sequencer writes for one batch, made before, sent and inserted: the least that it could do. */
async function bareLeaves({ admin }: Ground, from: number): Promise<number> {
  const rows = Array.from({ length: batch }, (_, n) => from + n);
  const hash = Buffer.alloc(32, from % 256);
  const values = [rows, rows, rows.map(() => hash)];
  return timed(() =>
    admin.query('insert into bare_leaf select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])', values),
  );
}

/** The entries themselves, sent and inserted once more: as fast as whatever it is that has to be sequenced can come. */
async function bareEntries({ admin }: Ground, from: number): Promise<number> {
  const { rows } = await admin.query<Record<string, unknown>>(
    'select e.id, e.at, e.login, e.kind, e.actor, e.subject, e.body from audit.entry e order by e.id desc limit $1',
    [batch],
  );
  const column = (name: string): readonly unknown[] => rows.map((row) => row[name]);
  const values = [rows.map((_, n) => from + n), ...['at', 'login', 'kind', 'actor', 'subject', 'body'].map(column)];
  return timed(() =>
    admin.query(
      `insert into bare_entry
       select * from unnest($1::bigint[], $2::timestamptz[], $3::name[], $4::text[], $5::text[], $6::text[], $7::bytea[])`,
      values,
    ),
  );
}
