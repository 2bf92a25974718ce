import type { ConditionState } from '../domain/condition.ts';
import type { PersonFacts } from '../domain/person.ts';
import { shiftEndOf } from '../store/on-call.ts';
import type { Db } from '../store/pool.ts';

/** Is this person, by any of their accounts, on a shift of this schedule now, as the last import said? */
export const shiftSource =
  (store: Db, clock: () => number) =>
  async (schedule: string, { id, aliases }: Pick<PersonFacts, 'id' | 'aliases'>): Promise<ConditionState> => {
    try {
      for (const person of [id, ...aliases]) {
        if ((await shiftEndOf(store, { schedule, person }, clock())) !== undefined) return 'holds';
      }
      return 'over';
    } catch {
      // A store that does not answer says nothing about the shift.
      return 'unknown';
    }
  };
