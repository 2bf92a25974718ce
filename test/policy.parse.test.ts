import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIssue } from '../policy/issue.ts';
import { parsePolicy } from '../policy/parse.ts';

/**
 * What is wrong with a file, one `line:column code message` each; warnings are marked. That these files name nobody who
 * may change them is left out.
 */
function issuesOf(text: string, known = {}): readonly string[] {
  const parsed = parsePolicy(text, 'policy.yaml', known);
  return (parsed.ok ? parsed.warnings : parsed.issues)
    .filter(({ code }) => code !== 'nobody-changes-policy')
    .map(
      (issue) =>
        `${issue.line}:${issue.column} ${issue.severity === 'warning' ? 'warning ' : ''}${issue.code}: ${issue.message}`,
    );
}

const targets = `version: 1
targets:
  shop:
    kind: postgres
    labels: { env: prod, team: payments }
    owners: [group:owners]
    databases: [shop]
    roles:
      read: { template: shop_read, max: 8h }
      write: { template: shop_write, max: 2h }
`;
const rule = `rules:
  - name: read with one word
    match: { target: shop, role: read }
    approvals:
      - { name: owners, from: [group:owners], need: 1 }
`;

test('a sound file has no issues, and a file without powers or break-glass is sound', () => {
  expect(issuesOf(targets + rule)).toEqual([]);
  const parsed = parsePolicy(targets + rule);
  expect(parsed.ok && [...parsed.policy.targets.keys()]).toEqual(['shop']);
});

describe('each mistake is told with its place and what to write instead', () => {
  const broken: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a field that nobody reads',
      targets + rule.replace('approvals:', 'aprovals:'),
      [
        '12:5 missing-field: "approvals" is missing',
        '14:5 unknown-field: unknown field "aprovals": did you mean "approvals"?',
      ],
    ],
    [
      'a target that is not there',
      targets + rule.replace('target: shop', 'target: shpo'),
      ['13:22 unknown-target: there is no target "shpo": did you mean "shop"?'],
    ],
    [
      'a role that no target has',
      targets + rule.replace('role: read', 'roles: [read, maintain]'),
      ['13:42 unknown-role: no target has a role "maintain"; known: read, write'],
    ],
    [
      'a span without a unit, one that is too long, and one of nothing',
      targets.replace('8h', '8').replace('2h', '9d') + rule.replace('need: 1', 'need: 1, within: 0s'),
      [
        '9:41 wrong-type: expected a span like 30m, 8h or 1h30m, at most 7d, not "8"',
        '10:43 bad-span: "9d" is not a span like 30m, 8h or 1h30m, at most 7d',
        '15:56 unknown-field: unknown field "within"; known: decideWithin, escalateAfter, from, name, need, outsidePair, remindAfter, to, together',
      ],
    ],
    [
      'templates that must never be handed out',
      targets.replace('shop_read', 'pg_read_all_data').replace('shop_write', '"Robert\'); drop role x"') + rule,
      [
        '9:25 bad-template: "pg_read_all_data" is not a template (a_role_name; never pg_, curfew_ or cfw_)',
        `10:26 bad-template: "Robert'); drop role x" is not a template (a_role_name; never pg_, curfew_ or cfw_)`,
      ],
    ],
    [
      'nobody, no one, and half a person',
      targets +
        rule.replace('need: 1', 'need: 0') +
        rule.slice(7).replace('one word', 'half').replace('need: 1', 'need: 1.5'),
      [
        '15:53 bad-value: "need" is at least 1 person',
        '19:53 wrong-type: expected how many people, 1 to 20, not "1.5"',
      ],
    ],
    [
      'selectors of no known form',
      targets + rule.replace('[group:owners]', '[boss, "group:", "person:Ada!", owner, owner]'),
      [
        '15:32 bad-selector: "boss" is not a selector: group:NAME, person:HANDLE, on-call:SCHEDULE, owner, manager or managers-manager',
        '15:38 bad-selector: "group:" is not a selector: group:NAME, person:HANDLE, on-call:SCHEDULE, owner, manager or managers-manager',
        '15:48 bad-selector: "person:Ada!" is not a selector: group:NAME, person:HANDLE, on-call:SCHEDULE, owner, manager or managers-manager',
      ],
    ],
    [
      'a list that repeats itself, and an empty one',
      targets.replace('[shop]', '[shop, shop]') + rule.replace('[group:owners]', '[]'),
      ['7:23 duplicate: stands in this list twice', '15:31 bad-value: the list is empty'],
    ],
    [
      'approvals that are neither',
      targets + rule.replace(/approvals:[^]*/, 'approvals: automatc\n'),
      ['14:16 wrong-form: approvals are "automatic" or a list of stages'],
    ],
    [
      'a match that can be anything, and one that can be nothing',
      `${targets}${rule}  - { name: all, match: {}, approvals: automatic }
  - { name: none, match: { labels: { env: test } }, approvals: automatic }\n`,
      [
        '16:25 empty-match: a match names a target, labels or a role',
        '17:19 never-matches: no role of any target matches this: the rule can never decide',
      ],
    ],
    [
      'two spellings of the same thing at once',
      targets + rule.replace('target: shop,', 'target: shop, targets: [shop],'),
      ['13:28 both: write "target" or "targets", not both'],
    ],
    [
      'an owner where nobody owns',
      targets.replace('    owners: [group:owners]\n', '') + rule.replace('[group:owners]', '[owner]'),
      ['14:32 no-owner: the target shop names no owners'],
    ],
    [
      'more people than are named',
      targets + rule.replace('[group:owners], need: 1', '[person:ada], need: 2'),
      ['15:51 too-few: 2 people are needed and 1 named: nobody could ever approve'],
    ],
    [
      'a rule that earlier ones leave nothing to',
      `${targets}${rule}  - { name: later, match: { labels: { env: prod }, role: read }, requesters: [group:x], approvals: automatic }\n`,
      ['16:13 warning unreachable-rule: earlier rules decide all that "later" matches'],
    ],
    [
      'a limit that no role lets through',
      targets + rule.replace('    approvals:', '    limits: { max: 2d }\n    approvals:'),
      ['14:20 warning unused-limit: longer than the max of every role that it matches, which holds'],
    ],
    [
      'two rules of one name',
      targets + rule + rule.slice(7),
      [
        '16:11 duplicate-name: another rule is named "read with one word"',
        '16:11 warning unreachable-rule: earlier rules decide all that "read with one word" matches',
      ],
    ],
    [
      'a break-glass that is too long, for a role that is not there, reviewed by nobody',
      `${targets}${rule}breakGlass:
  - match: { labels: { env: prod } }
    roles: [read, maintian]
    who: [group:responders]
    max: 2h
    review: { from: [], within: 24h }\n`,
      ['20:10 bad-span: "2h" is not a span like 30m, 8h or 1h30m, at most 1h', '21:21 bad-value: the list is empty'],
    ],
    [
      'a review after more than a day, and another word for incidents',
      `${targets}${rule}breakGlass:
  - match: { labels: { env: prod } }
    roles: [read]
    who: [group:responders]
    max: 1h
    incident: maybe
    review: { from: [owner], within: 25h }\n`,
      [
        '21:15 bad-value: incident is required or flagged',
        '22:38 bad-span: "25h" is not a span like 30m, 8h or 1h30m, at most 24h',
      ],
    ],
    [
      'half an escalation of a review, and a reminder when it is overdue',
      `${targets}${rule}breakGlass:
  - match: { labels: { env: prod } }
    roles: [read]
    who: [group:responders]
    max: 1h
    review: { from: [owner], within: 2h, remindAfter: 3h, escalateAfter: 1h }\n`,
      [
        '21:59 half-escalation: "escalateAfter" does nothing without "to"',
        '21:55 warning too-late: the review is overdue by then',
      ],
    ],
    [
      'a break-glass for a role that is not there',
      `${targets}${rule}breakGlass:
  - match: { labels: { env: prod } }
    roles: [read, wirte]
    who: [group:responders]
    max: 1h
    review: { from: [owner], within: 24h }\n`,
      ['18:19 unknown-role: no target that it matches has a role "wirte": did you mean "write"?'],
    ],
    [
      'names that would be misread',
      targets.replace('  shop:', '  Shop_1:').replace('read: {', 'Read: {') + 'rules: []\n',
      [
        `3:3 bad-name: "Shop_1" is not a target's name (lower-case letters, digits and hyphens, at most 63)`,
        `9:7 bad-name: "Read" is not a role's name (lower-case letters, digits and hyphens, at most 63)`,
      ],
    ],
    [
      'a note on two lines, or one that turns the text around',
      targets.replace('max: 8h', 'max: 8h, note: "a\\nb"').replace('max: 2h', 'max: 2h, note: "a\\u202Eb"') + rule,
      [
        '9:51 bad-note: "a\\nb" is not a line of at most 200 characters',
        '10:53 bad-note: "a\\u{202e}b" is not a line of at most 200 characters',
      ],
    ],
    [
      'another version',
      targets.replace('version: 1', 'version: 2') + rule,
      ['1:10 bad-value: this Curfew reads version 1'],
    ],
    [
      'no version, no targets, no rules',
      'powers: { endAnyGrant: [group:x] }\n',
      [
        '1:1 missing-field: "rules" is missing',
        '1:1 missing-field: "targets" is missing',
        '1:1 missing-field: "version" is missing',
      ],
    ],
  ];
  test.each(broken)('%s', (_, text, issues) => {
    expect(issuesOf(text).toSorted()).toEqual([...issues].toSorted());
  });

  test('all of them at once, in the order of the file', () => {
    const both =
      targets.replace('kind: postgres', 'kind: mysql') +
      rule.replace('need: 1', 'need: 99').replace('name: r', 'nam: r');
    expect(issuesOf(both)).toEqual([
      '4:11 bad-value: the kind of a target is postgres',
      '12:5 missing-field: "name" is missing',
      '12:5 unknown-field: unknown field "nam": did you mean "name"?',
      '15:53 bad-value: "need" is at most 20 people',
    ]);
  });

  test('a mistake is told once: a rule on a broken target is not blamed too', () => {
    const text = targets.replace('max: 8h', 'max: 8x') + rule.replace('role: read', 'role: write');
    expect(issuesOf(text)).toEqual(['9:41 bad-span: "8x" is not a span like 30m, 8h or 1h30m, at most 7d']);
  });

  test('as a line that editors and terminals link', () => {
    const parsed = parsePolicy(
      `${targets}${rule.replace('shop', 'shpo')}policyChange: one-person\n`,
      'company/policy.yaml',
    );
    expect(parsed.ok ? [] : parsed.issues.map(formatIssue)).toEqual([
      'company/policy.yaml:13:22: error: there is no target "shpo": did you mean "shop"? [unknown-target]',
    ]);
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.path)).toEqual(['rules[0].match.target']);
  });
});

describe('what the directory knows', () => {
  test('is asked where it is given: an unknown group or person is a warning, because people come and go', () => {
    const text = targets + rule.replace('[group:owners]', '[group:ownres, person:ada]');
    const known = { groups: new Set(['owners', 'engineers']), people: new Set(['adam', 'ben']) };
    expect(issuesOf(text, known)).toEqual([
      '15:32 warning unknown-group: the directory knows no group "ownres": did you mean "owners"?',
      '15:46 warning unknown-person: the directory knows no person "ada": did you mean "adam"?',
    ]);
    expect(parsePolicy(text, 'policy.yaml', known).ok).toBe(true);
    expect(issuesOf(text)).toEqual([]);
  });
});

describe('hostile text', () => {
  const letters = Array.from('abcdefghij');
  const unfold = letters.slice(1).map((name, i) => `${name}: &${name} [${Array(9).fill(`*${letters[i]}`).join(',')}]`);
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...unfold].join('\n');
  const cases: readonly (readonly [string, string, string])[] = [
    ['nothing', '', 'empty'],
    ['only a comment', '# nothing\n', 'empty'],
    ['only a null', 'null', 'empty'],
    ['more than 256 KiB', `# ${'x'.repeat(256 * 1024)}`, 'too-large'],
    ['more than 256 KiB in few characters', `# ${'\u{1F600}'.repeat(70_000)}`, 'too-large'],
    ['brackets without end', '['.repeat(100_000), 'too-deep'],
    ['braces without end', '{a: '.repeat(50_000), 'too-deep'],
    ['lists in lists', '- '.repeat(50_000), 'too-deep'],
    ['mappings in mappings', Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'too-deep'],
    ['aliases that unfold into a billion', bomb, 'too-many-values'],
    ['an alias of what it stands in', 'a: &a [*a]', 'too-deep'],
    ['many aliases', `a: &a x\nb: [${'*a,'.repeat(40_000)}x]`, 'too-many-values'],
    ['an alias of nothing', 'a: *b', 'bad-yaml'],
    ['a prototype', '__proto__: { admin: true }\nversion: 1', 'forbidden-key'],
    ['a constructor', 'targets: { constructor: { prototype: {} } }', 'forbidden-key'],
    ['a key twice', 'version: 1\nversion: 1', 'duplicate-key'],
    ['a key twice in flow', 'targets: { a: {}, "a": {} }', 'duplicate-key'],
    ['two documents', 'version: 1\n---\nversion: 1', 'several-documents'],
    ['sixty thousand documents', '---\n'.repeat(60_000), 'several-documents'],
    ['a tag that would run code', 'version: !!js/function "return 1"', 'bad-yaml'],
    ['a tag of bytes', 'version: !!binary aGVsbG8=', 'bad-yaml'],
    ['a tag of our own', 'version: !policy 1', 'bad-yaml'],
    ['a merge key', `${targets.replace('    kind: postgres', '    <<: { kind: postgres }')}${rule}`, 'unknown-field'],
    ['a list as a key', '? [a, b]\n: c', 'bad-yaml'],
    ['tabs', 'targets:\n\tshop: x', 'bad-yaml'],
    ['a scalar', 'hello', 'wrong-type'],
    ['a list', '- version: 1', 'wrong-type'],
    ['an infinite version', 'version: .inf\ntargets: {}\nrules: []', 'bad-value'],
    ['a number of roles that nobody reads', `${targets}rules: [${'{},'.repeat(5_000)}]`, 'more'],
  ];
  test.each(cases)('%s is refused, with its reason', (_, text, code) => {
    const started = performance.now();
    const parsed = parsePolicy(text);
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.code)).toContain(code);
    expect(parsed.ok ? 0 : parsed.issues.length).toBeLessThanOrEqual(code.startsWith('too-') ? 1 : 201);
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  test('names that every object has are only names', () => {
    const parsed = parsePolicy(targets + rule);
    if (!parsed.ok) throw new Error('sound');
    for (const name of ['toString', 'hasOwnProperty', 'valueOf', '__proto__', 'constructor']) {
      expect(parsed.policy.targets.get(name)).toBeUndefined();
      expect(parsed.policy.targets.get('shop')?.roles.get(name)).toBeUndefined();
    }
    const odd = parsePolicy(targets.replace('env: prod', 'to-string: prod') + rule);
    expect(odd.ok).toBe(true);
  });

  test('a byte order mark and Windows line ends are no mistakes, and do not move a column', () => {
    expect(issuesOf(`\uFEFF${targets}${rule}`.replaceAll('\n', '\r\n'))).toEqual([]);
    expect(issuesOf(`\uFEFFverzion: 1\r\n${targets}${rule}`.replaceAll('\n', '\r\n'))).toEqual([
      '1:1 unknown-field: unknown field "verzion": did you mean "version"?',
    ]);
  });

  const words =
    'version: 1|targets:|rules:|  - name: x|match: {}| |\n|  |- |: |{|}|[|]|,|&a |*a|!!str |? |> |"|#|---\n|...\n|<<: |~|\t|\0';
  const tokens = fc.constantFrom(...words.split('|'), '%YAML 1.1\n', "'", '| ', '\uD800');
  test('of any kind never throws, and every issue has a place in the file', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(tokens, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (hostile) => {
        const parsed = parsePolicy(hostile);
        const lines = hostile.split('\n').length;
        for (const issue of parsed.ok ? parsed.warnings : parsed.issues) {
          expect(issue.line >= 1 && issue.line <= lines && issue.column >= 1).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('a sound file with one line changed, lost or doubled never throws and never unlocks a prototype', () => {
    const lines = (targets + rule).split('\n');
    const edit = fc.record({
      at: fc.nat(lines.length - 1),
      to: fc.oneof(tokens, fc.string({ maxLength: 30 })),
      keep: fc.boolean(),
    });
    fc.assert(
      fc.property(edit, ({ at, to, keep }) => {
        const edited = [...lines.slice(0, at), keep ? `${lines[at]}${to}` : to, ...lines.slice(at + 1)].join('\n');
        const parsed = parsePolicy(edited);
        if (!parsed.ok) expect(parsed.issues.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
