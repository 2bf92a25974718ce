import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startProgress } from '../dev/progress.mjs';
import { openState } from '../dev/state.ts';
import { Trouble } from '../dev/trouble.ts';
import { scratchFolder } from './support/folder.ts';

const inScratch = (): string => join(scratchFolder(), '.curfew');

test('ports and secrets are the same in the next run, and new after --fresh', async () => {
  const path = inScratch();
  const first = await openState({ path, version: 1 });
  const [store, target] = await Promise.all([first.port('store'), first.port('target')]);
  const secret = first.secret('store.superuser');
  writeFileSync(first.file('data'), 'kept');
  await first.stop();
  const second = await openState({ path, version: 1 });
  expect([first.isNew, second.isNew]).toEqual([true, false]);
  expect([await second.port('store'), await second.port('target'), second.secret('store.superuser')]).toEqual([
    store,
    target,
    secret,
  ]);
  expect(store).not.toBe(target);
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  await second.stop();
  const fresh = await openState({ path, version: 1, fresh: true });
  expect(fresh.isNew).toBe(true);
  expect(fresh.secret('store.superuser')).not.toBe(secret);
  expect(existsSync(fresh.file('data'))).toBe(false);
  await fresh.stop();
});

test('what holds secrets may be read by this user only, and is never half written', async () => {
  const state = await openState({ path: inScratch(), version: 1 });
  state.secret('one');
  state.writePrivate('dev.json', { api: 'http://127.0.0.1:1' });
  expect([statSync(state.file('state.json')).mode & 0o777, statSync(state.file('dev.json')).mode & 0o777]).toEqual([
    0o600, 0o600,
  ]);
  expect(JSON.parse(readFileSync(state.file('dev.json'), 'utf8'))).toEqual({ api: 'http://127.0.0.1:1' });
  expect(readdirSync(state.path).filter((name) => name.endsWith('.new'))).toEqual([]);
  await state.stop();
});

test('two stacks cannot share a folder, not even with --fresh', async () => {
  const path = inScratch();
  const state = await openState({ path, version: 1 });
  const second = openState({ path, version: 1, fresh: true });
  await expect(second).rejects.toThrow(Trouble);
  await expect(second).rejects.toThrow(new RegExp(`process ${process.pid}[^]*Mend: stop it with Ctrl-C`));
  expect(existsSync(state.file('state.json'))).toBe(true);
  await state.stop();
  await (await openState({ path, version: 1 })).stop();
});

test('the lock of a process that is dead, or that died before it wrote its name, holds nobody up', async () => {
  const path = inScratch();
  mkdirSync(join(path, 'lock'), { recursive: true });
  writeFileSync(join(path, 'lock', 'owner'), String(spawnSync('true').pid));
  await (await openState({ path, version: 1 })).stop();
  mkdirSync(join(path, 'lock'));
  await expect(openState({ path, version: 1 })).rejects.toThrow('another start');
  utimesSync(join(path, 'lock'), 1, 1);
  await (await openState({ path, version: 1 })).stop();
});

test.each([
  ['no JSON', '{"version": 1, ', /broken[^]*--fresh/],
  ['an impossible port', '{"version":1,"ports":{"store":70000},"secrets":{}}', /ports\.store[^]*--fresh/],
  ['another version', '{"version":2,"ports":{},"secrets":{}}', /version 2[^]*version 1[^]*--fresh/],
])('a folder with %s is a trouble whose mend is --fresh, and loses nothing', async (_name, text, message) => {
  const path = inScratch();
  mkdirSync(path);
  writeFileSync(join(path, 'state.json'), text);
  await expect(openState({ path, version: 1 })).rejects.toThrow(message);
  expect(readFileSync(join(path, 'state.json'), 'utf8')).toBe(text);
  const mended = await openState({ path, version: 1, fresh: true });
  expect(mended.isNew).toBe(true);
  await mended.stop();
});

test('a folder that holds something else, or is a file, is a trouble', async () => {
  const path = inScratch();
  mkdirSync(join(path, 'store'), { recursive: true });
  await expect(openState({ path, version: 1 })).rejects.toThrow(/holds store but no state.json[^]*--fresh/);
  const file = inScratch();
  writeFileSync(file, '');
  await expect(openState({ path: file, version: 1 })).rejects.toThrow(Trouble);
});

test('progress is a line with a time for each step, also for one that fails', async () => {
  const lines: string[] = [];
  let now = 0;
  const progress = startProgress({ write: (text) => lines.push(text) }, () => now);
  await progress.step('PostgreSQL', (say) => {
    say('making the data folder');
    now = 1_234;
    return Promise.resolve();
  });
  await expect(progress.step('Temporal', () => Promise.reject(new Error('none')))).rejects.toThrow('none');
  expect(lines.map((line) => line.trim().replaceAll(/ +/g, ' '))).toEqual([
    '... PostgreSQL: making the data folder',
    'ok PostgreSQL 1.2 s',
    'NOT Temporal 0.0 s',
  ]);
});

test('the first files need no package and no Node newer than 20', () => {
  for (const name of ['launch.mjs', 'lock.mjs', 'progress.mjs']) {
    const source = readFileSync(join(import.meta.dirname, '../dev', name), 'utf8');
    const imports = [...source.matchAll(/from '([^']+)'/g)].map((match) => match[1] ?? '');
    expect(imports.filter((from) => !from.startsWith('node:') && !from.endsWith('.mjs'))).toEqual([]);
    execFileSync(process.execPath, ['--check', join(import.meta.dirname, '../dev', name)]);
  }
});
