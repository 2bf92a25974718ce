/** What a verification says: of each check what it looked at, and of everything that does not hold the first entry. */
import type { PlacedEntry } from '../entry-line.ts';
import { sentenceFor } from './sentence.ts';

/** The five checks, in the order in which they are told. */
export const checkTitles = {
  1: 'The log is signed, and every entry is in it',
  2: 'Every step was a legal one, written by a login that may write it',
  3: 'Every decision is what the policy says of the recorded facts',
  4: 'Every recorded Workflow does what its recorded script does',
  5: 'Every grant had its approvals and came to its end',
} as const;
export type CheckNumber = keyof typeof checkTitles;

/** Something that does not hold. `index`: the entry's place in the log; null where it is about a member of the file. */
export type Bad = {
  readonly index: number | null;
  /** What the entry says happened, or the member's name. */
  readonly what: string;
  readonly why: string;
};

export type CheckReport = {
  readonly check: CheckNumber;
  readonly title: string;
  /** False also where nothing was looked at, for no checkpoint counts: then `bad` is 0. */
  readonly holds: boolean;
  readonly counts: Readonly<Record<string, number>>;
  /** How many things do not hold. */
  readonly bad: number;
  /** Those with the lowest places, in their order; the first one is the first bad entry. */
  readonly first: readonly Bad[];
};

export type Tally = {
  count(name: string, many?: number): void;
  /** @param entry which does not hold; or a member of the file, by name */
  bad(entry: PlacedEntry | string | number, why: string): void;
  report(): CheckReport;
};

const mostTold = 10;

export function tallyOf(check: CheckNumber): Tally {
  const counts: Record<string, number> = {};
  let bad = 0;
  let first: Bad[] = [];
  return {
    count(name, many = 1) {
      counts[name] = (counts[name] ?? 0) + many;
    },
    bad(entry, why) {
      bad += 1;
      first = [...first, badOf(entry, why)].toSorted((a, b) => (a.index ?? Infinity) - (b.index ?? Infinity));
      first = first.slice(0, mostTold);
    },
    report: () => ({ check, title: checkTitles[check], holds: bad === 0, counts, bad, first }),
  };
}

function badOf(entry: PlacedEntry | string | number, why: string): Bad {
  if (typeof entry === 'string') return { index: null, what: entry, why };
  if (typeof entry === 'number') return { index: entry, what: `entry ${entry}`, why };
  return { index: entry.index, what: sentenceFor(entry), why };
}
