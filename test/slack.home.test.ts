/** The App Home, the words behind the command, and more time, through the real Bolt app over HTTP. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Message } from '../dev/slack/driver.ts';
import { refuse } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import type { Extended, ExtensionModel, Overview } from '../service/contract.ts';
import { createHomes } from '../slack/home.ts';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { mrkdwn } from '../slack/text.ts';
import { glassValue } from '../slack/views/emergency.ts';
import { button, content, row, section } from '../slack/views/kit.ts';
import { people, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';
import { ids, overviewOf, states, statusAt, statusOf } from './support/slack-statuses.ts';

const [ana, ben] = [people['ana'], people['ben']] as [PersonId, PersonId];
let desk: SlackDesk;
let overview: Overview;
beforeAll(async () => {
  desk = await startSlackDesk();
});
afterAll(() => desk.end());
beforeEach(() => {
  overview = overviewOf(ana, ben);
  desk.records.painted.clear();
  desk.service.answers('overview', async () => overview);
  desk.service.answers('status', async ({ requestId }) =>
    requestId === ids.grant
      ? statusOf(ids.grant, ana, states.active)
      : refuse('UnknownRequest', 'There is no such request.'),
  );
});

const home = async (user: string, wanted = ''): Promise<string> =>
  await desk.driver.eventually(`home of ${user} with ${wanted}`, () => {
    const shown = JSON.stringify(desk.driver.home(user)?.['blocks'] ?? '');
    return shown.includes(wanted) && shown !== '""' ? shown : null;
  });
const looks = (user: string) => desk.driver.event(user, { type: 'app_home_opened', tab: 'home', channel: 'D0' });
const modalSays = (user: string, what: string) =>
  desk.driver.eventually(`${user} reads ${what}`, () => {
    const shown = JSON.stringify(desk.driver.modal(user)?.['blocks'] ?? '');
    return shown.includes(what) ? shown : null;
  });
const lastInput = (name: string): Record<string, unknown> =>
  (desk.service.calls.findLast((call) => call.name === name)?.input ?? {}) as Record<string, unknown>;

/** What a person is told in a message of their own eyes, because of a word. */
async function word(user: string, text: string, pattern: RegExp): Promise<Message> {
  const before = desk.driver.ephemerals(user).length;
  const { reply } = await desk.driver.slash(user, command, text);
  // The answer itself is kept for repeats, and names and codes are not.
  expect(reply.text).toBe('');
  return await desk.driver.eventually(`${user} is told ${String(pattern)}`, () => {
    const told = desk.driver.ephemerals(user).slice(0, desk.driver.ephemerals(user).length - before);
    return told.find((message) => pattern.test(JSON.stringify(message)));
  });
}
const noProblems = (): void => expect(desk.workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);

/** A message of ours with this button, which the records know as this request's. */
async function posted(action: string, value: typeof ids.grant | typeof ids.extension): Promise<Message> {
  const channel = desk.workspace.channelId('approvals');
  const shows = content(mrkdwn`A message`, section(mrkdwn`A message`), row(button(action, 'Press', value)));
  const at = await desk.slack.desk.port.post({ channel, ...shows });
  desk.records.post(at, ids.grant);
  return { ...shows, ...at, ephemeral: false };
}

describe('the App Home', () => {
  test('shows what is held, asked for and waited for, with what can be done', async () => {
    await looks('ana');
    const shown = await home('ana', 'What you hold');
    for (const text of [
      'Extend',
      "I'm done",
      'Claim',
      'Withdraw',
      'Review',
      'Person 2',
      'Ask again',
      'You are not away',
    ]) {
      expect(shown).toContain(text);
    }
    expect(shown).not.toMatch(/\d\d:\d\d(?! UTC)(?!:\d\d UTC)/);
    noProblems();
  });

  test('says so where there is nothing, instead of showing nothing', async () => {
    overview = { ...overview, grants: [], requests: [], waiting: [], recent: [] };
    await looks('ana');
    const shown = await home('ana', 'You hold no access');
    expect(shown).toContain('You have no open request');
    expect(shown).toContain('Nothing waits for you');
    expect(shown).not.toContain('Lately');
  });

  test('tells somebody whose account is linked to nobody how to mend that', async () => {
    await looks('eve');
    expect(await home('eve', 'linked to nobody')).toContain('link CODE');
  });

  test('the tab of messages is no look at the Home', async () => {
    const before = desk.workspace.recorder.calls('views.publish').length;
    await desk.driver.event('ana', { type: 'app_home_opened', tab: 'messages', channel: 'D0' });
    expect(desk.workspace.recorder.calls('views.publish').length).toBe(before);
  });

  test('each button does what it says, and its answer opens over the Home, where alone it can be seen', async () => {
    await looks('ana');
    await home('ana', "I'm done");
    desk.service.answers('release', async () => ({ already: false, confirmed: true }));
    await desk.driver.pressInHome('ana', actions.release, { value: ids.grant });
    await modalSays('ana', 'it ends now');
    expect(lastInput('release')).toEqual({ requestId: ids.grant, person: ana });
    await desk.driver.close('ana');
    desk.service.answers('withdraw', async () => ({ already: false, confirmed: true }));
    await desk.driver.pressInHome('ana', actions.withdraw, { value: ids.open });
    await modalSays('ana', 'Withdrawn');
    expect(lastInput('withdraw')).toEqual({ requestId: ids.open, person: ana });
    await desk.driver.close('ana');
    noProblems();
  });

  test('what is approved for later is claimed from its start on, not before', async () => {
    const later = { ...statusOf(ids.approved, ana, states.approved), startAt: statusAt };
    overview = { ...overview, requests: [later] };
    await looks('ana');
    expect(await home('ana', 'it can be claimed from')).not.toContain(actions.claim);
    overview = { ...overview, requests: [{ ...later, view: { ...later.view, started: true } }] };
    await looks('ana');
    await home('ana', actions.claim);
  });

  test('lists what waits for the review of whoever looks, and opens its form for nobody else (I13)', async () => {
    await looks('ana');
    const shown = await home('ana', 'Break-glass waiting for your review');
    expect(shown).toContain('broke glass for *write* on *orders-prod*, incident INC-12');
    expect(shown).toContain('Record the review of the break-glass of Person 2, write on orders-prod');
    desk.service.answers('status', async () => statusOf(ids.glass, ben, states.closed));
    await desk.driver.pressInHome('ana', actions.reviewBreakGlass, { value: ids.glass });
    await modalSays('ana', 'Was it justified?');
    await desk.driver.close('ana');
    overview = { ...overview, toReview: [] };
    await desk.driver.pressInHome('ana', actions.reviewBreakGlass, { value: ids.glass });
    await desk.driver.eventually('a word', () => desk.driver.newestDm('ana', 'does not wait for your review'));
    await looks('ana');
    await desk.driver.eventually('it is gone', () => {
      const now = JSON.stringify(desk.driver.home('ana')?.['blocks'] ?? '');
      return now.includes('waiting for your review') ? null : now;
    });
    noProblems();
  });

  test('a refusal reaches the person too', async () => {
    await looks('ana');
    await home('ana', "I'm done");
    desk.service.answers('release', async () => refuse('NotAllowed', 'This is not yours.'));
    await desk.driver.pressInHome('ana', actions.release, { value: ids.grant });
    await desk.driver.eventually('a word', () => desk.driver.newestDm('ana', 'This is not yours.'));
  });

  test('Claim shows the one-time link in a modal, which stays nowhere', async () => {
    desk.service.answers('mintCode', async () => ({
      code: 'HOME-CODE',
      url: 'https://curfew.example/claim#HOME-CODE',
      expiresAt: statusAt,
    }));
    await looks('ana');
    await home('ana', 'Claim');
    await desk.driver.pressInHome('ana', actions.claim, { value: ids.approved });
    await modalSays('ana', 'claim#HOME-CODE');
    expect((await desk.driver.pressInModal('ana', actions.claimLink)).reply.status).toBe(200);
    await desk.driver.close('ana');
    expect(JSON.stringify(await desk.driver.dms('ana'))).not.toContain('HOME-CODE');
  });

  test('where the modal does not open, the link is not put into a message instead', async () => {
    desk.service.answers('mintCode', async () => ({
      code: 'LATE-CODE',
      url: 'https://x.example/#LATE-CODE',
      expiresAt: 1,
    }));
    await looks('ana');
    await home('ana', 'Claim');
    const mend = desk.workspace.recorder.fault({
      methods: ['views.open'],
      kind: 'refused',
      error: 'expired_trigger_id',
    });
    await desk.driver.pressInHome('ana', actions.claim, { value: ids.approved });
    mend();
    await desk.driver.eventually('the hint', () => desk.driver.newestDm('ana', 'Press Claim again'));
    expect(JSON.stringify(await desk.driver.dms('ana'))).not.toContain('LATE-CODE');
  });

  test('is published again after what its person did, and only where it looks different', async () => {
    await looks('ana');
    await home('ana', 'Claim');
    await desk.driver.eventually('it is remembered', () => desk.records.painted.get(ana));
    const published = () => desk.workspace.recorder.calls('views.publish').length;
    const before = published();
    await desk.slack.desk.homes.changed([ana, ben]);
    expect(published()).toBe(before);
    overview = { ...overview, grants: [] };
    await desk.slack.desk.homes.changed([ana, ben]);
    expect(published()).toBe(before + 1);
    expect(await home('ana')).toContain('You hold no access');
  });

  test('one that was opened is published whatever is remembered of it: Slack may have forgotten', async () => {
    await looks('ana');
    await home('ana', 'Claim');
    const before = desk.workspace.recorder.calls('views.publish').length;
    await looks('ana');
    await desk.driver.eventually('it again', () =>
      desk.workspace.recorder.calls('views.publish').length > before ? true : null,
    );
  });

  test('another account of the same person is shown the same, and does not keep their own from being painted', async () => {
    const published: string[] = [];
    const painted = new Map<PersonId, string>();
    let seen = overview;
    const homes = createHomes({
      port: { publish: async ({ user }) => void published.push(user) },
      overview: async () => seen,
      mayBreakGlass: async () => false,
      profiles: async () => new Map([[ana, { name: 'Ana', slackTeam: 'T1', slackUser: 'UOLD' }]]),
      rows: {
        openedBy: async (all) => all.filter((one) => painted.has(one)),
        paintedOf: async (one) => painted.get(one),
        put: async (one, hash) => void painted.set(one, hash),
      },
      team: 'T1',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    await homes.opened(ana, 'UOLD');
    seen = { ...overview, grants: [] };
    await homes.opened(ana, 'UNEW');
    await homes.changed([ana]);
    await homes.changed([ana]);
    expect(published).toEqual(['UOLD', 'UNEW', 'UOLD']);
  });

  test('a button that is not on the Home that was published does nothing', async () => {
    await looks('ana');
    await home('ana', "I'm done");
    const before = desk.service.count('release');
    await desk.driver.pressInHome('ana', actions.release, {
      value: ids.grant,
      edit: (payload) => ({
        ...payload,
        actions: [{ ...(payload['actions'] as object[])[0], value: ids.closed.replace('6', '9') }],
      }),
    });
    expect(desk.service.count('release')).toBe(before);
    expect(desk.records.entries.at(-1)?.body['why']).toBe('foreign-message');
  });

  test('what ends the access of somebody else is not done from a Home', async () => {
    await looks('ana');
    await home('ana', "I'm done");
    const before = desk.service.count('revoke');
    await desk.driver.pressInHome('ana', actions.release, {
      value: ids.grant,
      edit: (payload) => ({
        ...payload,
        actions: [{ ...(payload['actions'] as object[])[0], action_id: actions.endNow }],
      }),
    });
    expect(desk.service.count('revoke')).toBe(before);
  });

  test('the empty form and "I\'m back" need no request', async () => {
    overview = { ...overview, away: { fromAt: 1, untilAt: statusAt, delegate: ben } };
    desk.service.answers('options', async () => [
      { target: 'orders-prod', roles: [{ role: 'read', note: '', maxMs: 3_600_000 }], breakGlass: [] } as never,
    ]);
    desk.service.answers('preview', async () => refuse('NotRecorded', 'The store is away.'));
    await looks('ana');
    await home('ana', 'Person 2 decides in your place');
    await desk.driver.pressInHome('ana', actions.ask);
    await desk.driver.waitForModal('ana', callbacks.ask);
    await desk.driver.close('ana');
    desk.service.answers('back', async () => ({ was: { fromAt: 1, untilAt: statusAt, delegate: ben } }));
    await desk.driver.pressInHome('ana', actions.back);
    await modalSays('ana', 'Welcome back');
    await desk.driver.close('ana');
  });

  test('emergency access is offered to whom the policy lists, and its form breaks glass at once (I13)', async () => {
    const role = { role: 'write', note: '', maxMs: 1_800_000 };
    desk.service.answers('options', async () => [{ target: 'orders-prod', roles: [role], breakGlass: [] } as never]);
    await looks('ana');
    expect(JSON.stringify(await home('ana', 'Your access'))).not.toContain('Emergency access');
    desk.service.answers('options', async () => [
      { target: 'orders-prod', roles: [], breakGlass: [role, { ...role, role: 'read' }] } as never,
    ]);
    await looks('ana');
    await home('ana', 'Emergency access');
    await desk.driver.pressInHome('ana', actions.breakGlass);
    await desk.driver.waitForModal('ana', callbacks.breakGlass);
    const typed = {
      [blocks.target]: glassValue('orders-prod', 'write'),
      [blocks.ticket]: 'INC-12',
      [blocks.reason]: 'checkout down',
    };
    desk.service.answers('open', async () => refuse('PolicyDenied', 'The incident INC-12 is resolved.', 'ticket'));
    expect((await desk.driver.submit('ana', typed)).errors[blocks.ticket]).toContain('INC-12 is resolved');
    expect(lastInput('open')).toMatchObject({
      person: ana,
      kind: 'break-glass',
      target: 'orders-prod',
      role: 'write',
      durationMs: 1_800_000,
      ticket: 'INC-12',
      reason: 'checkout down',
    });
    const wrong = await desk.driver.submit('ana', { ...typed, [blocks.duration]: 'long' });
    expect(Object.keys(wrong.errors)).toEqual([blocks.duration]);
    await desk.driver.close('ana');
    noProblems();
  });
});

describe('words behind the command', () => {
  test("mine and status list all of one's own, with buttons that work there", async () => {
    const listed = await word('ana', 'mine', /What you hold/);
    expect(JSON.stringify(listed)).toContain('Person 2');
    desk.service.answers('release', async () => ({ already: false, confirmed: true }));
    const before = desk.service.count('release');
    await desk.driver.press('ana', listed, actions.release, { value: ids.grant });
    expect(desk.service.count('release')).toBe(before + 1);
    expect(lastInput('release')).toEqual({ requestId: ids.grant, person: ana });
    expect(JSON.stringify(await word('ana', 'status', /What you hold/))).toContain('Waiting for you');
    noProblems();
  });

  test("status of one request names where it is, by its short form among one's own only", async () => {
    await word('ana', 'status 2a2b3c4d', /Your request.*waiting for approval/);
    const waits = await word('ana', 'status 4a2b3c4d', /The request of \*Person 2\*/);
    expect(JSON.stringify(waits)).toContain(actions.review);
    expect((await desk.driver.slash('ana', command, 'status ffffffff')).reply.text).toContain('None of your requests');
    await word('ana', `status ${ids.grant}`, /active until/);
  });

  test('end ends the only live grant, and asks which where there are several', async () => {
    desk.service.answers('release', async () => ({ already: false, confirmed: true }));
    const before = desk.service.count('release');
    await word('ana', 'end', /it ends now/);
    expect(lastInput('release')).toEqual({ requestId: ids.grant, person: ana });
    overview = { ...overview, grants: [...overview.grants, statusOf(ids.longer, ana, states.active)] };
    const which = await word('ana', 'end', /Which one are you done with/);
    expect(desk.service.count('release')).toBe(before + 1);
    await desk.driver.press('ana', which, actions.release, { value: ids.longer });
    expect(lastInput('release')).toEqual({ requestId: ids.longer, person: ana });
    overview = { ...overview, grants: [] };
    await word('ana', 'end', /You hold no access/);
    desk.service.answers('withdraw', async () => ({ already: false, confirmed: true }));
    await word('ana', 'end 2a2b3c4d', /Withdrawn/);
    expect(lastInput('withdraw')).toEqual({ requestId: ids.open, person: ana });
    // What waits for this person is somebody else's.
    expect((await desk.driver.slash('ana', command, 'end 4a2b3c4d')).reply.text).toContain(
      'You hold nothing by that name',
    );
  });

  test("away is read in the person's own time zone, and the delegate by their linked account alone", async () => {
    desk.workspace.setFlags('ben', { tz: 'Pacific/Auckland' });
    desk.service.answers('away', async ({ fromAt, untilAt, delegate }) => ({
      fromAt,
      untilAt,
      delegate: delegate ?? null,
    }));
    const anaId = desk.workspace.userId('ana');
    await word('ben', `away until 2031-12-24 delegate <@${anaId}|ana>`, /away until.*Person 1 decides in your place/);
    expect(lastInput('away')).toMatchObject({
      person: ben,
      untilAt: Date.parse('2031-12-24T00:00:00+13:00'),
      delegate: ana,
      account: { deleted: false, restricted: false, stranger: false },
    });
    await word('ben', 'away until 3d', /nobody decides in your place/);
    expect(lastInput('away')).not.toHaveProperty('delegate');
    const before = desk.service.count('away');
    const stranger = await desk.driver.slash(
      'ben',
      command,
      `away until 3d delegate <@${desk.workspace.userId('eve')}>`,
    );
    expect(stranger.reply.text).toContain('has no linked Slack account');
    expect((await desk.driver.slash('ben', command, 'away until whenever')).reply.text).toContain(
      'Until when is not clear',
    );
    expect(desk.service.count('away')).toBe(before);
    desk.service.answers('back', async () => ({ was: null }));
    await word('ben', 'away off', /You were not away/);
  });

  test('a code is told beside the answer, to its person only, and is in no answer that is kept', async () => {
    desk.service.answers('personalCode', async () => ({ code: 'TELL-NOBODY', expiresAt: statusAt }));
    await word('ana', 'code', /TELL-NOBODY/);
    expect(lastInput('personalCode')).toMatchObject({ person: ana, account: { deleted: false, bot: false } });
    expect(JSON.stringify(await desk.driver.dms('ana'))).not.toContain('TELL-NOBODY');
  });

  test('where Slack does not show the code, the message that stays does not hold it', async () => {
    desk.service.answers('personalCode', async () => ({ code: 'TELL-NOBODY', expiresAt: statusAt }));
    await desk.driver.slash('ana', command, 'code', {
      edit: (payload) => ({ ...payload, response_url: 'http://127.0.0.1:1/' }),
    });
    await desk.driver.eventually('the hint', () => desk.driver.newestDm('ana', 'Ask for another one'));
    expect(JSON.stringify(await desk.driver.dms('ana'))).not.toContain('TELL-NOBODY');
  });

  test("link is for somebody whose account is nobody's yet", async () => {
    desk.service.answers('linkByCode', async () => ({ person: ana, approvesFromAt: statusAt }));
    const linked = await desk.driver.slash('eve', command, 'link ABCD-EFGH');
    expect(linked.reply.text).toMatch(/This Slack account is yours now.*can approve from/);
    expect(lastInput('linkByCode')).toEqual({
      code: 'ABCD-EFGH',
      team: desk.workspace.team.id,
      user: desk.workspace.userId('eve'),
    });
    desk.service.answers('linkByCode', async () => refuse('UnknownCode', 'There is no such code.'));
    expect((await desk.driver.slash('eve', command, 'link ABCD-EFGH')).reply.text).toContain('There is no such code.');
  });

  test('a word that lacks something is explained', async () => {
    const { reply } = await desk.driver.slash('ana', command, 'away monday');
    expect(reply.text).toContain('Say until when');
    expect(reply.text).toContain('away until monday delegate');
  });
});

const extended = (kind: Extended['kind']): Extended => ({
  extensionId: ids.extension,
  kind,
  endAt: statusAt + 7_200_000,
  confirmed: true,
});

describe('more time', () => {
  const model = {
    extensionId: ids.extension,
    request: {
      ...statusOf(ids.grant, ana, states.active),
      databases: ['orders'],
      template: 'orders_read',
      ticket: null,
      startAt: null,
      reason: 'the first reason',
      digest: 'a'.repeat(64),
      decisions: [],
      held: [],
      privileges: { checkedAt: statusAt, lines: ['SELECT on orders'] },
      adds: [],
      reciprocal: [],
      standsInFor: new Map(),
      you: refuse('NotPending', 'It is decided.'),
      plan: { verdict: 'automatic', rule: 'r', limits: { maxMs: 1, useWithinMs: 1 } },
    },
    endAt: statusAt + 7_200_000,
    fromAt: statusAt + 3_600_000,
    reason: 'the migration is slow <!channel>',
    digest: 'e'.repeat(64),
    plan: {
      verdict: 'approvals',
      rule: 'longer needs an owner',
      limits: { maxMs: 14_400_000, decideWithinMs: 1, useWithinMs: 3_600_000 },
      stages: [{ name: 'data owners', need: 1, from: [{ kind: 'group', group: 'data-owners' }] }],
    },
    open: [0],
    you: null,
  } as unknown as ExtensionModel;

  test('within the allowance one press does it, and says the new end', async () => {
    desk.service.answers('extend', async () => extended('automatic'));
    const before = desk.driver.ephemerals('ana').length;
    await desk.driver.press('ana', await posted(actions.extend, ids.grant), actions.extend);
    const told = await desk.driver.eventually('a word', () =>
      desk.driver.ephemerals('ana').length > before ? desk.driver.ephemerals('ana')[0] : null,
    );
    expect(told.text).toContain(`Extended: your access ends <!date^${(statusAt + 7_200_000) / 1000}^`);
    expect(lastInput('extend')).toEqual({
      requestId: ids.grant,
      person: ana,
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('beyond it a form asks how much and why, with errors under their fields', async () => {
    desk.service.answers('extend', async ({ reason }) =>
      reason === undefined ? refuse('InvalidInput', 'This has to be approved: say why.', 'reason') : extended('asked'),
    );
    await looks('ana');
    await home('ana', 'Extend');
    await desk.driver.pressInHome('ana', actions.extend, { value: ids.grant });
    await desk.driver.waitForModal('ana', callbacks.extend);
    await modalSays('ana', 'This has to be approved');
    const wrong = await desk.driver.submit('ana', { [blocks.duration]: 'a bit', [blocks.reason]: 'slow' });
    expect(Object.keys(wrong.errors)).toEqual([blocks.duration]);
    const silent = await desk.driver.submit(
      'ana',
      { [blocks.duration]: '30m', [blocks.reason]: ' ' },
      { unchecked: true },
    );
    expect(Object.keys(silent.errors)).toEqual([blocks.reason]);
    const sent = await desk.driver.submit('ana', { [blocks.reason]: 'the migration is slow' });
    expect(sent.action).toBe('updated');
    await modalSays('ana', 'unless somebody approves');
    expect(lastInput('extend')).toMatchObject({
      requestId: ids.grant,
      person: ana,
      byMs: 1_800_000,
      reason: 'the migration is slow',
      key: expect.stringMatching(/^V/),
    });
    await desk.driver.close('ana');
    noProblems();
  });

  test('a refusal that no form can mend is told as it is', async () => {
    desk.service.answers('extend', async () => refuse('PolicyDenied', 'It can be held no longer.'));
    const before = desk.driver.ephemerals('ana').length;
    await desk.driver.press('ana', await posted(actions.extend, ids.grant), actions.extend);
    await desk.driver.eventually('a word', () =>
      desk.driver.ephemerals('ana').length > before && /no longer/.test(desk.driver.ephemerals('ana')[0]?.text ?? '')
        ? true
        : null,
    );
    expect(desk.driver.modal('ana')).toBeNull();
  });

  test('Review of an extension carries its own digest, and the decision is on that (I7)', async () => {
    desk.service.answers('extensionModel', async () => model);
    desk.service.answers('decideExtension', async () => ({ decided: 'recorded', settled: true, confirmed: true }));
    await desk.driver.press('ben', await posted(actions.reviewExtension, ids.extension), actions.reviewExtension);
    const view = await desk.driver.waitForModal('ben', callbacks.decideExtension);
    const shown = JSON.stringify(view['blocks']);
    for (const text of [
      'the migration is slow <!channel>',
      'the first reason',
      'longer needs an owner',
      'Nothing: what they hold',
    ]) {
      expect(shown).toContain(text);
    }
    expect(JSON.parse(view.private_metadata)).toEqual({
      requestId: ids.grant,
      extensionId: ids.extension,
      digest: 'e'.repeat(64),
    });
    const silent = await desk.driver.submit('ben', { [blocks.verdict]: 'deny' });
    expect(Object.keys(silent.errors)).toEqual([blocks.why]);
    expect((await desk.driver.submit('ben', { [blocks.verdict]: 'approve' })).action).toBe('closed');
    expect(lastInput('decideExtension')).toMatchObject({
      extensionId: ids.extension,
      person: ben,
      digest: 'e'.repeat(64),
      verdict: 'approve',
      account: { deleted: false },
    });
    noProblems();
  });

  test('a decision on a request does not pass for one on its extension', async () => {
    desk.service.answers('extensionModel', async () => model);
    const before = [desk.service.count('decide'), desk.service.count('decideExtension')];
    await desk.driver.press('ben', await posted(actions.reviewExtension, ids.extension), actions.reviewExtension);
    await desk.driver.waitForModal('ben', callbacks.decideExtension);
    await desk.driver.submit(
      'ben',
      { [blocks.verdict]: 'approve' },
      {
        edit: (payload) => ({
          ...payload,
          view: { ...(payload['view'] as object), callback_id: callbacks.decide },
        }),
      },
    );
    expect([desk.service.count('decide'), desk.service.count('decideExtension')]).toEqual(before);
    await desk.driver.close('ben');
  });

  test('on the message of another request it is refused and audited', async () => {
    desk.service.answers('extensionModel', async () => ({
      ...model,
      request: { ...model.request, requestId: ids.closed },
    }));
    await desk.driver.press('ben', await posted(actions.reviewExtension, ids.extension), actions.reviewExtension);
    expect(desk.records.entries.at(-1)?.body['why']).toBe('foreign-message');
    expect(desk.driver.modal('ben')).toBeNull();
  });

  test('from a Home it opens for those for whom it waits, and for nobody else', async () => {
    desk.service.answers('extensionModel', async () => model);
    await looks('ana');
    await home('ana', 'asks to keep');
    await desk.driver.pressInHome('ana', actions.reviewExtension, { value: ids.extension });
    await desk.driver.waitForModal('ana', callbacks.decideExtension);
    await desk.driver.close('ana');
    const others = {
      ...model,
      you: refuse('ApproverNotEligible', 'No.'),
      request: { ...model.request, requester: ben },
    };
    desk.service.answers('extensionModel', async () => others);
    await desk.driver.pressInHome('ana', actions.reviewExtension, { value: ids.extension });
    await desk.driver.eventually('a word', () => desk.driver.newestDm('ana', 'This does not wait for you'));
    expect(desk.driver.modal('ana')).toBeNull();
  });
});
