/** The collector's process: it reads the targets' own logs and writes down what they say of sessions. */
import { defaulted, readShape, required, type Environment, type Read, type ReadText } from './field.ts';
import { oneOf, postgresUrl, span } from './forms.ts';
import { processShape, type LogLevel } from './process.ts';
import { clusters, type Cluster } from './targets.ts';

/** What of a statement is kept; `targets/postgres/log/redaction.ts` says what each means. */
const keepings = ['redacted', 'whole', 'none'] as const;

export const collectorShape = {
  CURFEW_STORE_URL: required(postgresUrl, {
    what: 'the store, as curfew_collector',
    mend: 'Set it to postgres://curfew_collector:PASSWORD@HOST:PORT/DATABASE.',
  }),
  CURFEW_TARGETS: required(clusters, {
    what: 'clusters whose logs are read, JSON, as for the worker, but with the login curfew_collector',
    mend: 'Set it to a JSON list of clusters with the login curfew_collector, or @/path of a file with one.',
  }),
  CURFEW_STATEMENTS: defaulted(oneOf(keepings), 'redacted', {
    what: 'what is kept of statements: redacted (no literals, no values), whole (but for what may hold a password), none',
    mend: 'Set it to redacted, whole or none.',
  }),
  CURFEW_COLLECT_EVERY: defaulted(span, '2s', {
    what: 'pause between two looks at a log that was read to its end',
    mend: 'Set it to a span between 1s and 5s.',
  }),
  ...processShape(8084),
} as const;

export type CollectorConfig = {
  readonly storeUrl: string;
  readonly clusters: readonly Cluster[];
  readonly statements: (typeof keepings)[number];
  readonly everyMs: number;
  readonly host: string;
  readonly healthPort: number;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
};

/** Reads the collector's configuration; every problem at once, and no value in any of them. */
export const readCollectorConfig = (environment: Environment, readText?: ReadText): Read<CollectorConfig> =>
  readShape<typeof collectorShape, CollectorConfig>(
    collectorShape,
    environment,
    (values) => {
      if (values.CURFEW_COLLECT_EVERY < 1_000 || values.CURFEW_COLLECT_EVERY > 5_000) {
        const { mend } = collectorShape.CURFEW_COLLECT_EVERY;
        return { problems: [{ variable: 'CURFEW_COLLECT_EVERY', wrong: 'is not between 1s and 5s', mend }] };
      }
      return {
        storeUrl: values.CURFEW_STORE_URL,
        clusters: values.CURFEW_TARGETS,
        statements: values.CURFEW_STATEMENTS,
        everyMs: values.CURFEW_COLLECT_EVERY,
        host: values.CURFEW_HOST,
        healthPort: values.CURFEW_HEALTH_PORT,
        logLevel: values.CURFEW_LOG_LEVEL,
        drainMs: values.CURFEW_DRAIN,
      };
    },
    readText,
  );
