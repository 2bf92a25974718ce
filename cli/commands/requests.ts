import type { PersonId } from '../../domain/ids.ts';
import { formatInstant, formatSpan } from '../../domain/time.ts';
import * as people from '../../store/people.ts';
import type { Db } from '../../store/pool.ts';
import { recent, type FollowedRequest } from '../../store/requests.ts';
import type { Register } from '../program.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped } from '../terminal.ts';

type Options = { readonly person?: string; readonly limit: string; readonly open?: true; readonly json?: true };

export const registerRequests: Register = (program, terminal) => {
  program
    .command('requests')
    .summary('list requests, newest first')
    .description('Lists requests, newest first, with what became of each.')
    .option('--person <handle>', 'only those of this person')
    .option('--open', 'only those that are not closed')
    .option('--limit <n>', 'how many at most, 1 to 1000', '50')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew requests --open\n  curfew requests --person ada --limit 5 --json')
    .action(async (options: Options) => {
      const limit = Number(options.limit);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
        throw new Stopped('--limit takes a whole number from 1 to 1000.', exitCodes.usage);
      }
      const rows = await withAuditorStore(terminal, async (store) => {
        const person = options.person === undefined ? undefined : await personOf(store, options.person);
        const found = await recent(store, person === undefined ? { limit } : { person, limit });
        const wanted = options.open ? found.filter((request) => request.view?.state.kind !== 'closed') : found;
        return named(store, wanted);
      });
      if (options.json) return printJson(terminal, rows);
      printTable(
        terminal,
        ['request', 'who', 'target', 'role', 'for', 'opened', 'state'],
        rows.map((row) => [
          row.id,
          row.who,
          row.target,
          row.role,
          formatSpan(row.durationMs),
          row.openedAt,
          row.outcome ?? row.state,
        ]),
      );
    });
};

/** @throws Stopped where nobody has this handle */
export async function personOf(db: Db, handle: string): Promise<PersonId> {
  const id = await people.personByHandle(db, handle);
  if (id === undefined) throw new Stopped(`Nobody has the handle ${handle}. curfew people list shows who has.`);
  return id;
}

/** Handles by id: what operators call people, and no name or e-mail. */
export async function handlesOf(db: Db, ids: readonly PersonId[]): Promise<ReadonlyMap<PersonId, string>> {
  const rows = await db.query<{ id: PersonId; handle: string }>(
    'select id, handle from curfew.person where id = any ($1::uuid[])',
    [[...new Set(ids)]],
  );
  return new Map(rows.map((row) => [row.id, row.handle]));
}

const named = async (db: Db, requests: readonly FollowedRequest[]) => {
  const handles = await handlesOf(
    db,
    requests.map((request) => request.person),
  );
  return requests.map((request) => ({
    id: request.id,
    kind: request.kind,
    who: handles.get(request.person) ?? request.person,
    target: request.target,
    role: request.role,
    durationMs: request.durationMs,
    openedAt: formatInstant(request.openedAt),
    state: request.view?.state.kind ?? 'requested',
    outcome: request.view?.state.kind === 'closed' ? request.view.state.outcome : null,
  }));
};
