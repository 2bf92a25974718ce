import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { formatFailure, runCase, type Directory } from '../policy/case-run.ts';
import { parseCases, type Case } from '../policy/cases.ts';
import { formatIssue } from '../policy/issue.ts';
import { parsePolicy } from '../policy/parse.ts';
import { personIdFrom } from '../policy/digest.ts';
import { person } from './support/people.ts';

const policyText = `version: 1
targets:
  shop:
    kind: postgres
    labels: { team: payments }
    owners: [group:owners]
    databases: [shop]
    roles:
      read: { template: shop_read, max: 8h }
rules:
  - name: on call
    match: { role: read }
    if: target.team in requester.onCall
    approvals: automatic
    until: shift
  - name: reading
    match: { role: read }
    limits: { max: 4h }
    approvals: [{ name: manager, from: [manager], need: 1 }, { name: owners, from: [owner], need: 1 }]
`;
const handles = ['ada', 'ben', 'olga', 'otto'] as const;
const directory: Directory = {
  people: handles.map((handle) =>
    person(handle, handle.startsWith('o') ? ['owners'] : [], {
      id: personIdFrom(handle),
      manager: handle === 'ada' ? personIdFrom('ben') : null,
    }),
  ),
  idOf: (handle) => (handles.some((one) => one === handle) ? personIdFrom(handle) : undefined),
  handleOf: (id) => handles.find((handle) => personIdFrom(handle) === id) ?? id,
};
const parsed = parsePolicy(policyText);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
const { policy } = parsed;

const casesIn = (text: string): readonly Case[] => {
  const read = parseCases(text, 'policy.test.yaml');
  if (!read.ok) throw new Error(read.issues.map(formatIssue).join('\n'));
  return read.cases;
};
const run = (text: string): readonly string[] =>
  casesIn(text).flatMap((one) => runCase(policy, one, directory, 0).map(formatFailure));
const one = (expects: string, more = ''): string =>
  `cases:\n  - name: a case\n    as: ada\n    target: shop\n    role: read\n    for: 1h\n${more}    expect: ${expects}\n`;

describe('a case', () => {
  test('holds where the policy says what it expects', () => {
    expect(
      run(
        one(
          '{ verdict: approvals, rule: reading, max: 4h, until: none, stages: [{ name: manager, need: 1, includes: [ben] }, { includes: [olga, otto], excludes: [ada, ben] }] }',
        ),
      ),
    ).toEqual([]);
    expect(run(one('{ verdict: denied, reason: [at most 4 h, you asked for 1 d] }').replace('1h', '1d'))).toEqual([]);
  });

  test('says what it expected and what it got, each at its own place', () => {
    const text = one('{ verdict: automatic, rule: on call, max: 8h, until: shift, extensions: 1, grace: 5m }');
    expect(run(text)).toEqual([
      'policy.test.yaml:7:24: "a case": verdict:\n  expected  automatic\n  got       approvals (needs your manager and then 1 of the owners; at most 4 h; starts when you claim it)',
      'policy.test.yaml:7:41: "a case": rule:\n  expected  on call\n  got       reading',
      'policy.test.yaml:7:55: "a case": max:\n  expected  8 h\n  got       4 h',
      'policy.test.yaml:7:66: "a case": until:\n  expected  shift\n  got       none',
      'policy.test.yaml:7:85: "a case": extensions:\n  expected  1\n  got       0',
      'policy.test.yaml:7:95: "a case": grace:\n  expected  5 min\n  got       none',
    ]);
    expect(run(one('{ stages: [{ name: boss, need: 2, excludes: [ben] }, { includes: [ada] }] }'))).toEqual([
      'policy.test.yaml:7:32: "a case": stage:\n  expected  boss\n  got       manager',
      'policy.test.yaml:7:44: "a case": need of "manager":\n  expected  2\n  got       1',
      'policy.test.yaml:7:57: "a case": who decides "manager":\n  expected  ben not among them\n  got       ben',
      'policy.test.yaml:7:78: "a case": who decides "owners":\n  expected  ada among them\n  got       olga, otto',
    ]);
    expect(run(one('{ stages: [] }'))).toEqual([
      'policy.test.yaml:7:23: "a case": stages:\n  expected  0: none\n  got       2: manager, owners',
    ]);
    expect(run(one('{ reason: nobody }'))).toEqual([
      'policy.test.yaml:7:23: "a case": reason:\n  expected  ... nobody ...\n  got       none: approvals',
    ]);
  });

  test('may change who people are: whoever asks, and everybody else', () => {
    expect(run(one('{ verdict: automatic, until: shift }', '    facts: { onCall: [payments] }\n'))).toEqual([]);
    expect(
      run(one('{ stages: [{ includes: [otto], excludes: [ben] }, {}] }', '    facts: { manager: otto }\n')),
    ).toEqual([]);
    const gone = '    people: { olga: { state: left }, otto: { away: true }, ben: { standsInFor: [otto] } }\n';
    // Ben is the manager, and the only one left for the owners: in the place of another one, but he is one person.
    const both = '{ verdict: denied, stages: [{ includes: [ben] }, { includes: [ben], excludes: [olga, otto] }] }';
    expect(run(one(both, gone))).toEqual([]);
    expect(run(one('{ reason: need 2 different people besides you; there is only 1 }', gone))).toEqual([]);
    const people = `people: { ben: { state: left } }\n${one('{ stages: [{ includes: [olga], excludes: [ben] }, {}] }')}`;
    expect(run(people)).toEqual([]);
  });

  test('of somebody whom the directory does not know does not hold', () => {
    expect(run(one('{ verdict: denied }').replace('as: ada', 'as: eve'))).toEqual([
      'policy.test.yaml:3:9: "a case": people:\n  expected  somebody whom the directory knows\n  got       nobody is called eve',
    ]);
    expect(run(one('{ verdict: denied }', '    people: { eve: { away: true } }\n'))[0]).toContain(
      'nobody is called eve',
    );
  });
});

describe('a file of cases', () => {
  test('with mistakes runs none, and tells each of them with line and column', () => {
    const text = `cases:
  - { name: one, as: Ada, target: shop, role: read, for: soon, expect: { verdikt: denied } }
  - { name: two, as: ada, target: shop, role: read, for: 1h, expect: {} }
  - { name: two, as: ada, target: shop, role: read, for: 1h, start: tomorrow, expect: { verdict: maybe } }
  - { name: two, as: ada, target: shop, role: read, for: 1h, expect: { verdict: denied } }
`;
    const read = parseCases(text, 'x.test.yaml');
    expect(read.ok ? [] : read.issues.map(({ line, column, code }) => `${line}:${column} ${code}`)).toEqual([
      '2:22 bad-handle',
      '2:58 bad-span',
      '2:74 unknown-field',
      '3:62 expects-nothing',
      '4:69 bad-instant',
      '4:98 bad-value',
      '5:13 duplicate-name',
    ]);
    for (const bad of ['', 'cases: []', '[', 'cases: 1', '- a'])
      expect(parseCases(bad, 'x.test.yaml').ok, bad).toBe(false);
  });
});

test('the sample company has more than forty cases', () => {
  const path = fileURLToPath(new URL('../dev/company/policy.test.yaml', import.meta.url));
  const read = parseCases(readFileSync(path, 'utf8'), path);
  expect(read.ok && read.cases.length).toBeGreaterThanOrEqual(40);
});
