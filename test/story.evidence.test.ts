/**
 * Evidence of what really happened, on the whole real stack: written by the command line out of the store, and verified
 * with nothing but the file and a key; and rows that a superuser changed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkpointText } from '../audit/checkpoint.ts';
import { rootOf } from '../audit/merkle.ts';
import { signNote } from '../audit/signed-note.ts';
import type { Verdict } from '../audit/verify/verify.ts';
import { storeUrl } from '../dev/stack/environments.ts';
import { keepCheckpoint, readNodes, sizeOf } from '../store/log.ts';
import { openStore } from '../store/pool.ts';
import { actions } from '../slack/ids.ts';
import { eventually } from './support/eventually.ts';
import { keysOf } from './support/evidence.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
let folder = '';
const keys = keysOf();
beforeAll(async () => {
  stage = await openTheatre();
  folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
});
afterAll(async () => {
  await stage?.end();
  await rm(folder, { recursive: true, force: true });
});

/** Signs how far the log is, as the worker does. @returns the checkpoint */
async function sign(): Promise<string> {
  const store = openStore({ url: storeUrl(stage.stack.settings, 'curfew_worker'), applicationName: 'curfew-test' });
  try {
    await eventually('every entry has its place', async () => {
      const [row] = await stage.inStore<{ waiting: number }>(
        'select count(*)::int as waiting from audit.entry e where not exists (select from audit.leaf l where l.entry = e.id)',
      );
      return row?.waiting === 0;
    });
    const size = await sizeOf(store);
    const root = await rootOf(size, (nodes) => readNodes(store, nodes));
    const at = Date.now();
    const note = signNote(checkpointText({ origin: 'curfew/1', size, root, at }), [keys.signer]);
    return (await keepCheckpoint(store, { size, epoch: 1, note, at })).note;
  } finally {
    await store.close();
  }
}

const file = (name: string): string => join(folder, name);

async function evidence(name: string, ...words: readonly string[]): Promise<string> {
  const { code, err } = await stage.curfew(['audit', 'evidence', ...words, '-o', file(name)]);
  expect({ code, err }).toMatchObject({ code: 0 });
  return file(name);
}

async function verify(
  path: string,
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly verdict: Verdict }> {
  const { code, out, err } = await stage.curfew(['verify', path, '--key', keys.verifier.text, '--json', ...words]);
  if (out === '') throw new Error(err);
  return { code, verdict: JSON.parse(out) as Verdict };
}
const wrong = ({ verdict }: { readonly verdict: Verdict }): readonly unknown[] => [
  ...verdict.damaged,
  ...verdict.checks.flatMap(({ check, first }) => first.map((one) => ({ check, ...one }))),
];

describe('what really happened', () => {
  test('holds by every check, for a request and for a period', { timeout: 300_000 }, async () => {
    const first = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
    await stage.approve('priya', first);
    const login = await stage.login('amara', first);
    const session = await stage.connect(login);
    session.on('error', () => undefined);
    await stage.pressDm('amara', first, actions.release);
    await stage.is(first, 'closed');
    const second = await stage.ask('diego', 'models-prod read 10m because checking label drift');
    await stage.login('diego', second);
    const third = await stage.ask('amara', 'orders-prod read 10m because INC-13 slower checkout');
    await stage.settled();
    await eventually(
      'its history is kept',
      async () => (await stage.inStore(`select from curfew.history where request_id = $1`, [first])).length > 0,
      { withinMs: 60_000 },
    );
    const note = await sign();
    await writeFile(file('kept.note'), note);
    const one = await verify(await evidence('one.zip', '--request', first), '--checkpoint', file('kept.note'));
    console.log(JSON.stringify(one.verdict, null, 1));
    expect(wrong(one)).toEqual([]);
    expect(one.code).toBe(0);
    const all = await verify(await evidence('all.zip', '--from', '2020-01-01'), '--checkpoint', file('kept.note'));
    console.log(JSON.stringify(all.verdict, null, 1));
    expect(wrong(all)).toEqual([]);
    expect(all.verdict.open).toMatchObject([{ request: second }]);
    expect(third).toBeTruthy();
  });
});
