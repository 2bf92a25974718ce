/** What operators do with the log: its key, how far it is signed, and a person who must be nobody any more. */
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { counted } from '../cli/counted.ts';
import { readKeyring } from '../audit/keyring.ts';
import { checkInclusion, proveInclusion, rootOf } from '../audit/merkle.ts';
import { parseLine } from '../audit/entry-line.ts';
import { openCheckpoint } from '../audit/checkpoint.ts';
import { directoryWitness } from '../audit/witness/directory.ts';
import { minuteMs } from '../domain/time.ts';
import { entriesOf } from '../store/audit.ts';
import * as log from '../store/log.ts';
import { createCheckpoints } from '../workers/worker/checkpoints.ts';
import { createWitnessing } from '../workers/worker/witnessing.ts';
import { until } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew, type Ran } from './support/terminal.ts';

let store: TestStore;
let folder: string;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-audit-'));
  await mkdir(join(folder, 'witness'));
});
afterEach(() => rm(folder, { recursive: true }));

const env = (): Record<string, string> => ({
  CURFEW_ADMIN_STORE_URL: store.url('curfew_admin'),
  CURFEW_DIRECTORY_STORE_URL: store.url('curfew_directory'),
  CURFEW_AUDIT_NAME: 'a.log',
  CURFEW_AUDIT_KEY_FILE: join(folder, 'key'),
  CURFEW_WITNESSES: join(folder, 'witness'),
});
const run = (words: readonly string[], files: Record<string, string> = {}, answer?: string): Promise<Ran> =>
  curfew(words, { env: env(), files, ...(answer === undefined ? {} : { answer }) });

async function signed(laterMs = 0): Promise<void> {
  const worker = store.as.curfew_worker;
  await until(async () => {
    await log.sequence(worker, 1_000);
    return (await log.waiting(worker)).entries === 0;
  }, 'every entry has its place');
  const clock = (): number => Date.now() + laterMs;
  await createCheckpoints({
    store: worker,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    clock,
    name: 'a.log',
    keyring: () => readKeyring({ kind: 'file', path: join(folder, 'key') }),
    witnessing: createWitnessing({ store: worker, clock, witnesses: [directoryWitness(join(folder, 'witness'))] }),
  })();
}

test('a key is written where only its owner reads it, never over another file, and shown by its public half alone', async () => {
  const made = await run(['audit', 'key', 'new', '-o', join(folder, 'key')]);
  expect(made.code).toBe(0);
  expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600);
  const secret = await readFile(join(folder, 'key'), 'utf8');
  expect(secret).toMatch(/^PRIVATE\+KEY\+a\.log\+/);
  expect(made.out).toMatch(/^a\.log\+[0-9a-f]{8}\+\S+\n$/);
  const again = await run(['audit', 'key', 'new', '-o', join(folder, 'key')]);
  expect(again).toMatchObject({ code: 2, err: expect.stringContaining('is there already') });
  expect(await readFile(join(folder, 'key'), 'utf8')).toBe(secret);

  await run(['audit', 'key', 'new', '-o', join(folder, 'next')]);
  await writeFile(join(folder, 'key'), `${await readFile(join(folder, 'next'), 'utf8')}${made.out}`);
  const shown = JSON.parse((await run(['audit', 'key', 'show', '--json'])).out) as { signs: boolean; key: string }[];
  expect(shown.map(({ signs }) => signs)).toEqual([true, false]);
  expect(`${shown[1]?.key}\n`).toBe(made.out);
  for (const { out, err } of [made, again, await run(['audit', 'key', 'show'])])
    expect(out + err).not.toContain('PRIVATE');

  await chmod(join(folder, 'key'), 0o666);
  const open = await run(['audit', 'key', 'show']);
  expect(open).toMatchObject({ code: 2, err: expect.stringContaining('chmod 600') });
});

test.each([
  ['prints a key', (key: string) => `cat ${key}`, 0],
  ['prints something else', () => 'echo canary-of-a-vault', 2],
  ['fails', () => 'echo canary-of-a-vault; exit 3', 2],
])('a command that %s is taken at its word, and nothing that it printed is ever shown', async (_, command, code) => {
  await run(['audit', 'key', 'new', '-o', join(folder, 'key')]);
  const { CURFEW_AUDIT_KEY_FILE, ...rest } = env();
  const ran = await curfew(['audit', 'key', 'show'], {
    env: { ...rest, CURFEW_AUDIT_KEY_COMMAND: command(CURFEW_AUDIT_KEY_FILE ?? '') },
  });
  expect(ran.code).toBe(code);
  expect(ran.out + ran.err).not.toMatch(/canary|PRIVATE/);
});

const people = (state: string): Record<string, string> => ({
  'people.yaml': `people:
  - { handle: zoe.unforgettable, name: Zoe Unforgettable, email: zoe@example.com, groups: [engineers], state: ${state} }
`,
});

test('status says how far the log is, is signed and is witnessed, and whose signature that is', async () => {
  await run(['audit', 'key', 'new', '-o', join(folder, 'key')]);
  expect(await run(['people', 'import', 'people.yaml'], people('active'))).toMatchObject({ code: 0, err: '' });
  const unsigned = await run(['audit', 'status']);
  expect(unsigned).toMatchObject({ code: 0, out: expect.stringContaining('Nothing of it is signed.') });
  expect(unsigned.out).toMatch(/(?:wait for their places|waits for its place)/);
  await signed();
  const size = await log.sizeOf(store.admin);
  const status = JSON.parse((await run(['audit', 'status', '--json'])).out) as object;
  expect(status).toMatchObject({
    name: 'a.log',
    epoch: 1,
    size,
    waiting: 0,
    checkpoint: { size, epoch: 1, signedBy: [expect.stringMatching(/^a\.log\+/)] },
    witnesses: [{ name: join(folder, 'witness'), size, origin: 'a.log/1', trouble: null }],
    lost: null,
  });
  const said = await run(['audit', 'status']);
  expect(said.out).toContain(`The log a.log/1 has ${counted(size, 'entries')}.`);
  expect(said.out).toMatch(/Signed up to \d+, .* ago, by a\.log\+/);

  // A row that nobody signed stands in nobody's way.
  await store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.checkpoint disable trigger all');
    await tx.query(`insert into audit.checkpoint (size, epoch, note, at) values (1::bigint << 60, 1, 'junk', now())`);
  });
  const beside = await run(['audit', 'status']);
  expect(beside.out).toMatch(/Signed up to \d+, .* ago, by a\.log\+/);
  expect(beside.err).toContain('counts for nothing');
  await store.admin.transaction(async (tx) => {
    await tx.query(`delete from audit.checkpoint where note = 'junk'`);
    await tx.query('alter table audit.checkpoint enable trigger all');
  });

  await rm(join(folder, 'witness'), { recursive: true });
  expect((await run(['audit', 'status'])).out).toMatch(/ENOENT/);
  await run(['audit', 'key', 'new', '-o', join(folder, 'other')]);
});

test('who has left is erased: nobody finds their name, and what the log says of them is still proven', async () => {
  await run(['audit', 'key', 'new', '-o', join(folder, 'key')]);
  await run(['people', 'import', 'people.yaml'], people('active'));
  await signed(minuteMs);
  const [person] = await store.admin.query<{ id: string }>(
    `select id from curfew.person where handle = 'zoe.unforgettable'`,
  );
  const id = person?.id ?? '';
  const because = ['--because', 'asked for it, case 1207'];
  const erase = (...words: readonly string[]): Promise<Ran> => run(['people', 'erase', 'zoe.unforgettable', ...words]);

  expect(await erase(...because, '--yes')).toMatchObject({ code: 1, err: expect.stringContaining('has left') });
  await run(['people', 'import', 'people.yaml'], people('left'));
  expect(await erase('--because', 'Zoe.Unforgettable asked', '--yes')).toMatchObject({ code: 2 });
  expect(await erase(...because)).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
  expect(await store.admin.query(`select from curfew.personal where person = $1`, [id])).not.toHaveLength(0);
  const before = await log.sizeOf(store.admin);

  expect((await erase(...because, '--yes')).code).toBe(0);
  expect((await run(['people', 'list'])).out).not.toMatch(/zoe|unforgettable/i);
  expect(await everywhere(/zoe|unforgettable/i)).toEqual([]);
  expect(await everywhere(/case 1207/), 'the look sees what is there').toEqual(['audit.entry_p0']);
  expect((await run(['people', 'show', 'zoe.unforgettable'])).code).toBe(1);
  const entries = await entriesOf(store.admin, id);
  expect(entries.at(-1)).toMatchObject({ kind: 'person.erased', login: 'curfew_directory' });

  // What was signed before is what it was, and each entry about them is still in it.
  await signed(2 * minuteMs);
  const { verifiers } = await readKeyring({ kind: 'file', path: join(folder, 'key') });
  const checkpoint = openCheckpoint((await log.newestCheckpoint(store.admin))?.note ?? '', verifiers);
  if ('kind' in checkpoint) throw new Error(checkpoint.says);
  const { size, root } = checkpoint;
  const read = (nodes: readonly { level: number; index: number }[]) => log.readNodes(store.admin, nodes);
  expect((await rootOf(size, read)).equals(root)).toBe(true);
  expect(size).toBeGreaterThan(before);
  for (const index of await log.indexesOf(store.admin, id)) {
    const [leaf] = await log.linesBetween(store.admin, index, index + 1, 1);
    if (!leaf?.line) throw new Error('a line is gone');
    expect(parseLine(leaf.line)).toMatchObject({ subject: id });
    expect(checkInclusion({ index, size, leaf: leaf.hash, root }, await proveInclusion(index, size, read))).toBe(true);
  }
  // And the source's word on them still keeps them out.
  await run(['people', 'import', 'people.yaml'], people('active'));
  const again = await store.admin.query<{ state: string }>(
    `select state from curfew.person where handle = 'zoe.unforgettable'`,
  );
  expect(again.every(({ state }) => state !== 'active')).toBe(true);
});

/** Tables and columns of the whole store in which such a text stands. */
async function everywhere(text: RegExp): Promise<readonly string[]> {
  const tables = await store.admin.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c where c.relkind = 'r'
       and c.relnamespace in ('curfew'::regnamespace, 'audit'::regnamespace)`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await store.admin.query<{ row: string }>(`select to_json(t)::text as row from ${name} t`);
    const bytes = rows.map(({ row }) =>
      row.replaceAll(/\\\\x([0-9a-f]+)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString('utf8')),
    );
    if (bytes.some((row) => text.test(row))) found.push(name);
  }
  return found;
}
