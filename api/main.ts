/**
 * The API process: `node api/main.ts`. HTTP, Slack, the claim page, hooks. Holds the ticket keys and no target. With
 * `--only hooks` it takes word on people and nothing else, with the directory's login alone.
 */
import { parseArgs } from 'node:util';
import { openSource } from '../conditions/open.ts';
import { createConditions } from '../conditions/source.ts';
import { readApiConfig, type ApiConfig } from '../config/api.ts';
import { readHooksConfig } from '../config/hooks.ts';
import { describeProblems, type Read } from '../config/field.ts';
import { createLog, type Log } from '../config/log.ts';
import type { SourceSpec } from '../directory/spec.ts';
import type { Context, Ticket, Tickets } from '../service/context.ts';
import { actingUseCases } from '../service/acting.ts';
import { conditionHook } from '../service/conditions.ts';
import { hrUseCases } from '../service/deliver.ts';
import { policyInForce } from '../service/policy-in-force.ts';
import { scimUseCases } from '../service/scim.ts';
import { bindUseCases } from '../service/use-cases.ts';
import { createSlackApp } from '../slack/app.ts';
import { requireMigrated } from '../store/migrations.ts';
import { directoryPatienceMs, openStore, type Store } from '../store/pool.ts';
import { makeTicket, type TicketFields } from '../targets/postgres/ticket.ts';
import { isVerifier } from '../targets/postgres/verifier.ts';
import { createTemporal } from '../temporal/connection.ts';
import { runDirectory } from './process/directory.ts';
import { startHooks } from './process/hooks.ts';
import { listen, type Listening } from './process/listen.ts';
import { readSources } from './process/sources.ts';
import { createServer } from './server.ts';

export type Api = Listening;

/**
 * @param sources of people, with their hooks; only where the directory's login is there
 * @throws where the port is taken, or Slack cannot be reached in Socket Mode; the store and Temporal may come later
 */
export async function startApi(
  config: ApiConfig,
  log: Log,
  clock: () => number = Date.now,
  sources: readonly SourceSpec[] = [],
): Promise<Api> {
  const store = openStore({ url: config.storeUrl, applicationName: 'curfew-api' });
  const directory =
    config.directoryUrl === undefined
      ? undefined
      : openStore({
          url: config.directoryUrl,
          applicationName: 'curfew-directory',
          max: 5,
          statementTimeoutMs: directoryPatienceMs,
        });
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
  const stopping = new AbortController();
  const people = directory && runDirectory(ctx, sources, stopping.signal);
  const server = createServer({
    useCases,
    acting: actingUseCases(ctx, useCases, slack && ((account) => slack.desk.accounts.factsOf(account))),
    ...(slack?.router === undefined ? {} : { slack: slack.router }),
    ...(config.hrSecrets.length === 0 ? {} : { hr: { secrets: config.hrSecrets, useCases: hrUseCases(ctx) } }),
    ...(people === undefined ? {} : { sources: people.hooks }),
    ...(directory === undefined ? {} : { scim: { useCases: scimUseCases(ctx, config), publicUrl: config.publicUrl } }),
    ...(config.conditionSecrets.length === 0
      ? {}
      : { conditions: { secrets: config.conditionSecrets, hook: conditionHook(ctx) } }),
    needs: needsOf(store, directory, ctx),
    trustedProxies: config.trustedProxies,
    clock,
    log,
  });
  const listening = await listen(server, config);
  await slack?.start();
  return {
    port: listening.port,
    async stop() {
      stopping.abort();
      await listening.stop();
      await Promise.allSettled([people?.stopped]);
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

if (import.meta.main) {
  const only = onlyOf(process.argv.slice(2));
  if (only === undefined) notConfigured('Say nothing, or --only hooks.');
  else if (only === 'hooks') {
    await configured(readHooksConfig(process.env), (config, sources) => {
      const log = createLog('hooks', config.logLevel);
      return run(log, {}, () => startHooks(config, sources, log));
    });
  } else {
    await configured(readApiConfig(process.env), (config, sources) => {
      const log = createLog('api', config.logLevel);
      const targets = config.targets.map(({ name }) => name);
      return run(log, { targets }, () => startApi(config, log, Date.now, sources));
    });
  }
}

/** @returns undefined for what cannot be said */
function onlyOf(words: readonly string[]): 'hooks' | 'all' | undefined {
  try {
    const { only = 'all' } = parseArgs({ args: [...words], options: { only: { type: 'string' } } }).values;
    return only === 'hooks' || only === 'all' ? only : undefined;
  } catch {
    return undefined;
  }
}

function notConfigured(problems: string): void {
  process.stderr.write(`The API is not configured:\n${problems}\n`);
  process.exitCode = 2;
}

/** Runs with a configuration that holds, the file of sources included; else tells every problem with it. */
async function configured<Config extends { readonly sourcesFile?: string }>(
  read: Read<Config>,
  work: (config: Config, sources: readonly SourceSpec[]) => Promise<void>,
): Promise<void> {
  if (!read.ok) return notConfigured(describeProblems(read.problems));
  const sources = readSources(read.config.sourcesFile);
  if (!sources.ok) return notConfigured(sources.problems);
  await work(read.config, sources.sources);
}

async function run(log: Log, about: object, start: () => Promise<Api>): Promise<void> {
  const api = await start();
  log.info({ port: api.port, ...about }, 'listening');
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
