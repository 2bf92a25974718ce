/** `curfew policy` on a real store: the directory's people, and the policy that holds. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStore, type TestStore } from './support/store.ts';
import { curfew, type Ran } from './support/terminal.ts';

const company = fileURLToPath(new URL('../dev/company', import.meta.url));
const policy = `${company}/policy.yaml`;
let store: TestStore;
const run = (...words: readonly string[]): Promise<Ran> =>
  curfew(words, {
    env: {
      CURFEW_ADMIN_STORE_URL: store.url('curfew_admin'),
      CURFEW_DIRECTORY_STORE_URL: store.url('curfew_directory'),
    },
  });
beforeAll(async () => {
  store = await startStore();
  const imported = await run('people', 'import', `${company}/people.yaml`);
  if (imported.code !== 0) throw new Error(imported.err);
});
afterAll(() => store?.end());

const asked = ['policy', 'explain', '--as', 'amara', '--target', 'orders-prod', '--role', 'write', '--for', '1h'];

test('before any policy nothing can be explained or compared', async () => {
  expect(await run(...asked)).toMatchObject({ code: 1, err: expect.stringContaining('No policy was applied yet') });
  expect((await run('policy', 'plan', policy)).code).toBe(1);
});

test('the policy that holds is explained for the people of the directory, and compared with a new one', async () => {
  expect((await run('policy', 'apply', policy)).code).toBe(0);
  const explained = await run(...asked);
  expect(explained).toMatchObject({ code: 0, err: '' });
  expect(explained.out).toContain('  could decide: tomas\n');
  expect(await run('policy', 'plan', policy)).toMatchObject({ code: 0, out: 'Nothing changes for anybody.\n' });
  expect(await run('policy', 'test', policy)).toMatchObject({ code: 0, err: '' });
});

test('without a setting for the store they say which one is missing', async () => {
  const { code, err } = await curfew(asked);
  expect(code).toBe(2);
  expect(err).toContain('CURFEW_ADMIN_STORE_URL');
});
