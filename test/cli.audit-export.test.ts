/** The log leaves the store in one order, each entry once, however often the export is interrupted. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runCurfew } from '../cli/program.ts';
import { dayMs } from '../domain/time.ts';
import { append } from '../store/audit.ts';
import { sequence } from '../store/log.ts';
import { spanOf } from '../store/log-pages.ts';
import { breaches } from './ocsf/validate.ts';
import { eventually } from './support/eventually.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

type Line = { index: number; id: number; kind: string; subject: string; body: unknown };

let store: TestStore;
let folder = '';
const person = randomUUID();
const entries = 2_500;

const everything = ['--from', '2026-01-01', '--to', '2099-01-01'];
const run = (...words: string[]) =>
  curfew(['audit', ...words], { env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') } });
const linesOf = (text: string): readonly Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

/** An entry of the API's; it has no place yet. */
const entry = (subject: string, body = {}) =>
  append(store.as.curfew_api, {
    kind: 'delivery.refused',
    actor: person,
    subject,
    body: { code: 'InvalidInput', ...body },
  });

/** An entry that says another instant than that of its writing, as where the store's clock was wrong. */
async function entryOn(subject: string, instant: string): Promise<void> {
  const id = await entry(subject);
  await store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.entry disable trigger all');
    await tx.query('update audit.entry set at = $2 where id = $1', [id, instant]);
    await tx.query('alter table audit.entry enable always trigger entry_kept');
    await tx.query('alter table audit.entry enable always trigger entry_not_truncated');
  });
}

/** The same, by so many days from now. */
const entryIn = (subject: string, days: number): Promise<void> =>
  entryOn(subject, new Date(Date.now() + days * dayMs).toISOString());

async function sequenceAll(): Promise<void> {
  for (let left = true; left;) {
    const given = await sequence(store.as.curfew_worker, 1_000);
    left = given !== undefined && given.to > given.from;
  }
}

beforeAll(async () => {
  store = await startStore();
  await store.as.curfew_api.query(
    `select audit.append('delivery.refused', $1, 'subject-' || i, convert_to('{"code":"InvalidInput","i":' || i || '}', 'UTF8'))
     from generate_series(0, $2::int - 1) i`,
    [person, entries],
  );
  await sequenceAll();
});
afterAll(() => store?.end());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-export-'));
  return () => rmSync(folder, { recursive: true, force: true });
});

describe('curfew audit export', () => {
  test('writes every entry once, by its place, and says after which place it ended', async () => {
    const ran = await run('export', ...everything);
    expect(ran).toMatchObject({ code: 0, err: expect.stringContaining(`\ncursor ${entries - 1}\n`) });
    const lines = linesOf(ran.out);
    expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: entries }, (_, index) => index));
    expect(lines[7]).toMatchObject({ kind: 'delivery.refused', subject: 'subject-7', body: { i: 7 }, actor: person });
  });

  test('goes on after a cursor: two halves are the whole', async () => {
    const file = join(folder, 'half.jsonl');
    const whole = (await run('export', ...everything)).out;
    writeFileSync(file, `${whole.split('\n').slice(0, 1_234).join('\n')}\n`);
    const rest = (await run('export', ...everything, '--cursor', '1233')).out;
    expect(readFileSync(file, 'utf8') + rest).toBe(whole);
  });

  test.each(['jsonl', 'csv', 'ocsf'])('as %s goes on with a file that a kill left half written', async (format) => {
    const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')];
    expect(await run('export', ...everything, '--format', format, '-o', whole)).toMatchObject({ code: 0, out: '' });
    const text = readFileSync(whole, 'utf8');
    const end = text.split('\n', 1_801).join('\n').length + 1;
    for (const at of [0, end, end + 40, text.length - 1, text.length]) {
      writeFileSync(cut, text.slice(0, at));
      const ran = await run('export', ...everything, '--format', format, '-o', cut, '--resume');
      expect(ran.code, ran.err).toBe(0);
      expect(readFileSync(cut, 'utf8') === text, `${at}`).toBe(true);
    }
  });

  test('never writes over a file, and goes on with none that is another export', async () => {
    const file = join(folder, 'there');
    writeFileSync(file, 'my diary\n');
    expect(await run('export', ...everything, '-o', file)).toMatchObject({ code: 2 });
    expect(await run('export', ...everything, '-o', file, '--resume')).toMatchObject({ code: 2 });
    expect(readFileSync(file, 'utf8')).toBe('my diary\n');
  });

  test.each(['my diary', 'my diary\nand no end', '{"index":1}\n{"metadata"', '{"index'])(
    'cuts off nothing of a file that is no export of its format: %j',
    async (text) => {
      const file = join(folder, 'there');
      writeFileSync(file, text);
      expect(await run('export', ...everything, '--format', 'ocsf', '-o', file, '--resume')).toMatchObject({ code: 2 });
      expect(readFileSync(file, 'utf8')).toBe(text);
    },
  );

  test('goes on after no place that this log has not given yet: what comes until there would be in no export', async () => {
    const file = join(folder, 'other.jsonl');
    writeFileSync(file, '{"index":999999}\n');
    for (const words of [
      ['--cursor', '999999'],
      ['-o', file, '--resume'],
    ])
      expect(await run('export', ...words)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('none at place 999999') as string,
      });
    expect(readFileSync(file, 'utf8')).toBe('{"index":999999}\n');
  });

  test('an entry that committed late has a later place, and is in no export before', async () => {
    const before = (await run('export', ...everything)).out;
    let late = 0;
    await store.as.curfew_api.transaction(async (tx) => {
      late = await append(tx, {
        kind: 'delivery.refused',
        actor: person,
        subject: 'late',
        body: { code: 'InvalidInput' },
      });
      await entry('early');
      await sequenceAll();
    });
    const waits = await run('export', ...everything);
    expect(waits.err).toContain('1 more waits for its place');
    await sequenceAll();
    const after = (await run('export', ...everything)).out;
    expect(after.startsWith(before)).toBe(true);
    const [one, other] = linesOf(after).slice(-2);
    expect([one?.subject, other?.subject]).toEqual(['early', 'late']);
    expect(other).toMatchObject({ id: late, index: entries + 1 });
    expect((one?.id ?? 0) > late).toBe(true);
  });

  test('each line as OCSF is a valid event, with its place as its sequence', async () => {
    const ran = await run('export', ...everything, '--format', 'ocsf', '--cursor', String(entries - 100));
    const events = ran.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.length).toBeGreaterThan(50);
    for (const [number, event] of events.entries()) {
      expect(breaches(event)).toEqual([]);
      expect(event.metadata).toMatchObject({ sequence: entries - 99 + number });
    }
  });

  test('as CSV has a heading, and no field that a spreadsheet would run', async () => {
    await entry('=cmd|calc');
    await sequenceAll();
    const { out } = await run('export', ...everything, '--format', 'csv');
    expect(out.split('\r\n')[0]).toBe('index,id,at,login,kind,actor,subject,sentence,body');
    expect(out).toContain(`,'=cmd|calc,`);
  });

  test('a period without entries is none', async () => {
    const none = await run('export', '--from', '2026-01-01', '--to', '2026-01-02');
    expect(none).toMatchObject({ code: 0, out: '', err: expect.stringContaining('No cursor: nothing was there.') });
  });

  test('goes on after a cursor with whatever has a later place, be it half a year old or of an hour that is yet to come here', async () => {
    const before = (await run('export', ...everything)).out;
    const last = linesOf(before).at(-1)?.index ?? -1;
    await entryIn('ahead', 1);
    await entry('of now');
    await entryIn('old', -200);
    await entryIn('older still', -400);
    await sequenceAll();
    const file = join(folder, 'siem.jsonl');
    writeFileSync(file, before);
    const rest = await run('export', '--cursor', String(last));
    expect(linesOf(rest.out).map(({ subject }) => subject)).toEqual(['ahead', 'of now', 'old', 'older still']);
    expect(rest.err).toMatch(
      new RegExp(`^4 entries, after place ${last}, which is all of them\\.\ncursor ${last + 4}\n`),
    );
    expect(await run('export', '-o', file, '--resume')).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe(before + rest.out);
    // Whoever names a period gets that period, after the place as well.
    const named = await run('export', ...everything.slice(0, 2), '--cursor', String(last));
    expect(linesOf(named.out).map(({ subject }) => subject)).toEqual(['ahead', 'of now', 'old']);
  });

  test('a period is whole, although the clock was wrong for a while in its middle', async () => {
    const [from, to] = ['2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z'];
    const march: string[] = [];
    for (let n = 1; n <= 30; n += 1) {
      // Every other entry was written while the clock said another year.
      await entryOn(`day ${n}`, n % 2 === 0 ? '2031-01-01' : `2026-03-${n}`);
      if (n % 2 === 1) march.push(`day ${n}`);
    }
    await sequenceAll();
    const ran = await run('export', '--from', from, '--to', to);
    expect(linesOf(ran.out).map(({ subject }) => subject)).toEqual(march);
    const all = linesOf((await run('export', ...everything)).out);
    const place = (subject: string): number => all.find((line) => line.subject === subject)?.index ?? Number.NaN;
    const bounds = { fromAt: Date.parse(from), toAt: Date.parse(to) };
    const span = await spanOf(store.as.curfew_auditor, bounds, entries * 2);
    expect(span).toEqual({ from: place('day 1'), to: place('day 29') + 1 });
  });

  test('where the store does not answer, it is said, and no empty file is left behind', async () => {
    const file = join(folder, 'none.jsonl');
    const env = { CURFEW_AUDITOR_STORE_URL: 'postgresql://curfew_auditor:x@127.0.0.1:1/curfew' };
    expect(await curfew(['audit', 'export', '-o', file], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('The store cannot be read (ECONNREFUSED)') as string,
    });
    expect(existsSync(file)).toBe(false);
  });

  test('what is no place is said', async () => {
    expect((await run('export', '--cursor', 'yesterday')).code).toBe(2);
    expect((await run('export', '--resume')).code).toBe(2);
    expect((await run('export', '--format', 'xml')).code).toBe(2);
  });
});

describe('curfew audit tail', () => {
  test('prints the last ones, oldest first', async () => {
    const ran = await run('tail', '--lines', '3', '--json');
    const all = linesOf((await run('export', ...everything)).out);
    expect(linesOf(ran.out)).toEqual(all.slice(-3));
    expect((await run('tail', '--lines', '2')).out.trimEnd().split('\n')).toHaveLength(2);
  });

  test('follows: what happens now comes once, in the order of its places', async () => {
    let out = '';
    const env = { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') };
    const following = runCurfew(['audit', 'tail', '--lines', '1', '--for', '4s', '--json'], {
      env,
      out: (text) => void (out += text),
      err: () => undefined,
      clock: Date.now,
      readText: () => '',
      run: () => Promise.resolve(1),
    });
    await eventually('the last entry is printed', () => out !== '');
    for (const subject of ['one', 'two', 'three']) {
      await entry(subject);
      await sequenceAll();
    }
    expect(await following).toBe(0);
    expect(linesOf(out).map(({ subject }) => subject)).toEqual([expect.any(String), 'one', 'two', 'three']);
  });
});

test('an auditor under a login of their own reads as one', async () => {
  await store.admin.query(`create role aud login password 'a-long-enough-word' in role curfew_auditor`);
  const url = new URL(store.adminUrl);
  [url.username, url.password] = ['aud', 'a-long-enough-word'];
  const env = { CURFEW_AUDITOR_STORE_URL: url.href };
  expect(await curfew(['audit', 'tail', '--lines', '1'], { env })).toMatchObject({ code: 0 });
  expect(await curfew(['report', 'grants'], { env })).toMatchObject({ code: 0 });
});
