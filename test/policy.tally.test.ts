import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Decision } from '../domain/decision.ts';
import type { DecisionId, Digest, PersonId, RequestId } from '../domain/ids.ts';
import { sameHuman, type Delegator, type PersonFacts } from '../domain/person.ts';
import type { Stage } from '../domain/plan.ts';
import { hourMs } from '../domain/time.ts';
import { tally, type Tallied } from '../policy/tally.ts';
import { account, idOf, person } from './support/people.ts';

const openedAt = 1_000_000;
const digest = 'what was shown' as Digest;
const owners: Stage = { name: 'owners', need: 1, from: [{ kind: 'group', group: 'owners' }] };
const leads: Stage = { name: 'leads', need: 1, from: [{ kind: 'group', group: 'leads' }] };
const request = (...stages: readonly Stage[]): Tallied => ({ requester: person('ada'), digest, stages, openedAt });
const made = (who: PersonFacts, more: Partial<Decision> = {}): Decision => {
  const madeAt = more.madeAt ?? openedAt + 1;
  return {
    id: `${who.id} ${more.stage ?? 0}` as DecisionId,
    requestId: 'a request' as RequestId,
    digest,
    stage: 0,
    person: who.id,
    verdict: 'approve',
    facts: { person: who, account: account(madeAt) },
    madeAt,
    ...more,
  };
};
const now = (...people: readonly PersonFacts[]): ReadonlyMap<PersonId, PersonFacts> =>
  new Map(people.map((one) => [one.id, one]));
const ben = person('ben', ['owners']);
const cy = person('cy', ['owners']);
const away = (who: PersonFacts, by = who.id): Delegator => ({ ...who, by });

describe('what counts now', () => {
  test('is each approval by somebody who may still give it; nothing is open any more', () => {
    const { approvals, open, fallen, denied } = tally(
      request({ ...owners, need: 2 }),
      [made(ben), made(cy)],
      now(ben, cy),
    );
    expect(approvals.map((approval) => approval.person)).toEqual([ben.id, cy.id]);
    expect({ open, fallen, denied }).toEqual({ open: [], fallen: [], denied: false });
  });

  test.each<[string, PersonFacts | undefined]>([
    ['has left', { ...ben, state: 'left' }],
    ['is not in the group any more', { ...ben, groups: [] }],
    ['turned out to be another account of whoever asks', { ...ben, aliases: [idOf('ada')] }],
    ['was put into the group by whoever asks', { ...ben, addedBy: [{ group: 'owners', by: idOf('ada') }] }],
    ['stands in for whoever asks by now', { ...ben, standsInFor: [away(person('ada'))] }],
    ['is not in the directory any more', undefined],
  ])('is nothing of somebody who %s: the stage is open again (I6, I8)', (_, today) => {
    const { open, fallen, humans } = tally(request(owners), [made(ben)], today ? now(today) : now());
    expect(open).toEqual([0]);
    expect(fallen.map(({ decision }) => decision.person)).toEqual([ben.id]);
    expect(humans).toEqual([]);
  });

  test('is nothing on another digest, and a denial denies whoever else approved (I7)', () => {
    expect(tally(request(owners), [made(ben, { digest: 'another' as Digest })], now(ben)).open).toEqual([0]);
    expect(tally(request(owners), [made(ben), made(cy, { verdict: 'deny' })], now(ben, cy)).denied).toBe(true);
  });

  test('is one seat of one human in the whole request, by whatever account', () => {
    const both = person('ben', ['owners', 'leads']);
    const other = person('ben-2', ['leads'], { aliases: [ben.id] });
    expect(tally(request(owners, leads), [made(both), made(both, { stage: 1 })], now(both)).open).toEqual([1]);
    expect(tally(request(owners, leads), [made(ben), made(other, { stage: 1 })], now(ben, other)).open).toEqual([1]);
  });
});

describe('who stood in for somebody', () => {
  const dee = person('dee', [], { standsInFor: [away(ben)] });
  const back = person('dee');

  test('still counts when the absence is over, and neither of the two sits again', () => {
    const { approvals, humans, open } = tally(request(owners), [made(dee)], now(back, ben));
    expect(approvals).toMatchObject([{ person: dee.id, standsInFor: ben.id }]);
    expect(humans.map(({ id }) => id)).toEqual([dee.id, ben.id]);
    expect(open).toEqual([]);
    const two = tally(request({ ...owners, need: 2 }), [made(dee), made(ben)], now(back, ben));
    expect(two.fallen.map(({ decision }) => decision.person)).toEqual([ben.id]);
  });

  test('does not count when the one they stood in for may not decide any more', () => {
    expect(tally(request(owners), [made(dee)], now(back, { ...ben, state: 'left' })).open).toEqual([0]);
    expect(tally(request(owners), [made(dee)], now(back)).open).toEqual([0]);
  });

  test('gets no seat from somebody whom they stand in for only since', () => {
    const later = person('ben', [], { standsInFor: [away(cy)] });
    expect(tally(request(owners), [made(ben)], now(later, cy)).open).toEqual([0]);
  });
});

const escalating: Stage = { ...leads, escalate: { afterMs: hourMs, to: [{ kind: 'group', group: 'owners' }] } };
const escalatedAt = (madeAt: number) =>
  tally(request(owners, escalating), [made(ben), made(cy, { stage: 1, madeAt })], now(ben, cy));

describe('an escalated stage', () => {
  test('counts those of the escalation from its instant on, from when the stage opened', () => {
    expect(escalatedAt(openedAt + hourMs).open).toEqual([1]);
    expect(escalatedAt(openedAt + hourMs + 1).open).toEqual([]);
  });

  test('keeps what was decided there when somebody before falls, and once that seat is filled again', () => {
    const escalated = made(cy, { stage: 1, madeAt: openedAt + 2 * hourMs });
    const gone = { ...ben, state: 'left' as const };
    const open = tally(request(owners, escalating), [made(ben), escalated], now(gone, cy));
    expect({ open: open.open, fallen: open.fallen.length }).toEqual({ open: [0], fallen: 1 });
    const dora = person('dora', ['owners']);
    const again = made(dora, { madeAt: openedAt + 3 * hourMs });
    expect(tally(request(owners, escalating), [escalated, again], now(cy, dora)).open).toEqual([]);
  });
});

const names = ['ada', 'ben', 'cy', 'dora', 'eli'] as const;
const pick = fc.constantFrom(...names).map(idOf);
const someone = (name: string): fc.Arbitrary<PersonFacts> =>
  fc
    .record({
      groups: fc.uniqueArray(fc.constantFrom('owners', 'leads')),
      aliases: fc.uniqueArray(pick, { maxLength: 1 }),
      state: fc.constantFrom('active', 'active', 'left'),
      standsInFor: fc.array(
        fc.record({ id: pick, by: pick, groups: fc.constantFrom<(readonly string[])[]>(['owners'], ['leads'], []) }),
        { maxLength: 1 },
      ),
    })
    .map(({ standsInFor, ...facts }) => ({
      ...person(name, [], facts),
      standsInFor: standsInFor.map(({ id, by, groups }) => ({ ...person(id, groups), by })),
    }));
const everybody = fc.tuple(...names.map(someone));
const clicks = fc.array(fc.record({ who: fc.nat(4), stage: fc.nat(1) }), { maxLength: 8 });

const played = (
  then: readonly PersonFacts[],
  today: readonly PersonFacts[],
  all: readonly { who: number; stage: number }[],
) => {
  const decisions = all.flatMap(({ who, stage }, index) => {
    const one = then[who];
    return one ? [made(one, { stage, id: `${index}` as DecisionId, madeAt: openedAt + index + 1 })] : [];
  });
  const [requester] = today;
  if (!requester) throw new Error('nobody asks');
  const stages = [owners, { ...leads, need: 2 }];
  return { requester, result: tally({ ...request(...stages), requester }, decisions, now(...today)) };
};

describe('whatever was decided, by whoever', () => {
  test('no seat is the requester’s, and no human has two (I6)', () => {
    fc.assert(
      fc.property(everybody, everybody, clicks, (then, today, all) => {
        const { requester, result } = played(then, today, all);
        result.humans.forEach((human, index) => {
          expect(sameHuman(human, requester)).toBe(false);
          const [approval] = result.approvals.filter((one) => one.person === human.id || one.standsInFor === human.id);
          expect(approval).toBeDefined();
          for (const other of result.humans.slice(index + 1)) {
            const together = result.approvals.some(
              (one) =>
                [one.person, one.standsInFor].includes(human.id) && [one.person, one.standsInFor].includes(other.id),
            );
            if (!together) expect(sameHuman(human, other)).toBe(false);
          }
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('one approval more takes none away and opens nothing', () => {
    fc.assert(
      fc.property(everybody, everybody, clicks, fc.nat(4), fc.nat(1), (then, today, all, who, stage) => {
        const before = played(then, today, all).result;
        const after = played(then, today, [...all, { who, stage }]).result;
        expect(after.approvals.slice(0, before.approvals.length)).toEqual(before.approvals);
        if (before.open.length === 0) expect(after.open).toEqual([]);
        expect(Math.min(...after.open, 9)).toBeGreaterThanOrEqual(Math.min(...before.open, 9));
      }),
      { numRuns: 1_000 },
    );
  });
});
