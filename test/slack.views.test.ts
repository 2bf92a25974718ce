import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PersonId, RequestId, TaintId } from '../domain/ids.ts';
import type { RequestStatus } from '../service/contract.ts';
import { validateMessage, validateOptions, validateView } from '../slack/blocks.ts';
import { actions } from '../slack/ids.ts';
import { refusalText } from '../slack/refusals.ts';
import { mrkdwn } from '../slack/text.ts';
import { askForm, targetOptions } from '../slack/views/ask.ts';
import { findingsForm } from '../slack/views/findings.ts';
import { alarmNotice } from '../slack/views/alarm.ts';
import { leaverNotice } from '../slack/views/leaver.ts';
import type { Message } from '../slack/views/message.ts';
import { readMetadata } from '../slack/views/metadata.ts';
import type { RequestModel } from '../slack/views/model.ts';
import { leftBehindNotice } from '../slack/views/left-behind.ts';
import { paint } from '../slack/views/paint.ts';
import { reviewForm } from '../slack/views/review.ts';
import { taintNotice } from '../slack/views/taint.ts';
import { claimLink, help, told, toldModal } from '../slack/views/told.ts';
import { anyModel, anyPeople, anyReview, anyText, workspace } from './support/slack-models.ts';

/** Everything that Slack reads as markup: `mrkdwn` texts, and the top-level text of a message. */
function markupOf(shown: unknown): string[] {
  if (Array.isArray(shown)) return shown.flatMap(markupOf);
  if (typeof shown !== 'object' || shown === null) return [];
  const node = shown as Record<string, unknown>;
  if (node['type'] === 'mrkdwn') return [String(node['text'])];
  return Object.values(node).flatMap(markupOf);
}
const ours = /<!date\^\d+\^\{(?:time|time_secs|date_short_pretty)\}(?: at \{time\})?\|[\d :-]+ UTC>/g;
const escapes = /&(?:amp|lt|gt);/g;
const unescaped = (markup: string): string | undefined =>
  /[<>&]/.exec(markup.replaceAll(ours, '').replaceAll(escapes, ''))?.[0];

const turning = /[\u202A-\u202E\u2066-\u2069\u200E\u200F]/;

function harmless(shown: unknown, text?: string): void {
  for (const markup of [...markupOf(shown), ...(text === undefined ? [] : [text])]) {
    expect(unescaped(markup), markup.slice(0, 200)).toBeUndefined();
  }
  // What an option stands for is not shown.
  const visible = JSON.stringify(shown, (key, one: unknown) => (key === 'value' ? undefined : one));
  expect(turning.exec(visible)).toBeNull();
}

const runs = { numRuns: 400 };

describe('whatever people wrote', () => {
  test('each message of each state is valid Block Kit, says itself in text, and holds no markup of theirs', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        for (const message of paint(model)) {
          expect(validateMessage(message)).toEqual([]);
          harmless(message.blocks, message.text);
        }
      }),
      runs,
    );
  });

  test('Review is valid and holds no markup of theirs, and carries id and digest back', () => {
    fc.assert(
      fc.property(anyReview, anyPeople, (model, people) => {
        const view = reviewForm(model, people);
        expect(validateView(view)).toEqual([]);
        harmless(view.blocks);
        expect(readMetadata(view.private_metadata ?? '')).toEqual({ requestId: model.requestId, digest: model.digest });
      }),
      runs,
    );
  });

  test('Review shows the whole of a long reason, in as many blocks as it takes', () => {
    const reason = Array.from({ length: 900 }, (_, index) => `${index} 😀`).join(' ');
    fc.assert(
      fc.property(anyReview, anyPeople, (model, people) => {
        const texts = reviewForm({ ...model, reason }, people).blocks.flatMap((block) =>
          'text' in block && (block as { text?: { type?: string } }).text?.type === 'plain_text'
            ? [(block as { text: { text: string } }).text.text]
            : [],
        );
        expect(texts.join('')).toContain(reason);
      }),
      { numRuns: 5 },
    );
  });

  test('the request form is valid, and so are its options', () => {
    const role = fc.record({ role: anyText, note: anyText, maxMs: fc.integer({ min: 1_000, max: 604_800_000 }) });
    const offers = fc.uniqueArray(
      fc.record({
        target: fc.string({ minLength: 1, maxLength: 200 }),
        roles: fc.array(role, { minLength: 1, maxLength: 12 }),
      }),
      {
        minLength: 1,
        maxLength: 150,
        selector: (one) => one.target,
      },
    );
    const prefill = fc.record(
      {
        target: anyText,
        role: anyText,
        durationMs: fc.integer({ min: 1, max: 31_622_400_000 }),
        reason: anyText,
        ticket: anyText,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(offers, prefill, anyText, (offered, filled, typed) => {
        fc.pre(offered.some((one) => one.roles.some((each) => each.role !== '' && each.role.length <= 150)));
        const usable = offered
          .map((one) => ({ ...one, roles: one.roles.filter((each) => each.role !== '') }))
          .filter((one) => one.roles.some((each) => each.role.length <= 150));
        const view = askForm({
          offers: usable,
          prefill: filled,
          problem: mrkdwn`${typed}`,
          preview: [mrkdwn`${typed}`, mrkdwn`${typed}`],
        });
        expect(validateView(view)).toEqual([]);
        harmless(view.blocks);
        expect(validateOptions({ options: targetOptions(usable, typed) })).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('answers, links and forms that only tell something are valid', () => {
    fc.assert(
      fc.property(anyText, anyPeople, (text, people) => {
        const status = {
          requestId: '00000000-0000-4000-8000-00000000000a' as RequestId,
          requester: '00000000-0000-4000-8000-000000000001' as PersonId,
          target: text,
          role: text,
          openedAt: 1_700_000_000_000,
        } as unknown as RequestStatus;
        const refusal = { kind: 'refusal', code: 'PolicyDenied', message: text } as const;
        const minted = { url: 'https://curfew.example/claim#ABC', code: 'ABCD-EFGH', expiresAt: 1_700_000_000_000 };
        const messages = [
          told(refusalText(refusal, 'a1b2c3d4')),
          help(mrkdwn`${text}`),
          help(),
          claimLink(status.requestId, minted),
          ...(
            [{ kind: 'raised' }, { kind: 'escalated', forMs: 900_000 }, { kind: 'resolved', afterMs: 1_000 }] as const
          ).map((state) => alarmNotice({ code: text, severity: 'page', subject: text, detail: text, state })),
          leaverNotice({ name: text, cause: 'left', closed: 1, voided: 0, safeAfterMs: 420, tainted: 2 }),
          leftBehindNotice({
            grantId: '0b8ee3f4-0d0c-4e6c-9a44-0d0c4e6c9a44',
            target: text,
            database: text,
            total: 300,
            names: Array.from({ length: 200 }, () => ({ kind: text, name: text })),
          }),
          taintNotice({ kind: 'settled', kept: false }),
          taintNotice({
            kind: 'asked',
            taintId: '0b8ee3f4-0d0c-4e6c-9a44-0d0c4e6c9a44' as TaintId,
            approver: text,
            holder: text,
            target: 'orders-prod',
            role: 'read',
            endAt: null,
            answerByAt: 1_800_000_000_000,
          }),
        ];
        for (const message of messages) {
          expect(validateMessage(message)).toEqual([]);
          harmless(message.blocks, message.text);
        }
        for (const view of [findingsForm(status, people), toldModal(text, mrkdwn`${text}`)]) {
          expect(validateView(view)).toEqual([]);
          harmless(view.blocks);
        }
      }),
      { numRuns: 100 },
    );
  });
});

const ana = '00000000-0000-4000-8000-000000000001' as PersonId;
const ben = '00000000-0000-4000-8000-000000000002' as PersonId;
const at = Date.UTC(2026, 2, 3, 14, 2, 7);
const base = {
  workspace,
  requestId: '11111111-2222-4333-8444-555555555555',
  kind: 'access',
  requester: ana,
  target: 'orders-prod',
  databases: ['orders'],
  role: 'read',
  template: 'orders_read',
  durationMs: 7_200_000,
  ticket: 'INC-12',
  reason: 'slow query',
  openedAt: at,
  digest: 'd'.repeat(64),
  plan: {
    verdict: 'approvals',
    policy: 'p',
    rule: 'read needs an owner',
    limits: { maxMs: 14_400_000, decideWithinMs: 3_600_000, useWithinMs: 3_600_000 },
    stages: [{ name: 'data owners', need: 2, from: [{ kind: 'group', group: 'data-owners' }] }],
  },
  view: {
    version: 2,
    state: {
      kind: 'awaiting',
      needs: [2],
      stage: 0,
      approvals: [{ decisionId: 'a'.repeat(64), person: ben, stage: 0 }],
    },
    decideByAt: at + 3_600_000,
    useByAt: null,
    noticed: false,
  },
  decisions: [
    { id: 'a'.repeat(64), person: ben, verdict: 'approve', stage: 0, madeAt: at, voidedAt: null, reason: null },
  ],
  eligible: [],
  people: new Map([
    [ana, { name: 'Ana', slackTeam: 'T0HOME', slackUser: 'U0ANA' }],
    [ben, { name: 'Ben', slackTeam: 'T0HOME', slackUser: 'U0BEN' }],
  ]),
  claim: null,
  grantReceipt: null,
  revokeReceipt: null,
  review: null,
} as unknown as RequestModel;
const inState = (state: unknown, more: object = {}): RequestModel =>
  ({ ...base, ...more, view: { ...base.view, state } }) as unknown as RequestModel;
const claim = { acceptedAt: at, endAt: at + 7_200_000, address: '192.0.2.7' };
const revokeReceipt = {
  startedAt: at,
  verifiedAt: at + 400,
  nodes: [{ sessionsFound: 2, sessionsLeft: 0 }],
  attestations: [],
};

const slots = (messages: readonly Message[], mode: Message['mode'] = 'send'): string[] =>
  messages.filter((one) => one.mode === mode).map((one) => one.slot);
const inSlot = (messages: readonly Message[], slot: string): Message => {
  const found = messages.find((one) => one.slot === slot);
  if (!found) throw new Error(`nothing in ${slot}`);
  return found;
};
const buttonsOf = (message: Message): string[] =>
  message.blocks.flatMap((block) =>
    block.type === 'actions'
      ? block.elements.flatMap((one) => (one.type === 'button' ? [one.action_id ?? ''] : []))
      : [],
  );

/** The extension that people are asked to decide on. */
const waiting = ({ view: { state } }: RequestModel): string | undefined =>
  state.kind === 'active' && state.extension?.kind === 'asked' ? state.extension.id : undefined;

describe('what somebody left behind', () => {
  const left = {
    grantId: '6f1d3c1e-0000-4000-8000-000000000001',
    target: 'orders-prod',
    database: 'orders',
    total: 12,
  };
  const names = Array.from({ length: 12 }, (_, n) => ({
    kind: 'table',
    name: n === 0 ? 'attic.<!channel>`x`' : `attic.t${n}`,
  }));

  test('is told with ten of its names, which mention nobody, and with where the rest stand', () => {
    const { text, blocks } = leftBehindNotice({ ...left, names });
    expect(text).toMatch(/For the owners of \*orders-prod\*: .* left 12 objects in the database `orders`/);
    const shown = JSON.stringify(blocks);
    expect(shown).not.toContain('<!channel>');
    expect(shown).toContain('attic.t9');
    expect(shown).not.toContain('attic.t10');
    expect(shown).toContain('(2 more)');
    expect(shown).toContain(`curfew report objects --request ${left.grantId}`);
  });

  test('is told without names where they were erased', () => {
    const { text, blocks } = leftBehindNotice({ ...left, total: 1, names: null });
    expect(text).toContain('left 1 object in');
    expect(JSON.stringify(blocks)).not.toContain('attic');
  });
});

describe('what stands in Slack', () => {
  test('a request that waits has a card with Review, and its sender can withdraw', () => {
    const messages = paint(base);
    expect(slots(messages)).toEqual([
      'card',
      `thread:decision:${'a'.repeat(64)}`,
      'dm:sent',
      `dm:counted:${'a'.repeat(64)}`,
    ]);
    expect(buttonsOf(inSlot(messages, 'card'))).toEqual([actions.review]);
    expect(buttonsOf(inSlot(messages, 'dm:sent'))).toEqual([actions.withdraw]);
    expect(inSlot(messages, 'card').text).toContain('data owners: 1 of 2 (Ben');
  });

  test('each counted approver is asked "not you?", with a button that ends it', () => {
    const message = inSlot(paint(base), `dm:counted:${'a'.repeat(64)}`);
    expect(message.to).toEqual({ kind: 'user', user: 'U0BEN' });
    expect(message.text).toContain('Not you?');
    expect(buttonsOf(message)).toEqual([actions.disownApproval]);
  });

  test('an approved request can be claimed or withdrawn by its requester only', () => {
    const messages = paint(inState({ kind: 'approved', needs: [2], approvals: [] }));
    expect(buttonsOf(inSlot(messages, 'card'))).toEqual([]);
    expect(inSlot(messages, 'dm:approved').to).toEqual({ kind: 'user', user: 'U0ANA' });
    expect(buttonsOf(inSlot(messages, 'dm:approved'))).toEqual([actions.claim, actions.withdraw]);
    expect(slots(messages, 'edit')).toEqual(['dm:sent']);
    expect(buttonsOf(inSlot(messages, 'dm:sent'))).toEqual([]);
  });

  test('a requester whom nobody is left to decide for hears what it comes to and what to do (F38)', () => {
    const message = inSlot(paint({ ...base, stuck: true }), 'dm:stuck');
    expect(message).toMatchObject({ mode: 'send', to: { kind: 'user', user: 'U0ANA' } });
    expect(message.text).toMatch(/Too few are left who could decide .* It lapses .* withdraw it and ask again/);
    expect(buttonsOf(message)).toEqual([actions.withdraw]);
    const again = inSlot(paint({ ...base, stuck: false }), 'dm:stuck');
    expect(again).toMatchObject({ mode: 'edit' });
    expect(again.text).toContain('There are enough again.');
    const state = { kind: 'closed', outcome: 'lapsed', cause: 'nobody decided' };
    const over = inSlot(paint(inState(state, { stuck: true })), 'dm:stuck');
    expect(over).toMatchObject({ mode: 'edit' });
    expect(buttonsOf(over)).toEqual([]);
  });

  test('an active grant can be ended on the card, and by its holder, who hears from where it was claimed', () => {
    const messages = paint(inState({ kind: 'active', approvals: [], endAt: at }, { claim }));
    expect(buttonsOf(inSlot(messages, 'card'))).toEqual([actions.endNow]);
    const held = inSlot(messages, 'dm:held');
    expect(buttonsOf(held)).toEqual([actions.release, actions.extend, actions.disownClaim]);
    expect(JSON.stringify(held.blocks)).toContain('from 192.0.2.7');
    expect(slots(messages)).not.toContain('dm:notice');
    expect(JSON.stringify(messages)).toContain(`<!date^${at / 1000}^{time_secs}|2026-03-03 14:02:07 UTC>`);
  });

  test('the notice comes once it is due, and not before', () => {
    const model = inState({ kind: 'active', approvals: [], endAt: at }, { claim });
    expect(slots(paint({ ...model, view: { ...model.view, noticed: true } }))).toContain('dm:notice');
  });

  test('with a grace the holder reads when logins stop, from the beginning; and before the end what is open', () => {
    const endAt = at + 7_200_000;
    const plan = { ...base.plan, limits: { ...base.plan.limits, graceMs: 300_000 } };
    const model = inState({ kind: 'active', approvals: [], endAt }, { claim, plan });
    const noticeOf = (more: object): string =>
      inSlot(paint({ ...model, ...more, view: { ...model.view, noticed: true } }), 'dm:notice').text;
    const stops = `<!date^${(endAt - 300_000) / 1000}^`;
    expect(inSlot(paint(model), 'dm:held').text).toContain(`; logins stop ${stops}`);
    expect(noticeOf({})).toMatch(/logins stop <!date.*, everything is closed <!date.*\. Commit what you have open\.$/);
    expect(noticeOf({})).toContain(stops);
    expect(noticeOf({ openWork: { transactions: 0, oldestSinceAt: null } })).toBe(noticeOf({}));
    expect(noticeOf({ openWork: { transactions: 2, oldestSinceAt: at } })).toMatch(
      / 2 open transactions, the oldest since <!date\^\d+\^\{time\}\|[^>]*>\.$/,
    );
    expect(noticeOf({ openWork: { transactions: 1, oldestSinceAt: null } })).toMatch(/ 1 open transaction\.$/);
    const without = inSlot(
      paint({
        ...inState({ kind: 'active', approvals: [], endAt }, { claim }),
        view: { ...model.view, noticed: true },
      }),
      'dm:notice',
    );
    expect(without.text).toMatch(/Open sessions are closed then: finish or save your work\.$/);
  });

  test('an ended grant shows its receipt, and no button that could still do something', () => {
    const messages = paint(
      inState({ kind: 'closed', outcome: 'expired', cause: 'time is up' }, { claim, revokeReceipt }),
    );
    for (const slot of ['card', 'dm:ended', 'thread:closed']) {
      expect(JSON.stringify(inSlot(messages, slot).blocks)).toMatch(
        /ended <!date.*2 sessions closed, verified in 0\.4 s/,
      );
    }
    expect(inSlot(messages, 'dm:ended').text).toMatch(/ - \*Ended\*: time is up\. \*Receipt\*: ended <!date/);
    expect(JSON.stringify(messages), 'no invitation without its button').not.toContain('End it now');
    expect(messages.flatMap(buttonsOf)).toEqual([actions.askAgain]);
    expect(slots(messages, 'edit')).toEqual(['dm:sent', 'dm:approved', 'dm:held', 'dm:notice']);
  });

  test('a revoke that took no time to speak of is not said to have taken none', () => {
    const verifiedAt = revokeReceipt.startedAt + 3;
    const over = { kind: 'closed', outcome: 'expired', cause: 'time is up' };
    const messages = paint(inState(over, { claim, revokeReceipt: { ...revokeReceipt, verifiedAt } }));
    expect(inSlot(messages, 'card').text).toContain('verified in under 0.1 s');
  });

  test('nothing says "ended" while it is being revoked', () => {
    const state = { kind: 'revoking', approvals: [], end: { outcome: 'expired', cause: 'time is up' } };
    const messages = paint(inState(state, { claim }));
    expect(JSON.stringify(messages)).not.toMatch(/\*Ended/);
    expect(inSlot(messages, 'card').text).toContain('Not over until every node says that no session is left');
  });

  test('a denial tells the requester who and why', () => {
    const decisions = [{ ...base.decisions[0], verdict: 'deny', reason: 'use the replica' }];
    const messages = paint(inState({ kind: 'closed', outcome: 'denied', cause: 'an approver said no' }, { decisions }));
    expect(JSON.stringify(inSlot(messages, 'dm:ended').blocks)).toContain('Ben: use the replica');
  });

  test('a voided approval is told in the thread and asks nobody anything new', () => {
    const decisions = [{ ...base.decisions[0], voidedAt: at }];
    const messages = paint(inState({ kind: 'awaiting', needs: [2], stage: 0, approvals: [] }, { decisions }));
    expect(inSlot(messages, `thread:void:${'a'.repeat(64)}`).text).toContain('counts no more');
    expect(slots(messages)).not.toContain(`dm:counted:${'a'.repeat(64)}`);
  });

  test('break-glass is announced where nobody misses it, and asks for a review once it is over', () => {
    const plan = {
      verdict: 'break-glass',
      rule: 'x',
      limits: { maxMs: 1, useWithinMs: 1, decideWithinMs: 1 },
      review: { from: [], withinMs: 86_400_000 },
    };
    const glass = { kind: 'break-glass', plan, decisions: [] };
    const live = paint(inState({ kind: 'active', approvals: [], endAt: at }, { ...glass, claim }));
    expect(inSlot(live, 'card').to).toEqual({ kind: 'channel', channel: workspace.announcements });
    expect(inSlot(live, 'card').text).toContain('Break-glass');
    expect(slots(live)).not.toContain('review');
    const closed = { kind: 'closed', outcome: 'expired', cause: 'time is up' };
    const over = paint(inState(closed, { ...glass, claim, revokeReceipt }));
    expect(buttonsOf(inSlot(over, 'review'))).toEqual([actions.reviewBreakGlass]);
    const review = { person: ben, verdict: 'justified', note: 'read only', reviewedAt: at };
    const reviewed = paint(inState(closed, { ...glass, claim, revokeReceipt, review }));
    expect(buttonsOf(inSlot(reviewed, 'review'))).toEqual([]);
    expect(paint(inState(closed, { ...glass }))).not.toContainEqual(expect.objectContaining({ slot: 'review' }));
  });

  test('a break-glass for an unknown incident is flagged; a review that nobody gives is asked for, louder each time', () => {
    const plan = {
      verdict: 'break-glass',
      rule: 'x',
      limits: { maxMs: 1, useWithinMs: 1, decideWithinMs: 1 },
      review: { from: [], withinMs: 86_400_000 },
      incident: 'flagged',
    };
    const glass = { kind: 'break-glass', plan, decisions: [], claim, revokeReceipt };
    const closed = { kind: 'closed', outcome: 'expired', cause: 'time is up' };
    const flagged = inSlot(paint(inState(closed, { ...glass, incident: 'unknown' })), 'card');
    expect(JSON.stringify(flagged.blocks)).toContain('Flagged');
    expect(JSON.stringify(inSlot(paint(inState(closed, glass)), 'card').blocks)).not.toContain('Flagged');

    const reviewSteps = [{ step: 'reminded' }, { step: 'owed' }];
    const waits = paint(inState(closed, { ...glass, reviewSteps, reviewers: [ben] }));
    const asked = inSlot(waits, `dm:review:owed:${ben}`);
    expect([asked.mode, buttonsOf(asked)]).toEqual(['send', [actions.reviewBreakGlass]]);
    expect(inSlot(waits, `dm:review:reminded:${ben}`).mode, 'the newest alone is sent').toBe('edit');
    expect(slots(waits)).toEqual(expect.arrayContaining(['thread:review:reminded', 'thread:review:owed', 'dm:owed']));
    expect(inSlot(waits, 'dm:owed').text).toContain('neither break glass nor approve');
    const review = { person: ben, verdict: 'justified', note: 'read only', reviewedAt: at };
    const given = paint(inState(closed, { ...glass, reviewSteps, reviewers: [ben], review }));
    expect(buttonsOf(inSlot(given, `dm:review:owed:${ben}`))).toEqual([]);
    expect(inSlot(given, 'dm:owed').text).toContain('is reviewed');
  });

  test('nobody of another workspace is written to, and nobody without a linked account', () => {
    const people = new Map([
      [ana, { name: 'Ana', slackTeam: 'T0OTHER', slackUser: 'U0ANA' }],
      [ben, { name: 'Ben' }],
    ]);
    expect(paint({ ...base, people }).every((message) => message.to.kind === 'channel')).toBe(true);
  });

  test('buttons carry the request id and nothing else, and every dangerous one asks first', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        for (const message of paint(model)) {
          for (const block of message.blocks) {
            for (const one of block.type === 'actions' ? block.elements : []) {
              if (one.type === 'button')
                expect([
                  one.value === (one.action_id === actions.reviewExtension ? waiting(model) : model.requestId),
                  one.style === 'danger' && !one.confirm,
                ]).toEqual([true, false]);
            }
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test('a sign never stands without a word beside it', () => {
    for (const message of [
      ...paint(base),
      ...paint(inState({ kind: 'active', approvals: [], endAt: at }, { claim })),
    ]) {
      for (const markup of [...markupOf(message.blocks), message.text]) {
        expect(markup.replaceAll(/:[a-z_]+:/g, '').replaceAll(ours, ''), markup).toMatch(/[A-Za-z]{3}/);
      }
    }
  });

  test('slots are said once, and what is in a thread comes after what it answers', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        const seen = new Set<string>();
        for (const message of paint(model)) {
          expect(seen.has(message.slot)).toBe(false);
          if (message.thread !== undefined) expect(seen.has(message.thread)).toBe(true);
          seen.add(message.slot);
        }
      }),
      { numRuns: 100 },
    );
  });

  const cleo = '00000000-0000-4000-8000-000000000003' as PersonId;
  const people = new Map([...base.people, [cleo, { name: 'Cleo', slackTeam: 'T0HOME', slackUser: 'U0CLEO' }]]);
  const stages = [
    { name: 'manager', need: 1, from: [], remindAfterMs: 900_000, escalate: { afterMs: 1_800_000, to: [] } },
    { name: 'data owners', need: 2, from: [] },
  ];
  const two = { plan: { ...base.plan, stages }, people };

  test('the card says where each stage is, who sat in whose place, and when others are asked', () => {
    const approvals = [{ decisionId: 'a'.repeat(64), person: ben, stage: 0, at, standsInFor: cleo }];
    const first = inSlot(
      paint(inState({ kind: 'awaiting', needs: [1, 2], stage: 0, approvals: [] }, { ...two, decisions: [] })),
      'card',
    );
    expect(first.text).toContain('manager: 0 of 1 - data owners: 0 of 2, later');
    expect(JSON.stringify(first.blocks)).toMatch(/Others are asked as well .*Lapses/);
    const then = inSlot(paint(inState({ kind: 'awaiting', needs: [1, 2], stage: 1, approvals }, two)), 'card');
    expect(then.text).toMatch(/manager: 1 of 1 \(Ben for Cleo, .*\) - data owners: 0 of 2/);
    expect(then.text).not.toContain('later');
  });

  test('two who mostly approve each other are named on the card', () => {
    expect(JSON.stringify(inSlot(paint({ ...base, reciprocal: [ben] }), 'card').blocks)).toContain(
      'Mostly approve each other: Ana and Ben',
    );
  });

  test('a reminder and an escalation reach those who can decide, and keep no button once they cannot', () => {
    const nudge = { kind: 'reminder', stage: 0, person: cleo } as const;
    const view = { ...base.view, reminded: [0], escalated: [0] };
    const due = paint({ ...base, ...two, view, nudges: [{ ...nudge, due: true }] });
    expect(buttonsOf(inSlot(due, `dm:reminder:0:${cleo}`))).toEqual([actions.review]);
    expect(inSlot(due, `dm:reminder:0:${cleo}`).to).toEqual({ kind: 'user', user: 'U0CLEO' });
    expect(inSlot(due, 'thread:reminder:0').text).toContain('manager still waits');
    expect(inSlot(due, 'thread:escalation:0').text).toContain('others are asked');
    const over = inSlot(paint({ ...base, ...two, view, nudges: [{ ...nudge, due: false }] }), `dm:reminder:0:${cleo}`);
    expect([over.mode, buttonsOf(over)]).toEqual(['edit', []]);
  });

  test('before its start an approved request has no Claim; at the start it gets one by a message of its own', () => {
    const approved = { kind: 'approved', needs: [2], approvals: [] };
    const early = paint(inState(approved, { startAt: at + 60_000 }));
    expect(buttonsOf(inSlot(early, 'dm:approved'))).toEqual([actions.withdraw]);
    expect(inSlot(early, 'card').text).toContain('it can be claimed from');
    const begun = inState(approved, { startAt: at + 60_000 });
    const now = paint({ ...begun, view: { ...begun.view, started: true } });
    expect(buttonsOf(inSlot(now, 'dm:start'))).toEqual([actions.claim]);
  });

  test('an extension that is asked is reviewed on the card, and what became of it is told', () => {
    const id = '99999999-2222-4333-8444-555555555555';
    const line = {
      id,
      kind: 'asked',
      fromAt: at,
      endAt: at + 3_600_000,
      askedAt: at,
      reason: 'not done',
      decisions: [],
    };
    const active = { kind: 'active', approvals: [], endAt: at };
    const asked = paint(
      inState(
        { ...active, extension: { id, kind: 'asked', endAt: at + 3_600_000 } },
        { claim, extensions: [{ ...line, outcome: null }] },
      ),
    );
    expect(buttonsOf(inSlot(asked, 'card'))).toEqual([actions.reviewExtension, actions.endNow]);
    expect(JSON.stringify(inSlot(asked, 'card').blocks)).toContain('not done');
    const outcome = { kind: 'denied', cause: null };
    const decisions = [{ ...base.decisions[0], verdict: 'deny', reason: 'the report can wait' }];
    const denied = paint(inState(active, { claim, extensions: [{ ...line, decisions, outcome }] }));
    expect(inSlot(denied, `thread:extension-over:${id}`).text).toContain(
      'Ben said no to more time: the report can wait.',
    );
    expect(inSlot(denied, `dm:extension:${id}`).text).toContain('said no to more time');
    expect(buttonsOf(inSlot(denied, 'card'))).toEqual([actions.endNow]);
  });
});
