import type { App } from '@slack/bolt';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import { hourMs } from '../../domain/time.ts';
import { ephemeral, refused, say } from '../answers.ts';
import { command } from '../ids.ts';
import { parseLine, type Line } from '../parse-line.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import type { Content } from '../views/message.ts';
import { help } from '../views/told.ts';
import { openForm, opened } from './asking.ts';
import { clickerOf, turnOf } from './turn.ts';

type Whole = Exclude<Line, { kind: 'help' | 'form' }>;

/** `/curfew`: the form, a line that asks at once, break-glass, or help. */
export function register(app: App, desk: Desk): void {
  app.command(command, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const line = parseLine(body.text ?? '');
    if (line.kind === 'help') return await say(desk, turn, help());
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);

    if (line.kind === 'form') {
      const opener = { client, triggerId: body.trigger_id };
      const refusal = await openForm(desk, opener, clicker.person, line.prefill, line.problem);
      if (refusal) return await refused(desk, turn, refusal);
      return await turn.answer(line.problem === undefined ? undefined : ephemeral(notUnderstood(line.problem)));
    }
    const said = await carryOut(desk, clicker.person, body.trigger_id, line);
    await (isRefusal(said) ? refused(desk, turn, said) : say(desk, turn, said));
  });
}

const notUnderstood = (problem: string): Content => help(mrkdwn`${problem} The form has what was understood.`);

/** @param key of this delivery: the same line sent again is the same request */
async function carryOut(desk: Desk, person: PersonId, key: string, line: Whole): Promise<Content | Refusal> {
  if (line.kind === 'break-glass-help') return help(mrkdwn`${line.problem}`);
  const { target, role, reason } = line;
  if (line.kind === 'ask') {
    const ask = {
      person,
      kind: 'access',
      target,
      role,
      durationMs: line.durationMs,
      ...ticketOf(line.ticket),
    } as const;
    const result = await desk.service.open({ ...ask, reason, key });
    return isRefusal(result) ? result : opened(ask, result);
  }
  const durationMs = line.durationMs ?? (await longestBreakGlass(desk, person, target, role));
  const ask = { person, kind: 'break-glass', target, role, durationMs, ticket: line.incident } as const;
  const result = await desk.service.open({ ...ask, reason, key });
  return isRefusal(result) ? result : opened(ask, result);
}

const ticketOf = (ticket: string | undefined) => (ticket === undefined ? {} : { ticket });

/** As long as the policy allows; where it allows nothing, opening says so. */
async function longestBreakGlass(desk: Desk, person: PersonId, target: string, role: string): Promise<number> {
  const options = await desk.service.options({ person });
  if (isRefusal(options)) return hourMs;
  return options.find((one) => one.target === target)?.breakGlass.find((one) => one.role === role)?.maxMs ?? hourMs;
}
