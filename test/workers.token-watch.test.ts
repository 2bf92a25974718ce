/** A SCIM token that runs out is told of in time, for as long as it is still the one in use. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dayMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as tokens from '../store/scim-tokens.ts';
import { watchTokens } from '../workers/worker/token-watch.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const now = Date.now();
const look = (at = now) => watchTokens({ store: store.as.curfew_worker, clock: () => at })();
const told = async () => (await alarms.open(store.admin)).map(({ code, subject }) => `${code} ${subject}`).toSorted();

/** `usedAt`: epoch ms; null: never. */
async function token(source: string, expiresAt: number, usedAt: number | null): Promise<string> {
  const id = randomUUID();
  const hash = createHash('sha256').update(id).digest();
  const made = { id, source, hash, scopes: ['users:write'], inactive: 'suspended', expiresAt } as const;
  await store.as.curfew_admin.transaction((tx) => tokens.insert(tx, made));
  const used = usedAt === null ? null : new Date(usedAt);
  await store.admin.query('update curfew.scim_token set last_used_at = $2 where id = $1', [id, used]);
  return id;
}

test('fourteen days before its end, of one in use, and not of one that nobody uses', async () => {
  await token('scim-okta', now + 15 * dayMs, now);
  await token('scim-idle', now + dayMs, now - 31 * dayMs);
  await token('scim-never', now + dayMs, null);
  await look();
  expect(await told()).toEqual([]);
  await look(now + dayMs);
  await look(now + dayMs);
  expect(await told()).toEqual(['scim-token-expiring source/scim-okta']);
  const [alarm] = await alarms.open(store.admin);
  expect(alarm?.detail).toMatch(/ends at .* curfew scim token make/);
});

test('it is over once it is revoked, or another one that holds for longer is in use', async () => {
  const old = await token('scim-entra', now + 3 * dayMs, now - dayMs);
  await look();
  expect(await told()).toEqual(['scim-token-expiring source/scim-entra']);
  const next = await token('scim-entra', now + 90 * dayMs, null);
  await look();
  expect(await told(), 'made, and not in use').toHaveLength(1);
  await store.admin.query('update curfew.scim_token set last_used_at = $2 where id = $1', [next, new Date(now)]);
  await look();
  expect(await told()).toEqual([]);
  await store.as.curfew_admin.transaction((tx) => tokens.revoke(tx, next));
  await look();
  expect(await told(), 'the old one is all there is').toHaveLength(1);
  await store.as.curfew_admin.transaction((tx) => tokens.revoke(tx, old));
  await look();
  expect(await told()).toEqual([]);
});
