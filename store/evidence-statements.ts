/** What evidence has of statements, and of whose they were, as the store has it. Auditor and admin only. */
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

/** Lines of a kept session of which the entry at `index` has the hash. */
export type BatchAt = {
  readonly index: number;
  readonly session: number;
  readonly from: number;
  readonly to: number;
  /** How many of them are statements. */
  readonly count: number;
};

/** Those of the entries at these places whose session is kept, in their order. */
export const batchesAt = async (db: Db, places: readonly number[]): Promise<readonly BatchAt[]> =>
  (
    await db.query<BatchAt>(
      `select l.index, s.id as session, b.batch -> 'from' as "from", b.batch -> 'to' as "to", b.batch -> 'count' as count
       from audit.leaf l join audit.entry e on e.id = l.entry
       join lateral (select convert_from(e.body, 'UTF8')::jsonb as body
         where e.kind in ('session.statements', 'session.closed')) o on true
       join lateral (select case e.kind when 'session.closed' then o.body -> 'last' else o.body end as batch) b on true
       join curfew.session s on s.cluster = o.body ->> 'cluster' and s.node = o.body ->> 'node'
         and s.session = o.body ->> 'session' and s.request_id::text = e.subject
       where l.index = any ($1::bigint[]) order by l.index`,
      [places],
    )
  ).filter(({ from, to, count }) => isLine(from) && isLine(to) && isLine(count));

/** NB. Whoever has a collector's login says what they like, and what is said cannot be taken back. */
const isLine = (line: number): boolean => Number.isInteger(line) && line >= 0 && line < 2 ** 31;

/** Whose the requests are that the entries of these places, and of a span, are about. */
export const holdersAt = async (
  db: Db,
  places: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly PersonId[]> =>
  (
    await db.query<{ person: PersonId }>(
      `select distinct r.person from audit.leaf l join audit.entry e on e.id = l.entry
       join curfew.request r on r.id = case when pg_input_is_valid(e.subject, 'uuid') then e.subject::uuid end
       where l.index = any ($1::bigint[]) or (l.index >= $2 and l.index < $3) order by r.person`,
      [places, from, to],
    )
  ).map(({ person }) => person);

/** Was somebody erased by an entry that is not among the first `size`? */
export async function erasedAfter(db: Db, size: number): Promise<boolean> {
  const [row] = await db.query<{ erased: boolean }>(
    `select exists (select from audit.entry e left join audit.leaf l on l.entry = e.id
       where e.kind = 'person.erased' and (l.index is null or l.index >= $1)) as erased`,
    [size],
  );
  return row?.erased === true;
}
