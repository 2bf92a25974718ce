/** `curfew policy` without a store: what a person does who writes a policy. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { curfew } from './support/terminal.ts';

const company = fileURLToPath(new URL('../dev/company', import.meta.url));
const policy = join(company, 'policy.yaml');
const people = ['--people', join(company, 'people.yaml')];
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-policy-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('curfew policy lint', () => {
  test('says that a policy is one', async () => {
    const { code, out, err } = await curfew(['policy', 'lint', ...people, policy]);
    expect({ code, out, err }).toEqual({ code: 0, out: `${policy} is a policy.\n`, err: '' });
  });

  test('tells every mistake at once with file, line and column', async () => {
    const bad = written(
      'bad.yaml',
      'version: 1\ntargets: {}\nrules:\n  - { nam: x, match: {}, approvals: automatc }\n',
    );
    const { code, out, err } = await curfew(['policy', 'lint', bad]);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err.split('\n').filter((line) => line.startsWith(`${bad}:4:`)).length).toBeGreaterThan(1);
    const told = await curfew(['policy', 'lint', '--json', bad]);
    expect(told.code).toBe(1);
    expect(JSON.parse(told.out)).toMatchObject({
      ok: false,
      issues: [{ file: bad, line: 1 }, { file: bad, line: 4 }, {}, {}],
    });
  });

  test('of a file that is not there is a call gone wrong', async () => {
    expect((await curfew(['policy', 'lint', join(folder, 'nowhere.yaml')])).code).toBe(2);
  });
});

describe('curfew policy test', () => {
  test('holds for the sample company, without any store', async () => {
    const { code, out, err } = await curfew(['policy', 'test', ...people, policy]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^All \d\d cases hold\.\n$/);
  });

  test('with neither a store nor a people file says how to do with either', async () => {
    const { code, err } = await curfew(['policy', 'test', policy]);
    expect(code).toBe(2);
    expect(err).toMatch(/CURFEW_ADMIN_STORE_URL is not set[\s\S]*--people people\.yaml/);
  });

  test('fails where a case does not, and says where and how', async () => {
    const cases = written(
      'wrong.test.yaml',
      'at: 2026-03-04T10:00:00Z\ncases:\n  - { name: too easy, as: amara, target: orders-prod, role: write, for: 1h, expect: { verdict: automatic } }\n',
    );
    const ran = await curfew(['policy', 'test', ...people, '--cases', cases, policy]);
    expect(ran.code).toBe(1);
    expect(ran.out).toBe('1 of 1 cases do not hold.\n');
    expect(ran.err).toContain(`${cases}:3:96: "too easy": verdict:\n  expected  automatic\n  got       approvals`);
    const json = await curfew(['policy', 'test', '--json', ...people, '--cases', cases, policy]);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ cases: 1, failed: 1, failures: [{ case: 'too easy' }] });
  });

  test('says that there is nothing to test, and that cases are misspelled', async () => {
    const alone = written('alone.yaml', '');
    rmSync(join(folder, 'wrong.test.yaml'), { force: true });
    expect((await curfew(['policy', 'test', ...people, alone])).code).not.toBe(0);
    const cases = written('odd.test.yaml', 'cases: [{ nam: x }]\n');
    const { code, err } = await curfew(['policy', 'test', ...people, '--cases', cases, policy]);
    expect(code).toBe(1);
    expect(err).toContain(`${cases}:1:11: error:`);
    rmSync(cases);
  });
});

const explain = (...words: readonly string[]) =>
  curfew(['policy', 'explain', '--policy', policy, ...people, '--at', '2026-03-04T10:00:00Z', '--for', '1h', ...words]);

describe('curfew policy explain', () => {
  test('names the rule, each condition with its value, and who could decide today or why not', async () => {
    const { code, out } = await explain('--as', 'amara', '--target', 'orders-prod', '--role', 'write');
    expect(code).toBe(0);
    expect(out).toContain(
      'approvals: needs your manager and then 1 data owner; at most 2 h; starts when you claim it\n',
    );
    expect(out).toMatch(/Rule "orders are written with manager and data owner" decides \(.*policy\.yaml:\d+:\d+\)/);
    expect(out).toContain('  false  requester.kind == "contractor"\n');
    expect(out).toContain('Stage "manager": 1 of your manager.\n  could decide: tomas\n');
    expect(out).toContain('  could decide: priya, kwame and elif\n');
  });

  test('says why not, and which rule would have allowed it', async () => {
    const { code, out } = await explain('--as', 'jonas', '--target', 'models-prod', '--role', 'write');
    expect(code).toBe(1);
    expect(out).toContain('No rule decides.');
    expect(out).toMatch(/The nearest other rule is "models are written with a maintainer's word" \(.*:\d+:\d+\):\n/);
    expect(out).toContain('  lacks   for the group ml-engineers\n');
    const late = await explain('--as', 'mei', '--target', 'models-prod', '--role', 'read', '--for', '2h');
    expect(late.code).toBe(1);
    expect(late.out).toContain('Why not: read on models-prod is given for at most 1 h; you asked for 2 h.');
    expect(late.out).toContain('The nearest other rule is "models are read with a maintainer\'s word"');
  });

  test('takes a shift, a ticket, a start and break-glass, and answers in JSON', async () => {
    const shift = await explain(
      '--as',
      'jonas',
      '--target',
      'orders-prod',
      '--role',
      'read',
      '--on-call',
      'payments=jonas',
    );
    expect(shift.out).toContain('automatic: ');
    const asked = ['--as', 'jonas', '--target', 'orders-prod', '--role', 'write', '--json'];
    expect(JSON.parse((await explain(...asked, '--ticket', 'INC-1')).out)).toMatchObject({
      plan: { verdict: 'approvals', until: { kind: 'incident', key: 'INC-1' } },
      rule: { clauses: [{ result: true }, { result: true }] },
    });
    expect(JSON.parse((await explain(...asked, '--kind', 'break-glass')).out)).toMatchObject({
      plan: { verdict: 'break-glass' },
    });
    const past = await explain(...asked, '--start', '2026-03-04T09:00:00Z');
    expect(past.code).toBe(1);
    expect(past.out).toContain('A start lies in the future');
  });

  test.each([
    [['--as', 'nobody', '--target', 'orders-prod', '--role', 'read']],
    [['--as', 'amara', '--target', 'orders-prod', '--role', 'read', '--start', 'soon']],
    [['--as', 'amara', '--target', 'orders-prod', '--role', 'read', '--for', 'ever']],
    [['--as', 'amara', '--target', 'orders-prod', '--role', 'read', '--kind', 'gift']],
    [['--as', 'amara', '--target', 'orders-prod', '--role', 'read', '--on-call', 'payments']],
  ])('called with %j is a call gone wrong', async (words) => {
    const { code, err } = await explain(...words);
    expect(code).toBe(2);
    expect(err).not.toBe('');
  });
});

const changed = (change: (text: string) => string): string => written('new.yaml', change(readFileSync(policy, 'utf8')));

describe('curfew policy plan', () => {
  test('says for whom what would change, and that nothing would', async () => {
    const path = changed((text) => text.replace('owners, from: [owner], need: 2', 'owners, from: [owner], need: 1'));
    const { code, out } = await curfew(['policy', 'plan', ...people, '--against', policy, path]);
    expect(code).toBe(0);
    expect(out).toContain('orders-prod maintain: 1 approval instead of 2');
    const same = await curfew(['policy', 'plan', ...people, '--against', policy, policy]);
    expect(same).toMatchObject({ code: 0, out: 'Nothing changes for anybody.\n' });
    const json = await curfew(['policy', 'plan', '--json', ...people, '--against', policy, path]);
    expect(JSON.parse(json.out)).toMatchObject({ cut: false, changes: [{ places: ['orders-prod maintain'] }] });
  });

  test('of what does not lint says what is wrong with it', async () => {
    const path = changed((text) => text.replace('need: 2', 'need: 0'));
    const { code, err } = await curfew(['policy', 'plan', ...people, '--against', policy, path]);
    expect(code).toBe(1);
    expect(err).toContain(`${path}:`);
  });
});

test('curfew policy schema prints the schema that editors read', async () => {
  const { code, out } = await curfew(['policy', 'schema']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ $schema: expect.stringContaining('json-schema.org') });
});
