import { randomUUID } from 'node:crypto';
import { Option } from 'commander';
import { formatSpan, parseSpan } from '../../domain/time.ts';
import { opened } from '../act/answers.ts';
import { act, codeHelp, withActOptions, type ActOptions } from '../act/call.ts';
import type { Register } from '../program.ts';
import { exitCodes, printJson, Stopped } from '../terminal.ts';
import { registerBreakGlassRecord } from './breakglass-record.ts';
import { listBreakGlass, type ListOptions } from './breakglass-list.ts';

type Options = ActOptions & { readonly because?: string; readonly for?: string; readonly key?: string };

export const registerBreakGlass: Register = (program, terminal) => {
  const breakGlass = withActOptions(
    program
      .command('breakglass')
      .summary('have access for an incident at once, and list who had')
      .description(
        'Has access for an incident, in your own name: nobody approves it, everybody is told, and somebody else reviews it afterwards.',
      )
      .argument('<target>', 'what to have access to, e.g. orders-prod')
      .argument('<role>', "the policy's word for what it is, e.g. write")
      .argument('<incident>', 'the incident that goes on, e.g. INC-12; the access ends with it')
      .option('--because <text>', 'what is wrong; everybody reads it')
      .option('--for <duration>', 'for how long, at most 1h; as long as the policy allows where absent')
      .option('--key <key>', 'a name of your own for this: the same again is the same request'),
  )
    .addHelpText(
      'after',
      `${codeHelp}\n\nExamples:\n  curfew breakglass orders-prod write INC-12 --because "checkout down" --for 30m\n  curfew breakglass list --owed`,
    )
    .action(async (target: string, role: string, incident: string, options: Options) => {
      // NB. Not a mandatory option: the register below would ask for it as well.
      if (options.because === undefined) throw new Stopped('Say what is wrong with --because.', exitCodes.usage);
      const durationMs = options.for === undefined ? undefined : spanOf(options.for);
      const body = {
        target,
        role,
        incident,
        reason: options.because,
        key: options.key ?? randomUUID(),
        ...(durationMs === undefined ? {} : { durationMs }),
      };
      const answer = await act(terminal, 'breakglass', body, options, opened);
      if (options.json) return printJson(terminal, answer);
      const long = durationMs === undefined ? '' : ` for ${formatSpan(durationMs)}`;
      terminal.out(
        `Glass is broken, and it is announced: ${role} on ${target}${long}, by the rule ${answer.plan.rule}.\nClaim it from the message in Slack. Somebody else reviews it when it is over.\nRequest ${answer.requestId}${answer.repeated ? ' (asked before)' : ''}${answer.confirmed ? '' : '; recorded, the message follows'}.\n`,
      );
    });
  breakGlass
    .command('list')
    .summary('list break-glass access, its announcements and its reviews')
    .description('Lists who broke glass, newest first: when it was announced, granted and over, and who reviewed it.')
    .addOption(new Option('--open', 'only what is not over').conflicts('owed'))
    .option('--owed', 'only what waits for its review')
    .option('--from <instant>', 'opened from then on, e.g. 2026-12-01 or 2026-12-01T08:00Z')
    .option('--to <instant>', 'opened before then')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew breakglass list --owed\n  curfew breakglass list --from 2026-12-01 --to 2027-01-01 --json',
    )
    .action((_: ListOptions, command: { optsWithGlobals(): ListOptions }) =>
      listBreakGlass(terminal, command.optsWithGlobals()),
    );
  registerBreakGlassRecord(breakGlass, terminal);
};

function spanOf(text: string): number {
  const durationMs = parseSpan(text);
  if (durationMs === undefined) throw new Stopped('Write --for as 45m or 1h.', exitCodes.usage);
  return durationMs;
}
