/** What people type, before anything looks at it: bounded, well-formed, and told apart from nothing. */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { formatSpan, longestGrantMs, secondMs } from '../domain/time.ts';

/** Of whatever people write freely, in UTF-16 units. */
export const longestReason = 2_000;
const longestTicket = 80;

/** Control characters, but line ends and tabs; PostgreSQL's text cannot hold the first of them at all. */
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/**
 * Free text: trimmed, its control characters made spaces, its broken surrogates replaced.
 * @returns the text, or `InvalidInput` on `field` where it is empty or too long
 */
export function readText(text: string, field: string, what: string): string | Refusal {
  const clean = text.toWellFormed().replaceAll(controls, ' ').trim();
  if (clean === '') return refuse('InvalidInput', `Say ${what}.`, field);
  if (clean.length > longestReason) {
    return refuse('InvalidInput', `At most ${longestReason} characters; this has ${clean.length}.`, field);
  }
  return clean;
}

/** A ticket's id, as it is written in its tracker. */
export function readTicket(text: string | undefined): string | null | Refusal {
  const clean = text?.trim() ?? '';
  if (clean === '') return null;
  const form = clean.length <= longestTicket && /^[\p{L}\p{N}][\p{L}\p{N}#/_.:-]*$/u.test(clean);
  return form ? clean : refuse('InvalidInput', 'A ticket is one word, such as PAY-113.', 'ticket');
}

/** An incident's id: break-glass never goes without one. */
export function readIncident(text: string | undefined): string | Refusal {
  const clean = text?.trim().toUpperCase() ?? '';
  return /^[A-Z][A-Z0-9_]{0,19}-\d{1,10}$/.test(clean)
    ? clean
    : refuse('InvalidInput', 'Break-glass needs the id of an incident, such as INC-12.', 'ticket');
}

/** @returns whole milliseconds from a second to a week; what the policy gives is another question */
export function readDuration(durationMs: number): number | Refusal {
  if (!Number.isFinite(durationMs) || durationMs > longestGrantMs) {
    return refuse('InvalidInput', `Nothing is given for more than ${formatSpan(longestGrantMs)}.`, 'duration');
  }
  const whole = Math.floor(durationMs);
  return whole >= secondMs ? whole : refuse('InvalidInput', 'A duration is at least one second.', 'duration');
}

/** The first refusal among what was read, if there is one. */
export const firstRefusal = (...read: readonly unknown[]): Refusal | undefined => read.find(isRefusal);
