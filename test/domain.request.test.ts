import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRefusal, type Refusal } from '../domain/errors.ts';
import type { CredentialId, DecisionId, ExtensionId, PersonId } from '../domain/ids.ts';
import { stepsOf } from '../domain/plan.ts';
import {
  next,
  openStages,
  outcomes,
  type Approval,
  type RequestEvent,
  type RequestState,
  type StateKind,
} from '../domain/request.ts';

const [ada, ben, cy] = ['ada', 'ben', 'cy'] as unknown as readonly [PersonId, PersonId, PersonId];
const credential = 'credential' as CredentialId;
const extension = 'extension' as ExtensionId;
const approval = (person: PersonId, stage = 0): Approval => ({
  decisionId: `by ${person}` as DecisionId,
  person,
  stage,
});

/** One state of each kind, `granting` once more with an end that came in while it ran, and `active` with an extension. */
const states = {
  requested: { kind: 'requested', needs: [2] },
  awaiting: { kind: 'awaiting', needs: [2], stage: 0, approvals: [approval(ada)] },
  approved: { kind: 'approved', needs: [2], approvals: [approval(ada), approval(ben)] },
  granting: { kind: 'granting', approvals: [approval(ada), approval(ben)], credentialId: credential },
  'granting, to be ended': {
    kind: 'granting',
    approvals: [approval(ada), approval(ben)],
    credentialId: credential,
    ending: { outcome: 'revoked', cause: 'an approver ended it' },
  },
  active: { kind: 'active', approvals: [approval(ada), approval(ben)], endAt: 5_000 },
  'active, asked for longer': {
    kind: 'active',
    approvals: [approval(ada), approval(ben)],
    endAt: 5_000,
    extension: { id: extension, kind: 'asked', endAt: 9_000 },
  },
  'active, on its way to longer': {
    kind: 'active',
    approvals: [approval(ada), approval(ben)],
    endAt: 5_000,
    extension: { id: extension, kind: 'moving', endAt: 9_000 },
  },
  revoking: {
    kind: 'revoking',
    approvals: [approval(ada), approval(ben)],
    end: { outcome: 'expired', cause: 'time is up' },
    endAt: 5_000,
  },
  closed: { kind: 'closed', outcome: 'denied', cause: 'an approver said no' },
} as const satisfies Record<
  StateKind | 'granting, to be ended' | 'active, asked for longer' | 'active, on its way to longer',
  RequestState
>;

const events = {
  opened: { kind: 'opened' },
  approved: { kind: 'approved', decisionId: 'by cy' as DecisionId, person: cy, stage: 0 },
  denied: { kind: 'denied', decisionId: 'no, by cy' as DecisionId, person: cy },
  voided: { kind: 'voided', person: ada },
  lapsed: { kind: 'lapsed', cause: 'nobody decided' },
  claimed: { kind: 'claimed', credentialId: credential },
  granted: { kind: 'granted', endAt: 7_000 },
  'grant-failed': { kind: 'grant-failed', cause: 'the target refused' },
  'extension-asked': { kind: 'extension-asked', id: extension, endAt: 9_000 },
  'extension-approved': { kind: 'extension-approved', id: extension, endAt: 9_000 },
  'extension-over': { kind: 'extension-over', id: extension },
  extended: { kind: 'extended', id: extension, endAt: 9_000 },
  expired: { kind: 'expired' },
  released: { kind: 'released' },
  withdrawn: { kind: 'withdrawn' },
  ended: { kind: 'ended', cause: 'an owner ended it' },
  cancelled: { kind: 'cancelled' },
  verified: { kind: 'verified' },
} as const satisfies Record<RequestEvent['kind'], RequestEvent>;

/** What a state and an event come to, in a few words: `same` is the very same state; a code is a refusal. */
function inWords(state: RequestState, after: RequestState | Refusal): string {
  if (isRefusal(after)) return after.code;
  if (after === state) return 'same';
  switch (after.kind) {
    case 'requested':
      return 'requested';
    case 'awaiting':
      return `awaiting ${after.approvals.length}/${after.needs[after.stage]}`;
    case 'approved':
      return `approved by ${after.approvals.length}`;
    case 'granting':
      return after.ending ? `granting, then ${after.ending.outcome}: ${after.ending.cause}` : 'granting';
    case 'active':
      return `active until ${after.endAt}${after.extension ? `, ${after.extension.kind} ${after.extension.endAt}` : ''}`;
    case 'revoking':
      return `revoking, ${after.end.outcome}: ${after.end.cause}${after.endAt === undefined ? '' : ` (${after.endAt})`}`;
    case 'closed':
      return `closed, ${after.outcome}: ${after.cause}`;
  }
}

const no = 'NotPending';
/** Every pair. The type demands each state and each event, so that a new one of either does not compile without. */
const table: Record<keyof typeof states, Record<RequestEvent['kind'], string>> = {
  requested: {
    opened: 'awaiting 0/2',
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: no,
    withdrawn: 'closed, withdrawn: the requester withdrew it',
    ended: 'closed, withdrawn: an owner ended it',
    cancelled: 'closed, cancelled: an operator cancelled it',
    verified: no,
  },
  awaiting: {
    opened: no,
    approved: 'approved by 2',
    denied: 'closed, denied: an approver said no',
    voided: 'awaiting 0/2',
    lapsed: 'closed, lapsed: nobody decided',
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: no,
    withdrawn: 'closed, withdrawn: the requester withdrew it',
    ended: 'closed, withdrawn: an owner ended it',
    cancelled: 'closed, cancelled: an operator cancelled it',
    verified: no,
  },
  approved: {
    opened: no,
    approved: no,
    denied: no,
    voided: 'awaiting 1/2',
    lapsed: 'closed, lapsed: nobody decided',
    claimed: 'granting',
    granted: no,
    'grant-failed': no,
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: no,
    withdrawn: 'closed, withdrawn: the requester withdrew it',
    ended: 'closed, withdrawn: an owner ended it',
    cancelled: 'closed, cancelled: an operator cancelled it',
    verified: no,
  },
  granting: {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: 'same',
    granted: 'active until 7000',
    'grant-failed': 'revoking, failed: the target refused',
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: 'granting, then released: the holder was done',
    withdrawn: 'granting, then released: the holder was done',
    ended: 'granting, then revoked: an owner ended it',
    cancelled: 'granting, then cancelled: an operator cancelled it',
    verified: no,
  },
  'granting, to be ended': {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: 'same',
    granted: 'revoking, revoked: an approver ended it (7000)',
    'grant-failed': 'revoking, revoked: an approver ended it',
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: 'same',
    withdrawn: 'same',
    ended: 'same',
    cancelled: 'same',
    verified: no,
  },
  active: {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': 'active until 5000, asked 9000',
    'extension-approved': 'active until 5000, moving 9000',
    'extension-over': 'same',
    extended: 'same',
    expired: 'revoking, expired: time is up (5000)',
    released: 'revoking, released: the holder was done (5000)',
    withdrawn: 'revoking, released: the holder was done (5000)',
    ended: 'revoking, revoked: an owner ended it (5000)',
    cancelled: 'revoking, cancelled: an operator cancelled it (5000)',
    verified: no,
  },
  'active, asked for longer': {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': 'same',
    'extension-approved': 'active until 5000, moving 9000',
    'extension-over': 'active until 5000',
    extended: 'same',
    expired: 'revoking, expired: time is up (5000)',
    released: 'revoking, released: the holder was done (5000)',
    withdrawn: 'revoking, released: the holder was done (5000)',
    ended: 'revoking, revoked: an owner ended it (5000)',
    cancelled: 'revoking, cancelled: an operator cancelled it (5000)',
    verified: no,
  },
  'active, on its way to longer': {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': 'same',
    'extension-approved': 'same',
    'extension-over': 'active until 5000',
    extended: 'active until 9000',
    expired: 'revoking, expired: time is up (5000)',
    released: 'revoking, released: the holder was done (5000)',
    withdrawn: 'revoking, released: the holder was done (5000)',
    ended: 'revoking, revoked: an owner ended it (5000)',
    cancelled: 'revoking, cancelled: an operator cancelled it (5000)',
    verified: no,
  },
  revoking: {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: 'same',
    withdrawn: 'same',
    ended: 'same',
    cancelled: 'same',
    verified: 'closed, expired: time is up',
  },
  closed: {
    opened: no,
    approved: no,
    denied: no,
    voided: no,
    lapsed: no,
    claimed: no,
    granted: no,
    'grant-failed': no,
    'extension-asked': no,
    'extension-approved': no,
    'extension-over': no,
    extended: no,
    expired: no,
    released: no,
    withdrawn: no,
    ended: no,
    cancelled: no,
    verified: no,
  },
};

describe('every state meets every event', () => {
  for (const [state, row] of Object.entries(table) as [keyof typeof states, Record<RequestEvent['kind'], string>][]) {
    test(state, () => {
      const seen = Object.fromEntries(
        Object.entries(events).map(([name, event]) => [name, inWords(states[state], next(states[state], event))]),
      );
      expect(seen).toEqual(row);
    });
  }
});

describe('the details that one state of each kind does not show', () => {
  test('an automatic request is approved as soon as it is opened', () => {
    expect(next({ kind: 'requested', needs: [] }, events.opened)).toEqual({
      kind: 'approved',
      needs: [],
      approvals: [],
    });
  });

  test('stages are worked through in order, and an approval of another stage is refused', () => {
    const first: RequestState = { kind: 'awaiting', needs: [1, 1], stage: 0, approvals: [] };
    expect(next(first, { kind: 'approved', ...approval(ada, 1) })).toMatchObject({ code: 'NotPending' });
    const second = next(first, { kind: 'approved', ...approval(ada, 0) });
    expect(second).toMatchObject({ kind: 'awaiting', stage: 1 });
    expect(next(second as RequestState, { kind: 'approved', ...approval(ben, 1) })).toMatchObject({ kind: 'approved' });
  });

  test('one person counts once in the whole request, not once a stage', () => {
    const second: RequestState = { kind: 'awaiting', needs: [1, 1], stage: 1, approvals: [approval(ada, 0)] };
    const again = { kind: 'approved', decisionId: 'another of ada' as DecisionId, person: ada, stage: 1 } as const;
    expect(next(second, again)).toMatchObject({ code: 'ApproverNotEligible' });
  });

  test('an approval that is delivered again changes nothing, however far the request has come (I10)', () => {
    for (const state of [states.awaiting, states.approved, states.granting, states.active, states.revoking]) {
      expect(next(state, { kind: 'approved', ...approval(ada) })).toBe(state);
    }
  });

  test('a claim with another credential is refused while the first is granted', () => {
    const other = { kind: 'claimed', credentialId: 'another' as CredentialId } as const;
    expect(next(states.granting, other)).toMatchObject({ code: 'NotPending' });
  });

  test('a void of somebody who did not approve changes nothing', () => {
    expect(next(states.awaiting, { kind: 'voided', person: cy })).toBe(states.awaiting);
    expect(next(states.approved, { kind: 'voided', person: cy })).toBe(states.approved);
  });

  test('a void in an earlier stage opens that stage again and keeps the later approval', () => {
    const approved: RequestState = { kind: 'approved', needs: [1, 1], approvals: [approval(ada, 0), approval(ben, 1)] };
    const opened = next(approved, { kind: 'voided', person: ada });
    expect(opened).toEqual({ kind: 'awaiting', needs: [1, 1], stage: 0, approvals: [approval(ben, 1)] });
    expect(next(opened as RequestState, { kind: 'approved', ...approval(cy, 0) })).toMatchObject({ kind: 'approved' });
  });

  test('another extension waits for the one that is under way, and nothing of another moves the end', () => {
    const other = { id: 'another' as ExtensionId, endAt: 20_000 };
    for (const state of [states['active, asked for longer'], states['active, on its way to longer']]) {
      expect(next(state, { kind: 'extension-asked', ...other })).toMatchObject({ code: 'NotPending' });
      expect(next(state, { kind: 'extension-approved', ...other })).toMatchObject({ code: 'NotPending' });
      expect(next(state, { kind: 'extension-over', id: other.id })).toBe(state);
      expect(next(state, { kind: 'extended', ...other })).toBe(state);
    }
  });

  test('an extension that gives no more time than there is is refused', () => {
    expect(next(states.active, { kind: 'extension-approved', id: extension, endAt: 5_000 })).toMatchObject({
      code: 'NotPending',
    });
  });

  test('stages that are open together are filled in any order, and the first that is open is named', () => {
    const opened = next({ kind: 'requested', needs: [1, 1, 1], steps: [0, 0, 1] }, events.opened) as RequestState;
    expect(opened).toMatchObject({ kind: 'awaiting', stage: 0 });
    expect(next(opened, { kind: 'approved', ...approval(ada, 2) })).toMatchObject({ code: 'NotPending' });
    const second = next(opened, { kind: 'approved', ...approval(ada, 1) }) as RequestState;
    expect(second).toMatchObject({ kind: 'awaiting', stage: 0 });
    expect(next(second, { kind: 'approved', ...approval(ben, 0) })).toMatchObject({ kind: 'awaiting', stage: 2 });
  });

  test('in whose place somebody decided has sat, and their leaving takes that decision too', () => {
    const state: RequestState = {
      kind: 'awaiting',
      needs: [2],
      stage: 0,
      approvals: [{ ...approval(ada), standsInFor: ben }],
    };
    expect(next(state, { kind: 'approved', ...approval(ben) })).toMatchObject({ code: 'ApproverNotEligible' });
    const forAda = { ...approval(cy), standsInFor: ada };
    expect(next(state, { kind: 'approved', ...forAda })).toMatchObject({ code: 'ApproverNotEligible' });
    expect(next(state, { kind: 'voided', person: ben })).toMatchObject({ approvals: [] });
  });

  test('a refusal says where the request is', () => {
    expect(next(states.closed, events.claimed)).toMatchObject({ message: 'This request is closed: denied.' });
    expect(next(states.active, events.claimed)).toMatchObject({ message: 'This request is active.' });
  });
});

const person = fc.constantFrom(ada, ben, cy, 'dora' as PersonId);
const approvals = fc.record({
  kind: fc.constant('approved' as const),
  decisionId: fc.nat(50).map((n) => `decision ${n}` as DecisionId),
  person,
  stage: fc.integer({ min: -1, max: 2 }),
});
const delegated = fc.tuple(approvals, person).map(([one, standsInFor]) => ({ ...one, standsInFor }));
const claims = fc.record({
  kind: fc.constant('claimed' as const),
  credentialId: fc.constantFrom(credential, 'another' as CredentialId),
});
const voids = fc.record({ kind: fc.constant('voided' as const), person });
const extensionId = fc.constantFrom(extension, 'another' as ExtensionId);
const endAt = fc.integer({ min: 0, max: 20_000 });
const extensions: fc.Arbitrary<RequestEvent> = fc.oneof(
  fc.record({ kind: fc.constantFrom('extension-asked' as const, 'extended' as const), id: extensionId, endAt }),
  fc.record({ kind: fc.constantFrom('extension-approved' as const, 'extended' as const), id: extensionId, endAt }),
  fc.record({ kind: fc.constant('extension-over' as const), id: extensionId }),
);
const anything = fc.constantFrom<RequestEvent>(...Object.values(events));
/** Weighted, so that most histories get as far as a grant before something ends them. */
const event: fc.Arbitrary<RequestEvent> = fc.oneof(
  { weight: 10, arbitrary: approvals },
  { weight: 2, arbitrary: delegated },
  { weight: 3, arbitrary: claims },
  { weight: 2, arbitrary: voids },
  { weight: 2, arbitrary: fc.constant(events.granted) },
  { weight: 2, arbitrary: extensions },
  { weight: 1, arbitrary: anything },
);
const needs = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
const history = fc.array(event, { maxLength: 40 }).map((all) => [events.opened, ...all]);

/** All states that a request comes through; refused events leave it where it is. */
function live(from: RequestState, all: readonly RequestEvent[]): readonly RequestState[] {
  const passed = [from];
  for (const one of all) {
    const after = next(passed.at(-1) ?? from, one);
    if (!isRefusal(after)) passed.push(after);
  }
  return passed;
}

/** In how many approvals somebody decided in another's place. */
const standing = (state: { readonly approvals: readonly Approval[] }): number =>
  state.approvals.filter((one) => one.standsInFor !== undefined && one.standsInFor !== one.person).length;

const order: readonly StateKind[] = ['requested', 'awaiting', 'approved', 'granting', 'active', 'revoking', 'closed'];

describe('whatever happens, in whatever order', () => {
  test('next answers with a state or a refusal, never throws, and changes nothing that it was given', () => {
    fc.assert(
      fc.property(needs, history, (wanted, all) => {
        for (const state of live({ kind: 'requested', needs: wanted }, all)) {
          const before = structuredClone(state);
          for (const one of Object.values(events)) {
            const after = next(state, one);
            expect(isRefusal(after) || order.includes(after.kind)).toBe(true);
          }
          expect(state).toEqual(before);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a request that was granted closes only through revoking, and closed is for ever (I16, I17)', () => {
    fc.assert(
      fc.property(needs, history, (wanted, all) => {
        const passed = live({ kind: 'requested', needs: wanted }, all).map((state) => state.kind);
        passed.forEach((kind, index) => {
          const before = passed[index - 1];
          if (kind === 'closed' && before !== 'closed') expect(['granting', 'active']).not.toContain(before);
          if (before === 'closed') expect(kind).toBe('closed');
          if (before === 'granting') expect(['granting', 'active', 'revoking']).toContain(kind);
          if (before === 'revoking') expect(['revoking', 'closed']).toContain(kind);
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('approved means that as many different people as each stage needs said yes (I6)', () => {
    fc.assert(
      fc.property(needs, history, (wanted, all) => {
        for (const state of live({ kind: 'requested', needs: wanted }, all)) {
          if (!('approvals' in state)) continue;
          const seated = state.approvals.flatMap((one) => [one.person, ...(one.standsInFor ? [one.standsInFor] : [])]);
          expect(new Set(seated).size).toBe(new Set(state.approvals.map((one) => one.person)).size + standing(state));
          if (state.kind !== 'approved' && state.kind !== 'granting') continue;
          wanted.forEach((need, stage) => {
            expect(state.approvals.filter((one) => one.stage === stage).length).toBe(need);
          });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('stages fill in the order of their steps, whichever are open together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.boolean()),
        history,
        (wanted, together, all) => {
          const steps = stepsOf(wanted.map((_, stage) => ({ together: together[stage] === true })));
          for (const state of live({ kind: 'requested', needs: wanted, steps }, all)) {
            if (state.kind !== 'awaiting') continue;
            const open = openStages(state, state.approvals);
            expect(open[0]).toBe(state.stage);
            expect(new Set(open.map((stage) => steps[stage])).size).toBe(1);
            expect(
              next(state, { kind: 'approved', decisionId: 'new' as DecisionId, person: 'new' as PersonId, stage: 2 }),
            ).toMatchObject(
              open.includes(2)
                ? { kind: expect.stringMatching(/awaiting|approved/) as string }
                : { code: 'NotPending' },
            );
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('an end moves only later, and only as an extension that was approved says', () => {
    const moves = fc.array(fc.oneof({ weight: 6, arbitrary: extensions }, { weight: 1, arbitrary: anything }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(moves, (all) => {
        const passed = live(states.active, all);
        passed.forEach((state, index) => {
          const before = passed[index - 1];
          if (state.kind !== 'active' || before?.kind !== 'active') return;
          expect(state.endAt).toBeGreaterThanOrEqual(before.endAt);
          if (state.endAt !== before.endAt) expect(before.extension?.kind).toBe('moving');
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('one more approval never takes a request back, nor closes it', () => {
    fc.assert(
      fc.property(needs, history, person, fc.integer({ min: 0, max: 2 }), (wanted, all, who, stage) => {
        const state = live({ kind: 'requested', needs: wanted }, all).at(-1);
        if (!state) return;
        const after = next(state, { kind: 'approved', decisionId: 'one more' as DecisionId, person: who, stage });
        if (isRefusal(after)) return;
        expect(order.indexOf(after.kind)).toBeGreaterThanOrEqual(order.indexOf(state.kind));
        if (state.kind !== 'closed') expect(after.kind).not.toBe('closed');
      }),
      { numRuns: 1_000 },
    );
  });

  test('every outcome is one that the list knows', () => {
    fc.assert(
      fc.property(needs, history, (wanted, all) => {
        for (const state of live({ kind: 'requested', needs: wanted }, all)) {
          if (state.kind === 'closed') expect(outcomes).toContain(state.outcome);
        }
      }),
      { numRuns: 200 },
    );
  });
});
