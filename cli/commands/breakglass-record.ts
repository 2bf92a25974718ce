/** What was done by the sealed login while Curfew was down, put into the log afterwards (docs/operations.md). */
import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { breakGlassRecorded } from '../../domain/events/review.ts';
import { append } from '../../store/audit.ts';
import { parseInstant } from '../instant.ts';
import { readFileOf, withAdminStore } from '../settings.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';
import { personOf } from './requests.ts';

type Options = { readonly by: readonly string[]; readonly from: string; readonly to: string; readonly log?: string };

export const registerBreakGlassRecord = (breakGlass: Command, terminal: Terminal): void => {
  breakGlass
    .command('record')
    .summary('put into the log what was done while Curfew was down')
    .description('Puts into the log that the sealed login of a target was used while Curfew was down, and by whom.')
    .argument('<target>', 'where, e.g. orders-prod')
    .argument('<role>', "the policy's word for it, e.g. write")
    .argument('<incident>', 'the incident, e.g. INC-12')
    .requiredOption('--by <handle>', 'somebody who was there; once for each, at least two', collect, [])
    .requiredOption('--from <instant>', 'when it was opened, with its time zone')
    .requiredOption('--to <instant>', 'when it was verified as over')
    .option('--log <file>', "the part of the server's log that has it; its SHA-256 is kept")
    .addHelpText(
      'after',
      '\nExamples:\n  curfew breakglass record orders-prod write INC-12 --by ada --by ben --from 2026-12-24T01:10Z --to 2026-12-24T01:52Z --log orders.log',
    )
    .action(async (target: string, role: string, incident: string, _: Options, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      const [openedAt, endedAt] = [instantOf(options.from), instantOf(options.to)];
      if (endedAt <= openedAt) throw new Stopped('--to lies after --from.', exitCodes.usage);
      if (new Set(options.by).size < 2)
        throw new Stopped('Name at least two people with --by: nobody opens it alone.', exitCodes.usage);
      const log = options.log === undefined ? null : sha256(readFileOf(terminal, options.log));
      const entry = await withAdminStore(terminal, async (store) => {
        const by = await Promise.all([...new Set(options.by)].map((handle) => personOf(store, handle)));
        const [me] = await store.query<{ login: string }>('select session_user::text as login');
        const body = { target, role, incident, by, openedAt, endedAt, log };
        return append(store, breakGlassRecorded(me?.login ?? 'curfew_admin', target, body));
      });
      terminal.out(`Recorded as entry ${entry} of the log.\n`);
    });
};

const collect = (one: string, before: readonly string[]): readonly string[] => [...before, one];
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function instantOf(text: string): number {
  const at = parseInstant(text);
  if (at === undefined)
    throw new Stopped('Write instants with their time zone, e.g. 2026-12-24T01:10Z.', exitCodes.usage);
  return at;
}
