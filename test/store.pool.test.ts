import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore, type Store } from '../store/pool.ts';
import { canary, until } from './support/postgres.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore({ config: { max_connections: '40' } });
  await store.admin.query('create table public.counter (id int primary key, value int not null)');
  await store.admin.query('insert into public.counter select n, 0 from generate_series(1, 2) n');
});
afterAll(() => store.end());

/** What a call came to, and after how long. */
async function timed(call: Promise<unknown>): Promise<{ readonly code: unknown; readonly ms: number }> {
  const startedAt = performance.now();
  const error = await call.then(
    () => expect.fail('it should not have succeeded'),
    (caught: unknown) => caught,
  );
  return { code: (error as { code?: unknown }).code, ms: performance.now() - startedAt };
}

test('instants are epoch milliseconds, large counts numbers, and what is not exact throws', async () => {
  const at = 1_234_567_890_123;
  const [row] = await store.admin.query(
    'select $1::timestamptz as at, 9007199254740991 as big, null::timestamptz as never',
    [new Date(at)],
  );
  expect(row).toEqual({ at, big: Number.MAX_SAFE_INTEGER, never: null });
  await expect(store.admin.query('select 9007199254740992')).rejects.toThrow(RangeError);
  await expect(store.admin.query(`select 'infinity'::timestamptz`)).rejects.toThrow('not finite');
  expect(await store.admin.query('select 1 as one')).toEqual([{ one: 1 }]);
});

test('a slow statement is NotRecorded within its bound, and the next one works', async () => {
  const quick = store.open('curfew_api', { statementTimeoutMs: 1_500, max: 1 });
  const { code, ms } = await timed(quick.query('select pg_sleep(20)'));
  expect(code).toBe('NotRecorded');
  expect(ms).toBeLessThan(10_000);
  expect(await quick.query('select 1 as one')).toEqual([{ one: 1 }]);
  // The server stops as well, long before the 20 s: nothing that was given up goes on and takes effect later.
  const running = `select 1 from pg_stat_activity where query like '%pg_sleep(20)' and state = 'active'`;
  await until(async () => (await store.admin.query(running)).length === 0, 'the server stops', 5_000);
});

test('waiting for a lock, or for a free connection, ends within the bound as well', async () => {
  const quick = openStore({ url: store.adminUrl, applicationName: 'curfew-test', statementTimeoutMs: 300, max: 1 });
  await store.admin.transaction(async (tx) => {
    await tx.query('update public.counter set value = 1 where id = 1');
    const both = [1, 2].map(() => timed(quick.query('update public.counter set value = 2 where id = 1')));
    for (const { code, ms } of await Promise.all(both)) {
      expect(code).toBe('NotRecorded');
      expect(ms).toBeLessThan(1_900);
    }
  });
  await quick.close();
});

/** Takes connections and never says a word. */
async function silentServer(): Promise<{
  readonly server: Server;
  readonly port: number;
  readonly sockets: Set<Socket>;
}> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, sockets };
}

test('a store that is out of reach, silent, or takes no password of ours is NotRecorded within the bound', async () => {
  const { server, port, sockets } = await silentServer();
  const password = canary();
  const nobody = new URL(store.adminUrl);
  nobody.password = password;
  const urls = [
    `postgres://curfew_api:${password}@127.0.0.1:1/curfew`,
    `postgres://curfew_api:${password}@127.0.0.1:${port}/curfew`,
    nobody.href,
  ];
  for (const url of urls) {
    const away = openStore({ url, applicationName: 'curfew-test', statementTimeoutMs: 300 });
    for (const call of [() => away.query('select 1'), () => away.transaction((tx) => tx.query('select 1'))]) {
      const error: unknown = await call().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'NotRecorded' });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(password);
    }
    const { ms } = await timed(away.query('select 1'));
    expect(ms).toBeLessThan(1_900);
    await away.close();
  }
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('a server that crashed is NotRecorded, and the same Store works when it is back', async () => {
  const survivor = store.open('curfew_api');
  await survivor.query('select 1');
  await store.postgres.crash();
  expect(await survivor.query('select 1 as one').catch(() => survivor.query('select 1 as one'))).toEqual([{ one: 1 }]);
});

test('what work throws rolls everything back and comes out as it was thrown', async () => {
  const mine = new Error('mine');
  const failing = store.admin.transaction(async (tx) => {
    await tx.query('update public.counter set value = 99');
    throw mine;
  });
  await expect(failing).rejects.toBe(mine);
  expect(await store.admin.query('select 1 from public.counter where value = 99')).toEqual([]);
});

test('a statement that failed and was overlooked does not pass for a commit', async () => {
  const careless = store.admin.transaction(async (tx) => {
    await tx.query('update public.counter set value = 98');
    await tx.query('select 1 / 0').catch(() => undefined);
  });
  await expect(careless).rejects.toThrow('overlooked');
  expect(await store.admin.query('select 1 from public.counter where value = 98')).toEqual([]);
});

test('two transactions that lock each other out both come through', async () => {
  const patient = openStore({ url: store.adminUrl, applicationName: 'curfew-test', statementTimeoutMs: 5_000 });
  let tries = 0;
  let bothHold: (() => void) | undefined;
  const held = new Promise<void>((resolve) => (bothHold = resolve));
  let holding = 0;
  const cross = (first: number, second: number): Promise<void> =>
    patient.transaction(async (tx) => {
      tries += 1;
      await tx.query('update public.counter set value = value + 1 where id = $1', [first]);
      holding += 1;
      if (holding === 2) bothHold?.();
      await held;
      await tx.query('update public.counter set value = value + 1 where id = $1', [second]);
    });
  await store.admin.query('update public.counter set value = 0');
  await Promise.all([cross(1, 2), cross(2, 1)]);
  expect(tries).toBe(3);
  expect(await store.admin.query('select value from public.counter')).toEqual([{ value: 2 }, { value: 2 }]);
  await patient.close();
});

test('a transaction that never can be serialized is given up after three tries', async () => {
  let tries = 0;
  const hopeless = store.admin.transaction(async (tx) => {
    tries += 1;
    await tx.query(`do $$ begin raise exception using errcode = '40001'; end $$`);
  });
  await expect(hopeless).rejects.toMatchObject({ code: 'NotRecorded' });
  expect(tries).toBe(3);
});

test('no error of the store repeats a value: not of a row, a parameter or a literal (I12)', async () => {
  const secret = canary();
  await store.admin.query(
    'create table public.secrets (id int primary key, verifier text unique check (length(verifier) < 99))',
  );
  await store.admin.query('insert into public.secrets values (1, $1)', [secret]);
  const attempts: readonly [string, readonly unknown[]][] = [
    ['insert into public.secrets values (2, $1)', [secret]],
    ['insert into public.secrets values (3, $1)', [secret + 'x'.repeat(99)]],
    ['insert into public.secrets values (null, $1)', [`${secret}2`]],
    ['select $1::int', [secret]],
    ['select $1::uuid', [secret]],
    ['select $1::jsonb', [`{"${secret}`]],
    [`do $$ begin raise exception '${secret}'; end $$`, []],
    ['select convert_from($1::bytea, $2)', [Buffer.from('ff', 'hex'), 'UTF8']],
  ];
  for (const [text, values] of attempts) {
    const error: unknown = await store.admin.query(text, values).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'StoreError' });
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain(secret);
  }
});

test('after close nothing of it is connected', async () => {
  const closing: Store = store.open('curfew_reaper', { applicationName: 'closing' });
  const ours = (): Promise<readonly unknown[]> =>
    store.admin.query(`select 1 from pg_stat_activity where application_name = 'closing'`);
  await closing.query('select 1');
  expect(await ours()).toHaveLength(1);
  await closing.close();
  // A backend leaves the list a moment after its connection is gone.
  await until(async () => (await ours()).length === 0, 'the connection is gone');
});
