import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DecisionId, Digest, PersonId } from '../domain/ids.ts';
import { isRefusal, type Refusal } from '../domain/errors.ts';
import { sameHuman, type AccountFacts, type Delegator, type PersonFacts } from '../domain/person.ts';
import { stepsOf, type Selector, type Stage } from '../domain/plan.ts';
import { next, type RequestState } from '../domain/request.ts';
import { accountMaxAgeMs, judge, maySit, type Click, type Judged, type Seat } from '../policy/eligibility.ts';
import { account, approver, idOf, person } from './support/people.ts';

const at = 1_000_000;
const digest = 'what was shown' as Digest;
const owners: Stage = { name: 'owners', need: 2, from: [{ kind: 'group', group: 'owners' }] };
const request: Judged = { requester: person('ada', ['owners']), digest, stages: [owners] };
const click = (who: PersonFacts, more: Partial<Click> = {}, facts: Partial<AccountFacts> = {}): Click => ({
  verdict: 'approve',
  digest,
  stage: 0,
  facts: { person: who, account: account(at, facts) },
  madeAt: at,
  ...more,
});
const ben = person('ben', ['owners']);
const made = (by: string) => ({ ...ben, addedBy: [{ group: 'owners', by: idOf(by) }] });
const refusalOf = (seat: Seat | Refusal): string | undefined => (isRefusal(seat) ? seat.code : undefined);
const codeOf = (...words: Parameters<typeof judge>): string | undefined => refusalOf(judge(...words));

describe('a decision counts', () => {
  test('of somebody whom the stage names, who is active, on what was shown', () => {
    expect(codeOf(request, click(ben), [])).toBeUndefined();
    expect(codeOf(request, click(ben, { verdict: 'deny' }), [])).toBeUndefined();
    expect(codeOf(request, click(ben), [person('cy')])).toBeUndefined();
  });

  test('of a named person, without any group', () => {
    const named: Judged = { ...request, stages: [{ ...owners, from: [{ kind: 'person', person: idOf('dora') }] }] };
    expect(codeOf(named, click(person('dora')), [])).toBeUndefined();
    expect(codeOf(named, click(ben), [])).toBe('ApproverNotEligible');
  });

  test('of a contractor, for that is for the policy to say, but never of a service account', () => {
    expect(codeOf(request, click({ ...ben, kind: 'contractor' }), [])).toBeUndefined();
    expect(codeOf(request, click({ ...ben, kind: 'service' }), [])).toBe('ApproverNotEligible');
  });
});

describe('a decision does not count', () => {
  const groups = ['owners'];
  test.each<[string, PersonFacts]>([
    ['the requester', person('ada', groups)],
    ['an account that says that it is the requester', person('ada-2', groups, { aliases: [idOf('ada')] })],
  ])('of %s: self-approval', (_, who) => {
    expect(codeOf(request, click(who), [])).toBe('SelfApproval');
    expect(codeOf(request, click(who, { verdict: 'deny' }), [])).toBe('SelfApproval');
  });

  test('of an account that the requester says is theirs', () => {
    const aliased: Judged = { ...request, requester: person('ada', [], { aliases: [idOf('ben')] }) };
    expect(codeOf(aliased, click(ben), [])).toBe('SelfApproval');
  });

  test.each(['suspended', 'left'] as const)('of somebody who is %s (I8)', (state) => {
    expect(codeOf(request, click({ ...ben, state }), [])).toBe('ApproverNotEligible');
  });

  test.each(['deleted', 'bot', 'restricted', 'stranger'] as const)('of a Slack account that is %s', (flag) => {
    expect(codeOf(request, click(ben, {}, { [flag]: true }), [])).toBe('ApproverNotEligible');
  });

  test('of an outsider, in any group but the right one', () => {
    expect(codeOf(request, click(person('eve', ['owner', 'Owners', 'owners-payments'])), [])).toBe(
      'ApproverNotEligible',
    );
  });

  test('of somebody whom the requester, or another account of theirs, put into the group', () => {
    expect(codeOf(request, click(made('ada')), [])).toBe('ApproverNotEligible');
    const aliased: Judged = { ...request, requester: person('ada', [], { aliases: [idOf('ada-2')] }) };
    expect(codeOf(aliased, click(made('ada-2')), [])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(made('somebody-else')), [])).toBeUndefined();
  });

  test('on another digest than the request has: what was shown is what is decided (I7)', () => {
    expect(codeOf(request, click(ben, { digest: 'something else' as Digest }), [])).toBe('StaleView');
  });

  test('when what Slack said of the account is older than a minute, or from the future', () => {
    for (const readAt of [at - accountMaxAgeMs - 1, at + accountMaxAgeMs + 1, -Infinity, Number.NaN]) {
      expect(codeOf(request, click(ben, {}, { readAt }), [])).toBe('NotRecorded');
    }
    expect(codeOf(request, click(ben, {}, { readAt: at - accountMaxAgeMs }), [])).toBeUndefined();
  });

  test.each([-1, 1, 0.5, Number.NaN])('on a step that is not there: %d', (stage) => {
    expect(codeOf(request, click(ben, { stage }), [])).toBe('NotPending');
  });

  test('a second time, nor by another account; but who approved may still deny', () => {
    expect(codeOf(request, click(ben), [ben])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(person('ben-2', groups, { aliases: [ben.id] })), [ben])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(ben), [person('ben-2', [], { aliases: [ben.id] })])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(ben, { verdict: 'deny' }), [ben])).toBeUndefined();
  });
});

const away = (who: PersonFacts, by = who.id): Delegator => ({ ...who, by });
const dee = (...delegators: readonly Delegator[]) => person('dee', [], { standsInFor: delegators });

describe('who stands in for somebody who is away', () => {
  test('sits in their place, and both have sat', () => {
    const seat = judge(request, click(dee(away(ben))), []);
    expect(seat).toMatchObject({ standsInFor: ben.id, humans: [{ id: idOf('dee') }, { id: ben.id }] });
    expect(codeOf(request, click(dee(away(ben))), [ben])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(ben), isRefusal(seat) ? [] : seat.humans)).toBe('ApproverNotEligible');
  });

  test('sits for themself where they may, and for the next one where the first has sat', () => {
    expect(judge(request, click({ ...dee(away(ben)), groups: ['owners'] }), [])).not.toHaveProperty('standsInFor');
    const cy = person('cy', ['owners']);
    expect(judge(request, click(dee(away(ben), away(cy))), [ben])).toMatchObject({ standsInFor: cy.id });
  });

  test('never decides for whom they stand in for, nor for their other account (I6)', () => {
    const ada = person('ada', ['owners']);
    expect(codeOf(request, click({ ...dee(away(ada)), groups: ['owners'] }), [])).toBe('SelfApproval');
    const other = person('ada-2', ['owners'], { aliases: [ada.id] });
    expect(codeOf(request, click({ ...dee(away(other)), groups: ['owners'] }), [])).toBe('SelfApproval');
  });

  test('gets nothing by a delegation that whoever asks has made, nor from whom they put into the group', () => {
    expect(codeOf(request, click(dee(away(ben, idOf('ada')))), [])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(dee(away(made('ada')))), [])).toBe('ApproverNotEligible');
  });

  test('gets nothing from another account of their own, nor from somebody who is not active', () => {
    expect(codeOf(request, click(dee(away({ ...ben, aliases: [idOf('dee')] }))), [])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(dee(away({ ...ben, state: 'left' }))), [])).toBe('ApproverNotEligible');
    expect(codeOf(request, click({ ...dee(away(ben)), state: 'suspended' }), [])).toBe('ApproverNotEligible');
  });

  test('is held by conflicts and pairs, their own and those of whom they stand in for', () => {
    const strict: Judged = {
      ...request,
      stages: [{ ...owners, outsidePair: true, never: [{ name: 'no auditors', groups: ['auditors'], all: false }] }],
    };
    expect(codeOf(strict, click(dee(away(ben))), [])).toBeUndefined();
    expect(codeOf(strict, click({ ...dee(away(ben)), groups: ['auditors'] }), [])).toBe('ApproverNotEligible');
    expect(codeOf(strict, click(dee(away({ ...ben, groups: ['auditors', 'owners'] }))), [])).toBe(
      'ApproverNotEligible',
    );
    expect(codeOf(strict, click({ ...dee(away(ben)), reciprocal: [idOf('ada')] }), [])).toBe('ApproverNotEligible');
    expect(codeOf(strict, click(dee(away({ ...ben, reciprocal: [idOf('ada')] }))), [])).toBe('ApproverNotEligible');
  });
});

describe('a stage may ask for more than a group', () => {
  test('whoever is on call, at this moment', () => {
    const onCall: Judged = { ...request, stages: [{ ...owners, from: [{ kind: 'on-call', schedule: 'payments' }] }] };
    expect(codeOf(onCall, click(person('cy', [], { onCall: ['payments'] })), [])).toBeUndefined();
    expect(codeOf(onCall, click(person('cy', ['payments'], { onCall: ['search'] })), [])).toBe('ApproverNotEligible');
    expect(codeOf(onCall, click(person('cy')), [])).toBe('ApproverNotEligible');
  });

  test('nobody in a conflict: in one of the groups, or in all of them', () => {
    const hats = { name: 'one hat', groups: ['owners', 'controllers'] };
    const [anyOf, allOf] = [false, true].map((all) => ({
      ...request,
      stages: [{ ...owners, never: [{ ...hats, all }] }],
    }));
    if (!anyOf || !allOf) throw new Error('two requests');
    expect(codeOf(allOf, click(ben), [])).toBeUndefined();
    expect(codeOf(allOf, click(person('cy', ['owners', 'controllers'])), [])).toBe('ApproverNotEligible');
    expect(codeOf(anyOf, click(ben), [])).toBe('ApproverNotEligible');
  });

  test('nobody in a conflict by another account of theirs; and no seat by one (I6)', () => {
    const strict: Judged = {
      ...request,
      stages: [{ ...owners, never: [{ name: 'no auditors', groups: ['auditors'], all: false }] }],
    };
    const alsoAuditor = { ...ben, otherGroups: ['auditors'] };
    expect(codeOf(strict, click(alsoAuditor), [])).toBe('ApproverNotEligible');
    expect(codeOf(strict, click(dee(away(alsoAuditor))), [])).toBe('ApproverNotEligible');
    expect(codeOf(request, click(person('cy', [], { otherGroups: ['owners'] })), [])).toBe('ApproverNotEligible');
  });

  test('an approver outside of the pair, by whatever account of whoever asks', () => {
    const outside: Judged = { ...request, stages: [{ ...owners, outsidePair: true }] };
    expect(codeOf(request, click({ ...ben, reciprocal: [idOf('ada')] }), [])).toBeUndefined();
    expect(codeOf(outside, click({ ...ben, reciprocal: [idOf('ada')] }), [])).toBe('ApproverNotEligible');
    expect(codeOf(outside, click({ ...ben, reciprocal: [idOf('cy')] }), [])).toBeUndefined();
    const aliased = { ...outside, requester: person('ada', [], { aliases: [idOf('ada-2')] }) };
    expect(codeOf(aliased, click({ ...ben, reciprocal: [idOf('ada-2')] }), [])).toBe('ApproverNotEligible');
  });

  test('an account that took the place of another one less than a day ago decides nothing', () => {
    expect(codeOf(request, click(ben, {}, { fresh: true }), [])).toBe('ApproverNotEligible');
  });
});

const names = ['ada', 'ben', 'cy', 'dora', 'eli', 'fay'] as const;
const groupNames = ['owners', 'leads'] as const;
const pick = fc.constantFrom(...names).map(idOf);
/** Delegations are of people, so they are put in once everybody is there; some of them are nobody's to make. */
type Draft = {
  readonly delegators: readonly { readonly who: string; readonly by: PersonId }[];
  readonly facts: PersonFacts;
};
const somebody = (name: string): fc.Arbitrary<Draft> =>
  fc
    .record({
      groups: fc.uniqueArray(fc.constantFrom(...groupNames)),
      aliases: fc.uniqueArray(pick, { maxLength: 1 }),
      addedBy: fc.array(fc.record({ group: fc.constantFrom(...groupNames), by: pick }), { maxLength: 2 }),
      state: fc.constantFrom('active', 'active', 'active', 'left'),
      onCall: fc.uniqueArray(fc.constantFrom('day', 'night'), { maxLength: 1 }),
      reciprocal: fc.uniqueArray(pick, { maxLength: 1 }),
      delegators: fc.uniqueArray(fc.record({ who: fc.constantFrom(...names), by: pick }), {
        maxLength: 2,
        selector: ({ who }) => who,
      }),
    })
    .map(({ delegators, ...facts }) => ({ delegators, facts: person(name, [], facts) }));
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constantFrom(...groupNames).map((group): Selector => ({ kind: 'group', group })),
  pick.map((who): Selector => ({ kind: 'person', person: who })),
  fc.constantFrom('day', 'night').map((schedule): Selector => ({ kind: 'on-call', schedule })),
);
const never = fc.record({
  name: fc.constant('a conflict'),
  groups: fc.uniqueArray(fc.constantFrom(...groupNames), { minLength: 1 }),
  all: fc.boolean(),
});
const stages = fc.array(
  fc.record({
    name: fc.constant('a step'),
    need: fc.integer({ min: 1, max: 3 }),
    from: fc.array(selector, { minLength: 1, maxLength: 3 }),
    outsidePair: fc.boolean(),
    together: fc.boolean(),
    never: fc.array(never, { maxLength: 1 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const company = fc.tuple(...names.map(somebody)).map((drafts) =>
  drafts.map(({ delegators, facts }): PersonFacts => {
    const standsInFor = delegators.flatMap(({ who, by }): Delegator[] => {
      const found = drafts.find((draft) => draft.facts.id === idOf(who));
      return found ? [{ ...found.facts, by }] : [];
    });
    return { ...facts, standsInFor };
  }),
);
const clicks = fc.array(
  fc.record({ who: fc.nat(5), stage: fc.nat(2), deny: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) }),
  {
    maxLength: 30,
  },
);

/** Plays clicks against a request as the Workflow does: judge, then move. Returns who holds which seat in the end. */
function play(
  people: readonly PersonFacts[],
  wanted: readonly Stage[],
  all: readonly { readonly who: number; readonly stage: number; readonly deny: boolean }[],
) {
  const [requester] = people;
  if (!requester) throw new Error('a company of nobody');
  const judged: Judged = { requester, digest, stages: wanted };
  const needs = wanted.map(({ need }) => need);
  const opened = next({ kind: 'requested', needs, steps: stepsOf(wanted) }, { kind: 'opened' });
  let state = opened as RequestState;
  const seated: (Seat & { readonly person: PersonFacts; readonly stage: Stage })[] = [];
  all.forEach(({ who, stage, deny }, index) => {
    const one = people[who];
    const where = wanted[stage];
    if (!one) return;
    const asked: Click = { verdict: deny ? 'deny' : 'approve', digest, stage, facts: approver(one, at), madeAt: at };
    const seat = judge(
      judged,
      asked,
      seated.flatMap(({ humans }) => humans),
    );
    if (isRefusal(seat)) return;
    const decisionId = `decision ${index}` as DecisionId;
    const after = next(
      state,
      deny
        ? { kind: 'denied', decisionId, person: one.id }
        : {
            kind: 'approved',
            decisionId,
            person: one.id,
            stage,
            ...(seat.standsInFor ? { standsInFor: seat.standsInFor } : {}),
          },
    );
    if (isRefusal(after)) return;
    state = after;
    if (!deny && where) seated.push({ ...seat, person: one, stage: where });
  });
  return { requester, state, seated };
}

describe('whatever policy, company and clicks', () => {
  test('no seat is filled by the requester, an alias, or somebody whom the requester made eligible (I6)', () => {
    fc.assert(
      fc.property(company, stages, clicks, (people, wanted, all) => {
        const { requester, seated } = play(people, wanted, all);
        const mine: readonly PersonId[] = [requester.id, ...requester.aliases];
        for (const { person: one, stage, standsInFor } of seated) {
          expect(sameHuman(one, requester)).toBe(false);
          expect(one.state).toBe('active');
          // Nobody stands in for the requester, by whatever delegation.
          for (const delegator of one.standsInFor ?? []) expect(sameHuman(delegator, requester)).toBe(false);
          const delegator = one.standsInFor?.find(({ id }) => id === standsInFor);
          if (delegator) expect(mine).not.toContain(delegator.by);
          const sitting = delegator ?? one;
          expect(sitting.state).toBe('active');
          const named = stage.from.some(
            (from) =>
              (from.kind === 'person' && from.person === sitting.id) ||
              (from.kind === 'on-call' && sitting.onCall?.includes(from.schedule)) ||
              (from.kind === 'group' &&
                sitting.groups.includes(from.group) &&
                !sitting.addedBy.some(({ group, by }) => group === from.group && mine.includes(by))),
          );
          expect(named).toBe(true);
          for (const who of [one, sitting]) {
            if (stage.outsidePair) for (const id of who.reciprocal ?? []) expect(mine).not.toContain(id);
            for (const { groups: of, all: every } of stage.never ?? []) {
              const held = of.filter((group) => who.groups.includes(group)).length;
              expect(every ? held < of.length : held === 0).toBe(true);
            }
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('nobody fills two seats, by whatever account, and approved means that every seat is filled', () => {
    fc.assert(
      fc.property(company, stages, clicks, (people, wanted, all) => {
        const { state, seated } = play(people, wanted, all);
        seated.forEach((one, index) => {
          for (const other of seated.slice(index + 1)) {
            const pairs = one.humans.flatMap((human) => other.humans.map((another) => [human, another] as const));
            for (const [human, another] of pairs) expect(sameHuman(human, another)).toBe(false);
          }
        });
        if (state.kind !== 'approved') return;
        for (const stage of wanted) {
          expect(seated.filter((seat) => seat.stage === stage).length).toBeGreaterThanOrEqual(stage.need);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('an approval more never closes what was open, nor reopens what was closed', () => {
    const order = ['requested', 'awaiting', 'approved', 'closed'];
    fc.assert(
      fc.property(company, stages, clicks, fc.nat(5), fc.nat(2), (people, wanted, all, who, stage) => {
        const before = play(people, wanted, all).state.kind;
        const after = play(people, wanted, [...all, { who, stage, deny: false }]).state.kind;
        if (before === 'closed') expect(after).toBe('closed');
        else expect(after).not.toBe('closed');
        expect(order.indexOf(after)).toBeGreaterThanOrEqual(order.indexOf(before));
      }),
      { numRuns: 1_000 },
    );
  });

  test('more groups in a stage never take a seat away from somebody', () => {
    fc.assert(
      fc.property(company, stages, selector, fc.nat(5), (people, [stage], more, who) => {
        const [requester, one] = [people[0], people[who]];
        if (!requester || !one || !stage) return;
        if (!maySit(one, stage, requester)) {
          expect(maySit(one, { ...stage, from: [...stage.from, more] }, requester)).toBeUndefined();
        }
      }),
    );
  });
});
