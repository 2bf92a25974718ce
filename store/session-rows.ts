/** Sessions and their statements as rows: many of them in each statement, as a busy log has them. */
import { randomBytes } from 'node:crypto';
import { sessionOpened } from '../domain/events/session.ts';
import type { Db } from './pool.ts';
import { hashOf, type NewStatement, type SessionLine, type SessionState, type Statement } from './session-fold.ts';

type NodeName = { readonly cluster: string; readonly node: string };
/** A statement and whose it is. */
export type Of<Kind> = { readonly state: SessionState; readonly statement: Kind };

export const collector = 'curfew_collector';

/**
 * Begins the sessions that are new. A server that does not log connections tells of one by its first statement, or its end.
 * @returns their entries
 */
export async function begin(
  tx: Db,
  { cluster, node }: NodeName,
  bySession: ReadonlyMap<string, readonly SessionLine[]>,
) {
  const begun = [...bySession.values()].flatMap((lines) => {
    const first = lines.find(({ event }) => ['opened', 'statement', 'closed'].includes(event.kind));
    if (!first) return [];
    const application = first.event.kind === 'opened' ? first.event.application : null;
    const salt = application === null ? null : randomBytes(16);
    return [{ ...first, application, salt, hash: hashOf(salt, application) }];
  });
  const made = await tx.query<{ id: number; session: string }>(
    `insert into curfew.session (cluster, node, session, request_id, person, database, opened_at, application_hash)
     select $1, $2, b.session, b.request, r.person, b.database, b.at, b.hash
     from unnest($3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[]) b (session, request, database, at, hash)
       left join curfew.request r on r.id = b.request
     on conflict (cluster, node, session) do nothing returning id, session`,
    [
      cluster,
      node,
      begun.map(({ session }) => session),
      begun.map(({ requestId }) => requestId),
      begun.map(({ database }) => database),
      begun.map(({ at }) => new Date(at)),
      begun.map(({ hash }) => hash),
    ],
  );
  const ids = new Map(made.map(({ id, session }) => [session, id]));
  const news = begun.filter(({ session }) => ids.has(session));
  const named = news.filter(({ application }) => application !== null);
  await tx.query(
    `insert into curfew.session_text (session, line, person, text, salt)
     select t.session, 0, s.person, t.text, t.salt from unnest($1::bigint[], $2::text[], $3::bytea[]) t (session, text, salt)
       join curfew.session s on s.id = t.session`,
    [
      named.map(({ session }) => ids.get(session)),
      named.map(({ application }) => application),
      named.map(({ salt }) => salt),
    ],
  );
  return news.map(({ requestId, session, database, at, hash }) =>
    sessionOpened(collector, requestId, { cluster, node, session, database, openedAt: at, application: hash }),
  );
}

type StateRow = Omit<SessionState, 'last'> & {
  readonly line: number | null;
  readonly at: number;
  readonly via: Statement['via'];
  readonly what: string | null;
  readonly durationUs: number | null;
  readonly error: string | null;
  readonly textHash: string | null;
  readonly parametersHash: string | null;
  readonly salt: Buffer | null;
};

/** These sessions, each with the last of its statements that no entry of the log holds yet. */
export async function statesOf(
  tx: Db,
  { cluster, node }: NodeName,
  sessions: readonly string[],
): Promise<readonly SessionState[]> {
  const rows = await tx.query<StateRow>(
    `select s.id, s.session, s.request_id as "requestId", s.person, s.closed_at as "closedAt", s.read_line as "readLine", s.statements, s.batched,
       s.batched_line as "batchedLine", l.line, l.at, l.via, l.what, l.duration_us as "durationUs", l.error,
       l.text_hash as "textHash", l.parameters_hash as "parametersHash", t.salt
     from curfew.session s
       left join lateral (select * from curfew.session_statement x
         where x.session = s.id and x.line > s.batched_line order by x.line desc limit 1) l on true
       left join curfew.session_text t on t.session = s.id and t.line = l.line
     where s.cluster = $1 and s.node = $2 and s.session = any ($3) order by s.id`,
    [cluster, node, sessions],
  );
  return rows.map(({ line, at, via, what, durationUs, error, textHash, parametersHash, salt, ...row }) => ({
    ...row,
    last: line === null ? null : { line, at, via, what, durationUs, error, textHash, parametersHash, salt },
  }));
}

export async function addStatements(tx: Db, rows: readonly Of<NewStatement>[]): Promise<void> {
  if (rows.length === 0) return;
  const column = <Value>(pick: (row: Of<NewStatement>) => Value): readonly Value[] => rows.map(pick);
  await tx.query(
    `insert into curfew.session_statement (session, line, at, via, what, duration_us, error, text_hash, parameters_hash)
     select * from unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[])`,
    [
      column(({ state }) => state.id),
      column(({ statement }) => statement.line),
      column(({ statement }) => new Date(statement.at)),
      column(({ statement }) => statement.via),
      column(({ statement }) => statement.what),
      column(({ statement }) => statement.durationUs),
      column(({ statement }) => statement.error),
      column(({ statement }) => statement.textHash),
      column(({ statement }) => statement.parametersHash),
    ],
  );
  const told = rows.filter(({ statement }) => statement.text !== null);
  await tx.query(
    `insert into curfew.session_text (session, line, person, text, parameters, salt)
     select * from unnest($1::bigint[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::bytea[])`,
    [
      told.map(({ state }) => state.id),
      told.map(({ statement }) => statement.line),
      told.map(({ state }) => state.person),
      told.map(({ statement }) => statement.text),
      told.map(({ statement }) => statement.parameters),
      told.map(({ statement }) => statement.salt),
    ],
  );
}

/** How statements that were stored before went on. */
export async function changeStatements(tx: Db, rows: readonly Of<Statement>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    `update curfew.session_statement x set what = c.what, duration_us = c.duration_us, error = c.error
     from unnest($1::bigint[], $2::int[], $3::text[], $4::bigint[], $5::text[]) c (session, line, what, duration_us, error)
     where x.session = c.session and x.line = c.line`,
    [
      rows.map(({ state }) => state.id),
      rows.map(({ statement }) => statement.line),
      rows.map(({ statement }) => statement.what),
      rows.map(({ statement }) => statement.durationUs),
      rows.map(({ statement }) => statement.error),
    ],
  );
}

export async function save(tx: Db, states: readonly SessionState[], ended: 'seen' | 'unseen'): Promise<void> {
  if (states.length === 0) return;
  await tx.query(
    `update curfew.session s set read_line = c.read_line, statements = c.statements, batched = c.batched,
       batched_line = c.batched_line, closed_at = c.closed_at, ended = case when c.closed_at is not null then $7 end
     from unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::int[], $6::timestamptz[])
       c (id, read_line, statements, batched, batched_line, closed_at)
     where s.id = c.id`,
    [
      states.map(({ id }) => id),
      states.map(({ readLine }) => readLine),
      states.map(({ statements }) => statements),
      states.map(({ batched }) => batched),
      states.map(({ batchedLine }) => batchedLine),
      states.map(({ closedAt }) => (closedAt === null ? null : new Date(closedAt))),
      ended,
    ],
  );
}
