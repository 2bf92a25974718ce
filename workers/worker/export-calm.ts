import { minuteMs, secondMs } from '../../domain/time.ts';
import type { ClosedRun } from '../../temporal/history-export.ts';

/** More than these between two rounds and very many close at once: a leaver's, or what expires together. */
const many = 25;
/** Nothing has closed for so long: it is over. */
const calmMs = 5 * secondMs;
/** For no longer than this; where ever more close, each such span is kept together. */
const longestMs = 2 * minuteMs;

/**
 * Reading a history costs Temporal and this process about as much as its close did, and may wait for days; whoever waits
 * for a close may not. So while very many close, their histories are left for after it.
 * @returns whether to leave what is not kept yet to a later round
 */
export function createCalm(): (missing: readonly Pick<ClosedRun, 'closedAt'>[], now: number) => boolean {
  let since: number | undefined;
  return (missing, now) => {
    const newest = missing.reduce((at, { closedAt }) => Math.max(at, closedAt), -Infinity);
    const goesOn = missing.length > many && newest > now - calmMs;
    since = goesOn ? (since ?? now) : undefined;
    if (since === undefined || now - since < longestMs) return goesOn;
    since = undefined;
    return false;
  };
}
