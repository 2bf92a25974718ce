/** The use cases as somebody runs them who holds the directory's login and nothing else. */
import { CurfewError } from '../domain/errors.ts';
import type { Store } from '../store/pool.ts';
import type { Context, Log } from './context.ts';

const leftToRelay = (): Promise<never> =>
  Promise.reject(new CurfewError('NotConfirmed', 'Recorded; the worker tells Temporal.'));
const notHere = (): never => {
  throw new Error('this process was asked for what only the API has');
};

/**
 * Without a connection to Temporal: what Temporal must hear is in the outbox, and the worker's relay sends it. What must
 * be safe at once is the reaper's, which reads the store.
 */
export const directoryContext = (store: Store, clock: () => number, log: Log): Context => ({
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
    reviewed: leftToRelay,
    startEffective: leftToRelay,
    close: () => Promise.resolve(),
  },
  clock,
  policy: () => Promise.resolve(notHere()),
  targets: [],
  tickets: { accepts: notHere, make: notHere, extend: notHere },
  conditions: notHere,
  publicUrl: '',
  slackEnabled: false,
  noticeMs: 0,
  log,
});
