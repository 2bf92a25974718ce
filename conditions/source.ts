/**
 * Who knows whether an incident, a ticket or a shift still goes on. Behind one small interface, so that a file does for
 * a small team and an endpoint for everybody else. Whoever does not know says so: nothing is granted on a guess, and
 * what is held is not taken away on one (I18).
 */
import type { ConditionState, Conditions } from '../domain/condition.ts';
import type { Condition } from '../domain/plan.ts';
import type { Db } from '../store/pool.ts';
import { shiftSource } from './shift.ts';

/** Knows of incidents and tickets by their keys. Never throws. */
export type Source = {
  stateOf(condition: Pick<Condition, 'kind' | 'key'>): Promise<ConditionState>;
  /** What is wrong with the source itself, in a sentence for operators; undefined: nothing. */
  trouble?(): string | undefined;
};

/** Shifts are asked of the store, everything else of the source. Without one nobody knows anything of the rest. */
export function createConditions(
  store: Db,
  clock: () => number,
  source: Source = { stateOf: () => Promise.resolve('unknown') },
): Conditions {
  const shifts = shiftSource(store, clock);
  return (condition, requester) =>
    condition.kind === 'shift' ? shifts(condition.key, requester) : source.stateOf(condition);
}
