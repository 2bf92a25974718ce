/** A store that is busy, as on a loaded machine, says "try again"; people do. */
import { CurfewError, isRefusal, type Refusal } from '../../domain/errors.ts';

const tries = 5;

/** @returns the last answer, where the store has not taken any */
export async function whileBusy<T>(call: () => Promise<T | Refusal>): Promise<T | Refusal> {
  for (let tried = 1; ; tried += 1) {
    try {
      const answer = await call();
      if (tried >= tries || !isRefusal(answer) || answer.code !== 'NotRecorded') return answer;
    } catch (error) {
      if (tried >= tries || !(error instanceof CurfewError) || error.code !== 'NotRecorded') throw error;
    }
  }
}
