/** Access for an incident: announced before it is there, over with the incident, and reviewed before there is more. */
import { actions, callbacks, command } from '../../slack/ids.ts';
import { slackChannels } from '../company/workspace.ts';
import { elementsOf } from '../slack/block-kit.ts';
import { shownText } from '../slack/shown.ts';
import { receiptOf, refusedLogin } from './first-request.ts';
import { claimed, untilGone } from './holding.ts';
import { incidentResolved } from './hooks.ts';
import { must, type Report } from './report.ts';
import { postedAt } from './review.ts';
import type { Stage } from './stage.ts';

/** One that conditions.yaml of the sample says is open. */
const incident = 'INC-12';
const who = 'yuki';
const lineFor = (span: string): string => `breakglass orders-prod write ${span} ${incident} "checkout down again"`;

/** @param owedAfterMs by the tour's policy: from then on, after the end, it is review debt */
export async function breakGlass(stage: Stage, { step }: Report, owedAfterMs: number): Promise<void> {
  let first: string | undefined;
  await step('break-glass-announced-before-use', async () => {
    const { requestId, ...evidence } = await announcedFirst(stage);
    first = requestId;
    return { requestId, ...evidence };
  });
  await step('break-glass-review-debt-blocks', () => {
    must(first, 'there is no break-glass to owe a review of');
    return debtBlocks(stage, first, owedAfterMs);
  });
  await step('incident-resolved-ends', () => resolvedEnds(stage));
}

/** Committed in the store, said in Slack and through the webhook; and only then a credential. */
async function announcedFirst(stage: Stage) {
  const { driver, stack } = stage;
  const requestId = await stage.ask(who, lineFor('8s'));
  const received = await driver.eventually('the webhook', async () =>
    stack.inbox.received().find(({ type, data }) => type === 'breakglass.announced' && data['request'] === requestId),
  );
  const message = await stage.cardOf(requestId);
  const announced = await stage.waitFor('both kinds of channel to have taken it', async () => {
    const rows = await stage.inStore<{ channel: string; committedAt: Date; deliveredAt: Date | null }>(
      `select channel, committed_at as "committedAt", delivered_at as "deliveredAt" from curfew.announcement
       where request_id = $1 order by channel`,
      [requestId],
    );
    return rows.length === 2 && rows.every(({ deliveredAt }) => deliveredAt !== null) && rows;
  });
  const held = await claimed(stage, who, requestId);
  const [grant] = await stage.inStore<{ at: Date }>(
    'select granted_at as at from curfew.access_grant where request_id = $1',
    [requestId],
  );
  must(grant, 'there is no grant');
  const credentialAt = grant.at.getTime();
  const [slackAt, webhookAt] = [postedAt(stage, message), received.receivedAt];
  for (const { committedAt } of announced)
    must(committedAt.getTime() < credentialAt, 'it was not committed before there was a credential');
  must(slackAt < credentialAt && webhookAt < credentialAt, 'it was not heard before there was a credential');
  await held.session.query(`update shop.orders set status = 'paid' where id = (select min(id) from shop.orders)`);
  const { outcome } = await receiptOf(stage, requestId, 'expired', who);
  return {
    requestId,
    committed: Object.fromEntries(announced.map(({ channel, committedAt }) => [channel, committedAt.toISOString()])),
    slack: { at: new Date(slackAt).toISOString(), text: message.text },
    webhook: { at: new Date(webhookAt).toISOString(), id: received.id, type: received.type },
    credential: grant.at.toISOString(),
    beforeCredentialMs: { slack: credentialAt - slackAt, webhook: credentialAt - webhookAt },
    outcome,
  };
}

type Registered = {
  readonly request: string;
  readonly debt: boolean;
  readonly owedFrom: string | null;
};

/** Nobody has reviewed the last one in time: no more of it, until somebody else has. */
async function debtBlocks(stage: Stage, requestId: string, owedAfterMs: number) {
  const owed = await stage.waitFor('the review to be owed', async () => {
    const { out } = await stage.curfew(['breakglass', 'list', '--owed', '--json']);
    return (JSON.parse(out) as readonly Registered[]).find(({ request, debt }) => request === requestId && debt);
  });
  const told = await refusedLine(stage, lineFor('10m'));
  must(told.includes('was not reviewed in time'), `${who} was told: ${told}`);
  const steps = await stage.inStore<{ step: string }>(
    'select step from curfew.review_step where request_id = $1 order by at',
    [requestId],
  );
  await review(stage, 'priya', requestId);
  return {
    requestId,
    reviewWithinMs: owedAfterMs,
    owedFrom: owed.owedFrom,
    told,
    steps: steps.map(({ step }) => step),
    reviewedBy: 'priya',
  };
}

/** What the answer to a line says that opens nothing. */
async function refusedLine({ driver }: Stage, line: string): Promise<string> {
  const { reply } = await driver.slash(who, command, line);
  return shownText((reply.body as { readonly blocks?: unknown } | null)?.blocks);
}

async function review(stage: Stage, reviewer: string, requestId: string): Promise<void> {
  const { driver } = stage;
  const card = await driver.eventually('the request for a review', async () =>
    (await driver.messages(slackChannels.ops)).find((one) =>
      elementsOf(one['blocks']).some(
        ({ actionId, element }) => actionId === actions.reviewBreakGlass && element['value'] === requestId,
      ),
    ),
  );
  await driver.press(reviewer, card, actions.reviewBreakGlass);
  await driver.waitForModal(reviewer, callbacks.review);
  const { errors } = await driver.submit(reviewer, {
    [actions.finding]: 'justified',
    [actions.note]: 'The checkout was down, and the fix is in the log.',
  });
  must(Object.keys(errors).length === 0, `the review was answered ${JSON.stringify(errors)}`);
  await stage.waitFor('the review', async () => {
    const found = await stage.inStore('select from curfew.review where request_id = $1', [requestId]);
    return found.length === 1;
  });
}

/** Reviewed, so there is more; and that is over as soon as the incident's tool says that the incident is. */
async function resolvedEnds(stage: Stage) {
  const requestId = await stage.ask(who, lineFor('10m'));
  const held = await claimed(stage, who, requestId);
  const { sentAt, status } = await incidentResolved(stage, incident);
  const endedAt = await untilGone(stage, held);
  must(endedAt < held.login.endAt, 'it ended by its time');
  const { sqlstate } = await refusedLogin(stage, held.login);
  const receipt = await receiptOf(stage, requestId, 'revoked', who);
  await review(stage, 'noor', requestId);
  return {
    requestId,
    hook: status,
    closedAfterMs: endedAt - sentAt,
    leftOfItsTimeMs: held.login.endAt - endedAt,
    loginAfterwards: sqlstate,
    ...receipt,
  };
}
