/** `curfew mine`, `curfew release`, `curfew extend`: what somebody holds, and how they give it back or keep it longer. */
import { randomUUID } from 'node:crypto';
import { formatInstant, formatSpan, parseSpan } from '../../domain/time.ts';
import { ended, extended, landing, overview, type RequestStatus } from '../act/answers.ts';
import { act, codeHelp, withActOptions, withCode, type ActOptions } from '../act/call.ts';
import type { Register } from '../program.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';

type ExtendOptions = ActOptions & { readonly by?: string; readonly reason?: string };

export const registerMine: Register = (program, terminal) => {
  withActOptions(
    program
      .command('mine')
      .summary('list what you hold, what you asked for, and what waits for you')
      .description('Lists what you hold, what you asked for, and what waits for your decision.'),
  )
    .addHelpText('after', `${codeHelp}\n\nExamples:\n  curfew mine\n  curfew mine --json`)
    .action(async (options: ActOptions) => {
      const all = await act(terminal, 'status', {}, options, overview);
      if (options.json) return printJson(terminal, all);
      const part = (what: string, list: readonly RequestStatus[]): readonly (readonly unknown[])[] =>
        list.map((one) => [what, one.requestId, all.names[one.requester] ?? '', one.target, one.role, stateOf(one)]);
      const rows = [
        ...part('hold', all.grants),
        ...part('asked', all.requests),
        ...part('to decide', all.waiting),
        ...part('over', all.recent),
      ];
      if (rows.length === 0) return terminal.out('You hold nothing, asked for nothing, and nothing waits for you.\n');
      printTable(terminal, ['', 'request', 'who', 'target', 'role', 'state'], rows);
    });
  withActOptions(
    program
      .command('release')
      .summary('give back what you hold')
      .description('Ends a grant of yours now. Without an id, the only one that you hold.')
      .argument('[request]', "the request's id, whole"),
  )
    .addHelpText(
      'after',
      `${codeHelp}\n\nExamples:\n  curfew release\n  curfew release 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69`,
    )
    .action(async (id: string | undefined, given: ActOptions) => {
      const options = await withCode(terminal, given);
      const requestId = await held(terminal, id, options);
      const answer = await act(terminal, 'release', { requestId }, options, ended);
      if (options.json) return printJson(terminal, { requestId, ...answer });
      terminal.out(answer.already ? 'It was over, or ending, already.\n' : 'Thank you: it ends now.\n');
    });
  withActOptions(
    program
      .command('extend')
      .summary('keep what you hold for longer')
      .description(
        'Asks for a later end: as long again as you asked for first, or --by. Within what the policy allows it is given at once; beyond it the approvers are asked, and read the reason.',
      )
      .argument('[request]', "the request's id, whole; the only one that you hold where absent")
      .option('--by <duration>', 'how much longer, e.g. 30m')
      .option('--reason <text>', 'why; needed where somebody has to approve it'),
  )
    .addHelpText('after', `${codeHelp}\n\nExamples:\n  curfew extend --by 30m --reason "the import is slow"`)
    .action(async (id: string | undefined, given: ExtendOptions) => {
      const byMs = given.by === undefined ? undefined : parseSpan(given.by);
      if (given.by !== undefined && byMs === undefined)
        throw new Stopped('Write --by as 45m, 2h or 1h30m.', exitCodes.usage);
      const options = await withCode(terminal, given);
      const requestId = await held(terminal, id, options);
      const body = {
        requestId,
        key: randomUUID(),
        ...(byMs === undefined ? {} : { byMs }),
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      };
      const answer = await act(terminal, 'extend', body, options, extended);
      if (options.json) return printJson(terminal, { requestId, ...answer });
      const until = formatInstant(answer.endAt);
      terminal.out(
        answer.kind === 'automatic'
          ? `Until ${until}, as soon as the target has it. The password stays the same.\n`
          : `Asked: until ${until}, if it is approved. Until then the end stays where it is.\n`,
      );
    });
};

/** @throws Stopped where it is not clear which one is meant */
async function held(terminal: Terminal, id: string | undefined, options: ActOptions): Promise<string> {
  if (id !== undefined) return wholeId(id, 'A request is named by its whole id; curfew mine lists them.');
  const { grants } = await act(terminal, 'status', {}, options, overview);
  const [only, ...others] = grants;
  if (!only) throw new Stopped('You hold nothing.');
  if (others.length > 0)
    throw new Stopped('You hold more than one: say which. curfew mine lists them.', exitCodes.usage);
  return only.requestId;
}

function stateOf(one: RequestStatus): string {
  const {
    view: { state },
    endAt,
    durationMs,
  } = one;
  if (state.kind === 'closed') return `${state.outcome ?? 'closed'}: ${state.cause ?? ''}`;
  if (state.kind === 'active' && endAt !== null) return `active until ${formatInstant(endAt)}${landing(one)}`;
  return `${state.kind}, for ${formatSpan(durationMs)}`;
}
