/** What the form says before anybody is asked, and how two steps of approvals are filled: by whom, and by whom not. */
import { actions, blocks, callbacks, command } from '../../slack/ids.ts';
import { shownText } from '../slack/shown.ts';
import { stateOf } from './first-request.ts';
import { peopleWith } from './people.ts';
import { must } from './report.ts';
import { approvalsOf, approves, cardSays, formSays, postedAt, refusedWord, say } from './review.ts';
import type { Stage } from './stage.ts';

/** The form stays open, for the step after this one. */
export async function preview(stage: Stage) {
  const { driver } = stage;
  const by = 'amara';
  await driver.slash(by, command, 'orders-prod write');
  await driver.waitForModal(by, callbacks.ask);
  const says = await formSays(stage, by, /Needs 1 of manager.*then 1 of data owner/);
  must(says.includes('Could decide now: Tomáš Dvořák (manager)'), `it does not say who could decide: ${says}`);
  await driver.fill(by, { [actions.duration]: '9h' });
  const tooLong = await formSays(stage, by, /Not possible as it stands/);
  await driver.fill(by, { [actions.duration]: '10m' });
  await formSays(stage, by, /Needs 1 of manager/);
  return { by, says, for9h: tooLong };
}

/** Manager first, then a data owner, in the form that was previewed; whoever comes before their turn is refused. */
export async function twoStages(stage: Stage) {
  const requestId = await stage.requestOf(async () => {
    const { errors } = await stage.driver.submit('amara', { [blocks.reason]: 'correct a price that is wrong' });
    must(Object.keys(errors).length === 0, `the form was answered ${JSON.stringify(errors)}`);
  });
  await cardSays(stage, requestId, /manager: 0 of 1 .*data owner: 0 of 1, later/);
  const tooEarly = await refusedWord(stage, 'priya', requestId, 'ApproverNotEligible');
  await approves(stage, 'tomas', requestId);
  const card = await cardSays(stage, requestId, /manager: 1 of 1 \(Tomáš Dvořák, .*data owner: 0 of 1/);
  must((await stateOf(stage, requestId)) === 'awaiting', 'one approval of two was enough');
  await approves(stage, 'priya', requestId);
  await stage.waitFor('approved', async () => (await stateOf(stage, requestId)) === 'approved');
  return { requestId, tooEarly, between: progressLine(card), approvals: await approvalsOf(stage, requestId) };
}

/**
 * Amara becomes somebody's manager, and her other account a data owner: one human, who could sit on both steps. She
 * presses again, and with the other account; the second seat stays empty.
 */
export async function sameHumanTwice(stage: Stage) {
  const file = await stage.file('both-seats.yaml', bothSeats());
  const imported = await stage.curfew(['people', 'import', file]);
  must(imported.code === 0, `curfew people import: ${imported.err}`);
  await aDayPasses(stage, 'amara-admin');
  const requestId = await stage.ask('yuki', 'orders-prod write 10m because correct a price that is wrong');
  await approves(stage, 'amara', requestId);
  await cardSays(stage, requestId, /manager: 1 of 1 \(Amara Okafor, .*data owner: 0 of 1/);
  await say(stage, 'amara', requestId);
  const otherAccount = await refusedWord(stage, 'amara-admin', requestId, 'ApproverNotEligible');
  const approvals = await approvalsOf(stage, requestId);
  const state = await stateOf(stage, requestId);
  must(/one person counts once/.test(otherAccount.told), `it was refused for another reason: ${otherAccount.told}`);
  must(approvals.length === 1, `${approvals.length} approvals count of one human`);
  must(state === 'awaiting', `the request is ${state}`);
  return { requestId, pressedBy: ['amara', 'amara', 'amara-admin'], counted: approvals, otherAccount, state };
}

const bothSeats = (): string =>
  peopleWith(
    { of: 'yuki', from: 'manager: farida', to: 'manager: amara' },
    { of: 'amara-admin', from: 'groups: [data-owners]', to: 'groups: [data-owners, data-owners-payments]' },
  );

/** A second account approves nothing on its first day, whoever else there is: here it is to be refused for what it is. */
async function aDayPasses({ inStore }: Stage, handle: string): Promise<void> {
  await inStore(
    `update curfew.personal set approves_from = null
     where kind = 'link' and person = (select id from curfew.person where handle = $1)`,
    [handle],
  );
}

/** Out of office by one line in Slack; the delegate sits in that seat, and the card says for whom. */
export async function delegated(stage: Stage) {
  const { workspace } = stage;
  const requestId = await stage.ask('jonas', 'orders-prod write 10m because correct a price that is wrong');
  const line = `away until 3h delegate <@${workspace.userId('farida')}|farida>`;
  const answer = await answerTo(stage, 'tomas', line, /Farida Rahimi decides in your place/);
  await approves(stage, 'farida', requestId);
  const card = await cardSays(stage, requestId, /manager: 1 of 1 \(Farida Rahimi for Tomáš Dvořák, /);
  const again = await refusedWord(stage, 'tomas', requestId, 'ApproverNotEligible');
  const back = await answerTo(stage, 'tomas', 'away off', /Welcome back/);
  return { requestId, line: `/curfew ${line}`, answer, shown: progressLine(card), again, back };
}

/** What only the person who typed it reads. */
async function answerTo({ driver }: Stage, who: string, line: string, pattern: RegExp): Promise<string> {
  const before = driver.ephemerals(who).length;
  await driver.slash(who, command, line);
  return driver.eventually(`the answer to /curfew ${line}`, () => {
    const all = driver.ephemerals(who);
    const texts = all.slice(0, all.length - before).map((one) => shownText(one['blocks']) || one.text);
    return texts.find((text) => pattern.test(text));
  });
}

/** Nobody answers, and the manager's manager is asked as well: by the policy of the tour, after seconds. */
export async function escalated(stage: Stage, afterMs: number) {
  const { driver } = stage;
  const requestId = await stage.ask('amara', 'orders-prod write 10m because correct another price');
  const asked = await driver.eventually('the message to the manager’s manager', async () =>
    (await driver.dms('ingrid')).find((one) => JSON.stringify(one).includes(requestId)),
  );
  const [row] = await stage.inStore<{ at: Date }>('select opened_at as at from curfew.request where id = $1', [
    requestId,
  ]);
  must(row, 'the request has no row');
  const askedAfterMs = postedAt(stage, asked) - row.at.getTime();
  must(askedAfterMs >= afterMs, `ingrid was asked after ${askedAfterMs} ms already`);
  const reminded = await driver.newestDm('tomas', requestId);
  must(reminded, 'the manager was not reminded');
  await driver.press('ingrid', asked, actions.review);
  await driver.waitForModal('ingrid', callbacks.decide);
  await driver.submit('ingrid', { [actions.verdict]: 'approve' });
  const card = await cardSays(stage, requestId, /manager: 1 of 1 \(Ingrid Solheim, /);
  return { requestId, escalateAfterMs: afterMs, askedAfterMs, asked: 'ingrid', shown: progressLine(card) };
}

const progressLine = (card: string): string => card.split('\n').find((line) => line.includes(' of 1')) ?? card;
