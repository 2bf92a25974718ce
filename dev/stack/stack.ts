/**
 * The embedded stack: two PostgreSQL clusters, Temporal, the sample company's Slack, the API, the worker, the reaper and
 * the collector, each a process of its own that is supervised here; and the inbox of the webhook. `npm start` keeps one in `.curfew/`; the tour makes its own in a
 * temporary folder.
 */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../postgres.ts';
import { startInbox, type Inbox } from '../inbox.ts';
import { startedThings } from '../processes.ts';
import type { Standby } from '../standby.ts';
import type { Progress } from '../progress.mjs';
import type { StateFolder } from '../state.ts';
import { startWitness } from '../witness.ts';
import { findTemporal, type TemporalServer, type TemporalSource } from '../temporal.ts';
import type { Trouble } from '../trouble.ts';
import {
  apiEnvironment,
  collectorEnvironment,
  namespace,
  reaperEnvironment,
  temporalAddress,
  workerEnvironment,
  type Environment,
} from './environments.ts';
import {
  introduce,
  startStore,
  startTarget,
  startTargetStandby,
  startWorkflowServer,
  type Site,
  type TargetSite,
} from './parts.ts';
import { service, type Service } from './service.ts';
import { settingsOf, type StackSettings } from './settings.ts';

export type { Service };

export type Stack = {
  readonly settings: StackSettings;
  readonly state: StateFolder;
  readonly store: Cluster;
  readonly target: Cluster;
  /** Where the stack has one. */
  readonly standby: Standby | null;
  readonly temporal: TemporalServer;
  readonly api: Service;
  readonly worker: Service;
  readonly reaper: Service;
  readonly collector: Service;
  /** What came through the webhook. */
  readonly inbox: Inbox;
  /** Ends everything, in the opposite order of its start; the state stays. */
  readonly stop: () => Promise<void>;
};

/** Where Slack comes from: something that listens on `ports.slack` before the API asks for it. */
export type SlackSource = (
  settings: StackSettings,
) => Promise<{ readonly name: string; readonly stop: () => Promise<unknown> }>;

export type StackOptions = {
  readonly state: StateFolder;
  readonly progress: Pick<Progress, 'step' | 'say'>;
  readonly slack: SlackSource | null;
  /** How long before the end a holder is told: `15m`, `0`. */
  readonly notice: string;
  /** How Curfew is installed on the target, and the server's settings; as for `npm start` where absent. */
  readonly target?: TargetSite;
  /** A second node of the target, `ports.standby`, which worker, reaper and operator know as well. */
  readonly standby?: true;
  /** What each process takes for the ports of the servers: lines between them that somebody can break. */
  readonly lines?: (settings: StackSettings) => Promise<Lines>;
  /** Called when a part ends that nobody stopped. */
  readonly onUnexpectedExit: (trouble: Trouble) => void;
};

export type Lines = {
  readonly name: string;
  readonly seenBy: (name: Service['name']) => StackSettings;
  readonly stop: () => Promise<unknown>;
};

/** @throws Trouble, with the mend, when a part does not come up; everything that was started is stopped by then */
export async function startStack(options: StackOptions): Promise<Stack> {
  const things = startedThings();
  try {
    return await bringUp(options, things);
  } catch (error) {
    await things.stopAll().catch(() => undefined);
    throw error;
  }
}

async function bringUp(options: StackOptions, things: Site['things']): Promise<Stack> {
  const { state, progress, onUnexpectedExit } = options;
  const settings = await settingsOf(state, options.standby === true);
  const site: Site = { settings, state, things, onUnexpectedExit };
  const source = await progress.step('Temporal found', (say) => findTemporal({ env: process.env, progress: say }));
  const lines = options.lines && things.add(await options.lines(settings));
  const { inboxSecret } = settings.secrets;
  const logFile = state.file('logs', 'inbox.log');
  const inbox = things.add(await startInbox({ port: settings.ports.inbox, secret: inboxSecret, logFile }));
  const { witness } = settings.ports;
  things.add(
    await startWitness({ port: witness, token: settings.secrets.witnessToken, folder: state.file('witness-http') }),
  );
  const { api, worker, reaper, collector } = servicesOf(site, options, source, lines?.seenBy ?? (() => settings));
  const startNodes = async () => {
    const target = await startTarget(site, options.target);
    return { target, standby: settings.standby ? await startTargetStandby(site, target) : null };
  };
  const [store, { target, standby }, temporal] = await allOrFirstFailure([
    progress.step('store: PostgreSQL 18, tables', () => startStore(site)),
    progress.step('target: PostgreSQL 18, orders and models', startNodes),
    progress.step('Temporal', () => startWorkflowServer(site, source)),
    progress.step('Slack', async () => {
      if (options.slack) things.add(await options.slack(settings));
    }),
  ]);
  const policy = await progress.step('people, policy, targets checked', () => introduce(settings));
  if (policy === 'differs') {
    progress.say(
      '      dev/company/policy.yaml is not the policy that holds. To propose it to the access controllers:',
    );
    progress.say('      npm run curfew -- policy apply dev/company/policy.yaml');
  }
  await allOrFirstFailure(
    [worker, reaper, collector, api].map((each) => progress.step(each.name, () => things.add(each).start())),
  );
  return {
    settings,
    state,
    store,
    target,
    standby,
    temporal,
    api,
    worker,
    reaper,
    collector,
    inbox,
    stop: () => things.stopAll(),
  };
}

function servicesOf(
  { settings, state, onUnexpectedExit }: Site,
  options: StackOptions,
  source: TemporalSource,
  seenBy: Lines['seenBy'],
) {
  const { ports } = settings;
  const environment = (seen: StackSettings) => ({
    notice: options.notice,
    slack: options.slack !== null,
    conditions: conditionsIn(state),
    temporal: { address: source.kind === 'address' ? source.address : temporalAddress(seen), namespace },
  });
  const of = (name: Service['name'], script: string, port: number, env: Environment): Service =>
    service({ name, script, port, env, logFile: state.file('logs', `${name}.log`), onUnexpectedExit });
  const seen = { worker: seenBy('worker'), api: seenBy('api') };
  return {
    worker: of('worker', 'workers/main.ts', ports.worker, workerEnvironment(seen.worker, environment(seen.worker))),
    reaper: of('reaper', 'workers/reaper.ts', ports.reaper, reaperEnvironment(seenBy('reaper'))),
    collector: of('collector', 'workers/collector.ts', ports.collector, collectorEnvironment(seenBy('collector'))),
    api: of('api', 'api/main.ts', ports.api, apiEnvironment(seen.api, environment(seen.api))),
  };
}

/** The sample's incidents and tickets: a copy of their own, which whoever tries them out may change. */
function conditionsIn(state: StateFolder): string {
  const kept = state.file('conditions.yaml');
  if (!existsSync(kept)) copyFileSync(join(import.meta.dirname, '..', 'company', 'conditions.yaml'), kept);
  return kept;
}

/** Like Promise.all, but waits for the others before it fails, so that whatever they started is known and is stopped. */
async function allOrFirstFailure<const T extends readonly Promise<unknown>[]>(
  work: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as { [K in keyof T]: Awaited<T[K]> };
}
