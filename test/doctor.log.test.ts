/** What the checker says of a log that somebody with the whole database in their hands has changed (I11, F25, F48). */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCheckpoint } from '../audit/checkpoint.ts';
import { keyringOf, type Keyring } from '../audit/keyring.ts';
import { newKey } from '../audit/signed-note.ts';
import { directoryWitness } from '../audit/witness/directory.ts';
import { checkAll } from '../doctor/check-all.ts';
import type { Finding, Witnessed } from '../doctor/finding.ts';
import { minuteMs } from '../domain/time.ts';
import { append } from '../store/audit.ts';
import * as log from '../store/log.ts';
import { passedOver } from '../store/log-rows.ts';
import { migrate } from '../store/migrate.ts';
import { createCheckpoints } from '../workers/worker/checkpoints.ts';
import { createWitnessing } from '../workers/worker/witnessing.ts';
import { oddEntry } from './support/entries.ts';
import { until } from './support/postgres.ts';
import { backUp, restore } from './support/restored-store.ts';
import type { Db } from '../store/pool.ts';
import { startStore, type TestStore } from './support/store.ts';

const name = 'curfew.test';
const key = newKey(name);
let store: TestStore;
let folder: string;
/** An hour ago: of the columns beside a note each may say something else. */
const beganAt = Date.now() - 60 * minuteMs;
let signedAt = beganAt;

/** A log of three checkpoints, over 300, 600 and 700 entries; a backup of it from before the last one. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-witness-'));
  store = await startStore({ config: { max_connections: '60' } });
  await grow(300);
  await grow(300);
  await backUp(site);
  await grow(100);
  await restore(site);
});
afterAll(async () => {
  await store.end();
  await rm(folder, { recursive: true });
});

const site = {
  run: (text: string) => store.postgres.query('postgres', text),
  migrate: () => migrate({ adminUrl: store.adminUrl }),
};
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const keyring = (): Keyring => {
  const read = keyringOf(key.signer);
  if ('code' in read) throw new Error(read.message);
  return read;
};

async function grow(count: number, sign = true): Promise<void> {
  await store.as.curfew_api.transaction(async (tx) => {
    for (let n = 0; n < count; n += 1)
      await append(tx, oddEntry({ kind: 'request.refused', actor: 'x', subject: randomUUID(), body: { n } }));
  });
  await until(async () => {
    await log.sequence(store.as.curfew_worker, 1_000);
    return (await log.waiting(store.as.curfew_worker)).entries === 0;
  }, 'every entry has its place');
  if (!sign) return;
  signedAt += minuteMs;
  const clock = (): number => signedAt;
  const witnessing = createWitnessing({ store: store.as.curfew_worker, clock, witnesses: [directoryWitness(folder)] });
  const options = { store: store.as.curfew_worker, log: quiet, clock, name, witnessing };
  await createCheckpoints({ ...options, keyring: () => Promise.resolve(keyring()) })();
}

type More = { readonly witnessed?: Witnessed; readonly sinceAt?: number };

const lookThrough = async (db: Db, more: More): Promise<readonly Finding[]> =>
  (await checkAll({ store: db, targets: [], now: Date.now(), ...more })).filter(({ invariant }) => invariant === 'I11');
const look = (more: More = {}): Promise<readonly Finding[]> => lookThrough(store.as.curfew_auditor, more);
const codes = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ code, subject }) => `${code} ${subject}`);

class Undone extends Error {}

/** What the checker finds once a superuser, in whose way neither triggers nor privileges stand, has done this; then it is undone. */
async function after(
  text: string,
  more: More = {},
  lookToo: (tx: Db) => Promise<unknown> = () => Promise.resolve(),
): Promise<readonly Finding[]> {
  let findings: readonly Finding[] = [];
  const undone = store.admin.transaction(async (tx) => {
    for (const table of ['entry', 'leaf', 'node', 'checkpoint'])
      await tx.query(`alter table audit.${table} disable trigger all`);
    await tx.query(text);
    findings = await lookThrough(tx, more);
    await lookToo(tx);
    throw new Undone();
  });
  await expect(undone).rejects.toThrow(Undone);
  return findings;
}

/** What is in the folder, as doctor reads it. */
async function witnessed(): Promise<Witnessed> {
  const { verifiers } = keyring();
  const opened = openCheckpoint((await directoryWitness(folder).newest()) ?? '', verifiers);
  if ('kind' in opened) throw new Error(opened.says);
  return { name, verifiers, held: [opened], troubles: [] };
}

const idAt = async (index: number): Promise<number> =>
  (await store.admin.query<{ entry: number }>('select entry from audit.leaf where index = $1', [index]))[0]?.entry ??
  -1;

const remade = `update audit.leaf l set hash = sha256('\\x00'::bytea || audit.line(e)) from audit.entry e where e.id = l.entry`;

test('a log that nobody has touched is whole', async () => {
  expect(await look()).toEqual([]);
  expect((await log.checkpoints(store.admin, 0, 10)).map(({ size }) => size)).toEqual([300, 600]);
});

test.each([
  ['its body', `body = '{"n":7}'`],
  ['its actor', `actor = 'somebody'`],
  ['its kind', `kind = 'decision.refused'`],
  ['its subject', `subject = 'another'`],
  ['its login', `login = 'curfew_worker'`],
  ['its instant, which is none any more', `at = 'infinity'`],
  ['its instant, by a microsecond', `at = at + interval '1 microsecond'`],
])('an entry of which a superuser edits %s is named (F48)', async (_, change) => {
  const id = await idAt(123);
  expect(codes(await after(`update audit.entry set ${change} where id = ${id}`))).toEqual([`log-edited ${id}`]);
});

test('an entry that a superuser edits is named though the function that writes its line says what it was (F48)', async () => {
  const id = await idAt(123);
  const findings = await after(`create table audit.before as select e.id, audit.line(e) as line from audit.entry e;
    alter function audit.line(audit.entry) rename to line_of_now;
    create function audit.line(e audit.entry) returns bytea language sql stable
      as 'select line from audit.before b where b.id = e.id';
    update audit.entry set actor = 'somebody' where id = ${id}`);
  expect(codes(findings)).toEqual([`log-edited ${id}`]);
});

test('an entry that a superuser deletes is named, and one that goes with its leaf leaves a gap (F48)', async () => {
  const id = await idAt(200);
  const gone = `delete from audit.entry where id = ${id}`;
  expect(codes(await after(gone))).toEqual([`log-gone ${id}`]);
  const [gap] = await after(`${gone}; delete from audit.leaf where index = 200`);
  expect(gap).toMatchObject({ code: 'log-gap', detail: 'Places 200 to 200 of the log have no leaf.' });
});

test('two entries that exchanged their places are both named', async () => {
  const [one, other] = [await idAt(10), await idAt(20)];
  const findings = await after(`update audit.leaf set entry = -1 where index = 10;
    update audit.leaf set entry = ${one} where index = 20; update audit.leaf set entry = ${other} where index = 10`);
  expect(codes(findings)).toEqual([`log-edited ${other}`, `log-edited ${one}`]);
});

test('an entry that was edited together with its leaf no longer fits the checkpoints over it', async () => {
  const findings = await after(`update audit.entry set actor = 'somebody' where id = ${await idAt(299)}; ${remade}`);
  expect(findings.map(({ code }) => code)).toEqual(['log-forked', 'log-forked', 'log-tree']);
  expect(findings[0]?.detail).toContain('over 300 entries');
});

test('entries that were cut off with their leaves are missed by the checkpoint over them', async () => {
  const [cut] = await after(`delete from audit.entry where id in (select entry from audit.leaf where index >= 590);
    delete from audit.leaf where index >= 590`);
  expect(cut).toMatchObject({
    code: 'log-gap',
    detail: 'The log has 590 leaves, and a checkpoint over 600 was signed.',
  });
});

test('an older database that was restored is whole in itself, and its witness shows that it is older (F25, F48)', async () => {
  expect(await look()).toEqual([]);
  const [older] = await look({ witnessed: await witnessed() });
  expect(older).toMatchObject({
    code: 'log-lost',
    detail: expect.stringContaining('it has 600 entries, and 700 were'),
  });
  await grow(200, false);
  expect(await look()).toEqual([]);
  const [forked] = await look({ witnessed: await witnessed() });
  expect(forked).toMatchObject({
    code: 'log-lost',
    detail: expect.stringContaining('its first 700 entries are others'),
  });
  await restore(site);
});

test('a log that was rewritten with its leaves, its tree and its checkpoints is whole in itself, and its witness finds it', async () => {
  await grow(150, false);
  const rewritten = `update audit.entry set actor = 'somebody' where id = ${await idAt(400)}; ${remade};
    update audit.node n set hash = (select audit.fold(string_agg(l.hash, ''::bytea order by l.index)) from audit.leaf l
      where l.index >> 8 = n.index) where n.level = 8;
    delete from audit.checkpoint`;
  expect(await after(rewritten)).toEqual([]);
  expect(codes(await after(rewritten, { witnessed: await witnessed() }))).toEqual(['log-lost log']);
});

const waits = (since: string): string =>
  `insert into audit.entry (at, login, kind, actor, subject, body)
   values (clock_timestamp() - interval '${since}', 'curfew_api', 'request.refused', 'x', 'waits', '{}')`;

test('an entry without a place is named after a minute, by the clock of the store', async () => {
  expect(await after(waits('50 seconds'))).toEqual([]);
  expect(codes(await after(waits('70 seconds')))).toEqual(['log-waits log']);
});

const planted = (id: string, since = '70 seconds'): string =>
  `insert into audit.entry (id, at, login, kind, actor, subject, body)
   values (${id}, clock_timestamp() - interval '${since}', 'curfew_api', 'request.refused', 'x', 'planted', '{}')`;

test('an entry that a superuser puts in among those that have their places is named, whatever its instant (F48)', async () => {
  expect(codes(await after(planted('0')))).toEqual(['log-passed 0']);
  expect(codes(await after(planted('-7', '3 years')))).toEqual(['log-passed -7']);
});

test('it is found wherever it is put, a page of the log at a time', async () => {
  const gap = await idAt(100);
  const taken = `delete from audit.leaf where entry = ${gap}`;
  await after(`${planted('0')}; ${planted('-7')}; ${taken}`, {}, async (tx) => {
    const [row] = await tx.query<{ entries: number }>(
      'select count(*) as entries from audit.sequencer s join audit.entry e on e.id <= s.horizon',
    );
    for (const page of [1, 64, 100_000]) {
      let reads = 0;
      const counted: Db = { query: (text, values) => ((reads += 1), tx.query(text, values)) };
      expect(await passedOver(counted, page)).toEqual([{ id: -7 }, { id: 0 }, { id: gap }]);
      expect(reads).toBe(Math.ceil((row?.entries ?? 0) / page) + 1);
    }
  });
});

test('a horizon that a superuser moves ahead is told, and hides nothing', async () => {
  const moved = 'update audit.sequencer set horizon = 9000000000000000';
  expect(codes(await after(moved))).toEqual(['log-passed log']);
  const findings = codes(await after(`${moved}; ${waits('70 seconds')}`));
  expect(findings).toHaveLength(3);
  expect(findings).toContain('log-waits log');
  expect(findings).toContain('log-passed log');
});

/** After the first checkpoint was signed, and before the second. */
const sinceAt = beganAt + 1.5 * minuteMs;
const backdated = `update audit.checkpoint set stored_at = stored_at - interval '2 hours'`;

test('what is older than the time that is looked at is taken from the tree, and what is younger is looked at', async () => {
  const [old, young] = [await idAt(100), await idAt(400)];
  const both = `update audit.entry set actor = 'somebody' where id in (${old}, ${young})`;
  expect(codes(await after(`${both}; ${backdated}`, { sinceAt }))).toEqual([`log-edited ${young}`]);
  expect(codes(await after(both))).toEqual([`log-edited ${old}`, `log-edited ${young}`]);
});

test('a superuser who backdates checkpoints keeps nothing from being looked at: their notes say when they were signed (F48)', async () => {
  const young = await idAt(400);
  const edited = `update audit.entry set actor = 'somebody' where id = ${young}`;
  const columns = `${backdated}; update audit.checkpoint set at = at - interval '2 hours'`;
  expect(codes(await after(`${edited}; ${columns}`, { sinceAt }))).toEqual([`log-edited ${young}`]);
  // A note with another instant in it is no note of the key's.
  const early = new Date(beganAt).toISOString();
  const notes = `${columns}; update audit.checkpoint set note = regexp_replace(note, '\nat [^\n]+', E'\nat ${early}')`;
  const known = { ...(await witnessed()), held: [] };
  expect(codes(await after(`${edited}; ${notes}`, { sinceAt, witnessed: known }))).toEqual([`log-edited ${young}`]);
  // What the log does not begin with any more is no reason either.
  const forged = `update audit.entry set actor = 'somebody' where id = ${await idAt(270)}; ${remade}; ${backdated}`;
  const [first] = await after(forged, { sinceAt });
  expect(first?.detail).toContain('over 300 entries');
});

test('lines that were retired on purpose are missed by nobody, and others are', async () => {
  const [first, last, other] = [await idAt(0), await idAt(49), await idAt(50)];
  const body = JSON.stringify({ firstId: first, lastId: last });
  const findings = await after(`delete from audit.entry where id <= ${other};
    insert into audit.entry (at, login, kind, actor, subject, body)
    values (clock_timestamp(), 'curfew_admin', 'log.retired', 'curfew_admin', 'log', convert_to('${body}', 'UTF8'))`);
  expect(codes(findings)).toEqual([`log-gone ${other}`]);
});

/** As anybody may append who is an operator. */
const said = (body: object, subject = 'log'): string =>
  `insert into audit.entry (at, login, kind, actor, subject, body) values (clock_timestamp(), 'curfew_admin',
     'log.retired', 'curfew_admin', '${subject}', convert_to('${JSON.stringify(body)}', 'UTF8'))`;
const made = `insert into audit.entry (at, login, kind, actor, subject, body)
  values (clock_timestamp(), 'curfew_api', 'claim.accepted', 'x', 'nobody', '{}')`;

test.each([
  ['the end of the century', { before: '2099-01-01T00:00:00.000Z' }],
  ['some x', { before: 'x' }],
  ['nobody knows when', {}],
])(
  'an operator who says that all until %s was retired keeps no change from being held against its entry',
  async (_, body) => {
    expect(codes(await after(`${said(body)}; ${made}`))).toEqual(['no-change nobody']);
  },
);

test.each([
  ['everything', { firstId: 1, lastId: 9e15 }],
  ['what is no id', { firstId: 'x', lastId: [] }],
  ['ids that no entry has', { firstId: 1e300, lastId: '99999999999999999999' }],
])(
  'an operator who says that %s was retired hides no entry that is gone from among those that are left',
  async (_, body) => {
    const id = await idAt(200);
    expect(codes(await after(`delete from audit.entry where id = ${id}; ${said(body)}`))).toEqual([`log-gone ${id}`]);
  },
);

test('an entry that lines were retired is one of the log, and of nothing else', async () => {
  const id = await idAt(0);
  const body = { firstId: id, lastId: id };
  const gone = `delete from audit.entry where id = ${id}`;
  expect(codes(await after(`${gone}; ${said(body)}`))).toEqual([]);
  expect(codes(await after(`${gone}; ${said(body, 'x')}`))).toEqual([`log-gone ${id}`]);
});
