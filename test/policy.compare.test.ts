import { describe, expect, test } from 'vitest';
import { compare, type CompareOptions } from '../policy/compare.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { person } from './support/people.ts';

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
    databases: [shop]
    roles:
      read: { template: shop_read, max: 8h }
      write: { template: shop_write, max: 2h }
  lab:
    kind: postgres
    labels: { env: test }
    owners: [group:owners]
    databases: [lab]
    roles:
      read: { template: lab_read, max: 8h }
rules:
  - name: reading
    match: { role: read }
    requesters: [group:engineers]
    limits: { max: 4h }
    approvals: automatic
  - name: writing
    match: { target: shop, role: write }
    requesters: [group:engineers]
    approvals: [{ name: owners, from: [owner], need: 1 }]
breakGlass:
  - { name: incident, match: { target: shop }, roles: [write], who: [group:responders], max: 1h, review: { from: [owner], within: 24h } }
powers: { changePolicy: [group:controllers] }
`;
const before = load(text);
const people = [
  person('ada', ['engineers']),
  person('ben', ['engineers', 'responders']),
  person('olga', ['owners']),
  person('otto', ['owners']),
  person('gone', ['engineers'], { state: 'left' }),
];
const now = Date.UTC(2026, 0, 14, 12);
const linesOf = (after: string, more: Partial<CompareOptions> = {}): readonly string[] =>
  compare(before, load(after), people, { now, ...more }).lines;

describe('what a new policy would change for whom', () => {
  test('is nothing where only words change that decide nothing', () => {
    expect(linesOf(`# another comment\n${text.replace('name: reading', 'name: looking')}`)).toEqual([]);
    expect(compare(before, before, people, { now })).toEqual({ lines: [], changes: [], judged: 0, cut: false });
  });

  test('is told by group, target and role, once for all whom it is the same for', () => {
    expect(linesOf(text.replace('need: 1 }', 'need: 2 }'))).toEqual([
      'engineers (2 people): shop write: 2 approvals instead of 1 (by 2 of the group owners instead of 1 of the group owners)',
    ]);
    expect(linesOf(text.replace('max: 4h', 'max: 1h'))).toEqual([
      'engineers (2 people): shop read and lab read: at most 1 h instead of 4 h',
    ]);
  });

  test('names what becomes possible and what does not stay so', () => {
    expect(
      linesOf(text.replace('requesters: [group:engineers]\n    limits', 'requesters: [group:owners]\n    limits')),
    ).toEqual([
      "engineers (2 people): shop read and lab read: not possible any more (it needs nobody's approval; at most 4 h; starts when you claim it)",
      "owners (2 people): shop read and lab read: possible from now on: needs nobody's approval; at most 4 h; starts when you claim it",
    ]);
  });

  test('names the denial, the ticket, the hours, and who is too few to decide', () => {
    const deny = `deny: [{ name: no-engineers, if: '"responders" in requester.groups', match: { role: write } }]
`;
    expect(linesOf(text + deny)).toEqual([
      'responders (1 person): shop write: not possible any more, by "no-engineers" (it needs 1 of the owners; at most 2 h; starts when you claim it)',
      `responders (1 person): shop write (break-glass): not possible any more, by "no-engineers" (it needs nobody's approval; the incident has to be known; announced at once; at most 1 h; starts when you claim it; reviewed by the group owners within 1 d of its end)`,
    ]);
    expect(linesOf(text.replace('limits: { max: 4h }', 'if: request.ticket != ""\n    limits: { max: 4h }'))).toEqual([
      "engineers (2 people): shop read and lab read: not possible any more (it needs nobody's approval; at most 4 h; starts when you claim it)",
    ]);
    const hours = 'windows: [{ days: mon-fri, from: "08:00", to: "18:00", zone: Europe/Berlin }]';
    expect(linesOf(text.replace('max: 4h }', `max: 4h, ${hours} }`))).toEqual([
      'engineers (2 people): shop read and lab read: held Mon to Fri 08:00 to 18:00 Europe/Berlin instead of at any time',
    ]);
    expect(linesOf(text.replace('from: [owner], need: 1', 'from: [owner], need: 3'))[0]).toContain(
      'too few are there to decide',
    );
  });

  test('says as well what changes for nobody who asks: targets, owners, powers, conflicts', () => {
    const after = text
      .replace('changePolicy: [group:controllers]', 'endAnyGrant: [group:controllers]')
      .replace('  lab:', '  den:')
      .concat('policyChange: one-person\nconflicts: [{ name: one hat, groups: [owners, controllers], never: both }]\n');
    expect(linesOf(after).slice(0, 6)).toEqual([
      'den: a new target',
      'lab: no target any more',
      'end any grant: the group controllers instead of nobody',
      'change the policy: nobody instead of the group controllers',
      'a new conflict: "one hat" (owners, controllers: never both)',
      'from now on one person may change the policy alone',
    ]);
  });

  test('stops somewhere, and says so', () => {
    const less = compare(before, load(text.replace('max: 4h', 'max: 1h')), people, { now, most: 3 });
    expect(less).toMatchObject({ judged: 3, cut: true });
    expect(less.lines.at(-1)).toBe('Compared for the first 3 of 8 pairs of person and role.');
    const lines = linesOf(text.replace('max: 4h', 'max: 1h').replace('need: 1', 'need: 2'), { mostLines: 1 });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('and 1 more');
  });
});
