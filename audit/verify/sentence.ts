import { sentenceOf } from '../../domain/events/sentence.ts';
import type { PlacedEntry } from '../entry-line.ts';

/** What an entry says happened, and when, for a reader who has nothing but the file. */
export const sentenceFor = (entry: PlacedEntry): string => `${entry.at} ${sentenceOf(entry)} (${entry.subject})`;

/** Whatever was thrown, as a sentence. */
export const says = (error: unknown): string =>
  `${error instanceof Error ? error.message : String(error)}.`.replace(/\.\.$/, '.');

/** Of an entry over which something broke. NB. JavaScript's own words say what a program did, and nothing of the entry. */
export const saysNotOfItsKind = (error: unknown): string =>
  error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
    ? 'It does not say what its kind says.'
    : `It does not say what its kind says: ${says(error)}`;
