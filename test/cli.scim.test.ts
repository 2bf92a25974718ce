import { afterAll, beforeAll, expect, test } from 'vitest';
import { dayMs } from '../domain/time.ts';
import { hashOfToken } from '../service/scim-secret.ts';
import { entriesOf } from '../store/audit.ts';
import * as tokens from '../store/scim-tokens.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew, type Ran } from './support/terminal.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const run = (...words: readonly string[]): Promise<Ran> =>
  curfew(['scim', 'token', ...words], { env: { CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') } });
const hashOf = (shown: string): Buffer => hashOfToken(shown.trim()) ?? expect.fail(`no token: ${shown}`);

test('a token is printed once, holds, and the store has its hash alone', async () => {
  const ran = await run('make', '--source', 'okta', '--scope', 'users:read, users:write', '--expires', '90d');
  expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('shown once') });
  expect(ran.out).toMatch(/^cfs_[A-Za-z0-9_-]{43}\n$/);
  const held = await tokens.byHash(store.as.curfew_directory, hashOf(ran.out));
  expect(held).toMatchObject({ source: 'scim-okta', scopes: ['users:read', 'users:write'], inactive: 'suspended' });
  expect((held?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(89 * dayMs);
  const [row] = await store.admin.query<{ all: string }>(
    `select string_agg(t::text, '') as all from curfew.scim_token t`,
  );
  expect(row?.all).not.toContain(ran.out.trim().slice(4));
  const [entry] = await entriesOf(store.admin, held?.id ?? '');
  expect(entry).toMatchObject({ kind: 'scim-token.made', actor: 'curfew_admin', body: { source: 'scim-okta' } });
  expect(JSON.stringify(entry)).not.toContain(ran.out.trim().slice(4));
});

test('two of one source hold at once; a revoked one holds no more, the other does, and the list says so', async () => {
  const [old, young] = await Promise.all(
    ['30d', '60d'].map(
      async (expires) =>
        JSON.parse(
          (await run('make', '--source', 'entra', '--expires', expires, '--inactive', 'left', '--json')).out,
        ) as {
          id: string;
          token: string;
        },
    ),
  );
  if (!old || !young) throw new Error('no tokens');
  await tokens.used(store.as.curfew_directory, young.id);
  expect(await run('revoke', old.id)).toMatchObject({ code: 0, out: `${old.id} of scim-entra holds no more.\n` });
  expect(await run('revoke', old.id)).toMatchObject({ code: 1, err: expect.stringContaining('Nothing changed') });
  expect(await tokens.byHash(store.as.curfew_directory, hashOf(old.token))).toBeUndefined();
  expect(await tokens.byHash(store.as.curfew_directory, hashOf(young.token))).toMatchObject({ inactive: 'left' });
  const listed = JSON.parse((await run('list', '--json')).out) as { id: string }[];
  expect(listed.find(({ id }) => id === old.id)).toMatchObject({ state: 'revoked', lastUsedAt: null });
  expect(listed.find(({ id }) => id === young.id)).toMatchObject({
    state: 'holds',
    lastUsedAt: expect.stringMatching(/^20/),
  });
  expect((await run('list')).out).not.toContain(young.token);
  expect((await entriesOf(store.admin, old.id)).map(({ kind }) => kind)).toEqual([
    'scim-token.made',
    'scim-token.revoked',
  ]);
});

test('a token that has expired does not hold', async () => {
  const ran = await run('make', '--source', 'okta', '--expires', '1s');
  const hash = hashOf(ran.out);
  await store.admin.query(`update curfew.scim_token set expires_at = clock_timestamp() where hash = $1`, [hash]);
  expect(await tokens.byHash(store.as.curfew_directory, hash)).toBeUndefined();
});

test.each([
  [['make', '--source', 'Okta!'], '--source'],
  [['make', '--source', 'okta', '--scope', 'users:admin'], '--scope'],
  [['make', '--source', 'okta', '--scope', ''], '--scope'],
  [['make', '--source', 'okta', '--expires', '500d'], '--expires'],
  [['make', '--source', 'okta', '--expires', 'never'], '--expires'],
  [['make', '--source', 'okta', '--inactive', 'active'], '--inactive'],
  [['make'], '--source'],
  [['revoke', 'all'], 'whole id'],
])('%j is refused, and makes nothing', async (words, told) => {
  const before = (await tokens.list(store.as.curfew_admin)).length;
  expect(await run(...words)).toMatchObject({ code: 2, err: expect.stringContaining(told) });
  expect((await tokens.list(store.as.curfew_admin)).length).toBe(before);
});

test('no login but the administrators makes or revokes one, and only the directory reads a hash', async () => {
  const insert = `insert into curfew.scim_token (id, source, hash, scopes, inactive, expires_at)
    values (gen_random_uuid(), 'scim-x', sha256('x'), array['users:read'], 'left', now() + interval '1 day')`;
  const denied = { sqlstate: '42501' };
  for (const login of ['curfew_api', 'curfew_directory', 'curfew_worker', 'curfew_reaper', 'curfew_auditor'] as const) {
    await expect(store.as[login].query(insert), login).rejects.toMatchObject(denied);
    await expect(store.as[login].query('update curfew.scim_token set revoked_at = null'), login).rejects.toMatchObject(
      denied,
    );
  }
  for (const login of ['curfew_api', 'curfew_admin', 'curfew_worker', 'curfew_reaper', 'curfew_auditor'] as const)
    await expect(store.as[login].query('select hash from curfew.scim_token'), login).rejects.toMatchObject(denied);
  await expect(
    store.as.curfew_admin.query('update curfew.scim_token set revoked_at = null where revoked_at is not null'),
  ).rejects.toMatchObject({ sqlstate: 'CFS01' });
});
