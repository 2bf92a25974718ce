/** The use cases as a command runs them: on the store alone. */
import { CurfewError } from '../domain/errors.ts';
import { createLog } from '../config/log.ts';
import type { Context } from '../service/context.ts';
import type { Store } from '../store/pool.ts';
import type { Terminal } from './terminal.ts';

const leftToRelay = (): Promise<never> =>
  Promise.reject(new CurfewError('NotConfirmed', 'Recorded; the worker tells Temporal.'));
const notHere = (): never => {
  throw new Error('a command asked for what only the API has');
};

/**
 * A command holds the directory's login and no connection to Temporal: what Temporal must hear is in the outbox, and
 * the worker's relay sends it. What must be safe at once is the reaper's, which reads the store.
 */
export const directoryContext = (terminal: Terminal, store: Store): Context => ({
  store,
  directory: store,
  temporal: {
    startRequest: leftToRelay,
    decide: leftToRelay,
    claim: leftToRelay,
    extend: leftToRelay,
    release: leftToRelay,
    withdraw: leftToRelay,
    revoke: leftToRelay,
    voidDecisions: leftToRelay,
    startLeave: leftToRelay,
    startReview: leftToRelay,
    startEffective: leftToRelay,
    close: () => Promise.resolve(),
  },
  clock: terminal.clock,
  policy: () => Promise.resolve(notHere()),
  targets: [],
  tickets: { accepts: notHere, make: notHere, extend: notHere },
  conditions: notHere,
  publicUrl: '',
  slackEnabled: false,
  noticeMs: 0,
  log: createLog('cli', 'fatal', { write: (line) => terminal.err(line) }),
});
