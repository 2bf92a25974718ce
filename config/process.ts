/** What every long-running process has: where it listens, how it logs, how long it may take to stop. */
import { defaulted } from './field.ts';
import { oneOf, port, span, word } from './forms.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

export const logShape = {
  CURFEW_LOG_LEVEL: defaulted(oneOf(logLevels), 'info', {
    what: `how much is logged: ${logLevels.join(', ')}`,
    mend: 'Set it to one of them, or unset it for info.',
  }),
} as const;

/** @param healthPort the port of `/healthz` by default; a port each, so that all run on one machine */
export const processShape = (healthPort: number) =>
  ({
    ...logShape,
    CURFEW_HOST: defaulted(word, '127.0.0.1', {
      what: 'address to listen on',
      mend: 'Set it to an address of this machine; 0.0.0.0 in a container.',
    }),
    CURFEW_HEALTH_PORT: defaulted(port, String(healthPort), {
      what: 'port of /healthz and /metrics; 0: a free one',
      mend: 'Set it to a free port.',
    }),
    CURFEW_DRAIN: defaulted(span, '20s', {
      what: 'how long work under way may take after SIGTERM',
      mend: 'Set it to a span such as 20s, below the grace period of whatever stops the process.',
    }),
  }) as const;
