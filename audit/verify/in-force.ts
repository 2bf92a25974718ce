/**
 * Part of check 3: what was judged was judged by the policy that held, as the log says which one did. The entries of every
 * policy that was taken into force are in each file; what is missing of them can only have been retired.
 */
import { formatInstant } from '../../domain/time.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { apartMs } from './instants.ts';
import type { Tally } from './report.ts';

export type InForce = {
  /** Every entry, in the order of the log. */
  see(entry: PlacedEntry): void;
  /** The policy that holds here, by its hash; undefined before the first. */
  now(): string | undefined;
  /** The entry was judged by this policy. */
  judgedBy(entry: PlacedEntry, hash: string): void;
  finish(): void;
};

export function createInForce(tally: Tally): InForce {
  let held: { readonly hash: string; readonly sinceAt: number } | undefined;
  /** Until when one held that does not any more, epoch ms. */
  const until = new Map<string, number>();
  /** The first entry that was judged by one of which nothing is known. */
  const unknown = new Map<string, PlacedEntry>();
  let isRetired = false;

  return {
    see(entry) {
      if (entry.kind === 'log.retired') isRetired = true;
      if (entry.kind !== 'policy.applied') return;
      if (held) until.set(held.hash, entry.atMs);
      until.delete(entry.subject);
      held = { hash: entry.subject, sinceAt: entry.atMs };
      tally.count('policies taken into force');
    },
    now: () => held?.hash,
    judgedBy(entry, hash) {
      if (hash === held?.hash) return;
      const overAt = until.get(hash);
      // NB. Who judges reads the policy a moment before it writes, and another may come in between.
      const since = overAt ?? held?.sinceAt ?? Infinity;
      if (entry.atMs - since > apartMs) tally.bad(entry, `Another policy held since ${formatInstant(since)}.`);
      else if (overAt === undefined && !unknown.has(hash)) unknown.set(hash, entry);
    },
    finish() {
      if (isRetired && unknown.size > 0) tally.count('policies of which it was retired that they held', unknown.size);
      if (isRetired) return;
      for (const entry of unknown.values())
        tally.bad(entry, 'No entry says that the policy it names was ever in force.');
    },
  };
}
