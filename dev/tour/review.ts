/** One person's word in Review, pressed and sent in Slack; and what is to be read of a request afterwards. */
import { actions, callbacks } from '../../slack/ids.ts';
import type { Message } from '../slack/driver.ts';
import { shownLine, shownText } from '../slack/shown.ts';
import { must } from './report.ts';
import type { Stage } from './stage.ts';

/** `says`: what the form says instead of closing. */
export type Word = { readonly recorded: boolean; readonly says: string };

/** Presses Review on the card, approves, and closes what is said of it. */
export const say = (stage: Stage, who: string, requestId: string): Promise<Word> =>
  insisting(async () => {
    await stage.openReview(who, requestId);
    return sent(stage, who);
  });

const mostPresses = 5;

/** Presses again where Curfew asks for that, because something could not be looked up in time. */
export async function insisting(press: () => Promise<Word>): Promise<Word> {
  for (let pressed = 1; ; pressed += 1) {
    const word = await press();
    if (word.recorded || pressed === mostPresses || !word.says.includes('press again')) return word;
  }
}

/** The same where the form is open. */
export async function sent({ driver }: Stage, who: string): Promise<Word> {
  const { errors, action, reply } = await driver.submit(who, { [actions.verdict]: 'approve' });
  must(action !== 'none', `Review was answered ${reply.status}`);
  if (action === 'closed') return { recorded: true, says: '' };
  const view = driver.modal(who);
  await driver.close(who);
  if (action === 'errors') return { recorded: false, says: Object.values(errors).join(' ') };
  return { recorded: shownLine(view?.['title']) === 'Recorded', says: shownText(view?.['blocks']) };
}

/** @throws with what Curfew said, where it was not recorded */
export async function approves(stage: Stage, who: string, requestId: string): Promise<void> {
  const { recorded, says } = await say(stage, who, requestId);
  must(recorded, `the approval of ${who} was refused: ${says}`);
}

/** A word that must not count: what they were told, and the code that the audit log has. */
export async function refusedWord(stage: Stage, who: string, requestId: string, code: string) {
  const { recorded, says: told } = await say(stage, who, requestId);
  must(!recorded, `the approval of ${who} was taken`);
  const audited = await stage.refusalOf(requestId, 'decision.refused');
  must(audited === code, `the audit log has ${audited}, and not ${code}: ${told}`);
  return { by: who, code, told: told.split('\n')[0] ?? '' };
}

/** The whole card as a person reads it, as soon as it says that. */
export const cardSays = (stage: Stage, requestId: string, pattern: RegExp): Promise<string> =>
  stage.driver.eventually(`the card says ${String(pattern)}`, async () => {
    const card = await stage.cardOf(requestId);
    const shown = shownText(card['blocks']);
    return pattern.test(shown) ? shown : null;
  });

/** The open request form, as soon as it says that. */
export const formSays = ({ driver }: Stage, who: string, pattern: RegExp): Promise<string> =>
  driver.eventually(`the form of ${who} says ${String(pattern)}`, () => {
    const view = driver.modal(who);
    const shown = view?.callback_id === callbacks.ask ? shownText(view['blocks']) : '';
    return shown.split('\n').find((line) => pattern.test(line));
  });

/** Live approvals, oldest first: who, for which step, in whose place, when. */
export async function approvalsOf(stage: Stage, requestId: string) {
  const rows = await stage.inStore<{ handle: string; stage: number; at: Date }>(
    `select p.handle, d.stage, d.made_at as at from curfew.decision d join curfew.person p on p.id = d.person
     where d.request_id = $1 and d.verdict = 'approve'
       and not exists (select from curfew.decision_void v where v.decision_id = d.id) order by d.made_at`,
    [requestId],
  );
  return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
}

/** By the machine's clock: a message's own stamp has whole seconds in the emulator. */
export function postedAt({ workspace }: Stage, { ts, channel }: Message): number {
  const call = workspace.recorder
    .calls('chat.postMessage')
    .find(({ reply }) => reply?.body['ts'] === ts && reply.body['channel'] === channel);
  must(call, 'nobody posted this message');
  return call.at;
}
