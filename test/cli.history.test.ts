/** `curfew history` prints no entry as the log's word that is not what got its place in the log (I11, F48). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestRow } from '../store/requests.ts';
import { sequence } from '../store/log.ts';
import { plantDecision, plantPerson, plantRequest } from './support/planted.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let request: RequestRow;
beforeAll(async () => {
  store = await startStore();
  const [ada, ben] = [
    await plantPerson(store, { handle: 'ada', groups: [] }),
    await plantPerson(store, { handle: 'ben' }),
  ];
  request = await plantRequest(store, ada.id);
  await plantDecision(store, request, ben);
});
afterAll(() => store?.end());

const tell = (...more: readonly string[]) =>
  curfew(['history', request.id, ...more], { env: { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') } });

test('of a request whose entries are still to get their places nothing is said against them', async () => {
  expect(await tell()).toMatchObject({ code: 0, out: expect.stringContaining('this is what the log says') as string });
});

test('an entry that a superuser edited is named, though nothing that the Workflow says speaks against it (F48)', async () => {
  await sequence(store.as.curfew_worker, 1_000);
  expect(await tell()).toMatchObject({ code: 0 });
  const [row] = await store.admin.transaction(async (tx) => {
    await tx.query('alter table audit.entry disable trigger all');
    const edited = await tx.query<{ id: number; index: number }>(
      `update audit.entry e set at = at - interval '1 day' from audit.leaf l
       where l.entry = e.id and subject = $1 and kind = 'decision.made' returning id, l.index`,
      [request.id],
    );
    await tx.query('alter table audit.entry enable trigger all');
    return edited;
  });
  const says = `Entry ${row?.id}, at place ${row?.index}, is not what it was when it got its place.`;
  const shown = await tell();
  expect(shown).toMatchObject({ code: 1, out: expect.stringContaining(`- ${says} (entry ${row?.id})`) as string });
  const json = await tell('--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({ differences: [{ about: 'log', sentence: says, entry: row?.id }] });
});
