/** What a command writes is there whole, or it is not there: on a full disk, at Ctrl-C, and where something of that name is. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeEvidence, type EvidenceParts } from '../audit/evidence/write.ts';
import { openExport } from '../cli/commands/audit-export-file.ts';
import { newFile } from '../cli/new-file.ts';
import type { Terminal } from '../cli/terminal.ts';
import { keysOf, SampleLog } from './support/evidence.ts';
import { eventually } from './support/eventually.ts';
import { startStore, type TestStore } from './support/store.ts';
import { putLog, signStore } from './support/stored-log.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let folder = '';
let path = '';
const begun: ChildProcess[] = [];
const period = ['--from', '2020-01-01'];
const kinds = [
  ['audit evidence', ['audit', 'evidence', ...period]],
  ['audit export', ['audit', 'export', ...period]],
] as const;

beforeAll(async () => {
  store = await startStore();
  const log = new SampleLog();
  log.applyPolicy();
  log.at += 60_000;
  for (let n = 0; n < 3; n += 1) log.whole();
  await putLog(store, log);
  await signStore(store, keysOf());
});
afterAll(() => store?.end());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-new-file-'));
  path = join(folder, 'file');
  return () => {
    for (const child of begun.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
});

const env = () => ({ CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor'), CURFEW_AUDIT_NAME: 'a.log' });

/** The command as a process of its own; `before`: what a shell does first. */
function start(words: readonly string[], before = ':') {
  const child = spawn('sh', ['-c', `${before}; exec "$@"`, 'sh', process.execPath, 'cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: env(),
  });
  begun.push(child);
  let told = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, told }));
  return { child, ended };
}

/** Ends it as soon as its file is there, while somebody keeps it from reading the log. */
async function interrupted(words: readonly string[], signal: NodeJS.Signals, isBegun: () => boolean) {
  return store.admin.transaction(async (tx) => {
    await tx.query('lock table audit.entry in access exclusive mode');
    const { child, ended } = start(words);
    await eventually('the file is begun', isBegun);
    await eventually('it waits for the log', async () => {
      const waiting = await tx.query(`select from pg_locks where relation = 'audit.entry'::regclass and not granted`);
      return waiting.length > 0;
    });
    child.kill(signal);
    return ended;
  });
}

describe('what somebody ended before it was whole', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('is not kept, by %s', async (signal, code) => {
    const ran = await interrupted(['audit', 'evidence', ...period, '-o', path], signal, () => existsSync(path));
    expect(ran).toEqual({ code, told: `${path} was not whole yet, and is not kept.\n` });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is not kept of an export without an entry, and nothing is added to one that was to be gone on with', async () => {
    const words = ['audit', 'export', ...period, '-o', path];
    expect(await interrupted(words, 'SIGINT', () => existsSync(path))).toEqual({
      code: 130,
      told: `${path} has no entry yet, and is not kept.\n`,
    });
    expect(readdirSync(folder)).toEqual([]);

    const whole = (await curfew(['audit', 'export', ...period], { env: env() })).out;
    const half = whole.split('\n', 5).join('\n');
    writeFileSync(path, half);
    const end = half.lastIndexOf('\n') + 1;
    const isCut = (): boolean => readFileSync(path).byteLength < Buffer.byteLength(half);
    expect(await interrupted([...words, '--resume'], 'SIGINT', isCut)).toEqual({
      code: 130,
      told: `Nothing was added to ${path}.\n`,
    });
    expect(readFileSync(path, 'utf8')).toBe(half.slice(0, end));
  });
});

describe('on a full disk', () => {
  // The system answers EFBIG here, and ENOSPC there: the same write fails.
  const small = 'ulimit -f 8';

  test.each(kinds)('%s says that it is not whole', async (_, words) => {
    const whole = join(folder, 'whole');
    expect(await start([...words, '-o', whole]).ended).toMatchObject({ code: 0 });
    const ran = await start([...words, '-o', path], small).ended;
    expect(ran).toMatchObject({ code: 2, told: expect.stringContaining('cannot be written: ') as string });
    if (words[1] === 'evidence') return expect(readdirSync(folder)).toEqual(['whole']);
    const [left, all] = [readFileSync(path, 'utf8'), readFileSync(whole, 'utf8')];
    expect(left.length).toBeGreaterThan(0);
    expect(left.endsWith('\n') && all.startsWith(left) && left !== all).toBe(true);
    const last = (JSON.parse(left.trimEnd().split('\n').at(-1) ?? '') as { index: number }).index;
    expect(ran.told).toContain(`${path} ends with place ${last}, and is not all of it: --resume goes on with it.`);
    expect(await start([...words, '-o', path, '--resume']).ended).toMatchObject({ code: 0 });
    expect(readFileSync(path, 'utf8') === all).toBe(true);
  });

  test('no key is made, and nothing is in the way of the next try', async () => {
    const ran = await start(['audit', 'key', 'new', '-o', path], 'ulimit -f 0').ended;
    expect(ran).toMatchObject({ code: 2, told: expect.stringContaining('cannot be written: ') as string });
    expect(ran.told).not.toContain('a.log+');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('what is there already', () => {
  test.each([...kinds, ['audit key new', ['audit', 'key', 'new']] as const])(
    'is neither written over nor taken away by %s',
    async (_, words) => {
      writeFileSync(path, 'my diary\n');
      const ran = await curfew([...words, '-o', path], { env: env() });
      expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringContaining('is there already') as string });
      expect(readFileSync(path, 'utf8')).toBe('my diary\n');
    },
  );

  test('stays although what was to be written fails at once', async () => {
    writeFileSync(path, 'my diary\n');
    const broken = {
      readme: '',
      checkpoints: [],
      epochs: [],
      get entries(): never {
        throw new Error('the log is gone');
      },
    } as unknown as EvidenceParts;
    const terminal = { err: () => undefined } as unknown as Terminal;
    await expect(newFile(terminal, path, () => writeEvidence(path, broken))).rejects.toThrow('is there already');
    expect(readFileSync(path, 'utf8')).toBe('my diary\n');
    const other = join(folder, 'other');
    await expect(newFile(terminal, other, () => writeEvidence(other, broken))).rejects.toThrow('the log is gone');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

test('an export of what comes after a place that there is not leaves no file behind', async () => {
  const ran = await curfew(['audit', 'export', '--cursor', '999999', '-o', path], { env: env() });
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('none at place 999999') as string });
  expect(readdirSync(folder)).toEqual([]);
});

describe('the file of an export that cannot go on', () => {
  test('is left alone where somebody else wrote into it meanwhile, and that takes no place of the error that there was', () => {
    const file = openExport(path, 'jsonl', false);
    file.write('{"index":1}\n');
    appendFileSync(path, 'my diary\n');
    expect(file.leave()).toContain(`${path} is no export in the format jsonl.`);
    expect(readFileSync(path, 'utf8')).toBe('{"index":1}\nmy diary\n');
    file.close();
    expect(file.leave()).toContain(`${path} is not all of it`);
  });

  test('is not kept where it was to be gone on with and was not there, and nothing is in it yet', () => {
    const file = openExport(path, 'jsonl', true);
    expect(file.leave()).toContain('is not kept');
    file.close();
    expect(existsSync(path)).toBe(false);
  });

  test('is kept where it was there before, though nothing is in it', () => {
    writeFileSync(path, '');
    const file = openExport(path, 'jsonl', true);
    file.leave();
    file.close();
    expect(existsSync(path)).toBe(true);
  });
});
