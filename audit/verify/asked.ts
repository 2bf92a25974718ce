/**
 * Part of check 1: the file is about what it says that it is about, and about all of it. What it says of that is signed by
 * nobody, so it is held against the entries: a request has its opening, and the span of a period begins with an entry from
 * before it and goes on to one from after it.
 */
import { formatInstant } from '../../domain/time.ts';
import { members, type Asked, type EvidenceIndex } from '../evidence/format.ts';
import type { PlacedEntry } from '../entry-line.ts';
import type { Tally } from './report.ts';

/** What a file is about, with the instants of the first and the last entry; null where it has none. */
export type About = {
  readonly asked: Asked;
  readonly first: string | null;
  readonly last: string | null;
};

export type AskedCheck = {
  see(entry: PlacedEntry): void;
  /** @param signedAt of the newest checkpoint, epoch ms */
  finish(signedAt: number): About;
};

export function checkAsked({ asked, span, size }: EvidenceIndex, tally: Tally): AskedCheck {
  const period = asked.kind === 'span' ? { fromAt: Date.parse(asked.fromAt), toAt: Date.parse(asked.toAt) } : undefined;
  let first: string | null = null;
  let last: string | null = null;
  let isOpened = false;
  /** Of the span: is an entry from before the period before all that are of it, and one from after it after all of them? */
  let isBegun = span.from === 0;
  let isOver = false;
  let isInside = false;
  /** Up to here entries were retired. */
  let retiredTo = 0;

  function around({ index, atMs }: PlacedEntry, { fromAt, toAt }: NonNullable<typeof period>): void {
    if (index < span.from || index >= span.to) return;
    if (atMs < fromAt) isBegun ||= !isInside;
    else if (atMs >= toAt) isOver = true;
    else {
      isInside = true;
      isOver = false;
    }
  }

  function whyNotWhole({ fromAt, toAt }: NonNullable<typeof period>, signedAt: number): readonly string[] {
    const ends = isOver || (span.to === size && toAt <= signedAt);
    return [
      ...(fromAt < toAt ? [] : ['It says that it is about no time at all.']),
      ...(isBegun || retiredTo >= span.from
        ? []
        : [`Nothing shows that it begins where the log came to ${formatInstant(fromAt)}.`]),
      ...(ends ? [] : [`Nothing shows that it goes on to where the log came to ${formatInstant(toAt)}.`]),
    ];
  }

  return {
    see(entry) {
      first ??= entry.at;
      last = entry.at;
      if (period) around(entry, period);
      if (asked.kind === 'request' && entry.kind === 'request.opened' && entry.subject === asked.request)
        isOpened = true;
      if (entry.kind === 'log.retired') retiredTo = Math.max(retiredTo, Number(entry.body['to']));
    },
    finish(signedAt) {
      if (first === null) tally.bad(members.entries, 'It has not a single entry.');
      if (asked.kind === 'request' && !isOpened)
        tally.bad(members.index, `It says that it is about the request ${asked.request}, which is not opened in it.`);
      for (const why of period ? whyNotWhole(period, signedAt) : []) tally.bad(members.index, why);
      return { asked, first, last };
    },
  };
}
