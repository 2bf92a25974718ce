/** A store whose log grows entry by entry, each with its place, and that is put back to where it was between two tests. */
import { randomUUID } from 'node:crypto';
import { keyringOf, type Keyring } from '../../audit/keyring.ts';
import { append } from '../../store/audit.ts';
import * as log from '../../store/log.ts';
import { migrate } from '../../store/migrate.ts';
import { until } from './postgres.ts';
import type { TestStore } from './store.ts';

/** As `backUp` and `restore` want it. */
export const siteOf = (store: TestStore) => ({
  run: (text: string) => store.postgres.query('postgres', text),
  migrate: () => migrate({ adminUrl: store.adminUrl }),
});

export async function appendEntries(store: TestStore, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1)
    await append(store.as.curfew_api, { kind: 'request.opened', actor: 'x', subject: randomUUID(), body: {} } as never);
  await placed(store);
}

/** Every entry has its place. */
export const placed = (store: TestStore): Promise<unknown> =>
  until(async () => {
    await log.sequence(store.as.curfew_worker, 1_000);
    return (await log.waiting(store.as.curfew_worker)).entries === 0;
  }, 'every entry has its place');

export function keyringIn(text: string): Keyring {
  const read = keyringOf(text);
  if ('code' in read) throw new Error(read.message);
  return read;
}
