/**
 * The environment of each process, as an operator would set it. Each gets its own logins and nothing else: the API no
 * way to a target, the worker no ticket key, the reaper neither Temporal nor Slack, the collector nothing but logs.
 */
import type { Login } from '../../domain/events.ts';
import { slackPath } from '../../slack/http.ts';
import { clusterName, controlDatabase, sampleTargets, zone } from '../company/targets.ts';
import { slackChannels } from '../company/workspace.ts';
import { stableId } from '../slack/stable-ids.ts';
import { slackIds } from '../slack/emulator.ts';
import { bundleCache } from '../start-cache.ts';
import { codecKeyId, logName, ticketKeyId, type StackSettings } from './settings.ts';

export type Environment = Readonly<Record<string, string>>;

export const namespace = 'curfew';
/** What receipts call the target's second node. */
export const standbyName = 'standby';
export const storeDatabase = 'curfew';

export const apiUrl = ({ ports }: StackSettings): string => `http://127.0.0.1:${ports.api}`;
/** Where Slack posts commands, clicks, forms and events. */
export const slackEvents = (settings: StackSettings): string => `${apiUrl(settings)}${slackPath}`;
export const slackApiUrl = ({ ports }: StackSettings): string => `http://127.0.0.1:${ports.slack}/api/`;
/** Where alarms and break-glass are told besides Slack. */
export const inboxUrl = ({ ports }: StackSettings): string => `http://127.0.0.1:${ports.inbox}/`;
export const temporalAddress = ({ ports }: StackSettings): string => `127.0.0.1:${ports.temporal}`;

/** A login of the store as a connection string. */
export const storeUrl = ({ ports, secrets }: StackSettings, login: Login): string =>
  `postgres://${login}:${secrets.store[login]}@127.0.0.1:${ports.store}/${storeDatabase}`;

/** The superuser of one of the two clusters. */
export const superuserUrl = (
  { ports, secrets }: StackSettings,
  cluster: 'store' | 'target',
  database = 'postgres',
): string =>
  `postgres://postgres:${cluster === 'store' ? secrets.storeSuperuser : secrets.targetSuperuser}@127.0.0.1:${ports[cluster]}/${database}`;

export type EnvironmentOptions = {
  /** How long before the end a holder is told; `0` for not at all. */
  readonly notice: string;
  /** Somebody else's Temporal, where one is used. */
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly slack: boolean;
  /** The file of incidents and tickets. */
  readonly conditions: string;
};

export const apiEnvironment = (settings: StackSettings, options: EnvironmentOptions): Environment => ({
  CURFEW_STORE_URL: storeUrl(settings, 'curfew_api'),
  CURFEW_DIRECTORY_STORE_URL: storeUrl(settings, 'curfew_directory'),
  ...temporal(settings, options),
  ...(options.slack ? slackListener(settings) : {}),
  CURFEW_TARGETS: JSON.stringify(
    sampleTargets.map(({ name }) => ({
      name,
      cluster: clusterName,
      zone,
      host: '127.0.0.1',
      port: settings.ports.target,
    })),
  ),
  CURFEW_TICKET_KEYS: ticketKeysOf(settings),
  CURFEW_HR_SECRETS: settings.secrets.hrSecret,
  CURFEW_CONDITIONS_FILE: options.conditions,
  CURFEW_CONDITIONS_SECRETS: settings.secrets.conditionsSecret,
  CURFEW_PUBLIC_URL: apiUrl(settings),
  CURFEW_PORT: String(settings.ports.api),
  CURFEW_NOTICE: options.notice,
});

export const workerEnvironment = (settings: StackSettings, options: EnvironmentOptions): Environment => ({
  CURFEW_STORE_URL: storeUrl(settings, 'curfew_worker'),
  ...temporal(settings, options),
  ...(options.slack ? slackWriter(settings) : {}),
  CURFEW_TARGETS: clustersAs(settings, 'curfew_worker', settings.secrets.targetWorker),
  CURFEW_CONDITIONS_FILE: options.conditions,
  CURFEW_ALARM_WEBHOOK_URL: inboxUrl(settings),
  CURFEW_ALARM_WEBHOOK_SECRET: settings.secrets.inboxSecret,
  ...logKeeping(settings),
  CURFEW_PUBLIC_URL: apiUrl(settings),
  CURFEW_BUNDLE_CACHE: bundleCache,
  CURFEW_HEALTH_PORT: String(settings.ports.worker),
});

export const reaperEnvironment = (settings: StackSettings): Environment => ({
  CURFEW_STORE_URL: storeUrl(settings, 'curfew_reaper'),
  CURFEW_TARGETS: clustersAs(settings, 'curfew_reaper', settings.secrets.targetReaper),
  CURFEW_HEALTH_PORT: String(settings.ports.reaper),
});

export const collectorEnvironment = (settings: StackSettings): Environment => ({
  CURFEW_STORE_URL: storeUrl(settings, 'curfew_collector'),
  CURFEW_TARGETS: clustersAs(settings, 'curfew_collector', settings.secrets.targetCollector),
  CURFEW_COLLECT_EVERY: '1s',
  CURFEW_HEALTH_PORT: String(settings.ports.collector),
});

/** What the `curfew` command needs to act as the operator of this stack. */
export const operatorEnvironment = (settings: StackSettings): Environment => ({
  CURFEW_MIGRATE_URL: superuserUrl(settings, 'store', storeDatabase),
  CURFEW_API: apiUrl(settings),
  CURFEW_ADMIN_STORE_URL: storeUrl(settings, 'curfew_admin'),
  CURFEW_AUDITOR_STORE_URL: storeUrl(settings, 'curfew_auditor'),
  CURFEW_DIRECTORY_STORE_URL: storeUrl(settings, 'curfew_directory'),
  CURFEW_TARGET_ADMIN_URL: superuserUrl(settings, 'target', controlDatabase),
  CURFEW_TARGET_WORKER_PASSWORD: settings.secrets.targetWorker,
  CURFEW_TARGET_REAPER_PASSWORD: settings.secrets.targetReaper,
  CURFEW_TARGET_COLLECTOR_PASSWORD: settings.secrets.targetCollector,
  CURFEW_TICKET_KEYS: ticketKeysOf(settings),
  CURFEW_TARGETS: clustersAs(settings, 'postgres', settings.secrets.targetSuperuser),
  ...logKeeping(settings),
});

/** The log's name, its key, and its two witnesses: a folder, and an endpoint. */
const logKeeping = ({ ports, secrets, log }: StackSettings): Environment => ({
  CURFEW_AUDIT_NAME: logName,
  CURFEW_AUDIT_KEY_FILE: log.keyFile,
  CURFEW_WITNESSES: `${log.witnessFolder},http://127.0.0.1:${ports.witness}/`,
  CURFEW_WITNESS_TOKEN: secrets.witnessToken,
});

/** Nodes of the sample cluster with one login: the process's own. */
const clustersAs = ({ ports, standby }: StackSettings, user: string, password: string): string =>
  JSON.stringify([
    {
      name: clusterName,
      zone,
      targets: sampleTargets.map(({ name }) => name),
      database: controlDatabase,
      user,
      password,
      nodes: [
        { name: 'primary', host: '127.0.0.1', port: ports.target, primary: true },
        ...(standby ? [{ name: standbyName, host: '127.0.0.1', port: ports.standby }] : []),
      ],
    },
  ]);

const ticketKeysOf = ({ secrets }: StackSettings): string =>
  JSON.stringify({ [clusterName]: `${ticketKeyId}:${secrets.ticketKey}` });

const temporal = ({ secrets }: StackSettings, options: EnvironmentOptions): Environment => ({
  CURFEW_TEMPORAL_ADDRESS: options.temporal.address,
  CURFEW_TEMPORAL_NAMESPACE: options.temporal.namespace,
  CURFEW_CODEC_KEYS: `${codecKeyId}:${secrets.codecKey}`,
});

const slackWriter = (settings: StackSettings): Environment => ({
  CURFEW_SLACK_BOT_TOKEN: settings.secrets.botToken,
  CURFEW_SLACK_CHANNEL: stableId('C', slackChannels.approvals),
  CURFEW_SLACK_OPS_CHANNEL: stableId('C', slackChannels.ops),
  CURFEW_SLACK_API_URL: slackApiUrl(settings),
  CURFEW_SLACK_MESSAGE_EVERY: '0',
  CURFEW_SLACK_TEAM_ID: slackIds.team,
});

const slackListener = (settings: StackSettings): Environment => ({
  ...slackWriter(settings),
  CURFEW_SLACK_SIGNING_SECRET: settings.secrets.signingSecret,
  CURFEW_SLACK_APP_ID: slackIds.app,
});
