/**
 * `curfew audit evidence --statements` out of a real store: what a collector wrote down goes into the file, and `verify`
 * names the entry of whatever a superuser changed in those rows; and the receipt of a later end beside those of its grant.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEvidence } from '../audit/evidence/read.ts';
import type { Verdict } from '../audit/verify/verify.ts';
import { isRefusal } from '../domain/errors.ts';
import { personErased } from '../domain/events/retention.ts';
import { sessionStatements } from '../domain/events/session.ts';
import type { RequestId } from '../domain/ids.ts';
import { append } from '../store/audit.ts';
import { erasePerson } from '../store/erasing.ts';
import { sizeOf } from '../store/log.ts';
import type { SessionEvent } from '../store/session-fold.ts';
import { record } from '../store/session-log.ts';
import { placeOf } from '../store/session-places.ts';
import { keysOf, people } from './support/evidence.ts';
import { askMore, decideMore, moreMade } from './support/extending.ts';
import { startStore, type TestStore } from './support/store.ts';
import { pastRules, putLog, signStore } from './support/stored-log.ts';
import { curfew } from './support/terminal.ts';
import { countsOf, held, wrongIn } from './support/verified.ts';

let store: TestStore;
let folder = '';
let one: RequestId;
let other: RequestId;
const keys = keysOf();

const statement = (text: string | null): SessionEvent => ({
  kind: 'statement',
  via: 'statement',
  text,
  parameters: null,
  what: null,
  durationUs: 40,
  error: null,
});

/** As a collector writes a session down: it came in, did this, and left. */
async function session(requestId: RequestId, name: string, at: number, statements: readonly (string | null)[]) {
  const collector = store.as.curfew_collector;
  const node = { cluster: 'main', node: 'primary', targets: ['orders-prod'] };
  const events = [
    { kind: 'opened', application: 'psql' } as const,
    ...statements.map(statement),
    { kind: 'closed' } as const,
  ];
  const place = await placeOf(collector, node);
  await record(collector, node, place, {
    place: { file: 'a.json', head: Buffer.alloc(32), next: (place.next ?? 0) + 1 },
    askedAt: at,
    more: false,
    lost: false,
    connections: true,
    copiedUntil: null,
    lines: events.map((event, index) => ({
      session: name,
      line: index + 1,
      requestId,
      database: 'orders',
      at: at + index,
      ends: event.kind === 'closed',
      event,
    })),
  });
}

beforeAll(async () => {
  [store, folder] = await Promise.all([startStore(), mkdtemp(join(tmpdir(), 'curfew-statements-'))]);
  const { log, id } = held();
  const more = askMore(log, id);
  decideMore(log, id, more, 'approve');
  moreMade(log, id, more);
  const grantedAt = log.at;
  log.at = more.endAt;
  log.end(id);
  const next = log.whole();
  [one, other] = [id, next];
  await putLog(store, log);
  await pastRules(store, async (db) => {
    await db.query(
      `insert into curfew.person (id, handle, state, kind, version, changed_at) values ($1, 'ada', 'left', 'employee', 1, now())`,
      [people.requester.id],
    );
    await db.query(
      `insert into curfew.request (id, kind, person, target, databases, role, template, duration_ms, reason_hash, plan, policy_hash,
         digest, opened_at, decide_by)
       select id, 'access', $2, 'orders-prod', '{orders}', 'read', 'orders_read', 3600000, repeat('0', 64), '{}', 'x',
         repeat('0', 64), now(), now() from unnest($1::uuid[]) id`,
      [[one, other], people.requester.id],
    );
  });
  await session(one, '1.a', grantedAt, ['select ?', 'update orders set state = ?', null]);
  await session(one, '1.b', grantedAt, ['select now()']);
  await session(other, '2.a', log.claimed(next).acceptedAt, ['table orders', 'commit']);
  await signStore(store, keys);
});
afterAll(async () => {
  await store?.end();
  await rm(folder, { recursive: true, force: true });
});

let written = 0;
async function evidence(...words: readonly string[]) {
  const path = join(folder, `${(written += 1)}.zip`);
  const env = { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') };
  return { path, ...(await curfew(['audit', 'evidence', ...words, '-o', path], { env })) };
}

/** What the file says, without anything but a key. No script of it is there to be replayed. */
async function verified(...words: readonly string[]) {
  const { path, code, err } = await evidence(...words);
  expect({ code, err }).toMatchObject({ code: 0 });
  const told = await curfew(['verify', path, '--key', keys.verifier.text, '--json']);
  if (told.out === '') throw new Error(told.err);
  return { path, err, code: told.code, verdict: JSON.parse(told.out) as Verdict };
}

async function membersOf(path: string): Promise<ReadonlySet<string>> {
  const read = await openEvidence(path);
  if (isRefusal(read)) throw new Error(read.message);
  read.close();
  return read.names;
}

async function readme(path: string): Promise<string> {
  const read = await openEvidence(path);
  if (isRefusal(read)) throw new Error(read.message);
  const text = String(await read.bytes('README.md'));
  read.close();
  return text;
}

/** Where the log has the hash of what was done in a session. */
async function entryOf(name: string): Promise<number> {
  const [row] = await store.admin.query<{ index: number }>(
    `select l.index from audit.entry e join audit.leaf l on l.entry = e.id
     where e.kind = 'session.closed' and convert_from(e.body, 'UTF8')::jsonb ->> 'session' = $1`,
    [name],
  );
  return row?.index ?? -1;
}

test('statements that are asked for are in the file of a request, with its later end, and hold', async () => {
  const { path, err, code, verdict } = await verified('--request', one, '--statements');
  expect(wrongIn(verdict)).toEqual([]);
  expect(code).toBe(0);
  expect(countsOf(verdict)).toMatchObject({ sessions: 2, statements: 4, extensions: 1, receipts: 3 });
  expect(countsOf(verdict)).not.toHaveProperty('extensions without a receipt');
  expect(err).toContain(', 4 statements, ');
  expect(await membersOf(path)).toContain('statements.jsonl');
  expect(await readme(path)).toMatch(/^\| statements\.jsonl \| what was done with access/m);
});

test('statements that are not asked for are not in the file, and are counted', async () => {
  const { path, err, verdict } = await verified('--request', one);
  expect(wrongIn(verdict)).toEqual([]);
  expect(countsOf(verdict)).toMatchObject({ 'statements that are not in this file': 4 });
  expect(err).not.toMatch(/\d statements?/);
  expect(await membersOf(path)).not.toContain('statements.jsonl');
  expect(await readme(path)).toContain('`curfew audit evidence --statements` writes one that has');
  expect(await readme(path)).not.toContain('statements.jsonl');
});

test('the README of a file names each of its members, and none that is not there', async () => {
  for (const words of [
    ['--request', one],
    ['--request', one, '--statements'],
    ['--from', '2020-01-01'],
  ]) {
    const { path } = await evidence(...words);
    const named = [...(await readme(path)).matchAll(/^\| (\S+\.\w+|\w+\/) \| /gm)].map(([, name]) => name);
    const there = [...(await membersOf(path))].map((name) => name.replace(/\/.*/, '/'));
    // No Workflow of this sample was kept, so none ran a script.
    expect(new Set(named)).toEqual(new Set([...there.filter((name) => name !== 'README.md'), 'bundles/']));
  }
});

test('those of a period are those of everybody', async () => {
  const { verdict } = await verified('--from', '2020-01-01', '--statements');
  expect(wrongIn(verdict)).toEqual([]);
  expect(countsOf(verdict)).toMatchObject({ sessions: 3, statements: 6 });
});

const run = (text: string) => pastRules(store, (db) => db.query(text));

/** Changes rows past every rule, and undoes it. */
async function changed(change: string, undo: string, look: () => Promise<void>): Promise<void> {
  await run(change);
  try {
    await look();
  } finally {
    await run(undo);
  }
}
const of = (name: string): string => `session = (select id from curfew.session where session = '${name}')`;
const at = (name: string, line: number): string => `${of(name)} and line = ${line}`;

test('a text that was changed, and a statement that is another one, are named by the entry of their session', async () => {
  const index = await entryOf('1.a');
  await changed(
    `update curfew.session_text set text = 'select 1' where ${at('1.a', 2)}`,
    `update curfew.session_text set text = 'select ?' where ${at('1.a', 2)}`,
    async () => {
      const { code, verdict } = await verified('--request', one, '--statements');
      expect({ code, first: verdict.checks[4]?.first }).toMatchObject({
        code: 1,
        first: [{ index, why: expect.stringContaining('The text of its line 2 is another one') as string }],
      });
    },
  );
  await changed(
    `update curfew.session_statement set error = '42501' where ${at('1.a', 3)}`,
    `update curfew.session_statement set error = null where ${at('1.a', 3)}`,
    async () => {
      const { verdict } = await verified('--request', one, '--statements');
      expect(verdict.checks[4]?.first).toMatchObject([
        { index, why: expect.stringContaining('A statement of its lines 2 to 4') as string },
      ]);
    },
  );
});

test('a statement that was moved to another session is missed in its own', async () => {
  await changed(
    `update curfew.session_statement set ${of('1.b')}, line = 1 where ${at('1.a', 4)}`,
    `update curfew.session_statement set ${of('1.a')}, line = 4 where ${at('1.b', 1)}`,
    async () => {
      const { verdict } = await verified('--request', one, '--statements');
      expect(verdict.checks[4]?.first).toMatchObject([{ index: await entryOf('1.a') }]);
    },
  );
});

test('texts that are gone with nobody erased are named', async () => {
  const kept = await store.admin.query<{ text: string }>(`select text from curfew.session_text where ${at('1.b', 2)}`);
  expect(kept).toEqual([{ text: 'select now()' }]);
  await changed(
    `update curfew.session_text set line = 900 where ${at('1.b', 2)}`,
    `update curfew.session_text set line = 2 where ${at('1.b', 900)}`,
    async () => {
      const { verdict } = await verified('--from', '2020-01-01', '--statements');
      expect(verdict.checks[4]?.first).toMatchObject([
        { index: await entryOf('1.b'), why: expect.stringContaining('no entry erases their person') as string },
      ]);
    },
  );
});

test('of somebody who was erased the file has no text, and the entry that says why; not before that is signed', async () => {
  await store.as.curfew_directory.transaction(async (tx) => {
    const rows = await erasePerson(tx, people.requester.id);
    await append(tx, personErased('curfew_directory', people.requester.id, { rows, because: 'case 12' }));
  });
  const early = await evidence('--request', one, '--statements');
  expect(early).toMatchObject({
    code: 1,
    err: expect.stringContaining('erased since the newest checkpoint') as string,
  });
  expect(existsSync(early.path)).toBe(false);
  await signStore(store, keys);
  for (const words of [
    ['--request', one],
    ['--from', '2020-01-01'],
    ['--from', '2026-03-02', '--to', '2026-03-03'],
  ]) {
    const { verdict } = await verified(...words, '--statements');
    expect(wrongIn(verdict), words.join(' ')).toEqual([]);
    expect(countsOf(verdict)['statements without the text of who was erased']).toBe(words[1] === one ? 3 : 5);
  }
});

test('whatever a stolen collector says of its lines, the file is written, and no more is in it than was said to be', async () => {
  const place = { cluster: 'main', node: 'primary', session: '1.a', sha256: '0'.repeat(64) };
  const before = await sizeOf(store.as.curfew_auditor);
  for (const [from, to, count] of [
    [1.5, 3, 1],
    [2, 3, 0.5],
    [0, 2 ** 31 - 1, 1],
  ] as const)
    await append(store.as.curfew_collector, sessionStatements('somebody', one, { ...place, from, to, count }));
  await signStore(store, keys);
  const { err, verdict } = await verified('--request', one, '--statements');
  expect(err).toContain(', 5 statements, ');
  expect(verdict.checks[4]?.first.map(({ index }) => index)).toEqual([before, before + 1, before + 2]);
});
