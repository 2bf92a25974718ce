/**
 * `curfew audit evidence` and `curfew verify` on a real store: what the one writes the other proves, with nothing but a
 * key; and what a superuser changes in the rows meanwhile is found and named (I11, F48).
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkpointText } from '../audit/checkpoint.ts';
import { rootOf } from '../audit/merkle.ts';
import { newKey, signNote } from '../audit/signed-note.ts';
import type { Verdict } from '../audit/verify/verify.ts';
import { readNodes } from '../store/log.ts';
import type { Db } from '../store/pool.ts';
import { keysOf, SampleLog } from './support/evidence.ts';
import { verifyIndependently } from './support/independent-verifier.ts';
import { startStore, type TestStore } from './support/store.ts';
import { pastRules, putLog, signStore } from './support/stored-log.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let folder = '';
let requests: readonly string[] = [];
let atMs: readonly number[] = [];
let kept = '';
const keys = keysOf();
const file = (name: string): string => join(folder, name);
const note = (text: string): string => signNote(text, [keys.signer]);

const asSuperuser = (work: (db: Db) => Promise<unknown>): Promise<void> => pastRules(store, work);

beforeAll(async () => {
  store = await startStore();
  folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  const log = new SampleLog();
  log.applyPolicy();
  log.at += 60_000;
  requests = [log.whole(), log.whole(), log.whole()];
  await putLog(store, log);
  atMs = log.lines.map((line) => Date.parse(/"at":"([^"]+)"/.exec(String(line))?.[1] ?? ''));
  kept = await signStore(store, keys);
  await writeFile(file('kept.note'), kept);
});
afterAll(async () => {
  await store?.end();
  await rm(folder, { recursive: true, force: true });
});

/** In which an entry of the log was written. */
const secondOf = (index: number): string => new Date(atMs[index] ?? 0).toISOString().slice(0, 19);

const auditor = () => ({ env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') } });
let written = 0;

async function evidence(...words: readonly string[]) {
  const path = file(`${(written += 1)}.zip`);
  return { path, ...(await curfew(['audit', 'evidence', ...words, '-o', path], auditor())) };
}

/** No environment at all: no configuration, no database. */
async function verify(path: string, ...words: readonly string[]) {
  const { code, out, err } = await curfew(['verify', path, '--key', keys.verifier.text, '--json', ...words]);
  if (out === '') throw new Error(err);
  const verdict = JSON.parse(out) as Verdict;
  return {
    code,
    verdict,
    first: verdict.checks.flatMap(({ check, first }) => first.map((one) => ({ check, ...one })))[0],
  };
}

describe('evidence out of the store', () => {
  test('of a period holds without a gap, and against what a witness kept', async () => {
    const { path, code, err } = await evidence('--from', '2020-01-01');
    expect({ code, err }).toMatchObject({
      code: 0,
      err: expect.stringContaining('16 entries of a log of 16') as string,
    });
    expect(await verify(path, '--checkpoint', file('kept.note'))).toMatchObject({ code: 0, verdict: { holds: true } });
  });

  test('of a period until now goes no further than where whoever signed it was, had their clock been ahead (F33)', async () => {
    const { path } = await evidence('--from', '2020-01-01');
    const { about, log } = (await verify(path)).verdict;
    const toAt = about?.asked.kind === 'span' ? Date.parse(about.asked.toAt) : NaN;
    expect(toAt).toBe((log?.at ?? NaN) - 15 * 60_000);
  });

  test('of a request has its own entries and what its judgement rested on, with a proof each', async () => {
    const { path, code } = await evidence('--request', requests[1] ?? '');
    expect(code).toBe(0);
    const { verdict } = await verify(path);
    expect(verdict).toMatchObject({ holds: true });
    expect(verdict.checks[0]?.counts).toMatchObject({ 'entries with a proof of their own': 6 });
  });

  test('of a period in the middle has an entry from before it and one from after it', async () => {
    const [from, to] = [secondOf(1), secondOf(10)];
    const { path, code } = await evidence('--from', `${from}Z`, '--to', `${to}Z`);
    expect(code).toBe(0);
    const { verdict } = await verify(path);
    expect(verdict).toMatchObject({ holds: true, about: { asked: { fromAt: `${from}.000Z`, toAt: `${to}.000Z` } } });
    expect(verdict.about?.first?.slice(0, 19)).toBe(secondOf(0));
    expect(verdict.checks[1]?.counts).toMatchObject({ requests: 3 });
  });

  test('holds by a verifier that shares nothing with this one, too', async () => {
    const spans = [
      ['--from', '2020-01-01'],
      ['--from', `${secondOf(1)}Z`, '--to', `${secondOf(10)}Z`],
    ];
    for (const words of [['--request', requests[1] ?? ''], ...spans]) {
      const { path } = await evidence(...words);
      const verdict = await verifyIndependently(path, [keys.verifier.text], kept);
      // Whatever is picked is proved against the newest checkpoint alone, which here is the one that was kept.
      expect(verdict, words.join(' ')).toEqual({ holds: true, open: [] });
    }
  });

  test('is said to hold in words, with what was counted', async () => {
    const { path } = await evidence('--request', requests[0] ?? '');
    await writeFile(file('curfew.pub'), `${keys.verifier.text}\n`);
    const { code, out } = await curfew(['verify', path, '--key', file('curfew.pub')]);
    expect(code).toBe(0);
    expect(out).toContain(`About the request ${requests[0]}: entries from 2026-`);
    expect(out).toContain('holds  5. Every grant had its approvals and came to its end: 1 grant, 2 receipts');
    expect(out.trimEnd().split('\n').at(-1)).toBe(`${path} holds.`);
  });

  test('is not written over, and not about nothing', async () => {
    const { path } = await evidence('--request', requests[0] ?? '');
    expect(await curfew(['audit', 'evidence', '--request', requests[0] ?? '', '-o', path], auditor())).toMatchObject({
      code: 2,
      err: expect.stringContaining('is there already') as string,
    });
    expect(await evidence('--request', '00000000-0000-4000-8000-00000000ffff')).toMatchObject({ code: 1 });
    // In capitals it is an id too, of no request.
    expect(await evidence('--request', '00000000-0000-4000-8000-00000000FFFF')).toMatchObject({ code: 1 });
    expect(await evidence()).toMatchObject({ code: 2 });
    expect(await evidence('--request', 'x')).toMatchObject({ code: 2 });
    expect(await evidence('--from', '2020-01-01', '--to', '2020-02-01')).toMatchObject({ code: 1 });
  });

  test('is not written against a note that is none, or of another log: that is said, with what it is', async () => {
    const root = Buffer.alloc(32, 7);
    await writeFile(file('diary'), 'my diary\n');
    await writeFile(file('empty'), '');
    await writeFile(
      file('opening.note'),
      note('curfew/2\nepoch begins at 3\nlost nothing that is known\nrecovery x\n'),
    );
    await writeFile(file('other.note'), note(checkpointText({ origin: 'other.log/1', size: 2, root, at: 0 })));
    for (const [name, says] of [
      ['diary', `${file('diary')} is no checkpoint that a witness kept: `],
      ['empty', `${file('empty')} is no checkpoint that a witness kept: `],
      ['opening.note', `${file('opening.note')} is no checkpoint that a witness kept: `],
      ['nowhere', `${file('nowhere')} cannot be read: `],
      ['other.note', 'The checkpoint is one of the log other.log, and this is the log curfew.'],
    ] as const) {
      const { path, ...ran } = await evidence('--from', '2020-01-01', '--checkpoint', file(name));
      expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringContaining(says) as string });
      expect(existsSync(path)).toBe(false);
    }
  });

  test('is refused by verify where it is none, and by another key', async () => {
    await writeFile(file('text.zip'), 'no zip at all');
    expect(await curfew(['verify', file('text.zip'), '--key', keys.verifier.text])).toMatchObject({
      code: 1,
      err: expect.stringContaining('it is no zip, or its end is missing') as string,
    });
    const { path } = await evidence('--request', requests[0] ?? '');
    const { code, out } = await curfew(['verify', path, '--key', keysOf().verifier.text]);
    expect(out).toContain(`None of the given keys signed this note, but ${keys.verifier.id}.`);
    expect(code).toBe(1);
    expect(out).not.toMatch(/^holds /m);
    expect(out.match(/^unseen [2-5]\./gm)).toHaveLength(4);
  });

  test('is not judged where whoever called named something else: that is said, and what it takes', async () => {
    const { path } = await evidence('--request', requests[0] ?? '');
    const { verifier } = keys;
    await writeFile(
      file('both.pub'),
      `# the old one\n${keysOf().verifier.text}  (does not sign any more)\n\n${verifier.text}\n`,
    );
    expect(await curfew(['verify', '--key', file('both.pub'), path])).toMatchObject({ code: 0 });
    await writeFile(file('opening'), note('curfew/2\nepoch begins at 3\n'));
    await symlink(file('loop'), file('loop'));
    await writeFile(file('secret'), `${newKey('curfew.example').signer}\n`);
    for (const [words, says] of [
      [[file('nothing.zip'), '--key', verifier.text], 'There is no file'],
      [[folder, '--key', verifier.text], 'is no file'],
      [[file('loop'), '--key', verifier.text], 'cannot be read: its links lead in a circle (ELOOP)'],
      [[file('x'.repeat(300)), '--key', verifier.text], 'cannot be read: its name is too long (ENAMETOOLONG)'],
      [[path, '--key', file('secret')], `${file('secret')} is the key that signs`],
      [[path, '--key', file('nothing.pub')], 'nothing.pub'],
      [[path, '--key', path], 'is no public key of a log'],
      [[path, '--key', 'nonsense+00000000+AAAA'], 'is no public key of a log'],
      [[path, '--key', verifier.text, '--checkpoint', file('both.pub')], 'is no checkpoint that a witness kept'],
      [[path, '--key', verifier.text, '--checkpoint', file('opening')], 'is no checkpoint that a witness kept'],
      [[path], '--key'],
    ] as const)
      expect(await curfew(['verify', ...words])).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringContaining(says) as string,
      });
  });
});

/** Changes rows, looks at what comes of it, and puts them back. */
async function changed(change: readonly string[], look: () => Promise<void>): Promise<void> {
  await asSuperuser(async (db) => {
    await db.query('create table public.entry_before as select * from audit.entry');
    await db.query('create table public.leaf_before as select * from audit.leaf');
    await db.query('create table public.receipt_before as select * from curfew.receipt');
    for (const one of change) await db.query(one);
  });
  try {
    await look();
  } finally {
    await asSuperuser(async (db) => {
      for (const [table, before] of [
        ['audit.entry', 'entry'],
        ['audit.leaf', 'leaf'],
        ['curfew.receipt', 'receipt'],
      ]) {
        await db.query(`delete from ${table}`);
        await db.query(`insert into ${table} select * from public.${before}_before`);
        await db.query(`drop table public.${before}_before`);
      }
    });
  }
}
const whole = async (...words: readonly string[]) => verify((await evidence('--from', '2020-01-01')).path, ...words);
const entryAt = (index: number): string => `(select entry from audit.leaf where index = ${index})`;

describe('rows that a superuser changed', () => {
  const edits: readonly (readonly [string, number, readonly string[]])[] = [
    [
      'an actor',
      2,
      [`update audit.entry set actor = '${'0'.repeat(8)}-0000-4000-8000-000000000003' where id = ${entryAt(2)}`],
    ],
    ['an instant', 3, [`update audit.entry set at = at - interval '1 hour' where id = ${entryAt(3)}`]],
    [
      'a body',
      4,
      [
        `update audit.entry set body = convert_to(replace(convert_from(body, 'UTF8'), '"memberships":1', '"memberships":2'), 'UTF8') where id = ${entryAt(4)}`,
      ],
    ],
    [
      'the request of an approval',
      7,
      [`update audit.entry set subject = '00000000-0000-4000-8000-000000001001' where id = ${entryAt(7)}`],
    ],
    ['a login', 5, [`update audit.entry set login = 'curfew_api' where id = ${entryAt(5)}`]],
    [
      'the order of two',
      6,
      [
        'update audit.leaf set entry = -entry where index in (6, 8)',
        'update audit.leaf l set entry = -o.entry from audit.leaf o where l.index in (6, 8) and o.index = 14 - l.index',
      ],
    ],
  ];
  test.each(edits)('%s: entry %i is named', async (_, index, change) => {
    await changed(change, async () => {
      expect(await whole()).toMatchObject({ code: 1, first: { check: 1, index } });
    });
  });

  test('an entry that was deleted is named before there is any evidence', async () => {
    await changed([`delete from audit.entry where id = ${entryAt(5)}`], async () => {
      const { code, err, path } = await evidence('--from', '2020-01-01');
      expect({ code, err }).toMatchObject({
        code: 1,
        err: expect.stringContaining('Entry 5 is not in the store any more') as string,
      });
      expect(existsSync(path)).toBe(false);
    });
  });

  test('a receipt that was deleted, or changed, is named by the entry that has its hash', async () => {
    await changed(
      [`delete from curfew.receipt where request_id = '${requests[1] ?? ''}' and kind = 'revoke'`],
      async () => {
        expect(await whole()).toMatchObject({ code: 1, first: { check: 5, index: 10 } });
      },
    );
    await changed(
      [
        `update curfew.receipt set body = jsonb_set(body, '{rounds}', '2') where request_id = '${requests[1] ?? ''}' and kind = 'revoke'`,
      ],
      async () => {
        expect(await whole()).toMatchObject({ code: 1, first: { check: 5, index: 10 } });
      },
    );
  });

  test('a log that is shorter than what a witness kept is found, signed or not', async () => {
    await changed(['delete from audit.leaf where index >= 11'], async () => {
      await asSuperuser((db) => db.query('delete from audit.checkpoint'));
      const worker = store.as.curfew_worker;
      const root = await rootOf(11, (nodes) => readNodes(worker, nodes));
      const at = Date.now();
      const newest = note(checkpointText({ origin: 'curfew/1', size: 11, root, at }));
      await asSuperuser((db) =>
        db.query('insert into audit.checkpoint (size, epoch, note, at) values (11, 1, $1, now())', [newest]),
      );
      const { path } = await evidence('--from', '2020-01-01');
      expect(await verify(path)).toMatchObject({ code: 0 });
      expect(await verify(path, '--checkpoint', file('kept.note'))).toMatchObject({
        code: 1,
        first: {
          check: 1,
          what: 'the checkpoint that was given',
          why: expect.stringContaining('entries were cut off') as string,
        },
      });
    });
  });
});
