/**
 * By when something was judged, and when it was written. A process judges by its own clock and says in the entry by which
 * instant; the store stamps the entry by its own in the same transaction. Whoever has a process has its clock as well, and
 * must not choose the hour by which windows and spans are judged.
 */
import { formatInstant } from '../../domain/time.ts';
import { minuteMs } from '../../domain/units.ts';
import type { PlacedEntry } from '../entry-line.ts';

/** Two clocks may be ten minutes apart before somebody puts them right (F33), and a process may be stopped for a while. */
export const apartMs = 15 * minuteMs;
/** What is told, and not held against anybody. */
const toldMs = minuteMs;

const fields: Readonly<Record<string, string>> = {
  'request.opened': 'openedAt',
  'decision.made': 'madeAt',
  'claim.accepted': 'acceptedAt',
  'grant.made': 'grantedAt',
  'extension.asked': 'askedAt',
  'extension.decided': 'madeAt',
  'review.recorded': 'reviewedAt',
  'taint.answered': 'madeAt',
  'policy.decided': 'madeAt',
};

/** Was it judged by a clock that was off, though no further than may be? */
export const isOff = (entry: PlacedEntry): boolean => Math.abs(judgedAt(entry) - entry.atMs) > toldMs;

/** @returns why it cannot have been judged then; undefined also where the entry is of a kind that nobody judges */
export function whyNotThen(entry: PlacedEntry): string | undefined {
  const at = judgedAt(entry);
  if (Math.abs(at - entry.atMs) <= apartMs) return undefined;
  return Number.isSafeInteger(at)
    ? `It was judged as of ${formatInstant(at)}, and that is not when it was written.`
    : 'It does not say as of when it was judged.';
}

function judgedAt({ kind, body, atMs }: PlacedEntry): number {
  const field = fields[kind];
  return field === undefined ? atMs : Number(body[field] ?? Number.NaN);
}
