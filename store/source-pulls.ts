/** Sources that are asked from time to time: whose turn it is, whom they have listed, and how it goes. */
import type { PersonId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import type { Db } from './pool.ts';

/** Epoch ms. `trouble`: why the last try did not succeed, a code. */
export type SourcePull = {
  readonly source: string;
  readonly everyMs: number;
  /** Since when it is to be asked. */
  readonly since: number;
  readonly triedAt: number | null;
  readonly succeededAt: number | null;
  readonly trouble: string | null;
};

/** A source that could not be asked is asked again this soon, or after its own interval where that is shorter. */
const againMs = 10 * 60_000;

/**
 * Is it this source's turn? Of several processes one is told so: the row is the lock, and it holds over a restart.
 * @param now epoch ms
 */
export async function takeTurn(db: Db, source: string, everyMs: number, now: number): Promise<boolean> {
  const taken = await db.query(
    `insert into curfew.source_pull as p (source, every_ms, tried_at) values ($1, $2, $3)
     on conflict (source) do update set every_ms = excluded.every_ms, tried_at = excluded.tried_at
       where p.tried_at is null
         or p.tried_at <= $3::timestamptz - least(p.every_ms, excluded.every_ms, $4) * interval '1 millisecond'
         and (p.succeeded_at is null or p.succeeded_at <= $3::timestamptz - excluded.every_ms * interval '1 millisecond')
     returning 1`,
    [source, everyMs, new Date(now), againMs],
  );
  return taken.length > 0;
}

export const succeeded = (db: Db, source: string, now: number): Promise<unknown> =>
  db.query('update curfew.source_pull set succeeded_at = $2, trouble = null where source = $1', [
    source,
    new Date(now),
  ]);

export const failed = (db: Db, source: string, trouble: string): Promise<unknown> =>
  db.query('update curfew.source_pull set trouble = $2 where source = $1', [source, trouble]);

/** Sources that are not configured any more are nobody's to ask, and no reason to alarm. */
export const keepOnly = (db: Db, sources: readonly string[]): Promise<unknown> =>
  db.query('delete from curfew.source_pull where source <> all ($1::text[])', [sources]);

export const all = (db: Db): Promise<readonly SourcePull[]> =>
  db.query(
    `select source, every_ms as "everyMs", since, tried_at as "triedAt", succeeded_at as "succeededAt", trouble
     from curfew.source_pull order by source`,
  );

export const missingKey = (source: string, person: PersonId): string => `source-missing/${source}/${person}`;

/** Keys of open alarms about people who are listed again, or of whom it is known by now that they have left. */
export async function answeredKeys(db: Db): Promise<readonly string[]> {
  const rows = await db.query<{ key: string }>(
    `select a.key from curfew.source_listing l join curfew.person p on p.id = l.person
     join curfew.alarm a on a.resolved_at is null and a.key = 'source-missing/' || l.source || '/' || l.person
     where l.missing_at is null or p.state = 'left'`,
  );
  return rows.map(({ key }) => key);
}

/** What the directory has of somebody, as far as one source can say something else. */
export type KnownPerson = {
  readonly id: PersonId;
  readonly handle: string;
  readonly manager: PersonId | null;
  /** What this source said of their state last; null: nothing. */
  readonly word: PersonState | null;
  /** Those that this source has put them into. */
  readonly groups: readonly string[];
  /** It has listed them before. */
  readonly listed: boolean;
  /** It lists them no more, and that was seen before. */
  readonly missing: boolean;
  /** They hold something, have asked for something, or have approved what is still open. */
  readonly concerned: boolean;
};

/** Everybody, with what this source has said of them; whoever is concerned comes first. */
export const knownOf = (db: Db, source: string): Promise<readonly KnownPerson[]> =>
  db.query(
    `with concerned (person) as (
         select person from curfew.access_grant where ended_at is null
       union select r.person from curfew.request r join curfew.projection p on p.request_id = r.id and p.state <> 'closed'
       union select d.person from curfew.decision d join curfew.projection p on p.request_id = d.request_id and p.state <> 'closed')
     select p.id, p.handle, p.manager, w.state as word, l.person is not null as listed,
       l.missing_at is not null as missing, c.person is not null as concerned,
       array(select g.name from curfew.person_group g where g.person = p.id and g.source = $1 order by g.name) as groups
     from curfew.person p
     left join curfew.person_word w
       on w.source = $1 and w.handle_hash = encode(sha256(convert_to(p.handle, 'UTF8')), 'hex')
     left join curfew.source_listing l on l.source = $1 and l.person = p.id
     left join concerned c on c.person = p.id
     order by c.person is null, p.handle collate "C"`,
    [source],
  );

/** Keeps whom an answer lists, and since when it lists some no more. */
export async function keepListing(
  tx: Db,
  source: string,
  {
    listed,
    missing,
    at,
  }: { readonly listed: readonly PersonId[]; readonly missing: readonly PersonId[]; readonly at: number },
): Promise<void> {
  await tx.query(
    `insert into curfew.source_listing as l (source, person, listed_at) select $1, unnest($2::uuid[]), $3
     on conflict (source, person) do update set listed_at = excluded.listed_at, missing_at = null`,
    [source, listed, new Date(at)],
  );
  await tx.query(
    'update curfew.source_listing set missing_at = $3 where source = $1 and person = any ($2::uuid[]) and missing_at is null',
    [source, missing, new Date(at)],
  );
}
