/**
 * Part of check 1: a log that came back from a backup says so. Its name ends in how often it did, so that whoever leaves
 * out what was signed about that has a log whose beginning nobody signed.
 */
import { epochOf, originOf, type Opening } from '../epoch.ts';
import { members } from '../evidence/format.ts';
import type { PlacedEntry } from '../entry-line.ts';
import type { Tally } from './report.ts';

/** `began`: with how many entries, null where nobody signed it; `lost`: how many had been signed before, null: none. */
export type Recovery = { readonly origin: string; readonly began: number | null; readonly lost: number | null };

export type RecoveredCheck = {
  see(entry: PlacedEntry): void;
  /** @returns oldest first */
  finish(): readonly Recovery[];
};

/** @param origin of the newest checkpoint */
export function checkRecovered(origin: string, openings: readonly Opening[], tally: Tally): RecoveredCheck {
  const name = origin.slice(0, origin.lastIndexOf('/'));
  const newest = epochOf(origin, name) ?? 1;
  const known = new Map<number, Recovery>();
  for (const { origin: of, began, lost } of openings) {
    const epoch = epochOf(of, name) ?? 0;
    if (epoch > 1 && epoch <= newest) known.set(epoch, { origin: of, began, lost: lost?.size ?? null });
  }
  let isRetired = false;
  return {
    see({ kind, body }) {
      if (kind === 'log.retired') isRetired = true;
      if (kind !== 'store.recovered') return;
      // NB. A log that nobody signed before has no signed opening, and says of itself that it came back.
      const [epoch, lost] = [Number(body['epoch']), body['lostSize']];
      if (known.has(epoch) || !Number.isSafeInteger(epoch)) return;
      known.set(epoch, { origin: originOf(name, epoch), began: null, lost: typeof lost === 'number' ? lost : null });
    },
    finish() {
      if (known.size > 0) tally.count('recoveries', known.size);
      if (newest > 1 && !known.has(newest) && !isRetired)
        tally.bad(members.epochs, `Nobody signed how ${origin} began, and what was lost before.`);
      return [...known].toSorted(([one], [other]) => one - other).map(([, recovery]) => recovery);
    },
  };
}
