/** Rules are changed by two people, and what was approved under the old ones is held to the new ones. */
import { actions, callbacks } from '../../slack/ids.ts';
import { policyText } from '../company/directory.ts';
import { slackChannels } from '../company/workspace.ts';
import { elementsOf } from '../slack/block-kit.ts';
import { shownText } from '../slack/shown.ts';
import { storeUrl } from '../stack/environments.ts';
import { stateOf } from './first-request.ts';
import { must } from './report.ts';
import { insisting, sent, type Word } from './review.ts';
import type { Stage } from './stage.ts';

export const escalateAfterMs = 4_000;
/** Of a break-glass, after its end. */
export const reviewWithinMs = 4_000;

const operator = 'noor_ops';

/**
 * The sample's policy with seconds where it has hours; looser, with more time to decide; and with a question to others
 * where somebody has left on whose word access was given.
 */
export const tourPolicy = (): string =>
  changed(
    policyText(),
    ['remindAfter: 15m, escalateAfter: 1h', `remindAfter: 2s, escalateAfter: ${escalateAfterMs / 1_000}s`],
    [
      'name: data owner, from: [owner], need: 1, decideWithin: 4h',
      'name: data owner, from: [owner], need: 1, decideWithin: 6h',
    ],
    ['within: 24h', `within: ${reviewWithinMs / 1_000}s`],
    ['remindAfter: 1h\n      escalateAfter: 4h', 'remindAfter: 1s\n      escalateAfter: 2s'],
    ['policyChange: two-people', 'leavers: { approvals: ask }\npolicyChange: two-people'],
  );

/** Stricter: two data owners where one was enough. */
const twoOwners = (): string =>
  changed(tourPolicy(), ['name: data owner, from: [owner], need: 1', 'name: data owner, from: [owner], need: 2']);

function changed(text: string, ...pairs: readonly (readonly [from: string, to: string])[]): string {
  return pairs.reduce((before, [from, to]) => {
    must(before.includes(from), `the sample's policy does not say "${from}" any more`);
    return before.replace(from, to);
  }, text);
}

/**
 * Noor proposes with her own login; her own approval is refused, and Sana's makes it hold. What was approved before
 * stays, for the new policy is not stricter.
 * @param approved a request that two people approved under the old policy
 */
export async function takesTwo(stage: Stage, approved: string | undefined) {
  await giveOwnLogin(stage);
  const before = await current(stage);
  const { id, changes } = await propose(stage, 'tour.yaml', tourPolicy());
  const own = await decide(stage, 'noor', id);
  must(!own.recorded, 'the proposer approved it herself');
  const code = await stage.refusalOf(id, 'policy.refused');
  must(code === 'SelfApproval', `the audit log has ${code}`);
  must((await current(stage)).number === before.number, 'it holds without a second person');
  const second = await decide(stage, 'sana', id);
  must(second.says.includes('holds from now on'), `sana was told ${second.says}`);
  const now = await current(stage);
  must(now.number === before.number + 1, `version ${now.number} holds`);
  const kept = approved === undefined ? null : await keptBy(stage, now.number, approved);
  return {
    proposal: id,
    changes,
    proposer: { by: 'noor', code, told: own.says.split('\n')[0] },
    second: 'sana',
    version: now.number,
    hash: now.hash,
    kept,
  };
}

/** Approved by two people, and then the policy asks for a third: it ends, and everybody is told why. */
export async function stricterVoids(stage: Stage, requests: readonly string[]) {
  must(requests.length > 0, 'nothing was approved before');
  const { id } = await propose(stage, 'stricter.yaml', twoOwners());
  const second = await decide(stage, 'sana', id);
  must(second.says.includes('holds from now on'), `sana was told ${second.says}`);
  const ended = [];
  for (const requestId of requests) {
    const [row] = await stage.waitFor(`the end of ${requestId}`, async () => {
      const rows = await stage.inStore<{ outcome: string; cause: string }>(
        `select outcome, view #>> '{state,cause}' as cause from curfew.projection where request_id = $1 and state = 'closed'`,
        [requestId],
      );
      return rows.length > 0 && rows;
    });
    must(row?.outcome === 'withdrawn', `it ended as ${row?.outcome}`);
    must(/more people to approve/.test(row.cause), `its cause is ${row.cause}`);
    ended.push({ requestId, outcome: row.outcome, cause: row.cause });
  }
  return { version: (await current(stage)).number, ended, told: await toldOf(stage, requests[0] ?? '') };
}

/** The requester and one of those who approved. */
async function toldOf({ driver }: Stage, requestId: string) {
  const read = (who: string) =>
    driver.eventually(`${who} is told why`, async () =>
      (await driver.dms(who))
        .filter((one) => JSON.stringify(one).includes(requestId.slice(0, 8)))
        .map((one) => shownText(one['blocks']))
        .find((text) => text.includes('more people to approve')),
    );
  return { amara: await read('amara'), priya: await read('priya') };
}

/** The worker has looked at everything under way since that version. */
async function keptBy(stage: Stage, version: number, requestId: string) {
  await stage.waitFor('another look at what is open', async () => {
    const [row] = await stage.inStore<{ mark: string }>(
      `select body ->> 'mark' as mark from curfew.heartbeat where name = 'rejudged'`,
    );
    return row?.mark.startsWith(`${version}/`);
  });
  const state = await stateOf(stage, requestId);
  must(state === 'approved', `a policy that is not stricter made it ${state}`);
  return { requestId, state };
}

/** As the administrator of the store does: a login of her own, and another operator's word on who is behind it. */
async function giveOwnLogin(stage: Stage): Promise<void> {
  const password = stage.stack.state.secret(operator);
  stage.secrets.set(operator, password);
  await stage.inStore(`create role ${operator} login password '${password}' in role curfew_admin`);
  const linked = await stage.curfew(['people', 'link-login', operator, 'noor']);
  must(linked.code === 0, `curfew people link-login: ${linked.err}`);
}

async function propose(stage: Stage, name: string, text: string) {
  const { settings, state } = stage.stack;
  const url = new URL(storeUrl(settings, 'curfew_admin'));
  url.username = operator;
  url.password = state.secret(operator);
  const file = await stage.file(name, text);
  const ran = await stage.curfew(['policy', 'apply', file, '--json'], { CURFEW_ADMIN_STORE_URL: url.href });
  must(ran.code === 0, `curfew policy apply: ${ran.err}`);
  const made = JSON.parse(ran.out) as { kind: string; proposal?: string; need?: number; changes: readonly string[] };
  must(made.kind === 'proposed' && made.proposal !== undefined, `it was ${made.kind}`);
  must(made.need === 1, `it takes ${made.need} others`);
  return { id: made.proposal, changes: made.changes };
}

/** Review of the card in Slack. */
async function decide(stage: Stage, who: string, proposalId: string): Promise<Word> {
  const { driver } = stage;
  const card = await driver.eventually('the card of the proposed policy', async () =>
    (await driver.messages(slackChannels.ops)).find((one) =>
      elementsOf(one['blocks']).some(
        ({ actionId, element }) => actionId === actions.reviewProposal && element['value'] === proposalId,
      ),
    ),
  );
  return insisting(async () => {
    await driver.press(who, card, actions.reviewProposal);
    await driver.waitForModal(who, callbacks.decideProposal);
    return sent(stage, who);
  });
}

async function current({ inStore }: Stage): Promise<{ readonly number: number; readonly hash: string }> {
  const [row] = await inStore<{ number: number; hash: string }>(
    'select number, hash from curfew.policy_version order by number desc limit 1',
  );
  must(row, 'no policy holds');
  return row;
}
