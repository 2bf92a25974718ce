/** `curfew approve`, `curfew deny`: one person's word on what they were shown. */
import { formatInstant, formatSpan } from '../../domain/time.ts';
import { decided, reviewed, type Reviewed } from '../act/answers.ts';
import { act, codeHelp, withActOptions, withCode, type ActOptions } from '../act/call.ts';
import type { Register } from '../program.ts';
import { exitCodes, oneLine, printJson, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';

type Options = ActOptions & { readonly digest?: string; readonly reason?: string };

export const registerDecide: Register = (program, terminal) => {
  withActOptions(
    program
      .command('review')
      .summary('show what somebody asks for, as an approver sees it')
      .description('Shows a request with its reason, what it would allow, and the digest that an approval is bound to.')
      .argument('<request>', "the request's id, whole"),
  )
    .addHelpText('after', `${codeHelp}\n\nExamples:\n  curfew review 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69`)
    .action(async (id: string, options: Options) => {
      const model = await review(terminal, id, options);
      if (options.json) return printJson(terminal, model);
      print(terminal, model);
    });
  withActOptions(
    program
      .command('approve')
      .summary('approve a request, in your own name')
      .description(
        'Approves a request, where the policy allows that from the command line (commandLine: { approve: true }). You are shown it first; with --digest, from curfew review, you are not asked again.',
      )
      .argument('<request>', "the request's id, whole")
      .option('--digest <hex>', 'of what you were shown: the first 12 digits or more'),
  )
    .addHelpText(
      'after',
      `${codeHelp}\n\nExamples:\n  curfew approve 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69\n  curfew approve 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69 --digest 3f9c0a1b2c4d`,
    )
    .action(async (id: string, given: Options) => {
      const options = await withCode(terminal, given);
      const model = await review(terminal, id, options);
      await agree(terminal, model, options);
      await decide(terminal, 'approve', model, options);
    });
  withActOptions(
    program
      .command('deny')
      .summary('deny a request, in your own name')
      .description('Denies a request. Whoever asked reads the reason.')
      .argument('<request>', "the request's id, whole")
      .requiredOption('--reason <text>', 'why; the requester reads it'),
  )
    .addHelpText(
      'after',
      `${codeHelp}\n\nExamples:\n  curfew deny 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69 --reason "use the replica"`,
    )
    .action(async (id: string, given: Options) => {
      const options = await withCode(terminal, given);
      await decide(terminal, 'deny', await review(terminal, id, options), options);
    });
};

function review(terminal: Terminal, id: string, options: Options): Promise<Reviewed> {
  const requestId = wholeId(id, 'A request is named by its whole id; curfew mine lists them.');
  return act(terminal, 'review', { requestId }, options, reviewed);
}

/** NB. What is approved is the digest of what was shown here, or before; never whatever the request is by now (I7). */
async function agree(terminal: Terminal, model: Reviewed, { digest }: Options): Promise<void> {
  if (digest !== undefined) {
    if (!/^[0-9a-f]{12,64}$/.test(digest)) throw new Stopped('--digest takes 12 to 64 hex digits.', exitCodes.usage);
    if (model.digest.startsWith(digest)) return;
    throw new Stopped('What you were shown is not this request. Look again: curfew review.');
  }
  print({ ...terminal, out: (text) => terminal.err(text) }, model);
  const word = await terminal.ask?.('Approve it? Type approve: ');
  if (word === undefined) throw new Stopped('Give --digest with what curfew review showed.', exitCodes.usage);
  if (word.trim().toLowerCase() !== 'approve') throw new Stopped('Not approved.');
}

async function decide(
  terminal: Terminal,
  verdict: 'approve' | 'deny',
  { requestId, digest }: Reviewed,
  options: Options,
): Promise<void> {
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const answer = await act(terminal, verdict, { requestId, digest, ...reason }, options, decided);
  if (options.json) return printJson(terminal, answer);
  const done = verdict === 'approve' ? 'Approved' : 'Denied';
  const late = answer.confirmed ? '' : ' It is recorded; the card follows.';
  terminal.out(`${answer.decided === 'repeated' ? 'You had said so already' : done}.${late}\n`);
}

function print(terminal: Terminal, model: Reviewed): void {
  const who = (id: string): string => oneLine(model.names[id] ?? id);
  const lines = [
    `${who(model.requester)} asks for ${model.role} on ${model.target} (${model.databases.join(', ')}) for ${formatSpan(model.durationMs)}, at ${formatInstant(model.openedAt)}.`,
    `Why: ${oneLine(model.reason ?? 'the reason was erased')}`,
    ...(model.ticket === null ? [] : [`Ticket: ${oneLine(model.ticket)}`]),
    ...(model.startAt === null ? [] : [`Begins: ${formatInstant(model.startAt)}`]),
    `Rule: ${model.plan.rule}; template ${model.template}`,
    ...(model.privileges === null
      ? ['The target was not checked yet, so what it would allow is not known.']
      : model.adds.length === 0
        ? ['Adds nothing to what they can do now.']
        : ['Adds to what they can do now:', ...model.adds.map((line) => `  ${oneLine(line)}`)]),
    ...model.held.map((one) => `They hold ${one.role} on ${one.target} until ${formatInstant(one.endAt)}.`),
    ...model.decisions.map((one) => `${who(one.person)}: ${one.verdict}, ${formatInstant(one.madeAt)}`),
    ...(model.you === null ? [] : [`Your decision would not count: ${oneLine(model.you.message)}`]),
    `Digest: ${model.digest}`,
  ];
  terminal.out(`${lines.join('\n')}\n`);
}
