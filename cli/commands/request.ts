import { randomUUID } from 'node:crypto';
import { formatSpan, parseSpan } from '../../domain/time.ts';
import { opened } from '../act/answers.ts';
import { act, codeHelp, withActOptions, type ActOptions } from '../act/call.ts';
import { parseInstant } from '../instant.ts';
import type { Register } from '../program.ts';
import { exitCodes, printJson, Stopped } from '../terminal.ts';

type Options = ActOptions & {
  readonly reason: string;
  readonly ticket?: string;
  readonly start?: string;
  readonly key?: string;
};

export const registerRequest: Register = (program, terminal) => {
  withActOptions(
    program
      .command('request')
      .summary('ask for access, in your own name')
      .description('Asks for access, as /curfew in Slack does: the same rules, the same card for the approvers.')
      .argument('<target>', 'what to have access to, e.g. orders-prod')
      .argument('<role>', "the policy's word for what it is, e.g. read")
      .argument('<duration>', 'for how long, e.g. 45m or 2h')
      .requiredOption('--reason <text>', 'why; approvers read it')
      .option('--ticket <id>', 'a ticket or incident')
      .option('--start <instant>', 'when it begins, with its time zone, e.g. 2026-12-24T08:00+01:00')
      .option('--key <key>', 'a name of your own for this request: the same again is the same request'),
  )
    .addHelpText(
      'after',
      `${codeHelp}\n\nExamples:\n  curfew request orders-prod read 2h --reason "slow query, INC-12" --ticket INC-12\n  CURFEW_CODE=... curfew request orders-prod write 30m --reason "fix the export" --start 2026-12-24T08:00Z --json`,
    )
    .action(async (target: string, role: string, duration: string, options: Options) => {
      const durationMs = parseSpan(duration);
      if (durationMs === undefined) throw new Stopped('Write how long as 45m, 2h or 1h30m.', exitCodes.usage);
      const startAt = options.start === undefined ? undefined : instantOf(options.start);
      const body = {
        target,
        role,
        durationMs,
        reason: options.reason,
        key: options.key ?? randomUUID(),
        ...(options.ticket === undefined ? {} : { ticket: options.ticket }),
        ...(startAt === undefined ? {} : { startAt }),
      };
      const answer = await act(terminal, 'request', body, options, opened);
      if (options.json) return printJson(terminal, answer);
      const waits = answer.plan.verdict === 'automatic' ? 'Approved by the policy' : 'Asked';
      terminal.out(
        `${waits}: ${role} on ${target} for ${formatSpan(durationMs)}, by the rule ${answer.plan.rule}.\nRequest ${answer.requestId}${answer.repeated ? ' (asked before)' : ''}${answer.confirmed ? '' : '; recorded, the card follows'}.\n`,
      );
    });
};

/** @throws Stopped for what names no instant: a time without a zone means something else on every machine */
function instantOf(text: string): number {
  const at = parseInstant(text);
  if (at === undefined)
    throw new Stopped('Write --start with its time zone, e.g. 2026-12-24T08:00+01:00.', exitCodes.usage);
  return at;
}
