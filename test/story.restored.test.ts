/** On the whole real stack: the store comes back from a backup while access goes on, and an operator recovers it (F25). */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client } from 'pg';
import { controlDatabase } from '../dev/company/targets.ts';
import { superuserUrl } from '../dev/stack/environments.ts';
import { eventually } from './support/eventually.ts';
import { backUp, restore, type StoreServer } from './support/restored-store.ts';
import { openTheatre, type Login, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
});
afterAll(() => stage?.end());

const server: StoreServer = {
  async run(text) {
    const client = new Client({ connectionString: superuserUrl(stage.stack.settings, 'store') });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  },
  migrate: () => stage.curfew(['migrate']),
};

async function holding(who: string): Promise<{ readonly login: Login; readonly isOver: () => boolean }> {
  const login = await stage.login(who, await stage.ask(who, 'models-prod read 1h because checking label drift'));
  await stage.is(login.requestId, 'active');
  const session = await stage.connect(login);
  let over = false;
  session.once('end', () => (over = true));
  await session.query('begin');
  return { login, isOver: () => over };
}

const people = join(import.meta.dirname, '..', 'dev', 'company', 'people.yaml');

test('the store comes back from a backup: nothing is granted, what is live ends with the recovery, and then all is as before', async () => {
  const kept = await holding('mei');
  await eventually('the target has seen the store', async () => {
    const [row] = await stage.onTarget<{ mark: string }>(
      'select store_index as mark from curfew.mark',
      [],
      controlDatabase,
    );
    return Number(row?.mark ?? 0) > 0;
  });
  await backUp(server);
  const forgotten = await holding('diego');
  await eventually('the target has seen what was written since', async () => {
    const [newest] = await stage.inStore<{ n: string }>('select audit.newest() as n');
    const [row] = await stage.onTarget<{ mark: string }>(
      'select store_index as mark from curfew.mark',
      [],
      controlDatabase,
    );
    return Number(row?.mark) >= Number(newest?.n);
  });
  await restore(server);

  await eventually(
    'operators are told',
    async () => JSON.stringify(await stage.driver.messages('curfew-ops')).includes('store-behind'),
    { withinMs: 30_000 },
  );
  // What the store forgot may have been ended as surplus by now; what both sides know goes on.
  expect(kept.isOver()).toBe(false);
  expect((await stage.curfew(['recover', '--dry-run'])).code).toBe(1);
  expect((await stage.findings()).map(({ code }) => code)).toContain('store-behind');

  const recovered = await stage.curfew(['recover', '--people', people, '--json']);
  expect(recovered).toMatchObject({ code: 0 });
  expect(JSON.parse(recovered.out)).toMatchObject({ asked: 1, stillOpen: 0 });
  await eventually('both sessions are closed', () => kept.isOver() && forgotten.isOver());
  await stage.is(kept.login.requestId, 'closed');

  // The log goes on in another epoch, signed, and both witnesses have it beside what was lost.
  const log = await eventually('the next epoch is witnessed', async () => {
    const { out } = await stage.curfew(['audit', 'status', '--json']);
    const status = JSON.parse(out) as { epoch: number; lost: unknown; witnesses: { origin: string | null }[] };
    return status.witnesses.every(({ origin }) => origin?.endsWith('/2')) && status;
  });
  expect(log).toMatchObject({ epoch: 2, lost: null });
  expect(log.witnesses).toHaveLength(2);

  const after = await holding('mei');
  expect(after.isOver()).toBe(false);
  expect(await stage.findings()).toEqual([]);
  await eventually(
    'operators are told that it is over',
    async () => JSON.stringify(await stage.driver.messages('curfew-ops')).includes('Over after'),
    { withinMs: 30_000 },
  );
}, 600_000);
