/** What is kept and shared to judge fast says what a policy of that target alone says, judged for the first time. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { hourMs } from '../domain/time.ts';
import { formatIssue } from '../policy/issue.ts';
import { conditionFacts, lacks, placeOf } from '../policy/match.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { planFor, type Ask } from '../policy/plan.ts';
import { idOf, person } from './support/people.ts';

const groups = ['a', 'b', 'c'] as const;
const roles = ['read', 'write'] as const;
const now = Date.UTC(2026, 2, 4, 10);

const target = fc.record({
  team: fc.constantFrom('a', 'b'),
  owner: fc.constantFrom('group:a', 'group:b', 'on-call:a', '[group:b, group:a]'),
  hours: fc.integer({ min: 1, max: 3 }),
});
const targetLine = (
  { team, owner, hours }: Record<'team' | 'owner', string> & { readonly hours: number },
  index: number,
): string => {
  const given = roles.map((role) => `${role}: { template: ${role}_${index}, max: ${hours}h }`).join(', ');
  const owners = owner.startsWith('[') ? owner : `[${owner}]`;
  return `  t${index}: { kind: postgres, labels: { team: ${team} }, owners: ${owners}, databases: [db${index}], roles: { ${given} } }`;
};

const condition = fc.constantFrom(
  'target.team in requester.groups',
  'target.team in requester.onCall && request.ticket != ""',
  'requester.kind == "contractor" && target.team == "a"',
  'request.duration <= 3600 || "c" in requester.groups',
);
const from = fc.constantFrom('owner', 'group:a', 'group:b, owner', 'manager, owner', 'manager, group:c');
const rule = fc.record({
  match: fc.constantFrom(
    'role: read',
    'role: write',
    'labels: { team: a }',
    'labels: { team: b }',
    'roles: [read, write]',
  ),
  if: fc.option(condition, { freq: 2 }),
  requesters: fc.option(fc.constantFrom('group:a', 'group:b', 'group:c', 'on-call:a'), { freq: 6 }),
  until: fc.option(fc.constantFrom('shift', 'ticket')),
  max: fc.integer({ min: 1, max: 3 }),
  stages: fc.array(fc.record({ from, need: fc.integer({ min: 1, max: 2 }) }), { maxLength: 2 }),
});
type Rule = typeof rule extends fc.Arbitrary<infer One> ? One : never;
const ruleLine = (one: Rule, index: number): string => {
  const stages = one.stages.map((stage, at) => `{ name: s${at}, from: [${stage.from}], need: ${stage.need} }`);
  const parts = [
    `name: r${index}`,
    `match: { ${one.match} }`,
    ...(one.if === null ? [] : [`if: '${one.if}'`]),
    ...(one.requesters === null ? [] : [`requesters: [${one.requesters}]`]),
    ...(one.until === null ? [] : [`until: ${one.until}`]),
    `limits: { max: ${one.max}h }`,
    `approvals: ${stages.length === 0 ? 'automatic' : `[${stages.join(', ')}]`}`,
  ];
  return `  - { ${parts.join(', ')} }`;
};

/** So that every rule matches something wherever it is asked of; nobody else's owners and hours are theirs. */
const bystanders = ['a', 'b'].map((team) =>
  targetLine({ team, owner: 'group:nobody', hours: 7 }, 90).replaceAll(/90/g, `90${team}`),
);

function load(targets: readonly string[], rules: readonly string[], deny: string | null): LoadedPolicy {
  const denials = deny === null ? '' : `deny:\n  - { name: d, if: '${deny}' }\n`;
  const lines = [...targets, ...bystanders].join('\n');
  const parsed = parsePolicy(
    `version: 1\ntargets:\n${lines}\npolicyChange: one-person\nrules:\n${rules.join('\n')}\n${denials}`,
  );
  if (parsed.ok) return parsed.policy;
  throw new Error(parsed.issues.map(formatIssue).join('\n'));
}

const human = (name: string): fc.Arbitrary<PersonFacts> =>
  fc
    .record({
      groups: fc.subarray([...groups]),
      onCall: fc.subarray(['a', 'b']),
      kind: fc.constantFrom('employee', 'contractor'),
      manager: fc.constantFrom(null, idOf('max'), idOf('ann')),
    })
    .map(({ groups: of, ...more }) => person(name, of, more));

const asked = fc.record({
  requester: human('ada'),
  role: fc.constantFrom(...roles),
  hours: fc.integer({ min: 1, max: 4 }),
  ticket: fc.constantFrom(null, 'T-1'),
});

/** The plan without the hash of the text that it comes from. */
const judged = (policy: LoadedPolicy, ask: Ask, people: readonly PersonFacts[]) =>
  JSON.parse(JSON.stringify(planFor(policy, ask, people, now)).replaceAll(policy.hash, 'hash')) as unknown;

test('many targets of one policy are judged each as if it were alone, in whatever order', () => {
  fc.assert(
    fc.property(
      fc.array(target, { minLength: 2, maxLength: 4 }),
      fc.array(rule, { minLength: 1, maxLength: 5 }),
      fc.option(condition),
      fc.tuple(human('max'), human('ann'), human('bob')),
      fc.array(asked, { minLength: 4, maxLength: 12 }),
      (targets, rules, deny, people, asks) => {
        const [lines, ruleLines] = [targets.map(targetLine), rules.map(ruleLine)];
        const together = load(lines, ruleLines, deny);
        lines.forEach((line, index) => {
          const alone = load([line], ruleLines, deny);
          for (const { requester, hours, ...rest } of asks) {
            const ask: Ask = {
              ...rest,
              kind: 'access',
              requester,
              target: `t${index}` as TargetName,
              role: rest.role as RoleName,
              durationMs: hours * hourMs,
              startAt: null,
            };
            const all = [requester, ...people];
            expect(judged(together, ask, all)).toEqual(judged(alone, ask, all));
            expectNearest(together, ask, all);
          }
        });
      },
    ),
    { numRuns: 40 },
  );
});

/** Of a denial for want of a rule: the one named is the first of those whose list of what they lack is shortest. */
function expectNearest(policy: LoadedPolicy, ask: Ask, people: readonly PersonFacts[]): void {
  const { plan } = planFor(policy, ask, people, now);
  const place = placeOf(policy, ask);
  if (plan.verdict !== 'denied' || plan.rule !== null || typeof place === 'string') return;
  const facts = conditionFacts(ask, place.target, now);
  const [nearest] = place.role.rules
    .map(({ name, ...one }) => ({ name, lacks: lacks({ name, ...one }, ask.requester, facts).length }))
    .toSorted((one, other) => one.lacks - other.lacks);
  expect(plan.reasons[0]).toContain(nearest ? `The nearest is "${nearest.name}", ` : 'to anybody');
}
