/**
 * The `curfew` command. Each command needs some of these only, so nothing is required here; a command that misses one
 * says which. `curfew migrate` is a process of its own, because deployments run it by itself.
 */
import { z } from 'zod';
import { logins, type Login } from '../domain/events.ts';
import { optional, readShape, required, type Environment, type Problem, type Read, type ReadText } from './field.ts';
import { json, postgresUrl, webOrigin, word, type NamedKey } from './forms.ts';
import { auditShape } from './audit.ts';
import { sourcesShape } from './sources.ts';
import { clusters, ticketKeys, type Cluster } from './targets.ts';

const password = z.string('is not a text').min(16, 'is shorter than 16 characters').max(500, 'is too long');

export const migrateShape = {
  CURFEW_MIGRATE_URL: required(postgresUrl, {
    what: "the store's database, as its owner or administrator, who may create roles",
    mend: 'Set it to postgres://ADMIN:PASSWORD@HOST:PORT/DATABASE of the store.',
  }),
  CURFEW_STORE_PASSWORDS: optional(json(z.partialRecord(z.enum(logins, 'is no login of the store'), password)), {
    what: 'passwords of the logins to set, JSON: {"curfew_api": "..."}; unset: left as they are',
    mend: `Set it to JSON with passwords of at least 16 characters for some of ${logins.join(', ')}, or @/path.`,
  }),
} as const;

export type MigrateConfig = { readonly url: string; readonly passwords: Readonly<Partial<Record<Login, string>>> };

/** Reads the configuration of `curfew migrate`; every problem at once, and no value in any of them. */
export const readMigrateConfig = (environment: Environment, readText?: ReadText): Read<MigrateConfig> =>
  readShape(
    migrateShape,
    environment,
    (values) => ({ url: values.CURFEW_MIGRATE_URL, passwords: values.CURFEW_STORE_PASSWORDS ?? {} }),
    readText,
  );

export const cliShape = {
  CURFEW_API: optional(webOrigin, {
    what: 'address of the API, for `curfew connect` and what needs a code; https outside this machine',
    mend: 'Set it to the address of the API, e.g. https://curfew.example.com, or give --api.',
  }),
  CURFEW_CODE: optional(word, {
    what: 'code from `/curfew code` in Slack: request, review, approve, deny, mine, release, extend, and status as oneself',
    mend: 'Type /curfew code in Slack, and set it to the code that it shows.',
  }),
  CURFEW_ADMIN_STORE_URL: optional(postgresUrl, {
    what: 'the store, as curfew_admin or the login of an operator: policy, target, doctor, alarms, recover, status, requests, breakglass, report, people link --code, scim',
    mend: 'Set it to postgres://curfew_admin:PASSWORD@HOST:PORT/DATABASE.',
  }),
  CURFEW_AUDITOR_STORE_URL: optional(postgresUrl, {
    what: 'the store, as curfew_auditor or the login of an auditor, who may change nothing: report, audit, sessions; unset: CURFEW_ADMIN_STORE_URL',
    mend: 'Set it to postgres://curfew_auditor:PASSWORD@HOST:PORT/DATABASE.',
  }),
  CURFEW_DIRECTORY_STORE_URL: optional(postgresUrl, {
    what: 'the store, as curfew_directory or the login of an operator: people, oncall',
    mend: 'Set it to postgres://curfew_directory:PASSWORD@HOST:PORT/DATABASE.',
  }),
  ...sourcesShape,
  ...auditShape,
  CURFEW_TARGET_ADMIN_URL: optional(postgresUrl, {
    what: "a target's control database, as the operator's own login: target",
    mend: "Set it to postgres://ADMIN:PASSWORD@HOST:PORT/DATABASE of the target's control database.",
  }),
  CURFEW_TARGET_WORKER_PASSWORD: optional(word, {
    what: 'password of curfew_worker on the target: target install',
    mend: "Set it to a long random word, the same as in the worker's CURFEW_TARGETS.",
  }),
  CURFEW_TARGET_REAPER_PASSWORD: optional(word, {
    what: 'password of curfew_reaper on the target: target install',
    mend: "Set it to a long random word, the same as in the reaper's CURFEW_TARGETS.",
  }),
  CURFEW_TARGET_COLLECTOR_PASSWORD: optional(word, {
    what: "password of curfew_collector on the target: target install; unset: nothing that reads the server's log is installed",
    mend: "Set it to a long random word, the same as in the collector's CURFEW_TARGETS, or unset it.",
  }),
  CURFEW_TICKET_KEYS: optional(ticketKeys, {
    what: 'ticket key of each cluster, JSON: {"cluster": "id:base64"}: target install',
    mend: 'Set it to JSON {"cluster": "id:base64 of 32 random bytes"}, the same as for the API, or @/path.',
  }),
  CURFEW_TARGETS: optional(clusters, {
    what: 'clusters, JSON, as for the worker, but with a login that may read the ledger: doctor; as an administrator: recover',
    mend: 'Set it to a JSON list of clusters with an administrator of each, or @/path of a file with one.',
  }),
} as const;

export type CliConfig = {
  readonly api?: string;
  readonly adminStoreUrl?: string;
  readonly auditorStoreUrl?: string;
  readonly directoryStoreUrl?: string;
  /** Path of the file of sources of people. */
  readonly sources?: string;
  readonly targetAdminUrl?: string;
  readonly workerPassword?: string;
  readonly reaperPassword?: string;
  readonly collectorPassword?: string;
  readonly ticketKeys?: ReadonlyMap<string, NamedKey>;
  readonly clusters?: readonly Cluster[];
};

const cliNames = {
  api: 'CURFEW_API',
  adminStoreUrl: 'CURFEW_ADMIN_STORE_URL',
  auditorStoreUrl: 'CURFEW_AUDITOR_STORE_URL',
  directoryStoreUrl: 'CURFEW_DIRECTORY_STORE_URL',
  sources: 'CURFEW_HR_SOURCES',
  targetAdminUrl: 'CURFEW_TARGET_ADMIN_URL',
  workerPassword: 'CURFEW_TARGET_WORKER_PASSWORD',
  reaperPassword: 'CURFEW_TARGET_REAPER_PASSWORD',
  collectorPassword: 'CURFEW_TARGET_COLLECTOR_PASSWORD',
  ticketKeys: 'CURFEW_TICKET_KEYS',
  clusters: 'CURFEW_TARGETS',
} as const satisfies Record<keyof CliConfig, keyof typeof cliShape>;

/**
 * Reads what one command needs.
 * @param wanted the parts that this command cannot do without; each that is unset is a problem. Others are not read:
 *   a broken variable of another command does not stop this one.
 */
export function readCliConfig<Wanted extends keyof CliConfig>(
  environment: Environment,
  wanted: readonly Wanted[],
  readText?: ReadText,
): Read<Required<Pick<CliConfig, Wanted>>> {
  const shape = Object.fromEntries(
    wanted.map((part) => [cliNames[part], { ...cliShape[cliNames[part]], required: true }]),
  );
  return readShape(
    shape,
    environment,
    (values): Required<Pick<CliConfig, Wanted>> | { readonly problems: readonly Problem[] } =>
      Object.fromEntries(wanted.map((part) => [part, values[cliNames[part]]])) as Required<Pick<CliConfig, Wanted>>,
    readText,
  );
}
