/** What a PostgreSQL client has sent, read as far as faults need it: has a whole call been handed over? */
import type { Matcher } from './proxy.ts';

const sync = Buffer.from('S\0\0\0\x04', 'latin1');

/**
 * A call of the extended protocol is whole with its Sync, one of the simple protocol with its closing zero: from then on
 * the server commits what it says, whoever still listens (P26).
 * @param text some of the statement, as the code that sends it has it
 */
export const wholeCall =
  (text: string): Matcher =>
  (sent) =>
    sent.includes(text) && (sent.subarray(-sync.length).equals(sync) || sent.at(-1) === 0);

/** The n-th run of bytes that any connection sends from now on; 1: the very next. For a fault at each statement of something. */
export function nthRun(n: number): Matcher {
  let runs = 0;
  return () => (runs += 1) >= n;
}
