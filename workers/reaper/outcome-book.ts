import type { AuditEntry } from '../../domain/events.ts';
import { appendAll } from '../../store/audit.ts';
import { outcomes, type IntentOutcome } from '../../store/intents.ts';
import type { Store } from '../../store/pool.ts';

/** `entries`: of what was ended, appended where this is the first outcome of its intent there. */
export type ToldOutcome = IntentOutcome & { readonly entries: readonly AuditEntry[] };

export type OutcomeBook = {
  /** Resolves once they are in the store. @throws what the store threw: nothing of this batch is written then */
  write(rows: readonly ToldOutcome[]): Promise<void>;
};

/** How long the first of a batch waits for others: nobody is any safer for it being written sooner. */
const gatherMs = 50;
/** One statement of the evidence of more would be large. */
const largest = 1_000;

/** Writes the outcomes of intents that were ended together in one transaction, with their entries (I11): a leaver has a thousand. */
export function createOutcomeBook(store: Store): OutcomeBook {
  let waiting: { readonly rows: readonly ToldOutcome[]; readonly done: PromiseWithResolvers<void> }[] = [];

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    const rows = batch.flatMap((one) => one.rows);
    try {
      for (let from = 0; from < rows.length; from += largest) await writeAll(store, rows.slice(from, from + largest));
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

const keyOf = ({ intentId, target }: Pick<IntentOutcome, 'intentId' | 'target'>): string => `${intentId} ${target}`;

const writeAll = (store: Store, rows: readonly ToldOutcome[]): Promise<void> =>
  store.transaction(async (tx) => {
    const first = new Set((await outcomes(tx, rows)).map(keyOf));
    await appendAll(
      tx,
      rows.filter((row) => first.has(keyOf(row))).flatMap(({ entries }) => entries),
    );
  });
