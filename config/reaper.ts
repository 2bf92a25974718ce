/**
 * The reaper's process: targets and, beside them, the store. No Temporal, no Slack, and nothing of the targets comes
 * from the store, because it must end what is due with all of those dead.
 */
import { defaulted, readShape, required, type Environment, type Read, type ReadText } from './field.ts';
import { postgresUrl, span } from './forms.ts';
import { processShape, type LogLevel } from './process.ts';
import { clusters, type Cluster } from './targets.ts';

export const reaperShape = {
  CURFEW_STORE_URL: required(postgresUrl, {
    what: 'the store, as curfew_reaper; it need not be up',
    mend: 'Set it to postgres://curfew_reaper:PASSWORD@HOST:PORT/DATABASE.',
  }),
  CURFEW_TARGETS: required(clusters, {
    what: 'clusters, JSON, as for the worker, but with the login curfew_reaper',
    mend: 'Set it to a JSON list of clusters with the login curfew_reaper, or @/path of a file with one.',
  }),
  CURFEW_REAP_EVERY: defaulted(span, '1s', {
    what: 'pause between two rounds',
    mend: 'Set it to a span between 1s and 5s; more than that breaks the promise to end on time.',
  }),
  ...processShape(8082),
} as const;

export type ReaperConfig = {
  readonly storeUrl: string;
  readonly clusters: readonly Cluster[];
  readonly everyMs: number;
  readonly host: string;
  readonly healthPort: number;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
};

/** A round every five seconds at the latest: what is due must be over within seconds, whatever somebody configured. */
const longestEveryMs = 5_000;

/** Reads the reaper's configuration; every problem at once, and no value in any of them. */
export const readReaperConfig = (environment: Environment, readText?: ReadText): Read<ReaperConfig> =>
  readShape<typeof reaperShape, ReaperConfig>(
    reaperShape,
    environment,
    (values) => {
      if (values.CURFEW_REAP_EVERY < 1 || values.CURFEW_REAP_EVERY > longestEveryMs) {
        const { mend } = reaperShape.CURFEW_REAP_EVERY;
        return { problems: [{ variable: 'CURFEW_REAP_EVERY', wrong: 'is not between 1s and 5s', mend }] };
      }
      return {
        storeUrl: values.CURFEW_STORE_URL,
        clusters: values.CURFEW_TARGETS,
        everyMs: values.CURFEW_REAP_EVERY,
        host: values.CURFEW_HOST,
        healthPort: values.CURFEW_HEALTH_PORT,
        logLevel: values.CURFEW_LOG_LEVEL,
        drainMs: values.CURFEW_DRAIN,
      };
    },
    readText,
  );
