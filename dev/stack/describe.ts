/** The truth about a running stack for outside tools: `.curfew/dev.json`, mode 0600, because it holds every secret. */
import { profiles, list } from '../../store/people.ts';
import { openStore } from '../../store/pool.ts';
import { logins } from '../../domain/events.ts';
import { controlDatabase, sampleTargets } from '../company/targets.ts';
import { slackChannels } from '../company/workspace.ts';
import { slackIds } from '../slack/emulator.ts';
import { stableId } from '../slack/stable-ids.ts';
import {
  apiUrl,
  inboxUrl,
  operatorEnvironment,
  slackApiUrl,
  slackEvents,
  storeUrl,
  superuserUrl,
} from './environments.ts';
import type { Stack } from './stack.ts';

export type DevJson = {
  /** Where a browser sees the sample company's Slack. */
  readonly playground: string;
  readonly api: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly store: { readonly url: string; readonly logins: Readonly<Record<string, string>> };
  readonly slack: {
    readonly apiUrl: string;
    readonly signingSecret: string;
    readonly botToken: string;
    readonly team: string;
    readonly app: string;
    /** Where the app takes slash commands, interactions and events. */
    readonly events: string;
    readonly channels: Readonly<Record<string, string>>;
    readonly desk: { readonly url: string; readonly secret: string };
  };
  readonly hooks: Readonly<Record<'hr' | 'conditions', { readonly url: string; readonly secret: string }>>;
  /** Alarms and break-glass, besides Slack: a listener of this stack's own that writes down what comes. */
  readonly inbox: { readonly url: string; readonly secret: string; readonly log: string };
  readonly targets: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly databases: readonly string[];
    readonly templates: readonly string[];
    readonly adminUrl: string;
    readonly logins: Readonly<Record<string, string>>;
  }[];
  readonly people: readonly Person[];
  /** What the `curfew` command needs to act as the operator of this stack. */
  readonly operator: Readonly<Record<string, string>>;
  readonly pids: Readonly<Record<string, number>>;
};
export type Person = {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly email: string;
  readonly slackUserId: string | null;
  readonly groups: readonly string[];
};

export async function describe(stack: Stack, slackPid: number | null): Promise<DevJson> {
  const { settings } = stack;
  const { ports, secrets } = settings;
  const worker = `postgres://curfew_worker:${secrets.targetWorker}@127.0.0.1:${ports.target}/${controlDatabase}`;
  const reaper = `postgres://curfew_reaper:${secrets.targetReaper}@127.0.0.1:${ports.target}/${controlDatabase}`;
  const collector = `postgres://curfew_collector:${secrets.targetCollector}@127.0.0.1:${ports.target}/${controlDatabase}`;
  return {
    playground: `http://127.0.0.1:${ports.playground}/`,
    api: apiUrl(settings),
    temporal: { address: stack.temporal.address, namespace: stack.temporal.namespace },
    store: {
      url: superuserUrl(settings, 'store', 'curfew'),
      logins: Object.fromEntries(logins.map((login) => [login, storeUrl(settings, login)])),
    },
    slack: {
      apiUrl: slackApiUrl(settings),
      signingSecret: secrets.signingSecret,
      botToken: secrets.botToken,
      team: slackIds.team,
      app: slackIds.app,
      events: slackEvents(settings),
      channels: Object.fromEntries(Object.entries(slackChannels).map(([key, name]) => [key, stableId('C', name)])),
      desk: { url: `http://127.0.0.1:${ports.slackDesk}`, secret: secrets.slackDesk },
    },
    hooks: {
      hr: { url: `${apiUrl(settings)}/hooks/hr/default`, secret: secrets.hrSecret },
      conditions: { url: `${apiUrl(settings)}/hooks/conditions`, secret: secrets.conditionsSecret },
    },
    inbox: { url: inboxUrl(settings), secret: secrets.inboxSecret, log: stack.state.file('logs', 'inbox.log') },
    targets: sampleTargets.map(({ name, databases, templates }) => ({
      name,
      host: '127.0.0.1',
      port: ports.target,
      databases,
      templates,
      adminUrl: superuserUrl(settings, 'target', databases[0]),
      logins: { curfew_worker: worker, curfew_reaper: reaper, curfew_collector: collector },
    })),
    people: await people(stack),
    operator: operatorEnvironment(settings),
    pids: pidsOf(stack, slackPid),
  };
}

async function people({ settings }: Stack): Promise<readonly Person[]> {
  const store = openStore({ url: storeUrl(settings, 'curfew_directory'), applicationName: 'curfew dev', max: 1 });
  try {
    const records = await list(store);
    const known = await profiles(
      store,
      records.map((record) => record.id),
    );
    return records.map(({ id, handle, name, email, groups }) => ({
      id,
      handle,
      name: name ?? handle,
      email: email ?? '',
      slackUserId: known.get(id)?.slackUser ?? null,
      groups,
    }));
  } finally {
    await store.close();
  }
}

function pidsOf(stack: Stack, slack: number | null): Readonly<Record<string, number>> {
  const pids = {
    start: process.pid,
    store: stack.store.pid(),
    target: stack.target.pid(),
    temporal: stack.temporal.pid(),
    slack,
    api: stack.api.pid(),
    worker: stack.worker.pid(),
    reaper: stack.reaper.pid(),
    collector: stack.collector.pid(),
  };
  return Object.fromEntries(Object.entries(pids).flatMap(([name, pid]) => (pid === null ? [] : [[name, pid]])));
}
