/** Processes of the API that die in the middle of every call, as far as anybody outside can tell. */
import { CurfewError } from '../../domain/errors.ts';
import type { Temporal } from '../../temporal/connection.ts';

/** `cut` dies between its commit and Temporal, so that only a relay sends what it wrote; `deaf` before it hears the answer. */
export type Death = 'cut' | 'deaf';

/** Whoever asked is told that nothing is confirmed. */
export function dying(temporal: Temporal, death: Death): Temporal {
  const dies = async <T>(call: () => Promise<T>): Promise<T> => {
    if (death === 'deaf') await call();
    throw new CurfewError('NotConfirmed', 'It died.');
  };
  return {
    ...temporal,
    startRequest: (input) => dies(() => temporal.startRequest(input)),
    decide: (id, input) => dies(() => temporal.decide(id, input)),
    extend: (id, input) => dies(() => temporal.extend(id, input)),
    release: (id, input) => dies(() => temporal.release(id, input)),
    withdraw: (id, input) => dies(() => temporal.withdraw(id, input)),
    revoke: (id, input) => dies(() => temporal.revoke(id, input)),
  };
}
