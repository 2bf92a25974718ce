/**
 * What a source says of a person and of a day to come. It is no word yet: until its day nothing of it counts. What is
 * newer replaces what waits for the same person from the same source, except that an absence may wait with its end.
 */
import type { PersonId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { handleHash } from './people-words.ts';
import type { Db } from './pool.ts';
import { takeTurns } from './turns.ts';

export type Due = {
  readonly source: string;
  /** The delivery's or command's id there. */
  readonly event: string;
  readonly handleHash: string;
  readonly state: PersonState;
  readonly version: number;
  /** Epoch ms. */
  readonly effectiveAt: number;
};

/**
 * `applied`: it became the source's word. `replaced`: by a newer one with another day. `overtaken`: the source has said
 * something newer meanwhile, or the person is as gone as it says. `unknown`: nobody had that handle; the word is kept.
 */
export type DueOutcome = 'applied' | 'replaced' | 'overtaken' | 'unknown';
export type SettledDue = Due & { readonly settledAt: number | null; readonly outcome: DueOutcome | null };

const columns = `source, event, handle_hash as "handleHash", state, version, effective_at as "effectiveAt"`;

/**
 * SQL: is `later` the end of what `first` begins? It takes less away, on a later day: both of them hold, each from its
 * own day on. A return on the same day or before is a correction.
 */
const isEndOf = (later: string, first: string): string =>
  `(array_position(array['active', 'suspended', 'left'], ${later}.state)
      < array_position(array['active', 'suspended', 'left'], ${first}.state) and ${later}.effective_at > ${first}.effective_at)`;

/**
 * Keeps it in place of what waited before for the same person from the same source.
 * @returns `older` where the source has said something newer before, and nothing is kept; else the events that it
 *   replaces. The same event again replaces nothing
 */
export async function keep(tx: Db, due: Due): Promise<'older' | { readonly replaced: readonly string[] }> {
  const { source, event, version } = due;
  await takeTurns(tx, 'due', [`${source} ${due.handleHash}`]);
  const said = [source, due.handleHash, version, due.state, new Date(due.effectiveAt)];
  const newer = await tx.query(
    `select from curfew.person_due d, (select $4::text as state, $5::timestamptz as effective_at) n
       where d.source = $1 and d.handle_hash = $2 and d.settled_at is null and d.version > $3 and not ${isEndOf('d', 'n')}
     union all select from curfew.person_word
       where source = $1 and handle_hash = $2 and coalesce(state_version, version) > $3 and state = 'active'`,
    said,
  );
  if (newer.length > 0) return 'older';
  const there = await tx.query('select from curfew.person_due where source = $1 and event = $2', [source, event]);
  if (there.length > 0) return { replaced: [] };
  const replaced = await tx.query<{ event: string }>(
    `update curfew.person_due d set settled_at = clock_timestamp(), outcome = 'replaced'
     from (select $4::text as state, $5::timestamptz as effective_at) n
     where d.source = $1 and d.handle_hash = $2 and d.settled_at is null and d.version <= $3 and not ${isEndOf('n', 'd')}
     returning d.event`,
    said,
  );
  await tx.query(
    `insert into curfew.person_due (source, event, handle_hash, state, version, effective_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [source, event, due.handleHash, due.state, version, new Date(due.effectiveAt)],
  );
  return { replaced: replaced.map((row) => row.event) };
}

/** What waits for a day that has come, longest waiting first; so many at most. */
export const coming = (db: Db, now: number, most: number): Promise<readonly Due[]> =>
  db.query(
    `select ${columns} from curfew.person_due where settled_at is null and effective_at <= $1
     order by effective_at, learned_at limit $2`,
    [new Date(now), most],
  );

/** Locks one that waits; undefined where another process was faster, or it was replaced. */
export async function takeDue(tx: Db, { source, event }: Due): Promise<Due | undefined> {
  const [due] = await tx.query<Due>(
    `select ${columns} from curfew.person_due where source = $1 and event = $2 and settled_at is null for update`,
    [source, event],
  );
  return due;
}

export const settle = (tx: Db, { source, event }: Due, outcome: DueOutcome): Promise<unknown> =>
  tx.query(
    'update curfew.person_due set settled_at = clock_timestamp(), outcome = $3 where source = $1 and event = $2 and settled_at is null',
    [source, event, outcome],
  );

export async function dueOf(db: Db, source: string, event: string): Promise<SettledDue | undefined> {
  const [due] = await db.query<SettledDue>(
    `select ${columns}, settled_at as "settledAt", outcome from curfew.person_due where source = $1 and event = $2`,
    [source, event],
  );
  return due;
}

/** What waits for a person, soonest first. */
export const waitingOf = (db: Db, handle: string): Promise<readonly Due[]> =>
  db.query(
    `select ${columns} from curfew.person_due where handle_hash = $1 and settled_at is null order by effective_at`,
    [handleHash(handle)],
  );

/** Whoever has the handle of this hash by now. */
export async function holderOf(
  db: Db,
  hash: string,
): Promise<{ readonly id: PersonId; readonly handle: string } | undefined> {
  const [holder] = await db.query<{ id: PersonId; handle: string }>(
    `select id, handle from curfew.person where encode(sha256(convert_to(handle, 'UTF8')), 'hex') = $1`,
    [hash],
  );
  return holder;
}
