/** On the real stack: what is open before the end is counted and told, and what is over leaves the graveyard. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlDatabase } from '../dev/company/targets.ts';
import { actions } from '../slack/ids.ts';
import { reconcileScheduleId } from '../workflows/contract.ts';
import { eventually } from './support/eventually.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
}, 600_000);
afterAll(() => stage?.end());

const look = (): Promise<void> => stage.temporal.schedule.getHandle(reconcileScheduleId).trigger();
const entriesOf = (id: string) =>
  stage.inStore<{ kind: string }>(`select kind from audit.entry where subject = $1 and kind ~ '^role' order by id`, [
    id,
  ]);

test('open work is counted while somebody holds access, and the login is dropped after its time in the graveyard', async () => {
  const requestId = await stage.ask('mei', 'models-prod read 10m because checking label drift');
  const login = await stage.login('mei', requestId);
  const session = await stage.connect(login);
  session.on('error', () => undefined);
  await session.query('begin; select 1');
  await look();
  await eventually(
    'it is counted',
    async () => {
      const [row] = await stage.inStore<{ transactions: number }>(
        'select transactions from curfew.open_work where request_id = $1',
        [requestId],
      );
      return row?.transactions === 1;
    },
    { withinMs: 30_000 },
  );

  await stage.pressDm('mei', requestId, actions.release);
  await stage.is(requestId, 'closed');
  await look();
  expect(await entriesOf(requestId)).toEqual([]);
  const there = () =>
    stage.onTarget<{ n: number }>(`select count(*)::int as n from pg_roles where rolname = '${login.role}'`);
  expect(await there()).toEqual([{ n: 1 }]);
  await stage.onTarget(
    "update curfew.ledger set disabled_at = disabled_at - interval '1 hour' where grant_id = $1",
    [requestId],
    controlDatabase,
  );
  await look();
  await eventually('it is dropped', async () => (await entriesOf(requestId)).length > 0, { withinMs: 30_000 });
  expect(await entriesOf(requestId)).toEqual([{ kind: 'role.dropped' }]);
  expect(await there()).toEqual([{ n: 0 }]);
  expect(await stage.findings()).toEqual([]);
}, 600_000);
