/**
 * What each login may append is its own word, whatever it is: no entry of a stolen login keeps anybody from reading the
 * others, for an entry can never be taken back (F44, F48).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkAll } from '../doctor/check-all.ts';
import { auditKinds, type AuditKind, type Login } from '../domain/events.ts';
import { append } from '../store/audit.ts';
import { sequence } from '../store/log.ts';
import * as rows from '../store/evidence.ts';
import { oddEntry } from './support/entries.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let folder = '';
beforeAll(async () => {
  store = await startStore();
  folder = await mkdtemp(join(tmpdir(), 'curfew-odd-'));
  for (const [kind, logins] of Object.entries(auditKinds))
    for (const login of logins) await appendOdd(kind as AuditKind, login);
  await sequence(store.as.curfew_worker, 10_000);
});
afterAll(async () => {
  await store?.end();
  await rm(folder, { recursive: true, force: true });
});

/** Fields that somebody reads as a number, an instant, a list, an id. */
const keys =
  'count openedAt endedAt by state before verifiedAt nodes code why target role incident workflow run firstId lastId from to decision extension changed facts plan';
const values = [
  'x',
  '',
  -1,
  1e300,
  2 ** 53,
  1.5,
  '99999999999999999999',
  '9223372036854775807',
  null,
  true,
  [[1]],
  [],
  {},
];
const subjects = ['nobody', '', '6f1c2a9e', '{6F1C2A9E-3B7D-4A51-9C3E-0D2F6B8A7C11}', 'log', '\u2028'];

const appendOdd = (kind: AuditKind, login: Login): Promise<unknown> =>
  store.as[login].transaction(async (tx) => {
    for (const [n, value] of values.entries()) {
      const body = Object.fromEntries(keys.split(' ').map((key) => [key, value]));
      // Somebody whom the store takes at their word that they left, so that the rest is read too.
      const word = kind === 'person.changed' ? { state: 'left' } : {};
      const subject = subjects[n % subjects.length] ?? '';
      await append(tx, oddEntry({ kind, actor: subject, subject, body: { ...body, ...word } }));
    }
  });

const ran = (...words: readonly string[]) =>
  curfew(words, { env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') } });

test.each(['grants', 'leavers', 'breakglass', 'refusals', 'approvers', 'policy-changes', 'admins', 'reciprocity'])(
  'the report %s is written over whatever a login may have said',
  async (name) => {
    for (const format of ['table', 'csv', 'json'])
      expect(await ran('report', name, '--from', '2020-01-01', '--format', format)).toMatchObject({
        code: 0,
        err: expect.not.stringContaining('rror'),
      });
  },
);

const counted = async (name: string): Promise<number> => {
  const { out } = await ran('report', name, '--from', '2020-01-01', '--format', 'json');
  return (JSON.parse(out) as { count: number }).count;
};

test('every refusal, leaver and break-glass is in its report, whatever it says of itself', async () => {
  const refused = Object.entries(auditKinds).filter(([kind]) => kind.endsWith('.refused'));
  expect(await counted('refusals')).toBe(refused.flatMap(([, logins]) => logins).length * values.length);
  expect(await counted('leavers')).toBe(auditKinds['person.changed'].length * values.length);
  expect(await counted('breakglass')).toBe(auditKinds['breakglass.recorded'].length * values.length);
});

test.each(['jsonl', 'csv', 'ocsf'])('the log is exported as %s, and told, with it', async (format) => {
  const { code, err } = await ran(
    'audit',
    'export',
    '--from',
    '2020-01-01',
    '--format',
    format,
    '-o',
    join(folder, format),
  );
  expect({ code, err }).toMatchObject({ code: 0 });
  expect(await ran('audit', 'tail', '--lines', '5000')).toMatchObject({ code: 0, err: '' });
});

test('evidence finds what it names, and the checker goes on', async () => {
  const places = Array.from({ length: 2_000 }, (_, place) => place);
  expect(await rows.receiptsAt(store.as.curfew_auditor, places)).toEqual([]);
  expect(await rows.historiesAt(store.as.curfew_auditor, places)).toEqual([]);
  await rows.placesAround(store.as.curfew_auditor, { from: 3, to: 9 }, 2_000);
  expect((await checkAll({ store: store.as.curfew_auditor, targets: [], now: Date.now() })).length).toBeGreaterThan(0);
});
