/** The API process: `node api/main.ts`. HTTP, Slack, the claim page, HR's hook. Holds the ticket keys and no target. */
import { once } from 'node:events';
import { createServer as listenerFor } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openSource } from '../conditions/open.ts';
import { createConditions } from '../conditions/source.ts';
import { readApiConfig, type ApiConfig } from '../config/api.ts';
import { describeProblems } from '../config/field.ts';
import { createLog, type Log } from '../config/log.ts';
import type { Context, Ticket, Tickets } from '../service/context.ts';
import { actingUseCases } from '../service/acting.ts';
import { conditionHook } from '../service/conditions.ts';
import { hrUseCases } from '../service/deliver.ts';
import { policyInForce } from '../service/policy-in-force.ts';
import { bindUseCases } from '../service/use-cases.ts';
import { createSlackApp } from '../slack/app.ts';
import { requireMigrated } from '../store/migrations.ts';
import { openStore, type Store } from '../store/pool.ts';
import { makeTicket, type TicketFields } from '../targets/postgres/ticket.ts';
import { isVerifier } from '../targets/postgres/verifier.ts';
import { createTemporal } from '../temporal/connection.ts';
import { createServer } from './server.ts';

export type Api = {
  /** The port that it listens on. */
  readonly port: number;
  /** Takes no more calls, lets those under way finish for at most `drainMs`, then closes every connection. */
  stop(): Promise<void>;
};

/** @throws where the port is taken, or Slack cannot be reached in Socket Mode; the store and Temporal may come later */
export async function startApi(config: ApiConfig, log: Log, clock: () => number = Date.now): Promise<Api> {
  const store = openStore({ url: config.storeUrl, applicationName: 'curfew-api' });
  const directory =
    config.directoryUrl === undefined
      ? undefined
      : openStore({ url: config.directoryUrl, applicationName: 'curfew-directory', max: 5 });
  const temporal = createTemporal({ ...config.temporal, identity: config.identity });
  const ctx: Context = {
    store,
    ...(directory === undefined ? {} : { directory }),
    temporal,
    clock,
    policy: policyInForce(store, log),
    targets: config.targets,
    tickets: ticketsFrom(config.ticketKeys),
    conditions: createConditions(store, clock, openSource(config.conditions)),
    publicUrl: config.publicUrl,
    slackEnabled: config.slack !== undefined,
    noticeMs: config.noticeMs,
    log,
  };
  const useCases = bindUseCases(ctx);
  const slack = config.slack && createSlackApp({ config: config.slack, service: useCases, store, clock, log });
  const server = createServer({
    useCases,
    acting: actingUseCases(ctx, useCases, slack && ((account) => slack.desk.accounts.factsOf(account))),
    ...(slack?.router === undefined ? {} : { slack: slack.router }),
    ...(config.hrSecrets.length === 0 ? {} : { hr: { secrets: config.hrSecrets, useCases: hrUseCases(ctx) } }),
    ...(config.conditionSecrets.length === 0
      ? {}
      : { conditions: { secrets: config.conditionSecrets, hook: conditionHook(ctx) } }),
    needs: needsOf(store, directory, ctx),
    trustedProxies: config.trustedProxies,
    clock,
    log,
  });
  const listener = listenerFor(server);
  // Slower clients than this are none: bodies are small, and an open connection is a place taken.
  Object.assign(listener, { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 5_000 });
  listener.listen(config.port, config.host);
  await once(listener, 'listening');
  await slack?.start();
  return {
    port: (listener.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise((resolve) => listener.close(resolve));
      listener.closeIdleConnections();
      const drained = await Promise.race([closed.then(() => true), after(config.drainMs)]);
      if (drained !== true) listener.closeAllConnections();
      await Promise.allSettled([slack?.stop(), store.close(), directory?.close(), temporal.close()]);
    },
  };
}

function ticketsFrom(keys: ApiConfig['ticketKeys']): Tickets {
  const signed = (cluster: string, fields: TicketFields): Ticket | undefined => {
    const named = keys.get(cluster);
    return named && { keyId: named.id, mac: makeTicket({ ...fields, key: named.key }) };
  };
  return {
    accepts: isVerifier,
    make: (cluster, { requestId, person, ...order }) =>
      signed(cluster, { ...order, op: 'grant', grantId: requestId, personId: person }),
    extend: (cluster, { requestId, person, ...order }) =>
      signed(cluster, { ...order, op: 'extend', grantId: requestId, personId: person }),
  };
}

const needsOf = (store: Store, directory: Store | undefined, ctx: Context) => ({
  // Not only there: of the tables that this code works with.
  store: () => requireMigrated(store),
  policy: () => ctx.policy(),
  ...(directory === undefined ? {} : { directory: () => directory.query('select 1') }),
});

const after = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

if (import.meta.main) {
  const read = readApiConfig(process.env);
  if (read.ok) {
    await run(read.config);
  } else {
    process.stderr.write(`The API is not configured:\n${describeProblems(read.problems)}\n`);
    process.exitCode = 2;
  }
}

async function run(config: ApiConfig): Promise<void> {
  const log = createLog('api', config.logLevel);
  const api = await startApi(config, log);
  log.info({ port: api.port, targets: config.targets.map(({ name }) => name) }, 'listening');
  let stops = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stops += 1;
      // A second signal does not wait for the drain.
      if (stops > 1) process.exit(1);
      void api.stop().then(() => process.exit(0));
    });
  }
}
