import type { PlacedEntry } from '../entry-line.ts';

/** What an entry says happened, for a reader who has nothing but the file. */
export const sentenceFor = ({ kind, subject, actor, at }: PlacedEntry): string =>
  `${kind} of ${subject} by ${actor}, ${at}`;
