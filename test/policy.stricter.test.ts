import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PolicyHash, TemplateName } from '../domain/ids.ts';
import {
  stagesOf,
  type Conflict,
  type GrantablePlan,
  type Limits,
  type Plan,
  type Selector,
  type Stage,
  type Window,
} from '../domain/plan.ts';
import { hourMs } from '../domain/time.ts';
import type { Planned } from '../policy/plan.ts';
import { stricter, type Pinned } from '../policy/stricter.ts';
import { idOf } from './support/people.ts';

const limits: Limits = { maxMs: 4 * hourMs, decideWithinMs: 8 * hourMs, useWithinMs: 8 * hourMs };
const said = { policy: 'hash' as PolicyHash, rule: 'a rule', limits };
const group = (name: string): Selector => ({ kind: 'group', group: name });
const stage = (need = 1, from: readonly Selector[] = [group('owners')]): Stage => ({ name: 'owners', need, from });

const approvals = (stages: readonly Stage[] = [stage()], more: Partial<Limits> = {}): GrantablePlan => ({
  verdict: 'approvals',
  ...said,
  limits: { ...limits, ...more },
  stages,
});
const automatic: GrantablePlan = { verdict: 'automatic', ...said };
const breakGlass: GrantablePlan = {
  verdict: 'break-glass',
  ...said,
  review: { from: [group('owners')], withinMs: hourMs },
};

const [ann, bob] = ['ann', 'bob'].map((name): Selector => ({ kind: 'person', person: idOf(name) })) as [
  Selector,
  Selector,
];
const hats: Conflict = { name: 'hats', groups: ['owners', 'auditors'], all: false };
const office: Window = { days: ['mon', 'tue'], fromMinute: 480, toMinute: 1_080, zone: 'Europe/Berlin' };
const until = (plan: GrantablePlan, key: string): GrantablePlan => ({ ...plan, until: { kind: 'incident', key } });

const gives = { template: 'orders_read' as TemplateName, databases: ['orders'] };
const pinned = (plan: GrantablePlan): Pinned => ({ plan, ...gives });
const now = (plan: Plan, more: Partial<typeof gives> = {}): Planned => ({ plan, gives: { ...gives, ...more } });

const deniedToday = (plan: GrantablePlan): Planned => ({
  plan: { verdict: 'denied', policy: 'new' as PolicyHash, rule: 'a rule', reasons: ['there is nobody'] },
  gives: undefined,
  inPrinciple: { plan, gives },
});
const no = (one: GrantablePlan, other: GrantablePlan) => stricter(pinned(one), now(other)).length === 0;

describe('a policy that is no stricter leaves a request under way alone', () => {
  test.each<[string, GrantablePlan, Plan]>([
    ['the same', approvals(), approvals()],
    ['another version and another rule', approvals(), { ...approvals(), policy: 'new' as PolicyHash, rule: 'renamed' }],
    ['longer limits', approvals(), approvals([stage()], { maxMs: 8 * hourMs, useWithinMs: 9 * hourMs })],
    ['fewer people', approvals([stage(2)]), approvals([stage(1)])],
    ['fewer stages', approvals([stage(), stage()]), approvals([stage()])],
    ['more who may decide', approvals(), approvals([stage(1, [group('leads'), group('owners')])])],
    ['no approval any more', approvals(), automatic],
    ['still automatic', automatic, automatic],
    [
      'another manager, since somebody moved',
      approvals([{ ...stage(1, [ann]), as: ['manager'] }]),
      approvals([{ ...stage(1, [bob]), as: ['manager'] }]),
    ],
    [
      'owners in the place of a manager who is away',
      approvals([{ ...stage(1, [ann]), as: ['manager'] }]),
      approvals([{ ...stage(1, [ann, group('owners')]), as: ['manager'], ownersToo: true }]),
    ],
    [
      'a manager back in the place of the owners',
      approvals([{ ...stage(1, [ann, group('owners')]), as: ['manager'], ownersToo: true }]),
      approvals([{ ...stage(1, [ann]), as: ['manager'] }]),
    ],
    [
      'no escalation any more, another order, other reminders',
      approvals([
        { ...stage(), escalate: { afterMs: 1, to: [ann] }, remindAfterMs: 1 },
        { ...stage(), together: true },
      ]),
      approvals([stage(), stage()]),
    ],
    [
      'fewer exclusions, longer hours, more extensions and no condition',
      until(approvals([{ ...stage(), never: [hats], outsidePair: true }], { windows: [office] }), 'INC-1'),
      approvals([stage()], { windows: [{ ...office, toMinute: 1_200 }], extensions: 1 }),
    ],
    [
      'the same exclusion by another name',
      approvals([{ ...stage(), never: [hats] }]),
      approvals([{ ...stage(), never: [{ ...hats, name: 'x' }] }]),
    ],
    ['the same incident', until(approvals(), 'INC-1'), until(approvals(), 'INC-1')],
    ['a shorter grace before the end', approvals([stage()], { graceMs: 2 }), approvals([stage()], { graceMs: 1 })],
    ['break-glass that is reviewed sooner', breakGlass, { ...breakGlass, review: { from: [], withinMs: 1 } }],
  ])('%s', (_, before, after) => {
    expect(stricter(pinned(before), now(after))).toEqual([]);
  });
});

describe('a stricter one ends it, and says why (I7)', () => {
  test.each<[string, GrantablePlan, Planned, string]>([
    ['shorter time', approvals(), now(approvals([stage()], { maxMs: hourMs })), 'shortened the time that it gives'],
    [
      'less time to decide',
      approvals(),
      now(approvals([stage()], { decideWithinMs: 1 })),
      'shortened the time to decide',
    ],
    ['less time to claim', approvals(), now(approvals([stage()], { useWithinMs: 1 })), 'shortened the time to claim'],
    ['more people', approvals(), now(approvals([stage(2)])), 'more people'],
    ['more stages', approvals(), now(approvals([stage(), stage()])), 'more approvals'],
    ['an approval where none was needed', automatic, now(approvals()), 'more approvals'],
    ['others who decide', approvals(), now(approvals([stage(1, [group('board')])])), 'may not any more'],
    [
      'one of two groups that may not decide any more',
      approvals([stage(1, [group('owners'), { kind: 'person', person: idOf('ada') }])]),
      now(approvals()),
      'may not any more',
    ],
    [
      'another template',
      approvals(),
      now(approvals(), { template: 'orders_look' as TemplateName }),
      'another template',
    ],
    ['a database less', approvals(), now(approvals(), { databases: [] }), 'all of these databases'],
    [
      'fewer extensions',
      approvals([stage()], { extensions: 2 }),
      now(approvals([stage()], { extensions: 1 })),
      'fewer extensions',
    ],
    ['a grace where there was none', approvals(), now(approvals([stage()], { graceMs: 1 })), 'stops logins earlier'],
    [
      'hours where there were none',
      approvals(),
      now(approvals([stage()], { windows: [office] })),
      'narrowed the hours',
    ],
    [
      'fewer hours',
      approvals([stage()], { windows: [office] }),
      now(approvals([stage()], { windows: [{ ...office, days: ['mon'] }] })),
      'narrowed the hours',
    ],
    ['an end with an incident', approvals(), now(until(approvals(), 'INC-1')), 'binds it to the incident'],
    [
      'an approver outside of the pair',
      approvals(),
      now(approvals([{ ...stage(), outsidePair: true }])),
      'may not any more',
    ],
    ['a new exclusion', approvals(), now(approvals([{ ...stage(), never: [hats] }])), 'may not any more'],
    [
      'an exclusion of any where it was of all',
      approvals([{ ...stage(), never: [{ ...hats, all: true }] }]),
      now(approvals([{ ...stage(), never: [hats] }])),
      'may not any more',
    ],
    [
      'a stage that lapses sooner',
      approvals(),
      now(approvals([{ ...stage(), decideWithinMs: 1 }])),
      'shortened the time to decide',
    ],
    [
      'an owner where it was a manager',
      approvals([{ ...stage(1, [ann]), as: ['manager'] }]),
      now(approvals([stage(1, [group('owners')])])),
      'may not any more',
    ],
    ['break-glass that became something else', breakGlass, now(automatic), 'otherwise'],
    ['something that became break-glass', automatic, now(breakGlass), 'otherwise'],
  ])('%s', (_, before, after, reason) => {
    const reasons = stricter(pinned(before), after);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain(reason);
  });

  test('what is denied now is told in its own words', () => {
    const denied: Planned = {
      plan: { verdict: 'denied', policy: 'new' as PolicyHash, rule: null, reasons: ['There is no such target.'] },
      gives: undefined,
    };
    expect(stricter(pinned(automatic), denied)).toEqual(['There is no such target.']);
  });

  test('all reasons at once', () => {
    const after = now(approvals([stage(2)], { maxMs: 1 }), { template: 'x' as TemplateName });
    expect(stricter(pinned(approvals()), after)).toHaveLength(3);
  });

  test('nobody there, or the wrong hour, is not the policy: what it gives in principle is compared', () => {
    expect(stricter(pinned(approvals()), deniedToday(approvals()))).toEqual([]);
    expect(stricter(pinned(approvals()), deniedToday(approvals([stage(2)])))).toEqual([
      'The policy now asks for more people to approve.',
    ]);
  });
});

describe('whatever two plans', () => {
  const days = fc.constantFrom<Window['days']>(['mon'], ['mon', 'tue']);
  const anyPlan = fc
    .record({
      maxMs: fc.integer({ min: 1, max: 3 }),
      useWithinMs: fc.integer({ min: 1, max: 3 }),
      extensions: fc.nat(2),
      graceMs: fc.nat(2),
      windows: fc.option(fc.record({ days, toMinute: fc.constantFrom(600, 700) })),
      until: fc.boolean(),
      stages: fc.array(
        fc.record({
          need: fc.integer({ min: 1, max: 2 }),
          from: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
          outsidePair: fc.boolean(),
          never: fc.boolean(),
        }),
        { maxLength: 2 },
      ),
    })
    .map(({ maxMs, useWithinMs, extensions, graceMs, windows, until: bound, stages }): GrantablePlan => {
      const held = {
        maxMs,
        useWithinMs,
        extensions,
        graceMs,
        ...(windows ? { windows: [{ ...office, ...windows }] } : {}),
      };
      const plan = approvals(
        stages.map(({ need, from, outsidePair, never }) => ({
          ...stage(need, from.map(group)),
          outsidePair,
          ...(never ? { never: [hats] } : {}),
        })),
        held,
      );
      return bound ? until(plan, 'INC-1') : plan;
    });

  test('none is stricter than itself, and what is no stricter than what is no stricter is none either', () => {
    fc.assert(
      fc.property(anyPlan, anyPlan, anyPlan, (one, other, third) => {
        expect(no(one, one)).toBe(true);
        if (no(one, other) && no(other, third)) expect(no(one, third)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a tighter one is stricter: it never gives more unseen', () => {
    fc.assert(
      fc.property(anyPlan, anyPlan, (before, after) => {
        if (stricter(pinned(before), now(after)).length > 0) return;
        expect(after.limits.maxMs).toBeGreaterThanOrEqual(before.limits.maxMs);
        expect(after.limits.extensions ?? 0).toBeGreaterThanOrEqual(before.limits.extensions ?? 0);
        expect(after.limits.graceMs ?? 0).toBeLessThanOrEqual(before.limits.graceMs ?? 0);
        expect(stagesOf(after).length).toBeLessThanOrEqual(stagesOf(before).length);
        if (after.until) expect(before.until).toEqual(after.until);
        if (after.limits.windows) expect(before.limits.windows).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });
});
