/** What is recorded of the people of a plan: enough of them to make the same plan again, and none more. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { dayMs, hourMs } from '../domain/time.ts';
import { planHash } from '../policy/digest.ts';
import { parsePolicy } from '../policy/parse.ts';
import { givenToWhomever, planFor, type Ask } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { seatedFor } from '../policy/seated.ts';
import { idOf, person } from './support/people.ts';

const load = (text: string): LoadedPolicy => {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.issues.map((issue) => `${issue.line} ${issue.message}`).join('\n'));
  return parsed.policy;
};
const head = `version: 1
policyChange: one-person
targets:
  shop:
    kind: postgres
    labels: { team: payments }
    owners: [group:owners]
    databases: [shop]
    roles: { read: { template: shop_read, max: 8h }, write: { template: shop_write, max: 8h } }
`;
const openedAt = Date.UTC(2026, 2, 4, 10);

const names = ['ada', 'ben', 'cem', 'dot', 'eve', 'fay', 'gus', 'hal'] as const;
const pick = fc.constantFrom(...names).map(idOf);
const groups = ['owners', 'leads', 'sre', 'guests'] as const;

const company: fc.Arbitrary<readonly PersonFacts[]> = fc
  .tuple(
    ...names.map((name) =>
      fc
        .record({
          groups: fc.uniqueArray(fc.constantFrom(...groups)),
          manager: fc.option(pick),
          managersManager: fc.option(pick),
          alias: fc.option(pick, { freq: 5 }),
          away: fc.constantFrom(false, false, true),
          state: fc.constantFrom('active' as const, 'active' as const, 'active' as const, 'left' as const),
          onCall: fc.constantFrom([], [], ['night']),
          reviewDebt: fc.constantFrom(false, false, false, true),
          reciprocal: fc.array(pick, { maxLength: 1 }),
          delegator: fc.option(fc.constantFrom(...names), { freq: 3 }),
          addedBy: fc.array(fc.record({ group: fc.constantFrom(...groups), by: pick }), { maxLength: 1 }),
        })
        .map((draft) => ({ name, ...draft })),
    ),
  )
  .map((drafts) => {
    const plain = drafts.map(({ name, alias, groups: of, reviewDebt, delegator, ...facts }) =>
      person(name, of, {
        ...facts,
        ...(reviewDebt && delegator === null ? { reviewDebt } : {}),
        aliases: alias && alias !== idOf(name) ? [alias] : [],
      }),
    );
    return drafts.map(({ delegator }, index): PersonFacts => {
      const [own, other] = [plain[index], plain.find(({ id }) => id === idOf(delegator ?? ''))];
      if (!own) throw new Error('a person each');
      return other && other.id !== own.id && other.away ? { ...own, standsInFor: [{ ...other, by: other.id }] } : own;
    });
  });

const isSeveral = (from: readonly string[]): boolean =>
  from.some((text) => text === 'owner' || text.startsWith('group:'));
const selectors = fc.uniqueArray(
  fc.constantFrom('manager', 'managers-manager', 'owner', 'group:leads', 'group:sre', 'on-call:night'),
  { minLength: 1, maxLength: 3 },
);
const stages = fc.array(
  fc.record({
    from: selectors,
    need: fc.integer({ min: 1, max: 3 }),
    together: fc.boolean(),
    outsidePair: fc.boolean(),
  }),
  { maxLength: 3 },
);
type Drafted = typeof stages extends fc.Arbitrary<infer Stages> ? Stages : never;
const stageText = ({ from, need, together, outsidePair }: Drafted[number], index: number): string =>
  `{ name: s${index}, from: [${from.join(', ')}], need: ${isSeveral(from) ? need : 1}` +
  `${together && index > 0 ? ', together: true' : ''}${outsidePair ? ', outsidePair: true' : ''} }`;

const policyText = fc
  .record({
    stages,
    condition: fc.constantFrom('', ', if: request.duration <= 3600'),
    hours: fc.constantFrom('', ', limits: { windows: [{ days: mon-fri, from: "09:00", to: "17:00", zone: UTC }] }'),
    until: fc.constantFrom('', ', until: ticket'),
    review: fc.constantFrom('owner', 'group:leads', 'group:sre'),
    conflict: fc.boolean(),
  })
  .map(({ stages: drafts, condition, hours, until, review, conflict }) => {
    const approvals = drafts.length === 0 ? 'automatic' : `[${drafts.map(stageText).join(', ')}]`;
    return `${head}rules:
  - { name: first, match: { role: read }, approvals: ${approvals}${condition}${hours}${until} }
${condition === '' ? '' : '  - { name: second, match: { role: read }, approvals: [{ name: leads, from: [group:leads], need: 2 }] }\n'}breakGlass:
  - { name: incident, match: { target: shop }, roles: [write], who: [group:sre], max: 1h, review: { from: [${review}], within: 24h } }
${conflict ? 'conflicts:\n  - { name: guests, groups: [guests], never: [approve] }\n' : ''}`;
  });

const asked = fc.record({
  who: fc.nat(names.length - 1),
  kind: fc.constantFrom('access' as const, 'access' as const, 'break-glass' as const),
  durationMs: fc.constantFrom(hourMs, 2 * hourMs),
  ticket: fc.constantFrom(null, 'PAY-1'),
  at: fc.constantFrom(openedAt, openedAt + 9 * hourMs, openedAt + 4 * dayMs),
  startAt: fc.constantFrom(null, openedAt + dayMs),
});

/** One case: a policy, a company and an ask, with the plan that everybody together gives. */
const cases = fc.record({ text: policyText, people: company, ask: asked }).map(({ text, people, ask }) => {
  const requester = people[ask.who];
  if (!requester) throw new Error('there is nobody of that number');
  const { kind, durationMs, ticket, startAt, at } = ask;
  const full: Ask = {
    kind,
    requester,
    target: 'shop' as TargetName,
    role: (kind === 'access' ? 'read' : 'write') as RoleName,
    durationMs,
    ticket: kind === 'access' ? ticket : 'INC-1',
    startAt,
  };
  return { policy: load(text), people, ask: full, at };
});

describe('the people who are recorded with a plan', () => {
  test('give the identical plan again, whatever the policy, the company and the ask (1,500 cases)', () => {
    const met = { approvals: 0, automatic: 0, 'break-glass': 0, denied: 0 };
    fc.assert(
      fc.property(cases, ({ policy, people, ask, at }) => {
        const { plan } = planFor(policy, ask, people, at);
        const some = seatedFor(policy, ask, people, at);
        met[plan.verdict] += 1;
        expect(some.every((one) => people.includes(one))).toBe(true);
        const again = planFor(policy, ask, some, at);
        if (plan.verdict !== 'denied') expect(planHash(again.plan)).toBe(planHash(plan));
        // Of what is denied for want of people only, an extension that nobody has to approve goes ahead.
        const given = givenToWhomever(planFor(policy, ask, people, at));
        expect(givenToWhomever(again)).toEqual(given);
      }),
      { numRuns: 1_500 },
    );
    expect(Object.values(met).every((count) => count > 30)).toBe(true);
  });

  test('are none too many: without any one of them it is another plan', () => {
    fc.assert(
      fc.property(cases, ({ policy, people, ask, at }) => {
        const some = seatedFor(policy, ask, people, at);
        const { plan } = planFor(policy, ask, people, at);
        // Nobody is left out where an alias that is known from one side only joins two others into one human.
        if (plan.verdict === 'denied' || some === people) return;
        for (const one of some) {
          const fewer = planFor(
            policy,
            ask,
            some.filter((other) => other !== one),
            at,
          );
          expect(planHash(fewer.plan)).not.toBe(planHash(plan));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('are one of five hundred where one word is enough, and nobody where none is asked', () => {
    const policy = load(
      `${head}rules:\n  - { name: r, match: { role: read }, approvals: [{ name: leads, from: [group:leads], need: 1 }] }\n  - { name: w, match: { role: write }, approvals: automatic }\n`,
    );
    const people = Array.from({ length: 500 }, (_, index) => person(`p${index}`, ['leads']));
    const ask = {
      kind: 'access',
      requester: person('ada', ['leads']),
      target: 'shop' as TargetName,
      role: 'read' as RoleName,
      durationMs: hourMs,
      ticket: null,
      startAt: null,
    } as const;
    expect(seatedFor(policy, ask, people, openedAt)).toEqual([people[0]]);
    expect(seatedFor(policy, { ...ask, role: 'write' as RoleName }, people, openedAt)).toEqual([]);
  });
});
