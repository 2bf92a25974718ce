/** What lives on the approval of somebody who is gone, as an auditor asks for it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeIn } from '../service/change-person.ts';
import * as taints from '../store/taints.ts';
import { plantClaim, plantDecision, plantGrant, plantPerson, plantRequest } from './support/planted.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.end());

const report = async (...words: string[]) =>
  curfew(['report', 'tainted', ...words], { env: { CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') } });

test('nothing is listed while everybody is there; then what lives, by whom, and what became of it', async () => {
  const ada = await plantPerson(store, { handle: 'ada' });
  const olga = await plantPerson(store, { handle: 'olga' });
  const request = await plantRequest(store, ada.id);
  await plantDecision(store, request, olga);
  const endAt = Date.now() + 600_000;
  await plantClaim(store, request, endAt);
  await plantGrant(store, request, endAt);
  expect(await report()).toMatchObject({ code: 0, out: 'Nothing lives on the approval of somebody who is gone.\n' });

  const change = { handle: 'olga', version: Date.now(), state: 'left' } as const;
  const directory = store.as.curfew_directory;
  const about = { source: 'hr', event: 'event-1', actor: 'curfew_directory', change };
  const { left } = await directory.transaction((tx) => changeIn(tx, about, Date.now()));
  expect(left.tainted).toEqual([request.id]);
  expect((await report()).out).toMatch(
    new RegExp(`${request.id}\\s+ada\\s+orders-prod\\s+read\\s.*olga\\s+left\\s.*open`),
  );

  const [found] = await taints.toFollow(store.as.curfew_worker, Date.now(), 10);
  const id = found?.id ?? expect.fail('nothing is open');
  await store.as.curfew_worker.transaction(async (tx) => {
    await taints.ask(tx, id, 'keep', null);
    await taints.settle(tx, id, 'kept');
  });
  expect(JSON.parse((await report('--json')).out)).toMatchObject([
    { request: request.id, holder: 'ada', approver: 'olga', cause: 'left', rule: 'keep', outcome: 'kept', lives: true },
  ]);
  await store.admin.query(
    `update curfew.projection set state = 'closed', view = jsonb_set(view, '{state,kind}', '"closed"')
    where request_id = $1`,
    [request.id],
  );
  expect(JSON.parse((await report('--json')).out)).toEqual([]);
  expect(JSON.parse((await report('--all', '--json')).out)).toMatchObject([{ request: request.id, lives: false }]);
});
