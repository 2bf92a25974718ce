/** The Temporal worker's process. */
import { auditOf, auditShape, type AuditConfig } from './audit.ts';
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
import { folder, oneOf, port, postgresUrl, webOrigin, word } from './forms.ts';
import { processShape, type LogLevel } from './process.ts';
import { slackWriterOf, slackWriterShape, type SlackWriterConfig } from './slack.ts';
import { clusters, type Cluster } from './targets.ts';
import { temporalOf, temporalShape, type TemporalConfig } from './temporal.ts';
import { webhookOf, webhookShape, type WebhookConfig } from './webhook.ts';

export const workerShape = {
  CURFEW_STORE_URL: required(postgresUrl, {
    what: 'the store, as curfew_worker',
    mend: 'Set it to postgres://curfew_worker:PASSWORD@HOST:PORT/DATABASE.',
  }),
  ...temporalShape,
  CURFEW_TARGETS: required(clusters, {
    what: 'clusters, JSON: [{"name", "zone", "targets": [names], "database", "user", "password", "nodes": [{"name", "host", "port", "primary"}], "tls"}], as curfew_worker',
    mend: 'Set it to a JSON list of clusters with the login curfew_worker, or @/path of a file with one.',
  }),
  CURFEW_SERVES: defaulted(oneOf(['all', 'workflows', 'targets']), 'all', {
    what: 'which task queues it serves: all, workflows (and store and Slack), targets',
    mend: 'Set it to all, workflows or targets.',
  }),
  ...slackWriterShape,
  ...conditionsShape,
  ...webhookShape,
  ...auditShape,
  CURFEW_PUBLIC_URL: required(webOrigin, {
    what: 'address under which people open the claim page',
    mend: "Set it to the API's CURFEW_PUBLIC_URL.",
  }),
  CURFEW_IDENTITY: defaulted(word, 'curfew-worker', {
    what: 'name of this process for Temporal',
    mend: 'Set it to one word.',
  }),
  CURFEW_BUNDLE_CACHE: optional(folder, {
    what: 'folder in which the Workflow bundle is kept between starts, mode 0700; unset: bundled at each start',
    mend: "Set it to an absolute path of a folder that is this process's alone, or unset it.",
  }),
  CURFEW_TEMPORAL_METRICS_PORT: optional(port, {
    what: "port of 127.0.0.1 on which Temporal's library serves its own metrics; /metrics then has them too; unset: it has not",
    mend: 'Set it to a free port, or unset it.',
  }),
  ...processShape(8081),
} as const;

export type WorkerConfig = {
  readonly storeUrl: string;
  readonly temporal: TemporalConfig;
  readonly identity: string;
  readonly serves: 'all' | 'workflows' | 'targets';
  readonly clusters: readonly Cluster[];
  readonly slack?: SlackWriterConfig;
  readonly conditions: ConditionsConfig;
  readonly webhook?: WebhookConfig;
  readonly audit: AuditConfig;
  readonly publicUrl: string;
  readonly bundleCache?: string;
  readonly host: string;
  readonly temporalMetricsPort?: number;
  readonly healthPort: number;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
};

/** Reads the worker's configuration; every problem at once, and no value in any of them. */
export const readWorkerConfig = (environment: Environment, readText?: ReadText): Read<WorkerConfig> =>
  readShape<typeof workerShape, WorkerConfig>(
    workerShape,
    environment,
    (values) => {
      const temporal = temporalOf(values);
      const slack = slackWriterOf(values);
      const conditions = conditionsOf(values);
      const webhook = webhookOf(values);
      const audit = auditOf(values);
      const problems: Problem[] = [
        ...('problems' in conditions ? conditions.problems : []),
        ...('problems' in temporal ? temporal.problems : []),
        ...(slack && 'problems' in slack ? slack.problems : []),
        ...(webhook && 'problems' in webhook ? webhook.problems : []),
        ...('problems' in audit ? audit.problems : []),
      ];
      if ('problems' in temporal || 'problems' in conditions || 'problems' in audit) return { problems };
      if ((slack && 'problems' in slack) || (webhook && 'problems' in webhook)) return { problems };
      return {
        storeUrl: values.CURFEW_STORE_URL,
        temporal,
        identity: values.CURFEW_IDENTITY,
        serves: values.CURFEW_SERVES,
        clusters: values.CURFEW_TARGETS,
        ...(slack === undefined ? {} : { slack }),
        conditions,
        ...(webhook === undefined ? {} : { webhook }),
        audit,
        publicUrl: values.CURFEW_PUBLIC_URL,
        ...(values.CURFEW_BUNDLE_CACHE === undefined ? {} : { bundleCache: values.CURFEW_BUNDLE_CACHE }),
        host: values.CURFEW_HOST,
        ...(values.CURFEW_TEMPORAL_METRICS_PORT === undefined
          ? {}
          : { temporalMetricsPort: values.CURFEW_TEMPORAL_METRICS_PORT }),
        healthPort: values.CURFEW_HEALTH_PORT,
        logLevel: values.CURFEW_LOG_LEVEL,
        drainMs: values.CURFEW_DRAIN,
      };
    },
    readText,
  );
