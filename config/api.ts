/** The API process: HTTP, Slack, hooks. */
import { conditionsOf, conditionsShape, type ConditionsConfig } from './conditions.ts';
import {
  defaulted,
  optional,
  readShape,
  required,
  type Environment,
  type Problem,
  type Read,
  type ReadText,
} from './field.ts';
import { listOf, oneOf, port, postgresUrl, span, webhookSecret, webOrigin, word, type NamedKey } from './forms.ts';
import { scimShape } from './scim.ts';
import { sourcesShape } from './sources.ts';
import { logShape, processShape, type LogLevel } from './process.ts';
import { slackOf, slackShape, type SlackConfig } from './slack.ts';
import { apiTargets, ticketKeys, type ApiTarget } from './targets.ts';
import { temporalOf, temporalShape, type TemporalConfig } from './temporal.ts';

const { CURFEW_HOST, CURFEW_DRAIN } = processShape(0);

export const apiShape = {
  CURFEW_STORE_URL: required(postgresUrl, {
    what: 'the store, as curfew_api',
    mend: 'Set it to postgres://curfew_api:PASSWORD@HOST:PORT/DATABASE.',
  }),
  CURFEW_DIRECTORY_STORE_URL: optional(postgresUrl, {
    what: 'the store, as curfew_directory; unset: hooks run apart, and this process takes none',
    mend: 'Set it to postgres://curfew_directory:PASSWORD@HOST:PORT/DATABASE.',
  }),
  ...temporalShape,
  CURFEW_TARGETS: required(apiTargets, {
    what: 'targets, JSON: [{"name", "cluster", "zone", "host", "port"}], as claimants reach them',
    mend: 'Set it to a JSON list of {"name", "cluster", "zone", "host", "port"}, or @/path of a file with one.',
  }),
  CURFEW_TICKET_KEYS: required(ticketKeys, {
    what: 'ticket key of each cluster, JSON: {"cluster": "id:base64"}',
    mend: 'Set it to JSON {"cluster": "id:base64"} with the keys that `curfew target install` registered, or @/path.',
  }),
  ...slackShape,
  CURFEW_HR_SECRETS: optional(listOf(webhookSecret), {
    what: 'secrets of POST /hooks/hr/default (Standard Webhooks, whsec_...), comma-separated; unset: no hook',
    mend: 'Set it to whsec_ and base64 of at least 24 random bytes; to rotate, list the new and the old one.',
  }),
  ...sourcesShape,
  ...scimShape,
  ...conditionsShape,
  CURFEW_CONDITIONS_SECRETS: optional(listOf(webhookSecret), {
    what: 'secrets of POST /hooks/conditions (Standard Webhooks, whsec_...), comma-separated; unset: no hook',
    mend: 'Set it to whsec_ and base64 of at least 24 random bytes; to rotate, list the new and the old one.',
  }),
  CURFEW_PUBLIC_URL: required(webOrigin, {
    what: 'address under which people open the claim page',
    mend: 'Set it to the https:// address that people use, without a path; http:// does only for localhost.',
  }),
  CURFEW_HOST,
  CURFEW_PORT: defaulted(port, '8080', { what: 'port to listen on; 0: a free one', mend: 'Set it to a free port.' }),
  CURFEW_TRUSTED_PROXIES: defaulted(oneOf(['0', '1', '2', '3']), '0', {
    what: 'proxies in front of this process whose X-Forwarded-For is believed',
    mend: 'Set it to how many proxies stand between people and this process, 0 to 3.',
  }),
  CURFEW_NOTICE: defaulted(span, '15m', {
    what: 'how long before the end the holder is told; 0: not at all',
    mend: 'Set it to a span such as 15m, or 0.',
  }),
  CURFEW_IDENTITY: defaulted(word, 'curfew-api', {
    what: 'name of this process for Temporal',
    mend: 'Set it to one word.',
  }),
  ...logShape,
  CURFEW_DRAIN,
} as const;

export type ApiConfig = {
  readonly storeUrl: string;
  readonly directoryUrl?: string;
  readonly temporal: TemporalConfig;
  readonly identity: string;
  readonly targets: readonly ApiTarget[];
  /** By cluster; every cluster of `targets` has one. */
  readonly ticketKeys: ReadonlyMap<string, NamedKey>;
  readonly slack?: SlackConfig;
  /** Empty: the hook is off. */
  readonly hrSecrets: readonly string[];
  /** The file of sources of people; absent: there are no others than the first hook. */
  readonly sourcesFile?: string;
  /** Taken off userNames of SCIM; absent: nothing. */
  readonly scimUserDomain?: string;
  readonly conditions: ConditionsConfig;
  /** Empty: the hook is off. */
  readonly conditionSecrets: readonly string[];
  readonly publicUrl: string;
  readonly host: string;
  readonly port: number;
  /** Claims are bounded and told by address; without this every one seems to come from the proxy. */
  readonly trustedProxies: number;
  readonly noticeMs: number;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
};

/** Reads the API's configuration; every problem at once, and no value in any of them. */
export const readApiConfig = (environment: Environment, readText?: ReadText): Read<ApiConfig> =>
  readShape<typeof apiShape, ApiConfig>(
    apiShape,
    environment,
    (values) => {
      const temporal = temporalOf(values);
      const slack = slackOf(values);
      const conditions = conditionsOf(values);
      const problems: Problem[] = [
        ...('problems' in conditions ? conditions.problems : []),
        ...('problems' in temporal ? temporal.problems : []),
        ...(slack && 'problems' in slack ? slack.problems : []),
        ...keysMissing(values.CURFEW_TARGETS, values.CURFEW_TICKET_KEYS),
        ...hookWithoutDirectory('CURFEW_HR_SECRETS', values.CURFEW_HR_SECRETS, values.CURFEW_DIRECTORY_STORE_URL),
        ...hookWithoutDirectory('CURFEW_HR_SOURCES', values.CURFEW_HR_SOURCES, values.CURFEW_DIRECTORY_STORE_URL),
      ];
      if (problems.length > 0 || 'problems' in temporal || 'problems' in conditions || (slack && 'problems' in slack))
        return { problems };
      const directoryUrl = values.CURFEW_DIRECTORY_STORE_URL;
      return {
        storeUrl: values.CURFEW_STORE_URL,
        ...(directoryUrl === undefined ? {} : { directoryUrl }),
        temporal,
        identity: values.CURFEW_IDENTITY,
        targets: values.CURFEW_TARGETS,
        ticketKeys: values.CURFEW_TICKET_KEYS,
        ...(slack === undefined ? {} : { slack }),
        hrSecrets: values.CURFEW_HR_SECRETS ?? [],
        ...(values.CURFEW_HR_SOURCES === undefined ? {} : { sourcesFile: values.CURFEW_HR_SOURCES }),
        ...(values.CURFEW_SCIM_USER_DOMAIN === undefined ? {} : { scimUserDomain: values.CURFEW_SCIM_USER_DOMAIN }),
        conditions,
        conditionSecrets: values.CURFEW_CONDITIONS_SECRETS ?? [],
        publicUrl: values.CURFEW_PUBLIC_URL,
        host: values.CURFEW_HOST,
        port: values.CURFEW_PORT,
        trustedProxies: Number(values.CURFEW_TRUSTED_PROXIES),
        noticeMs: values.CURFEW_NOTICE,
        logLevel: values.CURFEW_LOG_LEVEL,
        drainMs: values.CURFEW_DRAIN,
      };
    },
    readText,
  );

const keysMissing = (targets: readonly ApiTarget[], keys: ReadonlyMap<string, NamedKey>): readonly Problem[] =>
  [...new Set(targets.map((target) => target.cluster))]
    .filter((cluster) => !keys.has(cluster))
    .map((cluster) => ({
      variable: 'CURFEW_TICKET_KEYS',
      wrong: `has no key for the cluster ${cluster} of CURFEW_TARGETS`,
      mend: apiShape.CURFEW_TICKET_KEYS.mend,
    }));

const hookWithoutDirectory = (name: string, set: unknown, url: string | undefined): readonly Problem[] =>
  set !== undefined && url === undefined
    ? [
        {
          variable: 'CURFEW_DIRECTORY_STORE_URL',
          wrong: `is not set although ${name} is`,
          mend: apiShape.CURFEW_DIRECTORY_STORE_URL.mend,
        },
      ]
    : [];
