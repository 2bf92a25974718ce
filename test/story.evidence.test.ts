/**
 * Evidence of what really happened, on the whole real stack: written by the command line out of the store, and verified
 * with nothing but the file and a key; and rows that a superuser changed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../audit/verify/verify.ts';
import { superuserUrl } from '../dev/stack/environments.ts';
import { openStore } from '../store/pool.ts';
import { actions } from '../slack/ids.ts';
import { eventually, until } from './support/eventually.ts';
import { signLog } from './support/proof.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
let folder = '';
let key = '';
beforeAll(async () => {
  stage = await openTheatre();
  folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  key = (await stage.curfew(['audit', 'key', 'show'])).out.trim();
});
afterAll(async () => {
  await stage?.end();
  await rm(folder, { recursive: true, force: true });
});

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
  const { code, out, err } = await stage.curfew(['verify', path, '--key', key, '--json', ...words]);
  if (out === '') throw new Error(err);
  return { code, verdict: JSON.parse(out) as Verdict };
}
const wrong = ({ verdict }: { readonly verdict: Verdict }): readonly unknown[] => [
  ...verdict.damaged,
  ...verdict.checks.flatMap(({ check, first }) => first.map((one) => ({ check, ...one }))),
];

/** A wrong entry, for a test to undo: past every rule of the store. */
async function edited(change: string, undo: string, look: () => Promise<void>): Promise<void> {
  const admin = openStore({
    url: superuserUrl(stage.stack.settings, 'store', 'curfew'),
    applicationName: 'curfew-test',
  });
  const run = (text: string): Promise<unknown> =>
    admin.transaction(async (tx) => {
      await tx.query('alter table audit.entry disable trigger all');
      await tx.query(text);
      await tx.query('alter table audit.entry enable always trigger entry_kept');
      await tx.query('alter table audit.entry enable always trigger entry_not_truncated');
    });
  try {
    await run(change);
    await look();
    await run(undo);
  } finally {
    await admin.close();
  }
}

describe('what really happened', () => {
  let first = '';
  let second = '';
  const at: string[] = [];
  /** The first instant of a second that has not begun: what was done before is before it, what is done after is not. */
  const now = async (): Promise<void> => {
    const next = (Math.floor(Date.now() / 1_000) + 1) * 1_000;
    await until(next);
    at.push(new Date(next).toISOString().replace('.000Z', 'Z'));
  };

  test(
    'is signed, with a request that was released, one that is held, and one that waits',
    { timeout: 300_000 },
    async () => {
      first = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
      await stage.approve('priya', first);
      const session = await stage.connect(await stage.login('amara', first));
      session.on('error', () => undefined);
      await session.query('select count(*) from shop.orders');
      await now();
      await stage.pressDm('amara', first, actions.release);
      await stage.is(first, 'closed');
      second = await stage.ask('diego', 'models-prod read 10m because checking label drift');
      await now();
      await stage.login('diego', second);
      await stage.ask('amara', 'orders-prod read 10m because INC-13 slower checkout');
      await stage.settled();
      const kept = 'select from curfew.history where request_id = $1';
      await eventually('its history is kept', async () => (await stage.inStore(kept, [first])).length > 0, {
        withinMs: 60_000,
      });
      const over = `select from audit.entry where kind = 'session.closed' and subject = $1`;
      await eventually('its session is told of', async () => (await stage.inStore(over, [first])).length > 0, {
        withinMs: 60_000,
      });
      await writeFile(file('kept.note'), await signLog(stage));
    },
  );

  test('holds by every check, for one request', { timeout: 600_000 }, async () => {
    const one = await verify(await evidence('one.zip', '--request', first), '--checkpoint', file('kept.note'));
    expect(wrong(one)).toEqual([]);
    expect(one.code).toBe(0);
    expect(one.verdict.checks.map(({ counts }) => counts)).toMatchObject([
      {},
      { requests: 1, steps: 4 },
      { 'plans made again': 1, 'decisions judged again': 1, 'claims judged again': 1 },
      { histories: 1, replayed: 1 },
      { grants: 1, receipts: 2, 'ended within 30 s': 1 },
    ]);
  });

  test('holds with what was done in the session, where that is asked for', { timeout: 600_000 }, async () => {
    const one = await verify(await evidence('done.zip', '--request', first, '--statements'));
    expect(wrong(one)).toEqual([]);
    const { statements = 0 } = one.verdict.checks[4]?.counts ?? {};
    expect(statements).toBeGreaterThan(0);
    const all = await verify(await evidence('all-done.zip', '--from', '2020-01-01', '--statements'));
    expect(wrong(all)).toEqual([]);
    expect(all.verdict.checks[4]?.counts['statements']).toBeGreaterThanOrEqual(statements);
    const without = await verify(await evidence('not-done.zip', '--request', first));
    expect(without.verdict.checks[4]?.counts).toMatchObject({ 'statements that are not in this file': statements });
  });

  test(
    'holds by every check, for all of it, and for a period that some of it reaches into',
    { timeout: 600_000 },
    async () => {
      const all = await verify(await evidence('all.zip', '--from', '2020-01-01'), '--checkpoint', file('kept.note'));
      expect(wrong(all)).toEqual([]);
      expect(all.verdict.open).toMatchObject([{ request: second }]);
      const [from = '', to = ''] = at;
      const middle = await verify(await evidence('middle.zip', '--from', from, '--to', to));
      expect(wrong(middle)).toEqual([]);
      expect(middle.verdict.checks[0]?.counts['entries with a proof of their own']).toBeGreaterThan(0);
      expect(middle.verdict.checks[4]?.counts).toMatchObject({ ends: 1 });
    },
  );

  test('does not hold once a superuser has edited a row, and says which one (F48)', { timeout: 600_000 }, async () => {
    const [row] = await stage.inStore<{ id: string; index: string }>(
      `select e.id, l.index from audit.entry e join audit.leaf l on l.entry = e.id where e.kind = 'decision.made' and e.subject = $1`,
      [first],
    );
    const change = (by: string): string =>
      `update audit.entry set at = at ${by} interval '1 hour' where id = ${row?.id}`;
    await edited(change('-'), change('+'), async () => {
      const { code, verdict } = await verify(await evidence('edited.zip', '--from', '2020-01-01'));
      expect({ code, first: verdict.checks[0]?.first[0] }).toMatchObject({
        code: 1,
        first: { index: Number(row?.index) },
      });
      const alone = await verify(await evidence('edited-one.zip', '--request', first));
      expect({ code: alone.code, first: alone.verdict.checks[0]?.first[0] }).toMatchObject({
        code: 1,
        first: { index: Number(row?.index) },
      });
    });
  });
});
