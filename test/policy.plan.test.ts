import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { hourMs, longestGrantMs, minuteMs } from '../domain/time.ts';
import { explainPlan } from '../policy/explain.ts';
import { offersFor } from '../policy/offers.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { ableToSit, deciders, planFor, type Ask } from '../policy/plan.ts';
import { mayEnd, mayReview } from '../policy/powers.ts';
import { stricter } from '../policy/stricter.ts';
import { idOf, person } from './support/people.ts';

const load = (text: string): LoadedPolicy => {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.issues.map((issue) => `${issue.line} ${issue.message}`).join('\n'));
  return parsed.policy;
};
const text = `version: 1
targets:
  shop:
    kind: postgres
    labels: { env: prod, team: payments }
    owners: [group:owners]
    databases: [shop, archive]
    roles:
      read: { template: shop_read, max: 8h, note: look }
      write: { template: shop_write, max: 2h }
      fix: { template: shop_fix, max: 30m }
  lab:
    kind: postgres
    labels: { env: test }
    databases: [lab]
    roles:
      read: { template: lab_read, max: 7d }
      write: { template: lab_write, max: 1h }
rules:
  - name: leads read at once
    match: { target: shop, role: read }
    requesters: [group:leads]
    limits: { max: 1h }
    approvals: automatic
  - name: engineers read with one word
    match: { labels: { env: prod }, roles: [read] }
    requesters: [group:engineers]
    limits: { max: 4h, decideWithin: 2h, useWithin: 3h }
    approvals: [{ name: owners, from: [owner], need: 1 }]
  - name: writing takes two
    match: { target: shop, role: write }
    requesters: [group:engineers]
    limits: { max: 1d }
    approvals: [{ name: owners, from: [owner, group:leads], need: 2 }]
  - name: anybody may play
    match: { target: lab, role: read }
    approvals: automatic
breakGlass:
  - match: { labels: { env: prod } }
    roles: [write, fix]
    who: [group:responders]
    max: 1h
    review: { from: [owner, group:security], within: 24h }
powers: { endAnyGrant: [group:security] }
`;
const policy = load(text);
const eng = person('eng', ['engineers']);
const lead = person('lead', ['engineers', 'leads']);
const owners = [person('own-1', ['owners']), person('own-2', ['owners'])];
const responder = person('resp', ['responders']);
const everybody = [eng, lead, ...owners, responder];

const ask = (
  requester: PersonFacts,
  target: string,
  role: string,
  durationMs = hourMs,
  kind: Ask['kind'] = 'access',
): Ask => ({
  kind,
  requester,
  target: target as TargetName,
  role: role as RoleName,
  durationMs,
  ticket: null,
  startAt: null,
});
/** A Wednesday. */
const now = Date.UTC(2026, 0, 14, 12);

const reasonsOf = (asked: Ask, people: readonly PersonFacts[] = everybody): readonly string[] => {
  const { plan, gives } = planFor(policy, asked, people, now);
  expect(gives === undefined).toBe(plan.verdict === 'denied');
  return plan.verdict === 'denied' ? plan.reasons : [`${plan.verdict}: ${plan.rule}`];
};

describe('the first rule that matches decides', () => {
  test('in the order of the file, by target, labels, role and who asks', () => {
    expect(reasonsOf(ask(lead, 'shop', 'read'))).toEqual(['automatic: leads read at once']);
    expect(reasonsOf(ask(eng, 'shop', 'read'))).toEqual(['approvals: engineers read with one word']);
    expect(reasonsOf(ask(responder, 'lab', 'read'))).toEqual(['automatic: anybody may play']);
  });

  test('also where a later one would give more: a rule does not fall through on its limits', () => {
    expect(reasonsOf(ask(lead, 'shop', 'read', 2 * hourMs))).toEqual([
      'read on shop is given for at most 1 h; you asked for 2 h.',
    ]);
  });

  test('and the plan carries its limits, its stages with owners named, and what it would give', () => {
    expect(planFor(policy, ask(eng, 'shop', 'read'), everybody, now)).toEqual({
      plan: {
        verdict: 'approvals',
        policy: policy.hash,
        rule: 'engineers read with one word',
        limits: { maxMs: 4 * hourMs, decideWithinMs: 2 * hourMs, useWithinMs: 3 * hourMs },
        stages: [{ name: 'owners', need: 1, from: [{ kind: 'group', group: 'owners' }] }],
      },
      gives: { template: 'shop_read', databases: ['shop', 'archive'] },
    });
  });

  test("but never gives more than the role's own maximum", () => {
    expect(reasonsOf(ask(eng, 'shop', 'write', 2 * hourMs))).toEqual(['approvals: writing takes two']);
    expect(reasonsOf(ask(eng, 'shop', 'write', 2 * hourMs + 1))[0]).toContain('at most 2 h');
  });
});

describe('nothing matched is denied, for a reason that one understands', () => {
  test.each([
    [ask(eng, 'shpo', 'read'), 'There is no such target: did you mean "shop"?'],
    [ask(eng, 'nowhere-near', 'read'), 'There is no such target; known: lab, shop.'],
    [ask(eng, 'constructor', 'read'), 'There is no such target; known: lab, shop.'],
    [ask(eng, 'shop', '__proto__'), 'shop has no such role; it has read, write and fix.'],
    [
      ask(responder, 'shop', 'read'),
      'No rule gives you read on shop. The nearest is "leads read at once", for the group leads.',
    ],
    [ask(eng, 'lab', 'write'), 'No rule gives write on lab to anybody.'],
    [ask(eng, 'shop', 'write', hourMs, 'break-glass'), 'Only the group responders may break glass for write on shop.'],
    [ask(responder, 'shop', 'read', hourMs, 'break-glass'), 'Nobody may break glass for read on shop.'],
  ])('%#', (asked, reason) => {
    expect(reasonsOf(asked)).toEqual([reason]);
  });

  test.each(['suspended', 'left'] as const)('somebody who is %s gets nothing, not even automatically', (state) => {
    expect(reasonsOf(ask({ ...eng, state }, 'lab', 'read'))).toEqual([
      `The directory says that you are ${state}: only active people may ask.`,
    ]);
  });

  test.each([0, -1, 999, 1.5, Number.NaN, Infinity, -Infinity, Number.MAX_SAFE_INTEGER + 1, 1e300])(
    'a duration of %d ms is no duration',
    (durationMs) => {
      expect(planFor(policy, ask(eng, 'lab', 'read', durationMs), everybody, now).plan.verdict).toBe('denied');
    },
  );

  test('no policy gives more than a week', () => {
    expect(reasonsOf(ask(eng, 'lab', 'read', longestGrantMs))).toEqual(['automatic: anybody may play']);
    expect(reasonsOf(ask(eng, 'lab', 'read', longestGrantMs + 1))).toEqual([
      'read on lab is given for at most 7 d; you asked for more than a week.',
    ]);
  });

  test('the text of what was asked for does not come back in the reason', () => {
    const hostile = '<!channel> <https://example.com|click>';
    expect(reasonsOf(ask(eng, hostile, 'read')).join()).not.toContain('channel');
    expect(reasonsOf(ask(eng, 'shop', hostile)).join()).not.toContain('channel');
  });
});

const wanting = (people: readonly PersonFacts[]): readonly string[] => reasonsOf(ask(eng, 'shop', 'write'), people);
const short = (there: string): readonly string[] => [
  `"owners" needs 2 of the groups owners or leads besides you; there is ${there}.`,
];

describe('a stage that nobody can fill is denied, never approved for want of approvers', () => {
  test('where there are not enough people', () => {
    expect(wanting([])).toEqual(short('nobody'));
    expect(wanting(owners.slice(1))).toEqual(short('only 1'));
    expect(wanting(owners)).toEqual(['approvals: writing takes two']);
  });

  test('the requester, and the requester by another account, are not counted', () => {
    const both = person('eng', ['engineers', 'owners']);
    expect(reasonsOf(ask(both, 'shop', 'write'), [both, ...owners.slice(1)])).toEqual(short('only 1'));
    const other = person('eng-2', ['owners'], { aliases: [idOf('eng')] });
    expect(wanting([eng, other, ...owners.slice(1)])).toEqual(short('only 1'));
  });

  test('two accounts of one human are one', () => {
    const twins = [person('a', ['owners'], { aliases: [idOf('b')] }), person('b', ['owners'])];
    expect(wanting(twins)).toEqual(short('only 1'));
  });

  test('people who are not active, services, and those whom the requester put there are not counted', () => {
    const useless = [
      person('gone', ['owners'], { state: 'left' }),
      person('away', ['leads'], { state: 'suspended' }),
      person('robot', ['owners'], { kind: 'service' }),
      person('friend', ['owners'], { addedBy: [{ group: 'owners', by: eng.id }] }),
    ];
    expect(wanting([...useless, ...owners.slice(1)])).toEqual(short('only 1'));
  });

  test('and everything that is wrong is said at once', () => {
    expect(reasonsOf(ask(eng, 'shop', 'write', 3 * hourMs), [])).toEqual([
      'write on shop is given for at most 2 h; you asked for 3 h.',
      ...short('nobody'),
    ]);
  });

  test('a break-glass that nobody else could review is denied as well', () => {
    expect(reasonsOf(ask(responder, 'shop', 'fix', minuteMs, 'break-glass'), [responder])).toEqual([
      '"review" needs 1 of the groups owners or security besides you; there is nobody.',
    ]);
  });

  test('deciders names whose facts are needed, and those are enough', () => {
    expect(deciders(policy, ask(eng, 'shop', 'write'))).toEqual([
      { kind: 'group', group: 'owners' },
      { kind: 'group', group: 'leads' },
    ]);
    expect(deciders(policy, ask(responder, 'shop', 'fix', 1, 'break-glass'))).toEqual([
      { kind: 'group', group: 'owners' },
      { kind: 'group', group: 'security' },
    ]);
    expect(deciders(policy, ask(eng, 'lab', 'write'))).toEqual([]);
    expect(deciders(policy, ask(lead, 'shop', 'read'))).toEqual([]);
  });
});

const breaking = (who: PersonFacts, target: string, role: string) =>
  reasonsOf(ask(who, target, role, 30 * minuteMs, 'break-glass'))[0];

describe('break-glass', () => {
  test('has its own, lower ceiling, and never more than the role has', () => {
    const { plan } = planFor(policy, ask(responder, 'shop', 'fix', 30 * minuteMs, 'break-glass'), everybody, now);
    expect(plan).toEqual({
      verdict: 'break-glass',
      policy: policy.hash,
      rule: 'break-glass 1',
      limits: { maxMs: 30 * minuteMs, decideWithinMs: 30 * minuteMs, useWithinMs: 30 * minuteMs },
      review: {
        from: [
          { kind: 'group', group: 'owners' },
          { kind: 'group', group: 'security' },
        ],
        withinMs: 24 * hourMs,
      },
      incident: 'required',
    });
    expect(reasonsOf(ask(responder, 'shop', 'write', 61 * minuteMs, 'break-glass'))[0]).toContain('at most 1 h');
  });

  test('ends with its incident, whatever the rule says, and may not be let through once the policy requires it', () => {
    const named = { ...ask(responder, 'shop', 'fix', minuteMs, 'break-glass'), ticket: 'INC-12' };
    const { plan, gives } = planFor(policy, named, everybody, now);
    if (plan.verdict !== 'break-glass' || !gives) throw new Error(plan.verdict);
    expect(plan.until).toEqual({ kind: 'incident', key: 'INC-12' });
    const pinned = { ...gives, plan };
    expect(stricter(pinned, { plan, gives })).toEqual([]);
    const flagged = { ...plan, incident: 'flagged' } as const;
    expect(stricter(pinned, { plan: flagged, gives })).toEqual([]);
    expect(stricter({ ...gives, plan: flagged }, { plan, gives })).toEqual([
      'The policy now lets nobody break glass for an incident that is not known.',
    ]);
  });

  test('is for whom the policy names, while they are active', () => {
    expect(breaking(responder, 'shop', 'write')).toBe('break-glass: break-glass 1');
    expect(breaking({ ...responder, state: 'suspended' }, 'shop', 'write')).toContain('only active people may ask');
    expect(breaking(eng, 'shop', 'write')).toContain('may break glass');
    expect(breaking(responder, 'shop', 'read')).toContain('Nobody may break glass');
    expect(breaking(responder, 'nowhere', 'write')).toContain('There is no such target');
  });

  test('is reviewed by somebody else whom the plan names', () => {
    const { plan } = planFor(policy, ask(responder, 'shop', 'fix', minuteMs, 'break-glass'), everybody, now);
    if (plan.verdict !== 'break-glass') throw new Error(plan.verdict);
    const may = (who: PersonFacts) => mayReview(plan.review, who, responder, 0)?.code;
    expect(may(person('own', ['owners']))).toBeUndefined();
    expect(may(person('sec', ['security']))).toBeUndefined();
    expect(may(eng)).toBe('ApproverNotEligible');
    expect(may({ ...responder, groups: ['owners'] })).toBe('SelfApproval');
    expect(may(person('resp-2', ['owners'], { aliases: [responder.id] }))).toBe('SelfApproval');
    expect(may(person('own', ['owners'], { state: 'left' }))).toBe('ApproverNotEligible');
  });
});

describe('who may end a grant', () => {
  test('the owners of its target and the access controllers, while they are active', () => {
    expect(mayEnd(policy, person('own', ['owners']), 'shop')).toBe(true);
    expect(mayEnd(policy, person('own', ['owners']), 'lab')).toBe(false);
    expect(mayEnd(policy, person('sec', ['security']), 'lab')).toBe(true);
    expect(mayEnd(policy, person('sec', ['security'], { state: 'left' }), 'lab')).toBe(false);
    expect(mayEnd(policy, eng, 'shop')).toBe(false);
  });
});

describe('what is shown', () => {
  test.each([
    [ask(lead, 'shop', 'read'), "needs nobody's approval; at most 1 h; starts when you claim it"],
    [ask(eng, 'shop', 'read'), 'needs 1 of the owners; at most 4 h; starts when you claim it'],
    [
      ask(responder, 'shop', 'write', hourMs, 'break-glass'),
      "needs nobody's approval; the incident has to be known; announced at once; at most 1 h; starts when you claim it; " +
        'reviewed by the groups owners or security within 1 d of its end',
    ],
    [ask(eng, 'lab', 'write'), 'not possible: No rule gives write on lab to anybody.'],
  ])('%#', (asked, sentence) => {
    expect(explainPlan(planFor(policy, asked, everybody, now).plan)).toBe(sentence);
  });

  test('only what some rule gives is offered, and what is offered is not denied to those who can be decided about', () => {
    expect(offersFor(policy, { ...lead, state: 'left' })).toEqual([]);
    for (const who of everybody) {
      for (const { target, roles, breakGlass } of offersFor(policy, who)) {
        for (const { role, maxMs } of roles) {
          expect(planFor(policy, ask(who, target, role, maxMs), everybody, now).plan.verdict).not.toBe('denied');
          expect(planFor(policy, ask(who, target, role, maxMs + 1), everybody, now).plan.verdict).toBe('denied');
        }
        for (const { role, maxMs } of breakGlass) {
          const asked = ask(who, target, role, maxMs, 'break-glass');
          expect(planFor(policy, asked, everybody, now).plan.verdict).toBe('break-glass');
        }
      }
    }
  });
});

const groups = ['owners', 'leads', 'engineers', 'responders'] as const;
const names = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'] as const;
const somebody = (name: string): fc.Arbitrary<PersonFacts> =>
  fc.record({
    id: fc.constant(idOf(name)),
    state: fc.constantFrom('active', 'active', 'active', 'suspended', 'left'),
    kind: fc.constantFrom('employee', 'employee', 'contractor', 'service'),
    manager: fc.constant(null),
    groups: fc.uniqueArray(fc.constantFrom(...groups)),
    aliases: fc.uniqueArray(fc.constantFrom(...names).map(idOf), { maxLength: 1 }),
    addedBy: fc.array(fc.record({ group: fc.constantFrom(...groups), by: fc.constantFrom(...names).map(idOf) }), {
      maxLength: 1,
    }),
  });
const company = fc.tuple(...names.map(somebody));
const anyAsk = fc.record({
  kind: fc.constantFrom<Ask['kind'][]>('access', 'break-glass'),
  who: fc.nat(names.length - 1),
  target: fc.constantFrom('shop', 'lab'),
  role: fc.constantFrom('read', 'write', 'fix'),
  durationMs: fc.integer({ min: 1, max: 10 * hourMs }),
});

describe('whatever company asks for whatever', () => {
  test('a plan is denied with reasons, or can be filled by that many others, and gives what its target has', () => {
    fc.assert(
      fc.property(company, anyAsk, (people, { kind, who, target, role, durationMs }) => {
        const requester = people[who] ?? eng;
        const { plan, gives } = planFor(policy, ask(requester, target, role, durationMs, kind), people, now);
        if (plan.verdict === 'denied') {
          expect(plan.reasons.length).toBeGreaterThan(0);
          return;
        }
        expect(requester.state).toBe('active');
        expect(durationMs).toBeLessThanOrEqual(plan.limits.maxMs);
        expect(gives?.databases).toEqual(policy.targets.get(target)?.databases);
        for (const stage of plan.verdict === 'approvals' ? plan.stages : []) {
          const able = ableToSit(stage, requester, people);
          expect(able.length).toBeGreaterThanOrEqual(stage.need);
          for (const one of able) {
            expect(one.id).not.toBe(requester.id);
            expect(one.state).toBe('active');
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('people more never take away what was possible', () => {
    fc.assert(
      fc.property(company, anyAsk, fc.nat(names.length), (people, { kind, who, target, role, durationMs }, count) => {
        const asked = ask(people[who] ?? eng, target, role, durationMs, kind);
        const few = planFor(policy, asked, people.slice(0, count), now).plan.verdict;
        if (few !== 'denied') expect(planFor(policy, asked, people, now).plan.verdict).toBe(few);
      }),
      { numRuns: 1_000 },
    );
  });

  test('a tighter limit never gives more', () => {
    const spans = fc.integer({ min: 1, max: 24 * 60 });
    fc.assert(
      fc.property(spans, spans, fc.integer({ min: 1, max: 24 * hourMs }), (one, other, durationMs) => {
        const [tight, loose] = [Math.min(one, other), Math.max(one, other)].map((minutes) =>
          load(text.replace('limits: { max: 4h,', `limits: { max: ${minutes}m,`)),
        );
        const asked = ask(eng, 'shop', 'read', durationMs);
        if (!tight || !loose) throw new Error('two policies');
        if (planFor(tight, asked, everybody, now).plan.verdict !== 'denied') {
          expect(planFor(loose, asked, everybody, now).plan.verdict).not.toBe('denied');
        }
        expect(offersFor(tight, eng)[0]?.roles[0]?.maxMs).toBeLessThanOrEqual(
          offersFor(loose, eng)[0]?.roles[0]?.maxMs ?? 0,
        );
      }),
      { numRuns: 100 },
    );
  });
});
