/**
 * Where races are run: one company, one real target, one real Temporal server, a worker and a reaper as they are
 * deployed, and the API several times over, each with a pool of connections and a client of Temporal of its own.
 */
import { createLog } from '../../config/log.ts';
import { openAccess } from '../../doctor/access.ts';
import { checkAll } from '../../doctor/check-all.ts';
import type { Finding } from '../../doctor/finding.ts';
import { dying } from '../../dev/faults/dying.ts';
import type { RequestId, TargetName } from '../../domain/ids.ts';
import type { UseCases } from '../../service/contract.ts';
import { policyInForce } from '../../service/policy-in-force.ts';
import { createTemporal, type Temporal } from '../../temporal/connection.ts';
import { runRelay } from '../../temporal/relay.ts';
import { startReaper } from '../../workers/reaper.ts';
import { fakeChannels } from './channels.ts';
import type { Company } from './company.ts';
import { eventually } from './eventually.ts';
import { startGranting } from './granting.ts';
import { readRecords, type RaceRecord } from './race-records.ts';
import { databases, reaperPassword, workerPassword } from './target.ts';
import { startTestTemporal, testKeys } from './temporal.ts';
import { startWorkerProcess } from './worker-process.ts';

/**
 * Processes of the API. `late` has a clock that is behind; `cut` dies between its commit and Temporal, so that only a
 * relay sends what it wrote; `deaf` dies after Temporal took it and before it hears so.
 */
export const apis = ['prompt', 'late', 'cut', 'deaf'] as const;
export type Api = (typeof apis)[number];

/** Within what the clocks of two processes may be apart. */
const lateMs = 400;

export type Arena = {
  readonly company: Company;
  readonly use: Readonly<Record<Api, UseCases>>;
  /** What Review shows of a request, and a decision carries. */
  digestOf(id: RequestId): Promise<string>;
  /** A relay sends what is written about a request at once, beside whoever wrote it. */
  hurry(id: RequestId): Promise<void>;
  /** Waits until nothing is under way any more. */
  settled(): Promise<void>;
  /** What store, audit log and target say of each request in the end. */
  records(): Promise<ReadonlyMap<string, RaceRecord>>;
  /** What the checker of the invariants finds. */
  findings(): Promise<readonly Finding[]>;
  /** What a use case logged as an error: nothing that happens in a race is one. */
  readonly errors: readonly string[];
  end(): Promise<void>;
};

export async function startArena(policy: string): Promise<Arena> {
  const [world, real] = await Promise.all([startGranting(undefined, policy), startTestTemporal()]);
  const { company, postgres } = world;
  const { store } = company;
  const node = { name: 'primary', host: postgres.host, port: postgres.port };
  const cluster = {
    name: 'main',
    zone: 'default',
    targets: ['orders-prod', 'models-prod'] as TargetName[],
    database: 'control',
    nodes: [node] as const,
  };
  const worker = await startWorkerProcess({
    storeUrl: store.url('curfew_worker'),
    temporal: real.server,
    codecKeys: testKeys,
    clusters: [{ ...cluster, user: 'curfew_worker', password: workerPassword }],
    more: { CURFEW_LOG_LEVEL: 'error' },
  });
  const reaper = startReaper(
    {
      storeUrl: store.url('curfew_reaper'),
      clusters: [{ ...cluster, user: 'curfew_reaper', password: reaperPassword }],
      everyMs: 1_000,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
    },
    createLog('reaper', 'fatal'),
  );
  const errors: string[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (fields: object, message: string) => void errors.push(`${message} ${describe(fields)}`),
  };
  const { address, namespace } = real.server;
  const clients: Temporal[] = [];
  const connect = (identity: string): Temporal => {
    const client = createTemporal({ address, namespace, codecKeys: testKeys, identity, deadlineMs: 5_000 });
    clients.push(client);
    return client;
  };
  const api = (name: Api): UseCases => {
    const own = store.open('curfew_api', { max: 8, applicationName: `api-${name}` });
    const clock = name === 'late' ? () => Date.now() - lateMs : Date.now;
    return company.with({
      store: own,
      temporal: name === 'cut' || name === 'deaf' ? dying(connect(name), name) : connect(name),
      clock,
      policy: policyInForce(own, log),
      log,
    });
  };
  const use = { prompt: api('prompt'), late: api('late'), cut: api('cut'), deaf: api('deaf') };
  const stopping = new AbortController();
  const relayed = runRelay({
    store: store.open('curfew_worker'),
    temporal: connect('relay'),
    channels: fakeChannels(),
    clock: Date.now,
    log: { ...log, error: log.info },
    signal: stopping.signal,
    everyMs: 100,
  });
  // Its Workflows are bundled first, which a busy machine takes its time over.
  const isReady = async () => (await worker.health())?.status === 200;
  await eventually('the worker is ready', isReady, { withinMs: 120_000, everyMs: 200 });

  return {
    company,
    use,
    errors,
    async digestOf(id) {
      const [row] = await store.admin.query<{ digest: string }>('select digest from curfew.request where id = $1', [
        id,
      ]);
      return row?.digest ?? '';
    },
    async hurry(id) {
      await store.admin.query(
        `update curfew.outbox set next_at = clock_timestamp() where done_at is null and attempts = 0 and payload ->> 'requestId' = $1`,
        [id],
      );
    },
    async settled() {
      await eventually(
        'nothing is under way',
        async () => {
          const [row] = await store.admin.query<{ open: number }>(openText);
          return row?.open === 0;
        },
        { withinMs: 180_000, everyMs: 250 },
      );
    },
    records: () => readRecords(store.admin, postgres),
    findings: () =>
      checkAll({
        store: store.as.curfew_admin,
        targets: [
          openAccess(postgres.admin, {
            cluster: 'main',
            targets: cluster.targets,
            controlDatabase: 'control',
            databases,
          }),
        ],
        now: Date.now() + 1,
      }),
    async end() {
      stopping.abort();
      await relayed;
      await Promise.all([worker.end(), reaper.stop()]);
      await Promise.all(clients.map((client) => client.close()));
      await real.end();
      await world.end();
    },
  };
}

/**
 * Messages that wait, ends that a target owes, extensions without an answer, requests between two states, and lapses. And
 * what a Workflow has answered and not told the store yet: an end that was asked for of what is not closed, and decisions
 * that count in the store, or do not any more, and of which its view says otherwise.
 */
const openText = `select (select count(*) from curfew.outbox where done_at is null)::int
  + (select count(*) from curfew.revoke_intent i where not exists (select from curfew.revoke_outcome o where o.intent_id = i.id))::int
  + (select count(*) from curfew.extension e where not exists (select from curfew.extension_outcome o where o.extension_id = e.id))::int
  + (select count(*) from curfew.access_grant where ended_at is null)::int
  + (select count(*) from curfew.projection where state in ('granting', 'active', 'revoking'))::int
  + (select count(*) from curfew.request r left join curfew.projection p on p.request_id = r.id
      where coalesce(p.state, 'requested') in ('requested', 'awaiting') and r.decide_by < now() + interval '2 seconds')::int
  + (select count(*) from curfew.request r left join curfew.projection p on p.request_id = r.id
      where coalesce(p.state, 'requested') <> 'closed'
        and (exists (select from curfew.revoke_intent i where i.request_id = r.id)
          or array(select d.id::text from curfew.decision d where d.request_id = r.id
               and not exists (select from curfew.decision_void v where v.decision_id = d.id) order by 1)
            <> array(select a ->> 'decisionId' from jsonb_array_elements(
                 coalesce(p.view -> 'state' -> 'approvals', '[]')) a order by 1)))::int as open`;

const describe = (fields: object): string =>
  JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? (value.stack ?? value.message) : value));
