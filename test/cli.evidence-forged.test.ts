/** Evidence out of a store into which whoever holds the worker's login, and no key, has put checkpoints (I11, F47). */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkpointText } from '../audit/checkpoint.ts';
import { rootOf } from '../audit/merkle.ts';
import { signNote } from '../audit/signed-note.ts';
import { append } from '../store/audit.ts';
import { keepCheckpoint, readNodes, sequence, sizeOf } from '../store/log.ts';
import { oddEntry } from './support/entries.ts';
import { keysOf } from './support/evidence.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let folder = '';
const [keys, forger] = [keysOf(), keysOf()];
const file = (name: string): string => join(folder, name);

async function grow(): Promise<number> {
  for (let n = 0; n < 3; n += 1)
    await append(
      store.as.curfew_api,
      oddEntry({ kind: 'request.refused', actor: 'x', subject: randomUUID(), body: { code: 'PolicyDenied' } }),
    );
  await sequence(store.as.curfew_worker, 100);
  return sizeOf(store.as.curfew_worker);
}
const rootAt = (size: number): Promise<Buffer> => rootOf(size, (nodes) => readNodes(store.as.curfew_worker, nodes));

async function sign(by: ReturnType<typeof keysOf>): Promise<void> {
  const [size, at] = [await grow(), Date.now()];
  const note = signNote(checkpointText({ origin: 'curfew/1', size, root: await rootAt(size), at }), [by.signer]);
  await keepCheckpoint(store.as.curfew_worker, { size, epoch: 1, note, at });
}

beforeAll(async () => {
  store = await startStore();
  folder = await mkdtemp(join(tmpdir(), 'curfew-forged-'));
  await writeFile(file('curfew.pub'), `${keys.verifier.text}\n`);
});
afterAll(async () => {
  await store?.end();
  await rm(folder, { recursive: true, force: true });
});

let written = 0;
async function verified(...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  const path = file(`${(written += 1)}.zip`);
  const ran = await curfew(['audit', 'evidence', '--from', '2020-01-01', '-o', path, ...words], {
    env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') },
  });
  if (ran.code !== 0) return { code: ran.code, said: ran.err };
  const { code, out } = await curfew(['verify', path, '--key', keys.verifier.text]);
  return { code, said: ran.err + out };
}

test('a row that is no checkpoint at all is left out, the newest too', async () => {
  await sign(keys);
  const size = await grow();
  await keepCheckpoint(store.as.curfew_worker, { size, epoch: 1, note: 'junk', at: Date.now() });
  expect(await verified()).toMatchObject({ code: 0, said: expect.stringContaining('of a log of 3, 1 checkpoint,') });
});

test('one that looks like a checkpoint and that no key signed is left out where the key is given', async () => {
  await sign(forger);
  expect(await verified(), 'by its text it is one').toMatchObject({ code: 1 });
  expect(await verified('--key', file('curfew.pub'))).toMatchObject({
    code: 0,
    said: expect.stringContaining('of a log of 3, 1 checkpoint,'),
  });
  await sign(keys);
  expect(await verified('--key', file('curfew.pub'))).toMatchObject({
    code: 0,
    said: expect.stringContaining('of a log of 12, 2 checkpoints,'),
  });
});

test('one of more entries than the log has, which a superuser put there, ends no evidence', async () => {
  await store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.checkpoint disable trigger all');
    await tx.query(`insert into audit.checkpoint (size, epoch, note, at) values ($1, 1, 'junk', now())`, [2 ** 60]);
    await tx.query('alter table audit.checkpoint enable always trigger checkpoint_kept');
  });
  expect(await verified('--key', file('curfew.pub'))).toMatchObject({
    code: 0,
    said: expect.stringContaining('of a log of 12, 2 checkpoints,'),
  });
});
