import * as outbox from '../store/outbox.ts';
import type { Db } from '../store/pool.ts';

/** Resolves once the row is marked as done. @throws what the store threw: it is sent again then */
export type Done = (id: number) => Promise<void>;

/** Marks one row after another as done, and all that come while a statement is under way with the next one. */
export function doneTogether(store: Db): Done {
  let waiting: number[] = [];
  let last: Promise<void> = Promise.resolve();
  return (id) => {
    waiting.push(id);
    if (waiting.length === 1) {
      const batch = waiting;
      const write = (): Promise<void> => {
        waiting = [];
        return outbox.doneAll(store, batch);
      };
      last = last.then(write, write);
    }
    return last;
  };
}
