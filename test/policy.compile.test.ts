/** What a policy file becomes: stages, limits, denials and conflicts, resolved for each role of each target. */
import { describe, expect, test } from 'vitest';
import { hourMs, minuteMs } from '../domain/time.ts';
import { offersFor } from '../policy/offers.ts';
import { formatIssue } from '../policy/issue.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { person } from './support/people.ts';

const load = (text: string): LoadedPolicy => {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.issues.map(formatIssue).join('\n'));
  return parsed.policy;
};
const text = `version: 1
targets:
  shop:
    kind: postgres
    labels: { env: prod, team: payments, classification: pii }
    owners: [group:owners, on-call:payments]
    databases: [shop]
    roles:
      read: { template: shop_read, max: 8h, note: look }
      write: { template: shop_write, max: 2h }
  lab:
    kind: postgres
    labels: { env: test, team: ml }
    owners: [group:keepers]
    databases: [lab]
    roles:
      read: { template: lab_read, max: 4h }
rules:
  - name: on call
    match: { role: read }
    if: target.team in requester.onCall
    approvals: automatic
    until: shift
  - name: with a ticket
    match: { roles: [read, write] }
    requesters: [group:engineers]
    if: request.ticket != ""
    limits:
      max: 3h
      decideWithin: 4h
      useWithin: 1h
      extend: 2
      grace: 5m
      windows:
        - { days: [mon-wed, sat-mon], from: 08:30, to: 24:00, zone: Europe/Berlin }
    approvals:
      - { name: boss, from: [manager], need: 1, remindAfter: 15m, escalateAfter: 1h, to: [managers-manager, owner] }
      - { name: owners, from: [owner, group:owners], need: 2, together: true, decideWithin: 2h, outsidePair: true }
    until: ticket
  - name: otherwise
    match: { role: read }
    requesters: [group:engineers]
    limits: { max: 1h, extend: 0 }
    approvals: [{ name: owners, from: [owner], need: 1, together: false, outsidePair: false }]
    until: { shift: night }
  - name: behind the others
    match: { role: read }
    requesters: [group:engineers]
    approvals: automatic
deny:
  - { name: no pii, if: 'requester.kind == "contractor" && target.labels["classification"] == "pii"', match: { target: shop } }
  - { name: no long writes, match: { role: write }, if: request.duration > 3600 }
breakGlass:
  - { match: { labels: { env: prod } }, roles: [write], who: [on-call:payments], max: 30m, review: { from: [owner], within: 1d } }
conflicts:
  - { name: look only, groups: [auditors], never: [approve, request, breakGlass] }
  - { name: no changes, groups: [owners], never: [changePolicy] }
  - { name: one hat, groups: [owners, controllers], never: both }
powers: { endAnyGrant: [group:controllers], changePolicy: [group:controllers], readEverything: [group:auditors] }
policyChange: one-person
commandLine: { approve: true }
`;
const policy = load(text);
const roleOf = (target: string, role: string) => {
  const found = policy.targets.get(target)?.roles.get(role);
  if (!found) throw new Error(`no ${role} on ${target}`);
  return found;
};

describe('a role of a target', () => {
  test('has the rules that match it, in file order, with owners, limits, windows and shifts resolved', () => {
    const [onCall, ticket, otherwise] = roleOf('shop', 'read').rules;
    expect(onCall).toMatchObject({ stages: [], until: { kind: 'shift', schedule: 'payments' }, requesters: null });
    expect(roleOf('lab', 'read').rules[0]?.until).toEqual({ kind: 'shift', schedule: 'ml' });
    expect(ticket?.limits).toEqual({
      maxMs: 3 * hourMs,
      decideWithinMs: 4 * hourMs,
      useWithinMs: hourMs,
      extensions: 2,
      graceMs: 300_000,
      windows: [{ days: ['mon', 'tue', 'wed', 'sat', 'sun'], fromMinute: 510, toMinute: 1440, zone: 'Europe/Berlin' }],
    });
    expect(ticket?.until).toEqual({ kind: 'ticket' });
    expect(otherwise?.until).toEqual({ kind: 'shift', schedule: 'night' });
    expect(roleOf('shop', 'write').rules.map(({ name, limits }) => [name, limits.maxMs])).toEqual([
      ['with a ticket', 2 * hourMs],
    ]);
  });

  test('has stages that say what the file says and nothing else, so that an old plan stays the same plan', () => {
    const never = [
      { name: 'look only', groups: ['auditors'], all: false },
      { name: 'one hat', groups: ['owners', 'controllers'], all: true },
    ];
    const owners = [
      { kind: 'group', group: 'owners' },
      { kind: 'on-call', schedule: 'payments' },
    ];
    const [, ticket, otherwise] = roleOf('shop', 'read').rules;
    expect(ticket?.stages).toEqual([
      {
        name: 'boss',
        need: 1,
        from: [{ kind: 'manager' }],
        never,
        remindAfterMs: 15 * minuteMs,
        escalate: { afterMs: hourMs, to: [{ kind: 'managers-manager' }, ...owners] },
      },
      { name: 'owners', need: 2, from: owners, together: true, never, outsidePair: true, decideWithinMs: 2 * hourMs },
    ]);
    expect(otherwise?.stages).toEqual([{ name: 'owners', need: 1, from: owners, never }]);
    const plain = load(text.replace(/conflicts:\n(?: .*\n)*/, ''));
    expect(plain.targets.get('lab')?.roles.get('read')?.rules[2]?.stages).toEqual([
      { name: 'owners', need: 1, from: [{ kind: 'group', group: 'keepers' }] },
    ]);
  });

  test('has the denials that match it, and break-glass with the conflicts that forbid it', () => {
    expect(roleOf('shop', 'write').deny.map(({ name }) => name)).toEqual(['no pii', 'no long writes']);
    expect(roleOf('shop', 'read').deny.map(({ name }) => name)).toEqual(['no pii']);
    expect(roleOf('lab', 'read').deny).toEqual([]);
    expect(roleOf('shop', 'write').breakGlass).toMatchObject([
      {
        who: [{ kind: 'on-call', schedule: 'payments' }],
        never: [{ name: 'look only' }, { name: 'one hat', all: true }],
      },
    ]);
  });

  test('has its own owners in a rule that is the same but for them', () => {
    const alike = load(text.replace('lab_read, max: 4h', 'lab_read, max: 8h'));
    const fromOn = (target: string) => alike.targets.get(target)?.roles.get('read')?.rules[2]?.stages[0]?.from;
    expect(fromOn('lab')).toEqual([{ kind: 'group', group: 'keepers' }]);
    expect(fromOn('shop')).toHaveLength(2);
  });

  test('shares a rule that says the same everywhere with other targets', () => {
    const many = load(
      text.replace('from: [owner], need: 1', 'from: [group:owners], need: 1').replace('read, max: 4h', 'read, max: 8h'),
    );
    const ruleOn = (target: string) => many.targets.get(target)?.roles.get('read')?.rules[2];
    expect(ruleOn('shop')).toBe(ruleOn('lab'));
  });
});

test('the policy as a whole has powers, conflicts, and how it is changed', () => {
  const { powers, conflicts, onePersonChanges, approveByCommand } = policy;
  expect({ powers, conflicts, onePersonChanges, approveByCommand }).toEqual({
    powers: {
      endAnyGrant: [{ kind: 'group', group: 'controllers' }],
      changePolicy: [{ kind: 'group', group: 'controllers' }],
      readEverything: [{ kind: 'group', group: 'auditors' }],
    },
    conflicts: [
      { name: 'look only', groups: ['auditors'], never: ['approve', 'request', 'breakGlass'] },
      { name: 'no changes', groups: ['owners'], never: ['changePolicy'] },
      { name: 'one hat', groups: ['owners', 'controllers'], never: 'both' },
    ],
    onePersonChanges: true,
    approveByCommand: true,
  });
  const bare = load(text.replace(/powers:.*\npolicyChange:.*\ncommandLine:.*\n/, ''));
  expect(bare).toMatchObject({ onePersonChanges: false, approveByCommand: false, powers: { changePolicy: [] } });
});

const offered = (...who: Parameters<typeof person>): readonly string[] =>
  offersFor(policy, person(...who)).flatMap(({ target, roles, breakGlass }) => [
    ...roles.map(({ role, maxMs }) => `${target} ${role} ${maxMs / hourMs}`),
    ...breakGlass.map(({ role, maxMs }) => `${target} ${role} ${maxMs / hourMs} !`),
  ]);

describe('what a form offers', () => {
  test('is what some rule can still give, as far as it depends on who asks and on what', () => {
    expect(offered('eng', ['engineers'])).toEqual(['shop read 3', 'shop write 2', 'lab read 3']);
    expect(offered('cal', [], { onCall: ['payments'] })).toEqual(['shop read 8', 'shop write 0.5 !']);
    expect(offered('out', [])).toEqual([]);
  });

  test('leaves out what is denied to this person whatever they ask for, and everything in a conflict', () => {
    expect(offered('con', ['engineers'], { kind: 'contractor' })).toEqual(['lab read 3']);
    expect(offered('aud', ['engineers', 'auditors'], { onCall: ['payments'] })).toEqual([]);
    expect(offered('hat', ['engineers', 'owners', 'controllers'])).toEqual([]);
  });
});
