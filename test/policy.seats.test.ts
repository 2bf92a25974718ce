/** People for all seats at once, managers, owners in their place, denials, conflicts, hours, and what a grant ends with. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RoleName, TargetName } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import { stagesOf, type Stage } from '../domain/plan.ts';
import { dayMs, hourMs } from '../domain/time.ts';
import { maySit, seatOf } from '../policy/eligibility.ts';
import { isRefusal } from '../domain/errors.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { deciders, planFor, type Ask } from '../policy/plan.ts';
import { changeStage, conflictsOf, mayReadEverything } from '../policy/powers.ts';
import { mostSeats, seatAll } from '../policy/seats.ts';
import { idOf, person } from './support/people.ts';

const load = (text: string): LoadedPolicy => {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.issues.map((issue) => `${issue.line} ${issue.message}`).join('\n'));
  return parsed.policy;
};
const targetsText = `version: 1
targets:
  shop:
    kind: postgres
    labels: { team: payments, region: eu }
    owners: [group:owners]
    databases: [shop]
    roles: { read: { template: shop_read, max: 8h }, write: { template: shop_write, max: 8h } }
  lab:
    kind: postgres
    labels: { team: lab }
    owners: [group:owners]
    databases: [lab]
    roles: { read: { template: lab_read, max: 8h } }
`;
const withRules = (rules: string, more = ''): LoadedPolicy => load(`${targetsText}rules:\n${rules}${more}`);
const now = Date.UTC(2026, 2, 4, 10);
const ada = person('ada', ['engineers'], { manager: idOf('max'), managersManager: idOf('mia') });
const max = person('max');
const mia = person('mia');
const [olga, otto] = [person('olga', ['owners']), person('otto', ['owners'])];
const everybody = [ada, max, mia, olga, otto];
const ask = (more: Partial<Ask> = {}): Ask => ({
  kind: 'access',
  requester: ada,
  target: 'shop' as TargetName,
  role: 'read' as RoleName,
  durationMs: hourMs,
  ticket: null,
  startAt: null,
  ...more,
});
const without = (...gone: readonly PersonFacts[]) => everybody.filter((one) => !gone.includes(one));
const changed = (who: PersonFacts, more: Partial<PersonFacts>) =>
  everybody.map((one) => (one === who ? { ...one, ...more } : one));
const reasonsOf = (policy: LoadedPolicy, asked: Ask, people: readonly PersonFacts[] = everybody, at = now) => {
  const { plan } = planFor(policy, asked, people, at);
  return plan.verdict === 'denied' ? plan.reasons : [plan.verdict];
};
const fromOf = (policy: LoadedPolicy, asked: Ask, people: readonly PersonFacts[]): readonly Stage[] => {
  const { plan } = planFor(policy, asked, people, now);
  return plan.verdict === 'denied' ? [] : stagesOf(plan);
};

describe('a manager in a stage', () => {
  const policy = withRules(
    '  - { name: r, match: { role: read }, approvals: [{ name: manager, from: [manager], need: 1, escalateAfter: 1h, to: [managers-manager] }] }\n',
  );
  const toMax = { from: [{ kind: 'person', person: max.id }], as: ['manager'] };
  const toMia = { escalate: { afterMs: hourMs, to: [{ kind: 'person', person: mia.id }] } };
  const orOwner = [
    { kind: 'person', person: max.id },
    { kind: 'group', group: 'owners' },
  ];

  test('is whoever manages the one who asks, and theirs where it escalates', () => {
    expect(fromOf(policy, ask(), everybody)).toEqual([{ name: 'manager', need: 1, ...toMax, ...toMia }]);
    expect(deciders(policy, ask())).toEqual([
      { kind: 'person', person: max.id },
      { kind: 'person', person: mia.id },
      { kind: 'group', group: 'owners' },
    ]);
  });

  test.each<[string, readonly PersonFacts[]]>([
    ['has left', changed(max, { state: 'left' })],
    ['is away', changed(max, { away: true })],
    ['is not in the directory', without(max)],
    ['is another account of whoever asks', changed(max, { aliases: [ada.id] })],
  ])('who %s is joined by the owners of the target, who are enough', (_, people) => {
    expect(fromOf(policy, ask(), people)).toMatchObject([
      { name: 'manager', need: 1, from: orOwner, as: ['manager'], ownersToo: true },
    ]);
  });

  test('whom nobody has is the owners alone', () => {
    const alone = { ...ada, manager: null };
    expect(fromOf(policy, ask({ requester: alone }), everybody)).toMatchObject([
      { from: [{ kind: 'group', group: 'owners' }], as: ['manager'], ownersToo: true },
    ]);
    const self = { ...ada, manager: ada.id };
    expect(fromOf(policy, ask({ requester: self }), everybody)).toMatchObject([{ ownersToo: true }]);
  });

  test('and where there are no owners either it is denied, never approved for want of approvers', () => {
    expect(reasonsOf(policy, ask(), [ada])).toEqual([
      '"manager" needs 1 of your manager or the group owners besides you; there is nobody.',
    ]);
  });

  test('who is away but named somebody is stood in for', () => {
    const people = [...changed(max, { away: true }), person('dee', [], { standsInFor: [{ ...max, by: max.id }] })];
    expect(fromOf(policy, ask(), people)).toMatchObject([toMax]);
    expect(fromOf(policy, ask(), people)[0]).not.toHaveProperty('ownersToo');
  });
});

const stageOf = (name: string, ...people: readonly PersonFacts[]): Stage => ({
  name,
  need: 1,
  from: people.map(({ id }) => ({ kind: 'person', person: id })),
});

describe('seats of all stages at once', () => {
  const policy = withRules(
    '  - { name: r, match: { role: read }, approvals: [{ name: manager, from: [manager], need: 1 }, { name: owners, from: [owner], need: 1 }] }\n',
  );

  test('take different people: whoever is needed for one is not there for another', () => {
    const managed = { ...ada, manager: olga.id };
    expect(reasonsOf(policy, ask({ requester: managed }))).toEqual(['approvals']);
    expect(reasonsOf(policy, ask({ requester: managed }), without(otto))).toEqual([
      'The steps together need 2 different people besides you; there is only 1.',
    ]);
  });

  test('are found wherever they are, also where the first choice is the wrong one', () => {
    const [a, b, c] = [person('a'), person('b'), person('c')];
    expect(mostSeats([stageOf('1', a, b, c), stageOf('2', a, b), stageOf('3', a)], ada, [a, b, c])).toBe(3);
    expect(mostSeats([stageOf('1', a, b), stageOf('2', a, b), stageOf('3', a, b)], ada, [a, b, c])).toBe(2);
    expect(seatAll([stageOf('1', a), stageOf('2', a)], [{ kind: 'person', person: b.id }], ada, [a, b])).toMatchObject({
      ok: true,
      stages: [{ ownersToo: true }, { name: '2' }],
    });
  });

  test('are one for two accounts of one human, and one for somebody and whom they stand in for', () => {
    const need: Stage = { name: 'owners', need: 2, from: [{ kind: 'group', group: 'owners' }] };
    expect(mostSeats([need], ada, [olga, person('olga-2', ['owners'], { aliases: [olga.id] })])).toBe(1);
    // Only the third account tells that the first two are one human.
    const joins = person('joins', ['owners'], { aliases: [olga.id, otto.id] });
    expect(mostSeats([{ ...need, need: 3 }], ada, [olga, otto, joins])).toBe(1);
    const dee = person('dee', ['owners'], { standsInFor: [{ ...otto, by: otto.id }] });
    expect(mostSeats([need], ada, [dee, { ...otto, away: true }])).toBe(1);
    expect(mostSeats([need], ada, [dee, olga, { ...otto, away: true }])).toBe(2);
  });
});

test('targets that share a rule share none of their templates, in whichever order they are asked for', () => {
  const policy = withRules('  - { name: r, match: { role: read }, approvals: automatic }\n');
  const gives = (target: string) => planFor(policy, ask({ target: target as TargetName }), [], now).gives;
  for (let turn = 0; turn < 3; turn += 1) {
    expect(gives('shop')).toEqual({ template: 'shop_read', databases: ['shop'] });
    expect(gives('lab')).toEqual({ template: 'lab_read', databases: ['lab'] });
  }
});

const as = (more: Partial<PersonFacts>, others: Partial<Ask> = {}) =>
  ask({ requester: { ...ada, ...more }, ...others });

describe('denials and conflicts come before any rule', () => {
  const policy = withRules(
    '  - { name: r, match: { role: read }, approvals: automatic }\n',
    `deny:
  - { name: no contractors, if: requester.kind == "contractor" }
  - { name: not there, if: 'target.labels.region == "us"', match: { target: lab } }
conflicts:
  - { name: auditors look, groups: [auditors], never: [approve, request, breakGlass, changePolicy] }
  - { name: one hat, groups: [owners, controllers], never: both }
breakGlass:
  - { name: b, match: { target: shop }, roles: [read], who: [group:auditors, group:engineers], max: 1h, review: { from: [owner], within: 1d } }
powers: { changePolicy: [group:controllers, group:auditors], readEverything: [group:auditors] }
`,
  );
  /** Why somebody may have no word on a new policy that somebody else proposed. */
  const noWord = (one: PersonFacts) => maySit(one, changeStage(policy, 1), person('proposer', []))?.message;

  test('with the name of each that denies, all at once', () => {
    expect(reasonsOf(policy, ask())).toEqual(['automatic']);
    expect(planFor(policy, as({ kind: 'contractor', groups: ['auditors'] }), everybody, now).plan).toMatchObject({
      verdict: 'denied',
      rule: 'no contractors',
      reasons: [
        'The policy denies this: "no contractors".',
        'Whoever is in the group auditors may not: "auditors look".',
      ],
    });
  });

  test('a denial that cannot be evaluated denies', () => {
    expect(reasonsOf(policy, ask({ target: 'lab' as TargetName }))[0]).toContain(
      'denial "not there" could not be evaluated, so it denies',
    );
  });

  test('for break-glass as well, and whoever is in all groups of a conflict gets nothing', () => {
    expect(reasonsOf(policy, as({}, { kind: 'break-glass' }))).toEqual(['break-glass']);
    expect(reasonsOf(policy, as({ kind: 'contractor' }, { kind: 'break-glass' }))[0]).toContain('no contractors');
    expect(reasonsOf(policy, as({ groups: ['auditors'] }, { kind: 'break-glass' }))[0]).toContain('auditors look');
    expect(reasonsOf(policy, as({ groups: ['owners', 'controllers'] }))).toEqual([
      'Nobody may be in the groups owners and controllers at once, and you are: "one hat".',
    ]);
  });

  test('whatever account the other hat is on: separation of duty takes all of them as one person', () => {
    expect(reasonsOf(policy, as({ otherGroups: ['auditors'] }))[0]).toContain('auditors look');
    expect(reasonsOf(policy, as({ groups: ['owners'], otherGroups: ['controllers'] }))[0]).toContain('one hat');
    expect(reasonsOf(policy, as({ otherGroups: ['auditors'] }, { kind: 'break-glass' }))[0]).toContain('auditors look');
    const aud = person('con', ['controllers'], { otherGroups: ['auditors'] });
    expect(noWord(aud)).toContain('auditors look');
    expect(mayReadEverything(policy, aud), 'a hat gives nothing to another account').toBe(false);
  });

  test('decide on powers too: who changes the policy, who reads everything, whom an import refuses', () => {
    const controller = person('con', ['controllers']);
    expect(noWord(controller)).toBeUndefined();
    expect(noWord(ada)).toBeDefined();
    expect(noWord({ ...controller, state: 'left' })).toContain('left');
    expect(noWord({ ...controller, kind: 'service' })).toContain('service account');
    expect(noWord(person('aud', ['auditors']))).toContain('auditors look');
    expect(noWord(person('both', ['controllers', 'owners']))).toContain('one hat');
    expect(mayReadEverything(policy, person('aud', ['auditors']))).toBe(true);
    expect(mayReadEverything(policy, person('aud', ['auditors'], { state: 'suspended' }))).toBe(false);
    expect(mayReadEverything(policy, controller)).toBe(false);
    expect(conflictsOf(policy, ['owners', 'x', 'controllers']).map(({ name }) => name)).toEqual(['one hat']);
    expect(conflictsOf(policy, ['owners', 'auditors'])).toEqual([]);
  });
});

describe('hours, starts and conditions', () => {
  const policy = withRules(
    `  - { name: r, match: { role: read }, limits: { max: 4h, windows: [{ days: mon-fri, from: '08:00', to: '18:00', zone: Europe/Berlin }] }, approvals: automatic }
  - { name: w, match: { target: shop, role: write }, if: request.ticket != "no", approvals: automatic, until: incident }
`,
  );
  const saturday = Date.UTC(2026, 2, 7, 10);

  test('outside of its hours it is denied, with when it opens; a start inside of them is not', () => {
    expect(reasonsOf(policy, ask())).toEqual(['automatic']);
    expect(reasonsOf(policy, ask(), everybody, saturday)).toEqual([
      'read on shop is held in certain hours only: opens Mon 08:00 Europe/Berlin; ask with a start.',
    ]);
    expect(reasonsOf(policy, ask({ startAt: Date.UTC(2026, 2, 9, 9) }), everybody, saturday)).toEqual(['automatic']);
    expect(reasonsOf(policy, ask({ startAt: Date.UTC(2026, 2, 8, 9) }), everybody, saturday)[0]).toContain(
      'that start lies outside',
    );
  });

  test('a start lies ahead, at most 30 days; each reason knows its field, and what the rule gives in principle', () => {
    for (const startAt of [now, now - 1, now + 30 * dayMs + 1, 1.5, Number.NaN])
      expect(planFor(policy, ask({ startAt }), everybody, now)).toMatchObject({
        plan: { verdict: 'denied' },
        fields: ['start'],
      });
    const denied = planFor(policy, ask({ durationMs: 5 * hourMs, startAt: now - 1 }), everybody, now);
    expect(denied).toMatchObject({
      fields: ['duration', 'start'],
      inPrinciple: { plan: { verdict: 'automatic', rule: 'r' }, gives: { template: 'shop_read' } },
    });
    expect(denied.gives).toBeUndefined();
  });

  test('what ends with an incident needs one, and carries it', () => {
    const asked = ask({ role: 'write' as RoleName });
    expect(planFor(policy, asked, everybody, now)).toMatchObject({
      plan: { verdict: 'denied', reasons: ['It ends with the incident: it needs an incident id.'] },
      fields: ['ticket'],
    });
    for (const ticket of ['', '   ']) expect(reasonsOf(policy, { ...asked, ticket })[0]).toContain('incident id');
    for (const ticket of ['INC-1', 'INC-2']) {
      expect(planFor(policy, { ...asked, ticket }, everybody, now).plan).toMatchObject({
        until: { kind: 'incident', key: ticket },
      });
    }
  });

  test('the nearest rule is named with what it lacks', () => {
    expect(reasonsOf(policy, ask({ role: 'write' as RoleName, ticket: 'no' }))).toEqual([
      'No rule gives you write on shop. The nearest is "w", where request.ticket != "no".',
    ]);
  });

  test('what ends with a shift is for whoever is on call there now', () => {
    const shift = withRules('  - { name: r, match: { role: read }, approvals: automatic, until: shift }\n');
    expect(reasonsOf(shift, ask())).toEqual(['It lasts as long as your shift: you are not on call for payments now.']);
    expect(planFor(shift, ask({ requester: { ...ada, onCall: ['payments'] } }), [], now).plan).toMatchObject({
      until: { kind: 'shift', key: 'payments' },
    });
  });
});

const names = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'] as const;
const pick = fc.constantFrom(...names).map(idOf);
const groups = ['owners', 'leads'] as const;
const company: fc.Arbitrary<readonly PersonFacts[]> = fc
  .tuple(
    ...names.map((name) =>
      fc
        .record({
          groups: fc.uniqueArray(fc.constantFrom(...groups)),
          manager: fc.option(pick),
          alias: fc.option(pick, { freq: 6 }),
          away: fc.constantFrom(false, false, true),
          state: fc.constantFrom('active' as const, 'active' as const, 'left' as const),
          kind: fc.constantFrom('employee' as const, 'employee' as const, 'service' as const),
          delegator: fc.option(fc.constantFrom(...names), { freq: 3 }),
          addedBy: fc.array(fc.record({ group: fc.constantFrom(...groups), by: pick }), { maxLength: 1 }),
        })
        .map((draft) => ({ name, ...draft })),
    ),
  )
  .map((drafts) => {
    const plain = drafts.map(({ name, alias, groups: of, manager, away, state, kind, addedBy }) =>
      person(name, of, { manager, away, state, kind, addedBy, aliases: alias && alias !== idOf(name) ? [alias] : [] }),
    );
    return drafts.map(({ delegator }, index): PersonFacts => {
      const [own, other] = [plain[index], plain.find(({ id }) => id === idOf(delegator ?? ''))];
      if (!own) throw new Error('a person each');
      return other && other.id !== own.id && other.away ? { ...own, standsInFor: [{ ...other, by: other.id }] } : own;
    });
  });
const selectorText = fc.constantFrom('manager', 'managers-manager', 'owner', 'group:leads', 'on-call:night');
/** A stage that could never be filled does not lint. */
const isSeveral = (from: readonly string[]): boolean =>
  from.some((text) => text === 'owner' || text.startsWith('group:'));
const ruleText = fc
  .array(
    fc.record({
      from: fc.uniqueArray(selectorText, { minLength: 1, maxLength: 3 }),
      need: fc.integer({ min: 1, max: 2 }),
      together: fc.boolean(),
    }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((stages) => {
    const approvals = stages.map(
      ({ from, need, together }, index) =>
        `{ name: s${index}, from: [${from.join(', ')}], need: ${isSeveral(from) ? need : 1}${together && index > 0 ? ', together: true' : ''} }`,
    );
    return `  - { name: r, match: { role: read }, approvals: [${approvals.join(', ')}] }\n`;
  });

describe('no policy, however written, in whatever company (I6)', () => {
  test('makes a plan whose seats cannot be filled by that many different humans other than whoever asks', () => {
    fc.assert(
      fc.property(company, ruleText, fc.nat(5), (people, rule, who) => {
        const requester = people[who];
        if (!requester) return;
        const { plan, gives } = planFor(withRules(rule), ask({ requester }), people, now);
        if (plan.verdict === 'denied') {
          expect(gives).toBeUndefined();
          expect(plan.reasons.length).toBeGreaterThan(0);
          return;
        }
        expect(requester.state).toBe('active');
        expect(fill(stagesOf(plan), requester, people)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('lets whoever asks, their other accounts, their delegate or whom they made eligible decide', () => {
    fc.assert(
      fc.property(company, ruleText, fc.nat(5), (people, rule, who) => {
        const requester = people[who];
        if (!requester) return;
        const { plan } = planFor(withRules(rule), ask({ requester }), people, now);
        for (const stage of plan.verdict === 'denied' ? [] : stagesOf(plan)) {
          for (const one of people) {
            const seat = seatOf(one, stage, requester);
            if (isRefusal(seat)) continue;
            expect(sameHuman(one, requester)).toBe(false);
            expect(one.standsInFor?.some((other) => sameHuman(other, requester)) ?? false).toBe(false);
            for (const human of seat.humans) expect(sameHuman(human, requester)).toBe(false);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Fills the seats by trying everything, with the rules of a click and nothing else. */
function fill(stages: readonly Stage[], requester: PersonFacts, people: readonly PersonFacts[]): boolean {
  const seats = stages.flatMap((stage) => Array.from({ length: stage.need }, () => stage));
  const place = (index: number, counted: readonly Pick<PersonFacts, 'id' | 'aliases'>[]): boolean => {
    const stage = seats[index];
    if (!stage) return true;
    return people.some((one) => {
      const seat = seatOf(one, stage, requester, counted);
      return !isRefusal(seat) && place(index + 1, [...counted, ...seat.humans]);
    });
  };
  return place(0, []);
}
