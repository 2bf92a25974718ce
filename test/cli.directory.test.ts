import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { dayMs, hourMs } from '../domain/time.ts';
import { hashOfCode } from '../service/codes.ts';
import { policyHash } from '../policy/digest.ts';
import * as decisions from '../store/decisions.ts';
import { entriesOf } from '../store/audit.ts';
import { listLeft } from '../store/cleaning.ts';
import * as linkCodes from '../store/link-codes.ts';
import * as people from '../store/people.ts';
import { addPerson, openRequest, sampleDecision } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew, type Ran } from './support/terminal.ts';

let store: TestStore;
let [ada, ben] = ['', ''] as unknown as [PersonId, PersonId];
beforeAll(async () => {
  store = await startStore();
  ada = await addPerson(store.as.curfew_directory, 'ada', { email: 'ada@example.com' });
  ben = await addPerson(store.as.curfew_directory, 'ben', { email: 'ben@example.com' });
});
afterAll(() => store?.end());

const run = (words: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  curfew(words, {
    env: {
      CURFEW_ADMIN_STORE_URL: store.url('curfew_admin'),
      CURFEW_DIRECTORY_STORE_URL: store.url('curfew_directory'),
    },
    files,
  });
const json = async (words: readonly string[], files?: Readonly<Record<string, string>>): Promise<unknown> => {
  const ran = await run([...words, '--json'], files);
  expect(ran).toMatchObject({ code: 0 });
  return JSON.parse(ran.out);
};

const onCall = async (id: PersonId) => (await people.factsOf(store.as.curfew_api, id))?.onCall;
const approves = async (approver: PersonId, requester: PersonId, times: number): Promise<void> => {
  for (let index = 0; index < times; index += 1) {
    const request = await openRequest(store.as.curfew_api, requester);
    await decisions.insert(store.as.curfew_api, sampleDecision(request, approver), 0);
  }
};

test.each([
  [['people', 'link']],
  [['oncall', 'import']],
  [['oncall', 'list']],
  [['report', 'reciprocity']],
  [['report', 'objects']],
])('curfew %j has a help with an example', async (words) => {
  const ran = await curfew([...words, '--help']);
  expect(ran.code).toBe(0);
  expect(ran.out).toMatch(/Examples:\n {2}.*curfew/);
});

describe('curfew people link', () => {
  test('prints a code once, of which the store keeps a hash, and says who made it', async () => {
    const ran = await run(['people', 'link', 'ada', '--code']);
    expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('works once') });
    const [, shown] = /^\/curfew link (\S+)\n$/.exec(ran.out) ?? expect.fail(ran.out);
    const hash = hashOfCode(shown ?? '') ?? expect.fail('no code');
    const minted = (await entriesOf(store.admin, ada)).find(({ kind }) => kind === 'link-code.minted');
    expect(minted).toMatchObject({ actor: 'curfew_admin', login: 'curfew_admin' });
    const account = { team: 'T1', user: 'U1' };
    const used = await store.as.curfew_api.transaction((tx) => linkCodes.use(tx, hash, account));
    expect(used).toMatchObject({ kind: 'linked', person: ada });
  });

  test('links an account by hand: a second one waits for a day, and may be taken away again', async () => {
    expect(await json(['people', 'link', 'ben', '--slack', 'T1:U2'])).toMatchObject({
      linked: 'now',
      approvesFrom: null,
    });
    expect(await json(['people', 'link', 'ben', '--slack', 'T1:U2'])).toMatchObject({ linked: 'already' });
    const second = await run(['people', 'link', 'ben', '--slack', 'T1:U3']);
    expect(second).toMatchObject({ code: 0, out: expect.stringContaining('approves nothing before') });
    expect((await people.linkOf(store.admin, 'T1', 'U3'))?.approvesFromAt).toBeGreaterThan(Date.now() + 23 * hourMs);
    expect(await json(['people', 'link', 'ben', '--slack', 'T1:U3', '--remove'])).toMatchObject({ removed: true });
    expect(await people.linkOf(store.admin, 'T1', 'U3')).toBeUndefined();
    expect((await run(['people', 'link', 'ben', '--slack', 'T1:U3', '--remove'])).code).toBe(1);
  });

  test('takes no account from somebody else, and says what it wants', async () => {
    expect(await run(['people', 'link', 'ada', '--slack', 'T1:U2'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('linked to another person'),
    });
    for (const words of [[], ['--slack', 'ada'], ['--slack', 'T1:U1', '--code'], ['--code', '--remove']]) {
      expect((await run(['people', 'link', 'ada', ...words])).code).toBe(2);
    }
    expect(await run(['people', 'link', 'eve', '--code'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Nobody has the handle eve'),
    });
  });
});

describe('curfew oncall', () => {
  const soon = new Date(Math.ceil(Date.now() / 1_000) * 1_000);
  const instant = (ms: number): string => new Date(soon.getTime() + ms).toISOString().replace('.000', '');
  const stamp = (ms: number): string => instant(ms).replaceAll(/[-:]/g, '');
  const shifts = (who: string): string => `schedule: payments
shifts:
  - { person: ${who}, from: '${instant(-hourMs)}', until: '${instant(hourMs)}' }
  - { person: ben, from: '${instant(hourMs)}', until: '${instant(2 * hourMs)}' }
  - { person: ben, from: '${instant(-2 * hourMs)}', until: '${instant(-hourMs)}' }
  - { person: ben, from: '${instant(100 * dayMs)}', until: '${instant(101 * dayMs)}' }
`;

  const calendar = (who: string) => ({
    'team.ics': `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:shift-1\r\nSUMMARY:On call\r\nATTENDEE:mailto:${who}\r\nDTSTART:${stamp(-hourMs)}\r\nDTEND:${stamp(hourMs)}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`,
  });

  test('is empty at first, and says how to fill it', async () => {
    expect((await run(['oncall', 'list'])).out).toMatch(/^Nobody is on call: curfew oncall import/);
  });

  test('imports a file, replaces what it said before, and changes nothing in a dry run', async () => {
    const file = { 'shifts.yaml': shifts('ada') };
    expect(await json(['oncall', 'import', 'shifts.yaml', '--dry-run'], file)).toMatchObject({
      dryRun: true,
      shifts: 2,
    });
    expect(await onCall(ada)).toBeUndefined();
    expect(await json(['oncall', 'import', 'shifts.yaml'], file)).toEqual({
      source: 'shifts.yaml',
      schedules: ['payments'],
      shifts: 2,
      past: 1,
      later: 1,
      leftOut: 0,
      removed: 0,
      dryRun: false,
    });
    expect(await onCall(ada)).toEqual(['payments']);
    const again = await run(['oncall', 'import', 'shifts.yaml'], { 'shifts.yaml': shifts('ben') });
    expect(again.out).toBe(
      '2 shifts of payments; 1 are over, 1 begin after 90 days. They replace 2 that shifts.yaml said before.\n',
    );
    expect([await onCall(ada), await onCall(ben)]).toEqual([undefined, ['payments']]);
    expect((await run(['oncall', 'list'])).out).toMatch(/^schedule +who +from.*\npayments +ben /);
    const entries = await entriesOf(store.admin, 'oncall/shifts.yaml');
    expect(entries).toMatchObject([{ kind: 'oncall.imported' }, { login: 'curfew_directory', body: { removed: 2 } }]);
  });

  test('names whom it does not know, with the place, and changes nothing', async () => {
    const refused = await run(['oncall', 'import', 'shifts.yaml'], { 'shifts.yaml': shifts('adaa') });
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^shifts\.yaml:3:15: error: nobody .*"adaa": did you mean "ada"\?/),
    });
    expect(await onCall(ben)).toEqual(['payments']);
  });

  test('imports a calendar under the schedule that it is given, beside what other files say', async () => {
    const unknown = await run(['oncall', 'import', 'team.ics', '--schedule', 'ledger'], calendar('eve@example.com'));
    expect(unknown).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^team\.ics:4:1: error: event "shift-1": nobody/),
    });
    const imported = await json(['oncall', 'import', 'team.ics', '--schedule', 'ledger'], calendar('Ben@example.com'));
    expect(imported).toMatchObject({ schedules: ['ledger'], shifts: 1 });
    expect(await onCall(ben)).toEqual(['ledger', 'payments']);
    expect(
      (await run(['oncall', 'import', 'shifts.yaml', '--schedule', 'x'], { 'shifts.yaml': shifts('ada') })).code,
    ).toBe(2);
    expect((await run(['oncall', 'import', 'Bad Name.ics'], { 'Bad Name.ics': '' })).code).toBe(2);
  });
});

describe('curfew report objects', () => {
  test('lists what was left behind, with the names as long as they are kept', async () => {
    expect((await run(['report', 'objects'])).out).toBe('Nobody left anything behind.\n');
    const request = await openRequest(store.as.curfew_api, ada);
    const [id, salt] = [randomUUID(), Buffer.alloc(16, 1)];
    const left = { id, grantId: request.id, target: 'orders-prod', database: 'orders', kinds: { table: 3 }, total: 3 };
    const names = {
      person: ada,
      salt,
      hash: 'a'.repeat(64),
      text: JSON.stringify([{ kind: 'table', name: 'attic.t' }]),
    };
    await store.as.curfew_worker.transaction((tx) => listLeft(tx, left, names));
    const { out } = await run(['report', 'objects', '--request', request.id]);
    expect(out).toMatch(/orders-prod +orders +table +attic\.t\n/);
    expect(out).toContain('2 more, whose names are not kept');
    expect((await run(['report', 'objects', '--target', 'models-prod'])).out).toContain('Nobody');
    expect((await run(['report', 'objects', '--request', 'x'])).code).toBe(2);
    expect(await json(['report', 'objects'])).toMatchObject([
      { total: 3, names: [{ name: 'attic.t' }], handedAt: null },
    ]);
  });
});

describe('curfew report reciprocity', () => {
  test('says that there is none, of which period and out of how many', async () => {
    const ran = await run(['report', 'reciprocity', '--from', '2026-01-01', '--to', '2026-02-01T00:00+01:00']);
    expect(ran.out).toMatch(
      /^From .*: 0 approvals among 0 people\.\nNo two people approved each other\.\n\nThe statement, in UTC:\n/,
    );
    expect((await run(['report', 'reciprocity', '--from', 'yesterday'])).code).toBe(2);
    expect((await run(['report', 'reciprocity', '--from', '2026-02-01', '--to', '2026-02-01'])).code).toBe(2);
  });

  test('lists every pair with its counts both ways', async () => {
    await approves(ada, ben, 3);
    await approves(ben, ada, 4);
    const ran = await run(['report', 'reciprocity']);
    expect(ran.out).toContain('7 approvals among 2 people.\n1 pair approved each other, 1 of them reciprocal.\n');
    expect(await json(['report', 'reciprocity'])).toMatchObject({
      approvals: 7,
      people: 2,
      pairs: [{ reciprocal: true, ...(ada < ben ? { one: 'ada', oneApproved: 3 } : { one: 'ben', oneApproved: 4 }) }],
    });
  });

  test('is the same as CSV, of one person, and by its own statement run again', async () => {
    const [one, other] = ada < ben ? [ada, ben] : [ben, ada];
    const csv = await run(['report', 'reciprocity', '--format', 'csv', '--person', 'ben']);
    const [heading, pair, ...more] = csv.out.split('\r\n');
    expect(heading).toBe('one,one_id,other,other_id,one_approved,other_got,other_approved,one_got,reciprocal');
    expect(pair).toContain(`${one},`);
    expect(pair).toContain(`,${other},`);
    expect(more).toEqual(['']);
    const { query, count } = (await json(['report', 'reciprocity'])) as { query: string; count: number };
    expect(await store.as.curfew_auditor.query(query)).toHaveLength(count);
    const nobody = await json(['report', 'reciprocity', '--person', '00000000-0000-4000-8000-000000000000']);
    expect(nobody).toMatchObject({ pairs: [], approvals: 7 });
  });
});

test('what an operator does under their own login is in the audit under it', async () => {
  await store.admin.query(
    `create role ada_ops login password 'a-long-enough-word' in role curfew_admin, curfew_directory`,
  );
  const url = new URL(store.adminUrl);
  [url.username, url.password] = ['ada_ops', 'a-long-enough-word'];
  const env = { CURFEW_ADMIN_STORE_URL: url.href, CURFEW_DIRECTORY_STORE_URL: url.href };
  const file =
    'people:\n  - { handle: cleo, name: Cleo Example, email: cleo@example.com, slack: { team: T1, user: U77 } }\n';
  const own = (words: readonly string[]) =>
    curfew(words, { env, files: { 'people.yaml': file, 's.yaml': 'schedule: s\nshifts: []\n' } });
  for (const words of [
    ['people', 'import', 'people.yaml'],
    ['people', 'link', 'cleo', '--code'],
    ['oncall', 'import', 's.yaml'],
    ['people', 'leave', 'cleo', '--yes'],
  ]) {
    expect(await own(words)).toMatchObject({ code: 0 });
  }
  const cleo = (await people.personByHandle(store.admin, 'cleo')) ?? expect.fail('nobody');
  const entries = [...(await entriesOf(store.admin, cleo)), ...(await entriesOf(store.admin, 'oncall/s.yaml'))];
  expect(new Set(entries.map(({ kind }) => kind))).toEqual(
    new Set(['link.made', 'person.changed', 'link-code.minted', 'end.asked', 'oncall.imported']),
  );
  expect(new Set(entries.flatMap(({ login, actor }) => [login, actor]))).toEqual(new Set(['ada_ops']));
});

test('an import that puts somebody into groups that exclude each other changes nothing, and says where', async () => {
  const text = `version: 1
targets:
  orders-prod:
    kind: postgres
    owners: [group:owners]
    databases: [orders]
    roles:
      read: { template: orders_read, max: 8h }
rules:
  - name: read
    match: { role: read }
    approvals:
      - { name: owners, from: [owner], need: 1 }
conflicts:
  - { name: one-hat, groups: [owners, controllers], never: both }
`;
  await store.admin.query('insert into curfew.policy_version (hash, text) values ($1, $2)', [policyHash(text), text]);
  const file = `people:
  - { handle: ada, name: Ada Example, email: ada@example.com, groups: [owners, controllers] }
`;
  expect(await run(['people', 'import', 'people.yaml'], { 'people.yaml': file })).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^people\.yaml:2:\d+: error: ada may not be in owners and controllers at once.*one-hat/),
  });
  expect((await people.factsOf(store.admin, ada))?.groups).toEqual([]);
});
