/** What is kept of sessions, whole: with salts, as hashes are made of it. Admin and auditor only. */
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import type { Fixable } from './session-batches.ts';
import type { HeldSession } from './sessions.ts';

/** `person` null: of a login that no request knows. */
export type Sessioned = { readonly id: RequestId; readonly person: PersonId | null };

type KeptText = {
  /** null where none is kept, or it was erased. */
  readonly text: string | null;
  readonly salt: Buffer | null;
};

/** `text` is what its client called itself. */
export type KeptSession = KeptText &
  Omit<HeldSession, 'requestId' | 'failed' | 'lastAt'> & { readonly id: number; readonly textHash: string | null };

export type KeptStatement = KeptText & Fixable & { readonly parameters: string | null };

export const keptSessions = (db: Db, requestId: RequestId): Promise<readonly KeptSession[]> =>
  db.query(
    `select s.id, s.cluster, s.node, s.session, s.database, s.opened_at as "openedAt", s.closed_at as "closedAt", s.ended,
       s.statements, s.application_hash as "textHash", t.text, t.salt
     from curfew.session s left join curfew.session_text t on t.session = s.id and t.line = 0
     where s.request_id = $1 order by s.opened_at, s.id`,
    [requestId],
  );

const pageOf = 1_000;
const allLines = { from: 0, to: 2 ** 31 - 1 } as const;

/** Of one session, in the order of its log. @param lines which of them, both ends included */
export async function* statementPages(
  db: Db,
  session: number,
  { from, to }: { readonly from: number; readonly to: number } = allLines,
): AsyncGenerator<KeptStatement> {
  let after = from - 1;
  for (;;) {
    const page = await db.query<KeptStatement>(
      `select x.line, x.at, x.via, x.what, x.duration_us as "durationUs", x.error, x.text_hash as "textHash",
         x.parameters_hash as "parametersHash", t.text, t.parameters, t.salt
       from curfew.session_statement x left join curfew.session_text t on t.session = x.session and t.line = x.line
       where x.session = $1 and x.line > $2 and x.line <= $3 order by x.line limit ${pageOf}`,
      [session, after, to],
    );
    yield* page;
    if (page.length < pageOf) return;
    after = page.at(-1)?.line ?? after;
  }
}

/** Until when the log was retired, epoch ms: what entries said of older sessions is gone. 0 where nothing was. */
export async function retiredBefore(db: Db): Promise<number> {
  const [row] = await db.query<{ before: number | null }>(
    `select least(o.at, max(case when pg_input_is_valid(b ->> 'before', 'timestamptz') then (b ->> 'before')::timestamptz end)) as before
     from (select convert_from(body, 'UTF8')::jsonb as b from audit.entry where subject = 'log' and kind = 'log.retired') r,
       (select at from audit.entry order by id limit 1) o group by o.at`,
  );
  return row?.before ?? 0;
}

/** Requests whose sessions ended last, by what is kept and by what the log says: at most `limit` of each. */
export const lastSessioned = (db: Db, limit: number): Promise<readonly Sessioned[]> =>
  db.query(
    `with recent (id) as (
       (select request_id from curfew.session where closed_at is not null order by id desc limit $1)
       union
       (select subject::uuid from audit.entry where kind = 'session.closed' and pg_input_is_valid(subject, 'uuid')
          and id > (select max(id) from audit.entry) - $1::int * 100 order by id desc limit $1))
     select r.id, q.person from recent r left join curfew.request q on q.id = r.id order by r.id`,
    [limit],
  );
