import { outcomes, type IntentOutcome } from '../../store/intents.ts';
import type { Db } from '../../store/pool.ts';

export type OutcomeBook = {
  /** Resolves once they are in the store. @throws what the store threw: nothing of this batch is written then */
  write(rows: readonly IntentOutcome[]): Promise<void>;
};

/** How long the first of a batch waits for others: nobody is any safer for it being written sooner. */
const gatherMs = 50;
/** One statement of the evidence of more would be large. */
const largest = 1_000;

/** Writes the outcomes of intents that were ended together in one statement: a leaver has a thousand. */
export function createOutcomeBook(store: Db): OutcomeBook {
  let waiting: { readonly rows: readonly IntentOutcome[]; readonly done: PromiseWithResolvers<void> }[] = [];

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    const rows = batch.flatMap((one) => one.rows);
    try {
      for (let from = 0; from < rows.length; from += largest) await outcomes(store, rows.slice(from, from + largest));
      for (const { done } of batch) done.resolve();
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  }

  return {
    write(rows) {
      const done = Promise.withResolvers<void>();
      waiting.push({ rows, done });
      if (waiting.length === 1) setTimeout(() => void flush(), gatherMs);
      return done.promise;
    },
  };
}
