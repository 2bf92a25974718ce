import { describe, expect, test } from 'vitest';
import type { PolicyHash, TemplateName } from '../domain/ids.ts';
import type { GrantablePlan, Limits, Plan, Selector, Stage } from '../domain/plan.ts';
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

const gives = { template: 'orders_read' as TemplateName, databases: ['orders'] };
const pinned = (plan: GrantablePlan): Pinned => ({ plan, ...gives });
const now = (plan: Plan, more: Partial<typeof gives> = {}): Planned => ({ plan, gives: { ...gives, ...more } });

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
});
