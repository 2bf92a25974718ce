/**
 * Who may change the rules and which account is whose, in Slack: real use cases, real store, the worker's real relay and
 * notices. Everything is a signed delivery, and everything seen was read from Slack.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createNotices } from '../activities/notices.ts';
import type { Message } from '../dev/slack/driver.ts';
import type { LinkId, ProposalId } from '../domain/ids.ts';
import { policyHash } from '../policy/digest.ts';
import { makeCode } from '../service/codes.ts';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { storeRecords } from '../slack/records.ts';
import type { SlackService } from '../slack/service.ts';
import { validateMessage, validateView } from '../slack/blocks.ts';
import { proposalCard, proposalForm } from '../slack/views/proposal.ts';
import * as linkCodes from '../store/link-codes.ts';
import { linkOf } from '../store/people.ts';
import * as policies from '../store/policies.ts';
import { relayOnce } from '../temporal/relay.ts';
import { ok, policyText, startCompany, type Company, type Handle } from './support/company.ts';
import { fakeChannels } from './support/channels.ts';
import { keptLog, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';

/** `spare` is nobody's account yet; `second` too. */
const users = ['carl', 'otto', 'eve', 'spare', 'second'] as const;
let company: Company;
let desk: SlackDesk;
const governed = policyText((text) =>
  text.replace(
    'endAnyGrant: [group:controllers]',
    'endAnyGrant: [group:controllers]\n  changePolicy: [group:controllers]',
  ),
);
beforeAll(async () => {
  company = await startCompany();
  const service = Object.fromEntries(
    Object.keys(company.use).map((name) => [name, (input: never) => company.use[name as keyof SlackService](input)]),
  ) as unknown as SlackService;
  desk = await startSlackDesk({ users, service, records: storeRecords(company.store.as.curfew_api) });
  const team = desk.workspace.team.id;
  for (const handle of ['carl', 'otto', 'eve'] satisfies Handle[]) {
    await company.change(handle, { slack: [{ team, user: desk.workspace.userId(handle) }] });
  }
  await company.change('otto', { groups: [{ name: 'controllers' }] });
  await company.applyPolicy(governed);
});
afterAll(async () => {
  await desk?.end();
  await company?.end();
});
afterEach(() => {
  expect(desk.workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);
});

/** What the worker does each second. */
async function relay(): Promise<void> {
  const store = company.store.as.curfew_worker;
  const channel = desk.workspace.channelId('approvals');
  const workspace = { team: desk.workspace.team.id, approvals: channel, announcements: channel };
  const notices = createNotices({ store, workspace, port: desk.slack.desk.port, log: keptLog() });
  const { temporal, ctx } = company;
  const options = { store, temporal, channels: { ...fakeChannels(), ...notices }, clock: Date.now, log: ctx.log };
  while ((await relayOnce({ ...options, signal: new AbortController().signal })) > 0);
}

let count = 0;
async function propose(): Promise<{ id: ProposalId; hash: string; text: string }> {
  const text = `${governed}# ${(count += 1)} <!channel>\n`;
  const hash = policyHash(text);
  const { proposal } = await company.store.as.curfew_admin.transaction((tx) =>
    policies.apply(tx, { hash, text, changes: ['engineers: orders-prod <!here> read'] }, 'curfew_admin'),
  );
  if (!proposal) throw new Error('nothing was proposed');
  await relay();
  return { id: proposal, hash, text };
}
const card = (id: ProposalId): Promise<Message> =>
  desk.driver.eventually(`the card of ${id}`, async () =>
    (await desk.driver.messages('approvals')).find((one) => JSON.stringify(one).includes(id.slice(0, 8))),
  );
async function decide(user: Handle, id: ProposalId, verdict: 'approve' | 'deny'): Promise<string> {
  await desk.driver.press(user, await card(id), actions.reviewProposal);
  await desk.driver.waitForModal(user, callbacks.decideProposal);
  await desk.driver.submit(user, { [blocks.verdict]: verdict });
  const shown = JSON.stringify(desk.driver.modal(user)?.['blocks']);
  await desk.driver.close(user);
  return shown;
}
const holds = () => policies.currentHash(company.store.admin);

test('a proposed policy has a card; two who may change the policy review its hash and diff, and it holds', async () => {
  const { id, hash } = await propose();
  const first = JSON.stringify(await card(id));
  expect(first).toContain('0 of 2 other people');
  expect(first).not.toMatch(/<!(?:here|channel)/);
  await desk.driver.press('carl', await card(id), actions.reviewProposal);
  const form = JSON.stringify(await desk.driver.waitForModal('carl', callbacks.decideProposal));
  expect(form).toContain(hash);
  expect(form).toMatch(/\+# \d+/);
  await desk.driver.close('carl');
  expect(await decide('carl', id, 'approve')).toContain('1 of 2');
  await relay();
  expect(JSON.stringify(await card(id))).toContain('1 of 2 other people');
  expect(await decide('otto', id, 'approve')).toContain('holds from now on');
  expect(await holds()).toBe(hash);
  await relay();
  const last = JSON.stringify(await card(id));
  expect(last).toContain('It holds');
  expect(last).not.toContain(actions.reviewProposal);
});

test('who may not change it is told so in Review and when they decide, and it is written down', async () => {
  const { id } = await propose();
  await desk.driver.press('eve', await card(id), actions.reviewProposal);
  const form = JSON.stringify(await desk.driver.waitForModal('eve', callbacks.decideProposal));
  expect(form).toContain('Your approval would not count');
  await desk.driver.close('eve');
  expect(await decide('eve', id, 'approve')).toContain('This step is decided by the group controllers');
  expect((await company.audit(id)).map(({ kind }) => kind)).toEqual(['policy.refused']);
});

test('a denial is shown, and so is what another policy has superseded', async () => {
  const [denied, lost, won] = [await propose(), await propose(), await propose()];
  expect(await decide('carl', denied.id, 'deny')).toContain('Denied');
  for (const user of ['carl', 'otto'] as const) await decide(user, won.id, 'approve');
  await relay();
  expect(JSON.stringify(await card(denied.id))).toMatch(/Denied.*by Name of carl/);
  expect(JSON.stringify(await card(lost.id))).toContain('Superseded');
  expect(await holds()).toBe(won.hash);
});

test('a card that somebody deleted is posted again at the next step', async () => {
  const { id, hash } = await propose();
  const { channel, ts } = await card(id);
  const { apiUrl, botToken } = desk.workspace;
  await fetch(`${apiUrl}chat.delete`, {
    method: 'POST',
    headers: { authorization: `Bearer ${botToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ channel, ts }),
  });
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  await company.use.decideProposal({ proposalId: id, person: company.id('carl'), account, hash, verdict: 'deny' });
  await relay();
  const again = await card(id);
  expect(JSON.stringify(again)).toContain('Denied');
  expect(again['ts']).not.toBe(ts);
});

test('a button that was copied to another message does nothing, and is written down', async () => {
  const [one, other] = [await propose(), await propose()];
  const shown = await card(one.id);
  const forged = JSON.parse(JSON.stringify(shown).replaceAll(one.id, other.id)) as Message;
  await desk.driver.press('carl', forged, actions.reviewProposal);
  expect(desk.driver.modal('carl')).toBeNull();
  expect((await company.audit(other.id)).map(({ kind }) => kind)).toEqual(['delivery.refused']);
});

/** As `curfew people link HANDLE --code` makes one. */
async function linkCode(handle: Handle): Promise<string> {
  const { shown, hash } = makeCode();
  const code = { hash, person: company.id(handle), expiresAt: Date.now() + 60_000 };
  await company.store.as.curfew_admin.transaction((tx) => linkCodes.mint(tx, code));
  return shown;
}
const accountOf = (user: string) => linkOf(company.store.admin, desk.workspace.team.id, desk.workspace.userId(user));

test('a second account approves nothing until the first confirms it, and everything then', async () => {
  const { reply } = await desk.driver.slash('spare', command, `link ${await linkCode('carl')}`);
  expect(JSON.stringify(reply)).toMatch(/linked|account/);
  const link = await accountOf('spare');
  expect(link?.person).toBe(company.id('carl'));
  expect(link?.approvesFromAt).toBeGreaterThan(Date.now() + 23 * 3_600_000);
  const { id } = await propose();
  await desk.driver.press('spare', await card(id), actions.reviewProposal);
  await desk.driver.waitForModal('spare', callbacks.decideProposal);
  await desk.driver.submit('spare', { [blocks.verdict]: 'approve' });
  expect(JSON.stringify(desk.driver.modal('spare'))).toContain('less than a day ago');
  await desk.driver.close('spare');

  const asked = await desk.driver.eventually('the question to the old account', async () =>
    (await desk.driver.dms('carl')).find((one) => JSON.stringify(one).includes(actions.confirmLink)),
  );
  await desk.driver.press('carl', asked, actions.confirmLink);
  expect((await accountOf('spare'))?.approvesFromAt).toBeNull();
  await relay();
  expect(JSON.stringify(await desk.driver.dms('carl'))).not.toContain(actions.confirmLink);
  await desk.driver.press('spare', await card(id), actions.reviewProposal);
  await desk.driver.waitForModal('spare', callbacks.decideProposal);
  await desk.driver.submit('spare', { [blocks.verdict]: 'approve' });
  expect(JSON.stringify(desk.driver.modal('spare'))).toContain('1 of 2');
});

test('the old account can take a new one away, and its code for the command line; nobody else, the new one included, can say a word on it', async () => {
  await desk.driver.slash('second', command, `link ${await linkCode('otto')}`);
  await relay();
  const asked = await desk.driver.eventually('the question to the old account', async () =>
    (await desk.driver.dms('otto')).find((one) => JSON.stringify(one).includes(actions.refuseLink)),
  );
  const linkId = await theLink();
  const team = desk.workspace.team.id;
  const say = (handle: Handle, user: string) =>
    company.use.confirmLink({
      linkId,
      person: company.id(handle),
      team,
      user: desk.workspace.userId(user),
      verdict: 'approve',
    });
  expect(await say('otto', 'second')).toMatchObject({ code: 'NotAllowed' });
  expect(await say('eve', 'eve')).toMatchObject({ code: 'NotAllowed' });
  expect((await accountOf('second'))?.approvesFromAt).not.toBeNull();
  const account = { deleted: false, bot: false, restricted: false, stranger: false, fresh: true, readAt: company.now };
  const { code } = ok(await company.use.personalCode({ person: company.id('otto'), account }));
  expect(await company.use.personOfCode({ code })).toEqual({ person: company.id('otto') });
  await desk.driver.press('otto', asked, actions.refuseLink);
  expect(await accountOf('second')).toBeUndefined();
  expect(await company.use.personOfCode({ code })).toMatchObject({ code: 'UnknownCode' });
  expect(await say('otto', 'otto')).toMatchObject({ code: 'NotPending' });
});
async function theLink(): Promise<LinkId> {
  const [row] = await company.store.admin.query<{ id: LinkId }>(
    `select id from curfew.personal where kind = 'link' and approves_from > clock_timestamp()`,
  );
  if (!row) throw new Error('no link waits');
  return row.id;
}

test('a code works once, an account that is somebody’s takes none, and what is no code is told so', async () => {
  const code = await linkCode('olga');
  expect(await linking('eve', code)).toMatchObject({ code: 'NotAllowed' });
  expect(await linking('second', code)).toMatchObject({ person: company.id('olga'), approvesFromAt: null });
  expect(await linking('second', code)).toMatchObject({ code: 'UnknownCode' });
  expect(await linking('second', 'AAAAA')).toMatchObject({ code: 'UnknownCode' });
});
const linking = (user: string, code: string) =>
  company.use.linkByCode({ code, team: desk.workspace.team.id, user: desk.workspace.userId(user) });

test('whatever is proposed, however long, is shown within Slack’s limits and without markup', () => {
  const hostile = '<!channel> *bold* \u202E'.repeat(400);
  const id = '00000000-0000-4000-8000-000000000009' as ProposalId;
  const hash = 'a'.repeat(64) as never;
  const base = { proposalId: id, hash, proposedBy: hostile, proposer: company.id('ada'), proposedAt: 1, need: 2 };
  const person = { name: hostile };
  const people = new Map([[company.id('ada'), person]]);
  const changes = Array.from({ length: 200 }, () => hostile);
  for (const state of ['open', 'adopted', 'denied', 'superseded'] as const) {
    const decisions = Array.from({ length: 9 }, () => ({ person: company.id('ada'), verdict: 'approve' as const }));
    const shown = proposalCard({ ...base, changes, state, decisions }, people);
    expect(validateMessage(shown)).toEqual([]);
    expect(JSON.stringify(shown)).not.toContain('<!channel');
    const form = proposalForm(
      { ...base, changes, state, base: null, diff: hostile.repeat(5), approvals: [company.id('ada')], you: null },
      people,
    );
    expect(validateView(form)).toEqual([]);
    // Whoever proposes has the store's login: what they say would change is their word, and is said to be.
    expect(JSON.stringify([shown.blocks])).toContain("as the proposer's command line counted it");
    expect(JSON.stringify(form)).toContain("as the proposer's command line counted it");
  }
});
