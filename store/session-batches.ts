/** What a session did is fixed in the log by a hash over its statements, in batches while it goes on and at its end. */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { sessionClosed, sessionStatements } from '../domain/events/session.ts';
import type { AuditEntry } from '../domain/events.ts';
import type { Db } from './pool.ts';
import type { SessionState, Statement } from './session-fold.ts';
import { collector } from './session-rows.ts';

/** A session with more statements than this that no entry holds gets one. */
const batchOf = 500;

export type Fixable = Pick<
  Statement,
  'line' | 'at' | 'via' | 'what' | 'durationUs' | 'error' | 'textHash' | 'parametersHash'
>;

/** One statement as hashes are made of it: RFC 8785 and a newline. Instants are epoch ms, texts their salted hashes. */
export function statementLine(statement: Fixable): string {
  const { line, at, via, what, durationUs, error, textHash, parametersHash } = statement;
  return `${canonicalize({ line, at, via, what, durationUs, error, text: textHash, parameters: parametersHash })}\n`;
}

const batch = (statements: readonly Fixable[]) => ({
  from: statements[0]?.line ?? 0,
  to: statements.at(-1)?.line ?? 0,
  count: statements.length,
  sha256: createHash('sha256').update(statements.map(statementLine).join('')).digest('hex'),
});

export type FixOptions = {
  /** How those that are closed ended. */
  readonly ended: 'seen' | 'unseen';
  /** However little there is. */
  readonly whatever?: true;
};

/**
 * Everything of sessions that are closed, and of others all but the last statement, which may still learn how it ended.
 * Changes the states.
 * @returns the entries
 */
export async function fixStatements(
  tx: Db,
  { cluster, node }: { readonly cluster: string; readonly node: string },
  states: readonly SessionState[],
  { ended, whatever }: FixOptions,
): Promise<readonly AuditEntry[]> {
  const due = states.filter(
    ({ closedAt, statements, batched }) => closedAt !== null || whatever || statements - batched > batchOf,
  );
  if (due.length === 0) return [];
  const rows = await tx.query<Fixable & { readonly session: number }>(
    `select x.session, x.line, x.at, x.via, x.what, x.duration_us as "durationUs", x.error, x.text_hash as "textHash",
       x.parameters_hash as "parametersHash"
     from unnest($1::bigint[], $2::int[]) d (session, line) join curfew.session_statement x on x.session = d.session and x.line > d.line
     order by x.session, x.line`,
    [due.map(({ id }) => id), due.map(({ batchedLine }) => batchedLine)],
  );
  const bySession = Map.groupBy(rows, ({ session }) => session);
  return due.flatMap((state): readonly AuditEntry[] => {
    const { session, closedAt, statements } = state;
    const kept = bySession.get(state.id) ?? [];
    const fixed = closedAt === null ? kept.slice(0, -1) : kept;
    const made = fixed.length === 0 ? null : batch(fixed);
    state.batched += fixed.length;
    state.batchedLine = made?.to ?? state.batchedLine;
    const place = { cluster, node, session };
    if (closedAt !== null) {
      return [sessionClosed(collector, state.requestId, { ...place, closedAt, ended, statements, last: made })];
    }
    return made ? [sessionStatements(collector, state.requestId, { ...place, ...made })] : [];
  });
}
