/** What is left of somebody who was erased: ids and salted hashes, and nothing by which a guess at their handle shows. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { dayMs } from '../domain/time.ts';
import { personIdFrom } from '../policy/digest.ts';
import { erasePerson } from '../store/erasing.ts';
import * as people from '../store/people.ts';
import { keep } from '../store/person-dues.ts';
import { handleHash } from '../store/people-words.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

const handle = 'zoe.unforgettable@example.com';
const id = personIdFrom(handle);
const said = (version: number, change: Partial<people.PersonChange>): Promise<people.AppliedChange> =>
  store.as.curfew_directory.transaction((tx) =>
    people.apply(tx, { handle, id, version, ...change }, 'curfew_directory'),
  );

/** Rows of the whole store in which one of these texts stands, or the bytes of one. */
async function rowsWith(texts: readonly string[]): Promise<readonly string[]> {
  const tables = await store.admin.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
     where c.relkind = 'r' and c.relnamespace in ('curfew'::regnamespace, 'audit'::regnamespace)`,
  );
  const found = await Promise.all(
    tables.map(({ name }) =>
      store.admin.query<{ row: string }>(
        `select '${name} ' || row as row from (select t::text as row from ${name} t) x
         where exists (select from unnest($1::text[]) w where row like '%' || w || '%'
           or row like '%' || encode(convert_to(w, 'UTF8'), 'hex') || '%')`,
        [texts],
      ),
    ),
  );
  return found.flat().map(({ row }) => row);
}

/** What somebody who guesses the handle would look for: itself, and its hash as it is. */
const guesses = [
  handle,
  ...(['sha256', 'sha1', 'md5'] as const).map((by) => createHash(by).update(handle).digest('hex')),
];

test('no hash of an erased person’s handle is left, of what their sources said nor of what they said of a day to come', async () => {
  const { after: zoe } = await said(1, { state: 'active', source: 'hr', name: 'Zoe', groups: [{ name: 'engineers' }] });
  await said(2, { state: 'left', source: 'hr' });
  await said(3, { state: 'left' });
  await store.as.curfew_directory.transaction((tx) =>
    keep(tx, {
      source: 'hr',
      event: 'return',
      handleHash: handleHash(handle),
      state: 'active',
      version: 4,
      effectiveAt: Date.now() + dayMs,
    }),
  );
  expect((await rowsWith(guesses)).map((row) => row.split(' ')[0])).toEqual(
    expect.arrayContaining(['curfew.person', 'curfew.person_word', 'curfew.person_due']),
  );

  expect(await store.as.curfew_directory.transaction((tx) => erasePerson(tx, zoe.id))).toBe(4);
  expect(await rowsWith(guesses)).toEqual([]);
  expect(await rowsWith([zoe.id])).not.toEqual([]);
  expect(await store.as.curfew_directory.transaction((tx) => erasePerson(tx, zoe.id)), 'again').toBe(0);
});

test('a file that still has them is refused in words, and whoever has the handle next is another person', async () => {
  await expect(said(5, { state: 'active' })).rejects.toMatchObject({
    code: 'InvalidInput',
    message: expect.stringContaining('erased'),
  });
  const { kind, after } = await said(6, { state: 'active', id: randomUUID() as PersonId });
  expect(kind).toBe('created');
  expect(after).toMatchObject({ state: 'active', groups: [], manager: null });
});
