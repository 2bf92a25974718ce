import type { PersonId, RequestId } from '../../domain/ids.ts';
import { formatInstant } from '../../domain/time.ts';
import * as decisions from '../../store/decisions.ts';
import type { Store } from '../../store/pool.ts';
import { sessionChanges } from '../../store/session-check.ts';
import * as requests from '../../store/requests.ts';
import {
  coverage,
  sessionsOf,
  statementsOf,
  usesOf,
  type GrantUse,
  type HeldSession,
  type HeldStatement,
} from '../../store/sessions.ts';
import type { Register } from '../program.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import { handlesOf } from './requests.ts';

type Options = { readonly statements?: true; readonly json?: true };
const mostStatements = 10_000;

export const registerSessions: Register = (program, terminal, finish) => {
  program
    .command('sessions')
    .summary('list the sessions of a grant, and what was done in them')
    .description(
      "Lists the sessions that the holder of a grant had, as the target's own log tells of them, with who approved it; with --statements what was done in them, as much of it as is kept (CURFEW_STATEMENTS of the collector). A grant without a session is called unused where the log was read from its beginning to its end. All of it is held against the hashes in the audit log; where something was changed or is missing, it says so and exits with 1.",
    )
    .argument('<request>', "the request's id, whole")
    .option('--statements', `list the statements too, the first ${mostStatements}`)
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew sessions 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69\n  curfew sessions 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69 --statements --json',
    )
    .action(async (given: string, { statements, json }: Options) => {
      const id = wholeId(given, 'A request is named by its whole id; curfew requests lists them.') as RequestId;
      const found = await withAuditorStore(terminal, (store) => read(store, id, statements === true));
      if (!found) throw new Stopped('There is no such request; curfew requests lists them.');
      if (json) printJson(terminal, found);
      else print(terminal, found);
      if (found.changes.length > 0) finish(exitCodes.refused);
    });
};

async function read(store: Store, id: RequestId, withStatements: boolean) {
  const request = await requests.byId(store, id);
  if (!request) return undefined;
  const [decided, changes, sessions, [use], logs, statements] = await Promise.all([
    decisions.of(store, id),
    sessionChanges(store, request),
    sessionsOf(store, [id]),
    usesOf(store, [id]),
    coverage(store),
    withStatements ? statementsOf(store, id, mostStatements) : undefined,
  ]);
  const approved = decided.filter(({ verdict, voidedAt }) => verdict === 'approve' && voidedAt === undefined);
  const handles = await handlesOf(store, [request.person, ...approved.map(({ person }) => person)]);
  const handle = (person: PersonId): string => handles.get(person) ?? person;
  return {
    id,
    who: handle(request.person),
    target: request.target,
    role: request.role,
    approvers: approved.map(({ person }) => handle(person)),
    usage: use?.usage ?? null,
    sessions: sessions.map(sessionShown),
    logs: logs.filter(({ targets }) => targets.includes(request.target)).map(logShown),
    changes,
    ...(statements && { statements: statements.map(statementShown) }),
  };
}
type Found = NonNullable<Awaited<ReturnType<typeof read>>>;

const instantOrNull = (at: number | null): string | null => (at === null ? null : formatInstant(at));

const sessionShown = ({ openedAt, closedAt, lastAt, ...session }: HeldSession) => ({
  ...session,
  openedAt: formatInstant(openedAt),
  closedAt: instantOrNull(closedAt),
  lastAt: formatInstant(lastAt),
});

const statementShown = ({ at, ...statement }: HeldStatement) => ({ ...statement, at: formatInstant(at) });

const logShown = ({ cluster, node, readTo, wholeSince }: Awaited<ReturnType<typeof coverage>>[number]) => ({
  cluster,
  node,
  readTo: instantOrNull(readTo),
  wholeSince: instantOrNull(wholeSince),
});

function print(terminal: Terminal, found: Found): void {
  const { approvers } = found;
  const approved = approvers.length === 0 ? 'nobody has approved it' : `approved by ${approvers.join(', ')}`;
  terminal.out(`${found.who} asked for ${found.role} on ${found.target}; ${approved}.\n`);
  if (found.sessions.length === 0) terminal.out(`${withoutSession(found.usage)}\n`);
  else printSessions(terminal, found);
  if (found.changes.length === 0) return;
  terminal.out('\nThis is NOT what the audit log has the hashes of:\n');
  for (const { node, session, sentence } of found.changes) terminal.out(`  ${session} on ${node}: ${sentence}\n`);
}

function printSessions(terminal: Terminal, found: Found): void {
  terminal.out('\n');
  printTable(
    terminal,
    ['session', 'node', 'database', 'from', 'until', 'statements', 'failed'],
    found.sessions.map((session) => [
      session.session,
      session.node,
      session.database,
      session.openedAt,
      session.closedAt === null ? 'open' : `${session.closedAt}${session.ended === 'unseen' ? ' (at the latest)' : ''}`,
      session.statements,
      session.failed,
    ]),
  );
  if (!found.statements) return;
  terminal.out('\n');
  if (found.statements.length === 0) return terminal.out('The log has no statement of them.\n');
  printTable(
    terminal,
    ['at', 'session', 'took', 'failed', 'statement'],
    found.statements.map((one) => [
      one.at,
      one.session,
      one.durationUs === null ? null : `${one.durationUs / 1_000} ms`,
      one.error,
      textOf(one),
    ]),
  );
}

function textOf({
  text,
  textHash,
  parameters,
  what,
}: Pick<HeldStatement, 'text' | 'textHash' | 'parameters' | 'what'>): string {
  const kept = text ?? (textHash === null ? '(not kept)' : '(erased)');
  return [what, kept, parameters].filter((part) => part !== null).join('  ');
}

function withoutSession(usage: GrantUse['usage'] | null): string {
  if (usage === null) return 'Nothing was granted.';
  if (usage === 'unused') return 'Nobody used it: the log of each of its nodes was read, and has no session of it.';
  return 'No session of it is known, but the log was not read from its beginning to its end.';
}
