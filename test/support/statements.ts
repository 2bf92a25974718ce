/** Sample sessions with what was done in them, as a collector tells of it and a file has it. */
import { createHash, hash } from 'node:crypto';
import { statementBytes, type StatementLine } from '../../audit/evidence/statement-line.ts';
import { sessionClosed, sessionOpened, sessionStatements } from '../../domain/events/session.ts';
import type { RequestId } from '../../domain/ids.ts';
import { canonical, SampleLog, type Written } from './evidence.ts';

const collector = 'curfew_collector';
export const salt = Buffer.alloc(16, 7);
const salted = (text: string): string => createHash('sha256').update(salt).update(text).digest('hex');

export type Unplaced = Omit<StatementLine, 'entry'>;

/** @param text null: of which none was ever kept */
export function done(line: number, text: string | null, parameters: string | null = null): Unplaced {
  const said = { at: 1_772_442_000_000 + line, durationUs: 40, error: null, line, via: 'statement', what: null };
  if (text === null) return { kept: null, statement: { ...said, text: null, parameters: null } };
  const hashes = { text: salted(text), parameters: parameters === null ? null : salted(parameters) };
  return { kept: { parameters, salt: salt.toString('base64'), text }, statement: { ...said, ...hashes } };
}

const batchOf = (statements: readonly Unplaced[]) => ({
  from: statements[0]?.statement.line ?? 0,
  to: statements.at(-1)?.statement.line ?? 0,
  count: statements.length,
  sha256: hash('sha256', statements.map(({ statement }) => `${String(canonical(statement))}\n`).join('')),
});

/** A session, with the statements of each of its batches. @returns where its entries with hashes are, and their lines */
export function session(log: SampleLog, id: RequestId, name: string, batches: readonly (readonly Unplaced[])[]) {
  const place = { cluster: 'main', node: 'primary', session: name };
  const closedAt = log.at;
  log.append(
    sessionOpened(collector, id, { ...place, database: 'orders', openedAt: log.at, application: null }),
    collector,
  );
  const lines: StatementLine[] = [];
  for (const [at, statements] of batches.entries()) {
    const last = batchOf(statements);
    const all = { closedAt, ended: 'seen' as const, statements: batches.flat().length, last };
    const isLast = at === batches.length - 1;
    const entry = log.append(
      isLast
        ? sessionClosed(collector, id, { ...place, ...all })
        : sessionStatements(collector, id, { ...place, ...last }),
      collector,
    );
    lines.push(...statements.map((statement) => ({ entry, ...statement })));
  }
  return lines;
}

/** Two sessions of one request, and one of another; two batches in the first, and all of it told once they are over. */
export function sample() {
  const log = new SampleLog();
  log.applyPolicy();
  const [one, other] = [log.ask().id, log.ask().id];
  for (const id of [one, other]) {
    log.decide(id);
    log.claim(id);
    log.grant(id);
  }
  const lines = [
    ...session(log, one, '1.a', [
      [done(2, 'select ?'), done(3, 'update orders set state = ?', '$1 = ?')],
      [done(5, null), done(7, 'commit')],
    ]),
    ...session(log, one, '1.b', [[done(2, 'select now()')]]),
    ...session(log, other, '2.a', [[done(2, 'select now()'), done(4, 'table orders')]]),
  ];
  log.end(one);
  log.end(other);
  const entries = [...new Set(lines.map(({ entry }) => entry))];
  return { log, lines, entries };
}
export const written = (log: SampleLog, lines: readonly StatementLine[]): Written => ({
  ...log.written(),
  statements: lines.map(statementBytes),
});
