/** What a worker's login alone may call a checkpoint: of this log as it is, larger than the ones before, and of now (I11, F48). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { minuteMs } from '../domain/time.ts';
import { append } from '../store/audit.ts';
import * as log from '../store/log.ts';
import { oddEntry } from './support/entries.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let now: number;
beforeAll(async () => {
  store = await startStore();
  for (let n = 0; n < 20; n += 1)
    await append(store.as.curfew_api, oddEntry({ kind: 'request.opened', actor: 'x', subject: `${n}`, body: {} }));
  await log.sequence(store.as.curfew_worker, 100);
  now = Date.now();
  await log.keepCheckpoint(store.as.curfew_worker, { size: 10, epoch: 1, note: 'ten', at: now });
});
afterAll(() => store.end());

const kept = (made: Partial<log.StoredCheckpoint>): Promise<log.StoredCheckpoint> =>
  log.keepCheckpoint(store.as.curfew_worker, { size: 15, epoch: 1, note: 'junk', at: now, ...made });
const all = async (): Promise<readonly string[]> =>
  (await log.checkpoints(store.admin, 0, 100)).map(({ size, note }) => `${size} ${note}`);

test.each([
  ['of more entries than have their places', { size: 21 }],
  ['of more entries than there ever will be', { size: 2 ** 52 }],
  ['of an epoch that has not begun', { epoch: 2 }],
  ['of a year to come', { at: () => now + 365 * 24 * 60 * minuteMs }],
])(
  'a checkpoint %s is refused',
  async (_, { at, ...odd }: Partial<{ size: number; epoch: number; at: () => number }>) => {
    await expect(kept({ ...odd, ...(at && { at: at() }) })).rejects.toMatchObject({
      sqlstate: odd.epoch === undefined ? 'CFA07' : expect.stringMatching(/^(CFA07|23503)$/),
    });
    expect(await all()).toEqual(['10 ten']);
  },
);

test('a checkpoint of as many entries as another worker has signed is the other worker’s, whose clock may be ahead', async () => {
  expect(await kept({ size: 10, note: 'mine', at: now - 5 })).toMatchObject({ size: 10, note: 'ten', at: now });
});

test('a worker that is overtaken keeps nothing, and goes on from what the other one has signed', async () => {
  expect(await kept({ size: 9 })).toMatchObject({ size: 10, note: 'ten' });
  expect(await all()).toEqual(['10 ten']);
});

test('none is of an epoch that is over, and the next epoch’s is taken', async () => {
  await store.as.curfew_admin.query('insert into audit.epoch (number, began_at_size, lost_size) values (2, 20, null)');
  await expect(kept({ size: 20 })).rejects.toMatchObject({ sqlstate: 'CFA07' });
  expect(await kept({ size: 20, epoch: 2, note: 'twenty', at: now - minuteMs })).toMatchObject({ note: 'twenty' });
  expect(await all()).toEqual(['10 ten', '20 twenty']);
});
