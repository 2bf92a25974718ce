import type { App } from '@slack/bolt';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import { longestBreakGlass } from '../../service/options.ts';
import { ephemeral, refused, say, tell, type Turn } from '../answers.ts';
import { command } from '../ids.ts';
import { parseLine, type Line } from '../parse-line.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import type { Content } from '../views/message.ts';
import { help, told } from '../views/told.ts';
import { openForm, opened } from './asking.ts';
import { breakingAs } from './breaking.ts';
import { carryOutWord, giveCode, linkAccount } from './words.ts';
import { clickerOf, turnOf, type Clicker } from './turn.ts';

/** What is carried out at once and answered with a sentence or a list. */
type Whole = Exclude<Line, { kind: 'help' | 'unclear' | 'form' | 'code' | 'link' }>;

/** `/curfew`: the form, a line that asks at once, break-glass, one of the words, or help. */
export function register(app: App, desk: Desk): void {
  app.command(command, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const line = parseLine(body.text ?? '');
    if (line.kind === 'help') return await say(desk, turn, help());
    if (line.kind === 'unclear') return await say(desk, turn, help(mrkdwn`${line.problem}`));
    // The only word for somebody whose account is nobody's yet.
    if (line.kind === 'link') return await linkAccount(desk, turn, line.code);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);

    if (line.kind === 'code') return await giveCode(desk, clicker);
    if (line.kind === 'form') {
      const opener = { client, triggerId: body.trigger_id };
      const refusal = await openForm(desk, opener, clicker.person, line.prefill, line.problem);
      if (refusal) return await refused(desk, turn, refusal);
      return await turn.answer(line.problem === undefined ? undefined : ephemeral(notUnderstood(line.problem)));
    }
    const { said, kept } = await carryOut(desk, clicker, body.trigger_id, line);
    if (isRefusal(said)) return await refused(desk, turn, said);
    if (kept) await say(desk, turn, said);
    else await sayBeside(desk, turn, said);
    await desk.homes.changed([clicker.person]);
  });
}

/** NB. Names stand in one table only, and the answer to a delivery is kept for its repeats: so these are told after it. */
async function sayBeside(desk: Desk, turn: Turn, content: Content): Promise<void> {
  await turn.answer();
  await tell(desk, turn.delivery, content, notShown);
}

const notShown = told(mrkdwn`Slack did not show the answer. Curfew's Home tab shows the same.`);

const notUnderstood = (problem: string): Content => help(mrkdwn`${problem} The form has what was understood.`);

/** `kept`: it names nobody, so it may be the delivery's own answer. */
type Said = { readonly said: Content | Refusal; readonly kept: boolean };

/** @param key of this delivery: the same line sent again is the same request */
async function carryOut(desk: Desk, clicker: Clicker, key: string, line: Whole): Promise<Said> {
  if (line.kind === 'break-glass-help') return { said: help(mrkdwn`${line.problem}`), kept: true };
  if (line.kind === 'ask' || line.kind === 'break-glass') {
    return { said: await ask(desk, clicker, key, line), kept: true };
  }
  return { said: await carryOutWord(desk, clicker, line), kept: false };
}

type Asking = Extract<Line, { kind: 'ask' | 'break-glass' }>;

async function ask(desk: Desk, { person, account }: Clicker, key: string, line: Asking): Promise<Content | Refusal> {
  const { target, role, reason } = line;
  const common = { person, target, role, reason, key };
  const result = await desk.service.open(
    line.kind === 'ask'
      ? { ...common, kind: 'access', durationMs: line.durationMs, ...ticketOf(line.ticket) }
      : {
          ...common,
          kind: 'break-glass',
          durationMs: line.durationMs ?? (await longestBreakGlass(desk.service, { person, target, role })),
          ticket: line.incident,
          account: await breakingAs(desk, account),
        },
  );
  return isRefusal(result) ? result : opened({ target, role }, result);
}

const ticketOf = (ticket: string | undefined) => (ticket === undefined ? {} : { ticket });
