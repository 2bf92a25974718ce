/** Each node's log is its own: a session on a standby is found there, and what its copy brought along is not told twice. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../config/log.ts';
import type { RequestId, TargetName } from '../domain/ids.ts';
import { coverage, sessionsOf, statementsOf } from '../store/sessions.ts';
import { startCollector, type Collector } from '../workers/collector.ts';
import { until } from './support/postgres.ts';
import { collectorPassword, loggingConfig, logStatements } from './support/session-log.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';
import { asHolder, granted, type Prepared } from './support/target.ts';
import { startTwoNodes, type TwoNodes } from './support/two-nodes.ts';

let store: TestStore;
let two: TwoNodes;
let collector: Collector;
let held: Prepared;
beforeAll(async () => {
  store = await startStore();
  two = await startTwoNodes({
    collectorPassword,
    config: loggingConfig,
    before: async (sample, primary) => {
      await logStatements(primary, 'orders');
      const personId = await addPerson(store.as.curfew_directory, 'holder');
      const { id: grantId } = await openRequest(store.as.curfew_api, personId);
      held = await granted(sample.worker, { grantId, personId });
      await asHolder(primary, held, (client) => client.query('select 1 as before_the_copy'));
    },
  });
  collector = await startCollector(
    {
      storeUrl: store.url('curfew_collector'),
      clusters: [
        {
          name: 'main',
          zone: 'default',
          targets: ['orders-prod' as TargetName],
          database: 'control',
          user: 'curfew_collector',
          password: collectorPassword,
          nodes: two.nodes,
        },
      ],
      statements: 'redacted',
      everyMs: 100,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
    },
    createLog('collector', 'fatal'),
  );
}, 120_000);
afterAll(async () => {
  await collector?.stop();
  await two?.end();
  await store?.end();
});

test('a session stands with the node on which it was, once', async () => {
  await two.standby.replayed();
  await asHolder(two.on.standby, held, (client) => client.query('select 2 as on_the_standby'));
  await asHolder(two.on.primary, held, (client) => client.query('select 3 as on_the_primary'));
  const id = held.call.grantId as RequestId;
  const said = await until(
    async () => {
      const found = await statementsOf(store.as.curfew_auditor, id, 100);
      return found.length >= 3 && found;
    },
    'both logs are read',
    30_000,
  );
  expect(said.map(({ node, text }) => [node, text])).toEqual([
    ['primary', 'select ? as before_the_copy'],
    ['standby', 'select ? as on_the_standby'],
    ['primary', 'select ? as on_the_primary'],
  ]);
  expect(await sessionsOf(store.as.curfew_auditor, [id])).toHaveLength(3);
  expect((await coverage(store.as.curfew_auditor)).map(({ node, wholeSince }) => [node, wholeSince !== null])).toEqual([
    ['primary', true],
    ['standby', true],
  ]);
});
