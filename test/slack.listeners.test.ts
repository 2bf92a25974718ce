/** What people do in Slack, through the real Bolt app over HTTP, and what they see of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Message } from '../dev/slack/driver.ts';
import { refuse } from '../domain/errors.ts';
import type { Digest, PersonId, RequestId } from '../domain/ids.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import type { Decided, Opened, Overview, RequestStatus, ReviewModel, TargetOption } from '../service/contract.ts';
import { actions, blocks, callbacks, command, shortcut } from '../slack/ids.ts';
import { button, content, row, section } from '../slack/views/kit.ts';
import { mrkdwn } from '../slack/text.ts';
import { people, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';

let desk: SlackDesk;
beforeAll(async () => {
  desk = await startSlackDesk();
});
afterAll(() => desk.end());

const plan = {
  verdict: 'approvals',
  policy: 'p',
  rule: 'read needs an owner',
  limits: { maxMs: 14_400_000, decideWithinMs: 3_600_000, useWithinMs: 3_600_000 },
  stages: [{ name: 'data owners', need: 1, from: [{ kind: 'group', group: 'data-owners' }] }],
} as unknown as GrantablePlan;
const requestId = '11111111-2222-4333-8444-555555555555' as RequestId;
const options = [
  { target: 'models-prod', roles: [{ role: 'read', note: 'look, not touch', maxMs: 3_600_000 }], breakGlass: [] },
  {
    target: 'orders-prod',
    roles: [
      { role: 'read', note: 'look, not touch', maxMs: 28_800_000 },
      { role: 'write', note: '', maxMs: 7_200_000 },
    ],
    breakGlass: [{ role: 'write', note: '', maxMs: 1_800_000 }],
  },
  { target: 'secret-prod', roles: [], breakGlass: [{ role: 'write', note: '', maxMs: 1_000 }] },
] as unknown as readonly TargetOption[];
const openedAs = (more: Partial<Opened> = {}): Opened => ({
  requestId,
  plan,
  repeated: false,
  confirmed: true,
  ...more,
});
const decided = (more: Partial<Decided> = {}): Decided =>
  ({ decided: 'recorded', confirmed: true, view: {}, ...more }) as unknown as Decided;
const model = {
  requestId,
  kind: 'access',
  requester: people['ana'],
  target: 'orders-prod',
  databases: ['orders'],
  role: 'read',
  template: 'orders_read',
  durationMs: 7_200_000,
  ticket: null,
  reason: 'slow query <!channel>',
  plan,
  digest: 'd'.repeat(64) as Digest,
  openedAt: 1_700_000_000_000,
  startAt: null,
  view: { state: { kind: 'awaiting', needs: [1], stage: 0, approvals: [] } },
  decisions: [],
  held: [],
  privileges: { checkedAt: 1_700_000_000_000, lines: ['SELECT on orders', 'SELECT on refunds'] },
  adds: ['SELECT on refunds'],
  reciprocal: [],
  standsInFor: new Map(),
  you: null,
} as unknown as ReviewModel;
const state = {
  requestId,
  kind: 'access',
  requester: people['ana'],
  target: 'orders-prod',
  role: 'write',
  durationMs: 5_400_000,
  openedAt: 1_700_000_000_000,
} as unknown as RequestStatus;

const overview = (more: Partial<Overview> = {}): Overview => ({
  person: people['ana']!,
  grants: [],
  requests: [],
  recent: [],
  waiting: [],
  toReview: [],
  away: null,
  ...more,
});

const reference = /\(Reference [0-9a-f]{8}\)/;

/** A message of ours with this button, which the records know. */
async function posted(action: string, to: { user?: string } = {}): Promise<Message> {
  const { port } = desk.slack.desk;
  const channel =
    to.user === undefined ? desk.workspace.channelId('approvals') : await port.openDm(desk.workspace.userId(to.user));
  const shows = content(mrkdwn`A message`, section(mrkdwn`A message`), row(button(action, 'Press', requestId)));
  const at = await port.post({ channel, ...shows });
  desk.records.post(at, requestId);
  return { ...shows, ...at, ephemeral: false };
}

/** Does something, and waits for what only this person is told because of it. */
async function hears(user: string, pattern: RegExp, act: () => Promise<unknown>): Promise<Message> {
  const before = desk.driver.ephemerals(user).length;
  await act();
  return await desk.driver.eventually(`${user} hears ${String(pattern)}`, () => {
    const all = desk.driver.ephemerals(user);
    return all.slice(0, all.length - before).find((message) => pattern.test(JSON.stringify(message)));
  });
}
const noProblems = (): void => expect(desk.workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);

beforeEach(() => {
  for (const name of ['ana', 'ben']) desk.workspace.setFlags(name, {});
  desk.service.answers('options', async () => options);
  desk.service.answers('open', async () => openedAs());
  desk.service.answers('preview', async () => ({
    plan,
    seats: [[people['ben']!]],
    says: 'needs 1 of the data owners',
  }));
  desk.service.answers('reviewModel', async () => model);
  desk.service.answers('decide', async () => decided());
  desk.service.answers('status', async () => state);
  desk.service.answers('overview', async () => overview());
});

const lastInput = (name: string): Record<string, unknown> =>
  (desk.service.calls.findLast((call) => call.name === name)?.input ?? {}) as Record<string, unknown>;

/** Waits until the form in front of somebody shows this. */
const shows = (user: string, what: string) =>
  desk.driver.eventually(`${user} reads ${what}`, () => {
    const shown = JSON.stringify(desk.driver.modal(user)?.['blocks'] ?? '');
    return shown.includes(what) ? shown : null;
  });

describe('asking', () => {
  test('a whole line asks at once, and says what it needs', async () => {
    const { reply, triggerId } = await desk.driver.slash(
      'ana',
      command,
      'orders-prod read 2h because INC-12 slow query',
    );
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ response_type: 'ephemeral', text: expect.stringContaining('1 of data owners') });
    expect(lastInput('open')).toEqual({
      person: people['ana'],
      kind: 'access',
      target: 'orders-prod',
      role: 'read',
      durationMs: 7_200_000,
      ticket: 'INC-12',
      reason: 'INC-12 slow query',
      key: triggerId,
    });
  });

  test('the form offers what the policy lets this person ask for, and nothing else', async () => {
    await desk.driver.slash('ana', command, '');
    await desk.driver.waitForModal('ana', callbacks.ask);
    const offered = await desk.driver.suggest('ana', actions.target, 'prod');
    expect(offered.options.map((one) => one['value'])).toEqual(['models-prod', 'orders-prod']);
    expect((await desk.driver.suggest('ana', actions.target, 'ord')).options).toHaveLength(1);
    const painted = (what: string) =>
      desk.driver.eventually(what, () => JSON.stringify(desk.driver.modal('ana')).includes(what) || null);
    await desk.driver.fill('ana', { [blocks.target]: 'orders-prod' });
    await painted('at most 2 h');
    await desk.driver.fill('ana', { [blocks.role]: 'write' });
    await painted('Needs 1 of data owners');
    const sent = await desk.driver.submit('ana', {
      [blocks.duration]: '90m',
      [blocks.reason]: 'fix an order',
      [blocks.ticket]: 'INC-12',
    });
    expect(sent.action).toBe('closed');
    expect(lastInput('open')).toMatchObject({
      target: 'orders-prod',
      role: 'write',
      durationMs: 5_400_000,
      reason: 'fix an order',
      ticket: 'INC-12',
    });
    noProblems();
  });

  test('each change of what the policy judges is previewed, with who could decide, and what was typed stays', async () => {
    desk.service.answers('preview', async ({ durationMs, ticket, startAt }) => ({
      plan: { ...plan, rule: 'r', limits: { ...plan.limits, maxMs: durationMs } },
      seats: [[people['ben']!]],
      says: `${ticket} ${startAt}`,
    }));
    await desk.driver.slash('ana', command, 'orders-prod read');
    await desk.driver.waitForModal('ana', callbacks.ask);
    await shows('ana', 'Could decide now: Person 2 (data owners).');
    await desk.driver.fill('ana', { [blocks.duration]: '3h' });
    await shows('ana', 'at most 3 h');
    await desk.driver.fill('ana', { [blocks.duration]: '3 parsecs' });
    await shows('ana', 'Write how long as');
    await desk.driver.fill('ana', { [blocks.duration]: '4h' });
    await shows('ana', 'at most 4 h');
    await desk.driver.fill('ana', { [blocks.ticket]: 'INC-12' });
    await desk.driver.fill('ana', { [blocks.start]: 1_900_000_000 });
    await desk.driver.eventually('the whole is judged', () =>
      lastInput('preview')['startAt'] === 1_900_000_000_000 ? true : null,
    );
    expect(lastInput('preview')).toEqual({
      person: people['ana'],
      kind: 'access',
      target: 'orders-prod',
      role: 'read',
      durationMs: 14_400_000,
      ticket: 'INC-12',
      startAt: 1_900_000_000_000,
    });
    const updates = desk.workspace.recorder.calls('views.update');
    expect(updates.every(({ args }) => typeof args['hash'] === 'string' && args['hash'] !== '')).toBe(true);
    await desk.driver.submit('ana', { [blocks.reason]: 'the migration' });
    expect(lastInput('open')).toMatchObject({ durationMs: 14_400_000, ticket: 'INC-12', startAt: 1_900_000_000_000 });
    noProblems();
  });

  test('a denial is previewed in plain words, each reason whole', async () => {
    const why = 'At most 4 h is possible for read on a target with personal data, and you asked for 8 h.';
    desk.service.answers('preview', async () => ({
      plan: { verdict: 'denied', policy: 'p', rule: null, reasons: [why, 'A ticket is needed.'] } as never,
      seats: [],
      says: '',
    }));
    await desk.driver.slash('ana', command, 'orders-prod read');
    await desk.driver.waitForModal('ana', callbacks.ask);
    await shows('ana', `Not possible as it stands: ${why} A ticket is needed.`);
    await desk.driver.close('ana');
  });

  test.each(['duration', 'start', 'ticket', 'role', 'target', 'reason'])(
    'a refusal about the %s stands under it',
    async (name) => {
      await desk.driver.slash('ana', command, 'orders-prod read');
      await desk.driver.waitForModal('ana', callbacks.ask);
      desk.service.answers('open', async () => refuse('PolicyDenied', 'Not like this.', name));
      const sent = await desk.driver.submit('ana', { [blocks.reason]: 'x' });
      expect(Object.keys(sent.errors)).toEqual([name]);
      await desk.driver.close('ana');
    },
  );

  test('the empty form has what was asked for last, but for the reason', async () => {
    desk.service.answers('overview', async () => overview({ recent: [{ ...state, durationMs: 2_700_000 }] }));
    await desk.driver.slash('ana', command, '');
    const view = JSON.stringify((await desk.driver.waitForModal('ana', callbacks.ask))['blocks']);
    expect(view).toContain('"initial_value":"45m"');
    expect(view).toMatch(/"initial_option":\{"text":\{"type":"plain_text","text":"orders-prod"/);
    expect(view).toMatch(/"initial_option":\{"text":\{"type":"plain_text","text":"write"/);
    await desk.driver.close('ana');
    // Where that is slow the form does not wait for it.
    desk.service.answers('overview', () => new Promise(() => undefined));
    const { reply } = await desk.driver.slash('ana', command, '');
    expect(reply.ms).toBeLessThan(2_500);
    await desk.driver.waitForModal('ana', callbacks.ask);
    await desk.driver.close('ana');
    // A target that is not offered any more is not put in.
    desk.service.answers('overview', async () => overview({ recent: [{ ...state, target: 'gone' as never }] }));
    await desk.driver.slash('ana', command, '');
    expect(JSON.stringify((await desk.driver.waitForModal('ana', callbacks.ask))['blocks'])).not.toContain('gone');
    await desk.driver.close('ana');
  });

  test('a line that cannot be read opens the form with what was read, and says what was not', async () => {
    const { reply } = await desk.driver.slash('ana', command, 'orders-prod read');
    const view = await desk.driver.waitForModal('ana', callbacks.ask);
    expect(JSON.stringify(view['blocks'])).toContain(
      '"initial_option":{"text":{"type":"plain_text","text":"orders-prod"',
    );
    expect(reply.body).toMatchObject({ text: expect.stringContaining('How long is missing') });
    await desk.driver.close('ana');
  });

  test('a wrong duration is an error under its field, and the form stays', async () => {
    await desk.driver.slash('ana', command, 'orders-prod read');
    await desk.driver.waitForModal('ana', callbacks.ask);
    const before = desk.service.count('open');
    for (const wrong of ['0h', '-2h', 'for ever', '1.5h', '']) {
      const sent = await desk.driver.submit(
        'ana',
        { [blocks.duration]: wrong, [blocks.reason]: 'x' },
        { unchecked: true },
      );
      expect([sent.action, Object.keys(sent.errors)]).toEqual(['errors', ['duration']]);
      expect(sent.errors['duration']).toMatch(reference);
    }
    expect(desk.service.count('open')).toBe(before);
    await desk.driver.close('ana');
  });

  test('what the service refuses is shown under the field it is about, and what was typed is kept', async () => {
    await desk.driver.slash('ana', command, 'orders-prod read');
    await desk.driver.waitForModal('ana', callbacks.ask);
    desk.service.answers('open', async () => refuse('InvalidInput', 'At most 2000 characters.', 'reason'));
    const long = await desk.driver.submit('ana', { [blocks.reason]: 'x'.repeat(2_000) });
    expect(long.errors['reason']).toContain('At most 2000 characters.');
    desk.service.answers('open', async () => refuse('PolicyDenied', 'No rule allows this: no ticket.'));
    const denied = await desk.driver.submit('ana');
    expect(denied.errors['target']).toContain('No rule allows this');
    desk.service.answers('open', async () => openedAs());
    expect((await desk.driver.submit('ana')).action).toBe('closed');
  });

  test('break-glass goes without a form, as long as the policy allows', async () => {
    const { reply } = await desk.driver.slash('ana', command, 'breakglass orders-prod write INC-12 "checkout down"');
    expect(lastInput('open')).toMatchObject({
      kind: 'break-glass',
      durationMs: 1_800_000,
      ticket: 'INC-12',
      reason: 'checkout down',
    });
    expect(reply.body).toMatchObject({ response_type: 'ephemeral' });
    const wrong = await desk.driver.slash('ana', command, 'breakglass orders-prod write');
    expect(wrong.reply.text).toContain('The incident is missing');
  });

  test('an account that was linked beside another a moment ago is named as such where it breaks glass (I6)', async () => {
    const account = { team: desk.workspace.team.id, user: desk.workspace.userId('ana') };
    const line = 'breakglass orders-prod write INC-12 "checkout down"';
    desk.records.waits(account, Date.now() + 60_000);
    await desk.driver.slash('ana', command, line);
    expect(lastInput('open')).toMatchObject({ account: { fresh: true, stranger: false } });
    desk.records.waits(account, 0);
    await desk.driver.slash('ana', command, line);
    expect(lastInput('open')).toMatchObject({ account: { fresh: false } });
  });

  test('help, the shortcut and "ask again" lead where they say', async () => {
    expect((await desk.driver.slash('eve', command, 'help')).reply.text).toContain('breakglass orders-prod');
    await desk.driver.shortcut('ana', shortcut);
    await desk.driver.waitForModal('ana', callbacks.ask);
    await desk.driver.close('ana');
    await desk.driver.press('ana', await posted(actions.askAgain, { user: 'ana' }), actions.askAgain);
    const view = await desk.driver.waitForModal('ana', callbacks.ask);
    expect(JSON.stringify(view['blocks'])).toContain('"initial_value":"1h30m"');
    await desk.driver.close('ana');
  });

  test('somebody who may ask for nothing is told so, instead of an empty form', async () => {
    desk.service.answers('options', async () => options.slice(2));
    const { reply } = await desk.driver.slash('ben', command, '');
    expect(reply.text).toContain('lets you ask for nothing');
    expect(reply.text).toMatch(reference);
  });

  test('a choice in the form that comes to nothing is told why', async () => {
    await desk.driver.slash('ben', command, '');
    await desk.driver.waitForModal('ben', callbacks.ask);
    await desk.driver.fill('ben', { [actions.target]: 'orders-prod' });
    desk.service.answers('options', async () => refuse('NotRecorded', 'The store is away.'));
    const before = (await desk.driver.dms('ben')).length;
    await desk.driver.fill('ben', { [actions.role]: 'read' });
    await desk.driver.eventually('a word', async () => (await desk.driver.dms('ben')).length > before || null);
    await desk.driver.close('ben');
  });

  test('an account that is linked to nobody is told who can mend it', async () => {
    const before = desk.service.calls.length;
    const { reply } = await desk.driver.slash('eve', command, 'orders-prod read 2h because x');
    expect(reply.text).toContain('This Slack account is linked to nobody');
    // It is kept for repeats, and Slack's ids are not kept but in one table.
    expect(reply.text).not.toContain(desk.workspace.userId('eve'));
    expect(reply.text).not.toContain(desk.workspace.team.id);
    expect(reply.text).toContain('Ask an administrator');
    const message = await posted(actions.review);
    await hears('eve', /linked to nobody/, () => desk.driver.press('eve', message, actions.review));
    expect(desk.service.calls.length).toBe(before);
  });
});

const openReview = async (user = 'ben') => {
  await desk.driver.press(user, await posted(actions.review), actions.review);
  return await desk.driver.waitForModal(user, callbacks.decide);
};

describe('deciding', () => {
  test('Review shows the whole reason, what it allows and the digest, and carries no more than ids', async () => {
    const view = await openReview();
    const shown = JSON.stringify(view['blocks']);
    for (const text of [
      'slow query <!channel>',
      'SELECT on orders',
      'read needs an owner',
      `digest ${'d'.repeat(12)}`,
    ]) {
      expect(shown).toContain(text);
    }
    expect(JSON.parse(view.private_metadata)).toEqual({ requestId, digest: 'd'.repeat(64) });
    await desk.driver.close('ben');
    noProblems();
  });

  test('an approval is recorded with the digest that was shown and what Slack said of the account', async () => {
    await openReview();
    const sent = await desk.driver.submit('ben', { [blocks.verdict]: 'approve' });
    expect(sent.action).toBe('closed');
    expect(lastInput('decide')).toMatchObject({
      requestId,
      person: people['ben'],
      digest: 'd'.repeat(64),
      verdict: 'approve',
      account: { deleted: false, bot: false, restricted: false, stranger: false },
    });
    expect(sent.reply.ms).toBeLessThan(3_000);
  });

  test('the form asks for a choice, and for a reason to deny', async () => {
    await openReview();
    const before = desk.service.count('decide');
    const none = await desk.driver.submit('ben', {}, { unchecked: true });
    expect(Object.keys(none.errors)).toEqual([blocks.verdict]);
    const silent = await desk.driver.submit('ben', { [blocks.verdict]: 'deny' });
    expect(Object.keys(silent.errors)).toEqual([blocks.why]);
    expect(desk.service.count('decide')).toBe(before);
    await desk.driver.submit('ben', { [blocks.verdict]: 'deny', [blocks.why]: 'use the replica' });
    expect(lastInput('decide')).toMatchObject({ verdict: 'deny', reason: 'use the replica' });
  });

  test('what cannot be mended takes the place of the form; what can be pressed again stays', async () => {
    await openReview();
    desk.service.answers('decide', async () => refuse('NotRecorded', 'Not recorded: the store is slow.'));
    const again = await desk.driver.submit('ben', { [blocks.verdict]: 'approve' });
    expect(again.errors[blocks.verdict]).toMatch(/Not recorded.*Press again/);
    desk.service.answers('decide', async () => refuse('SelfApproval', 'You asked for this yourself.'));
    const never = await desk.driver.submit('ben');
    expect(never.action).toBe('updated');
    expect(JSON.stringify(desk.driver.modal('ben'))).toMatch(
      /You asked for this yourself\..*The card says who can approve/,
    );
    expect(JSON.stringify(desk.driver.modal('ben'))).toMatch(reference);
    await desk.driver.close('ben');
  });

  test('recorded but not yet confirmed is said as that, never as a failure', async () => {
    await openReview();
    desk.service.answers('decide', async () => decided({ confirmed: false }));
    expect((await desk.driver.submit('ben', { [blocks.verdict]: 'approve' })).action).toBe('updated');
    expect(JSON.stringify(desk.driver.modal('ben'))).toContain('It is recorded; the card follows.');
    await desk.driver.close('ben');
  });

  test('an account that Slack does not vouch for in time is not recorded, and the form stays', async () => {
    // Nothing is kept of eve's account yet: she is linked for this test only.
    const account = { team: desk.workspace.team.id, user: desk.workspace.userId('eve') };
    desk.records.link(account, '00000000-0000-4000-8000-000000000009' as PersonId);
    const mend = desk.workspace.recorder.fault({ methods: ['users.info'], kind: 'hang', forMs: 5_000 });
    try {
      await openReview('eve');
      const before = desk.service.count('decide');
      const sent = await desk.driver.submit('eve', { [blocks.verdict]: 'approve' });
      expect(sent.errors[blocks.verdict]).toContain('Not recorded: Slack did not say in time');
      expect([desk.service.count('decide'), sent.reply.ms < 3_000]).toEqual([before, true]);
      mend();
      await desk.driver.eventually('the account is known', async () =>
        (await desk.slack.desk.accounts.factsOf(account)) === undefined ? null : true,
      );
      expect((await desk.driver.submit('eve')).action).toBe('closed');
    } finally {
      mend();
      desk.records.unlink(account);
    }
  });

  test('a modal that carries no digest, or another form of metadata, decides nothing', async () => {
    for (const metadata of [
      '',
      '{}',
      'null',
      '{"requestId":"x"}',
      JSON.stringify({ requestId }),
      '{"__proto__":{"digest":"d"}}',
    ]) {
      await openReview();
      const before = desk.service.count('decide');
      await desk.driver.submit(
        'ben',
        { [blocks.verdict]: 'approve' },
        {
          edit: (payload) => ({ ...payload, view: { ...(payload['view'] as object), private_metadata: metadata } }),
        },
      );
      expect(desk.service.count('decide')).toBe(before);
      expect(JSON.stringify(desk.driver.modal('ben'))).toContain('Press Review again');
      await desk.driver.close('ben');
    }
  });
});

describe('claiming and ending', () => {
  const minted = { code: 'ABCD-EFGH', url: 'https://curfew.example/claim#ABCD-EFGH', expiresAt: 1_700_000_900_000 };

  test('the one-time link is seen by the requester alone, and stays nowhere', async () => {
    desk.service.answers('mintCode', async () => minted);
    const message = await posted(actions.claim, { user: 'ana' });
    const link = await hears('ana', /claim#ABCD-EFGH/, () => desk.driver.press('ana', message, actions.claim));
    expect(JSON.stringify(await desk.driver.dms('ana'))).not.toContain('ABCD');
    noProblems();
    const opened = await desk.driver.press('ana', link, actions.claimLink);
    expect(opened.reply.status).toBe(200);
  });

  test('where Slack does not show the link, the message that stays does not hold it', async () => {
    desk.service.answers('mintCode', async () => minted);
    const message = await posted(actions.claim, { user: 'ana' });
    await desk.driver.press('ana', message, actions.claim, {
      edit: (payload) => ({ ...payload, response_url: 'http://127.0.0.1:1/' }),
    });
    const dm = await desk.driver.eventually('the hint', () => desk.driver.newestDm('ana', 'Press Claim again'));
    expect(JSON.stringify(dm)).not.toContain('ABCD');
  });

  const endings = [
    [actions.withdraw, 'withdraw', {}],
    [actions.release, 'release', {}],
    [actions.endNow, 'revoke', {}],
    [actions.disownApproval, 'revoke', { disowned: true }],
    [actions.disownClaim, 'revoke', { disowned: true }],
  ] as const;
  test.each(endings)('%s calls %s, for the one who pressed, and says so', async (action, name, more) => {
    desk.service.answers(name, async () => ({ already: false, confirmed: true }));
    const message = await posted(action);
    await hears('ben', /Withdrawn|ends now/, () => desk.driver.press('ben', message, action));
    expect(lastInput(name)).toMatchObject({ requestId, person: people['ben'], ...more });
    desk.service.answers(name, async () => refuse('NotAllowed', 'You are no owner of this.'));
    const refused = /You are no owner of this\. Ask an owner.*Reference/;
    await hears('ben', refused, () => desk.driver.press('ben', message, action));
  });

  test('what is over already is said as that', async () => {
    desk.service.answers('revoke', async () => ({ already: true, confirmed: true }));
    const message = await posted(actions.endNow);
    await hears('ben', /already/, () => desk.driver.press('ben', message, actions.endNow));
  });

  test('a second person says whether break-glass was justified', async () => {
    desk.service.answers('review', async () => ({ recorded: 'recorded' }));
    await desk.driver.press('ben', await posted(actions.reviewBreakGlass), actions.reviewBreakGlass);
    await desk.driver.waitForModal('ben', callbacks.review);
    const empty = await desk.driver.submit('ben', { [blocks.finding]: 'justified' }, { unchecked: true });
    expect(Object.keys(empty.errors)).toEqual([blocks.note]);
    expect((await desk.driver.submit('ben', { [blocks.note]: 'restarted checkout' })).action).toBe('closed');
    expect(lastInput('review')).toMatchObject({
      requestId,
      person: people['ben'],
      verdict: 'justified',
      note: 'restarted checkout',
    });
    noProblems();
  });

  test('nothing that a listener did wrote to the card: the Workflow alone does', () => {
    expect(desk.workspace.recorder.calls('chat.update')).toEqual([]);
  });
});
