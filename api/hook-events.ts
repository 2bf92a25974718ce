/** Reads what a vendor's delivery says of people, where its configuration says that it stands. */
import { createHash } from 'node:crypto';
import { Temporal } from 'temporal-polyfill';
import { at } from '../directory/pointer.ts';
import { handleOf, type EventShape, type SourceSpec } from '../directory/spec.ts';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import { personIdFrom } from '../policy/digest.ts';
import type { HrEvent } from '../service/deliver.ts';
import type { Proven } from './hook-signature.ts';

/** More people than this are no one event. */
const mostEvents = 500;

export type ReadEvents = {
  /** In their order, without those of a type that is not configured. */
  readonly events: readonly HrEvent[];
  /** The first thing that cannot be read. What can be counts all the same: no leaver waits for another's entry (I9). */
  readonly refusal?: Refusal;
};

export function readEvents(
  body: unknown,
  shape: EventShape,
  spec: Pick<SourceSpec, 'domain'>,
  proven: Proven,
): ReadEvents {
  const whole = deliveryOf(body, shape, proven);
  if (shape.each === undefined) return sorted([readEvent(body, shape, spec, proven, whole)]);
  const entries = at(body, shape.each);
  if (!Array.isArray(entries) || entries.length > mostEvents)
    return { events: [], refusal: wrong('the list of events') };
  // Whole, or as its hash: cut off, two deliveries could be one, and the second would get the first one's answer.
  const start = whole.length > 90 ? hashOf(whole) : whole;
  return sorted(entries.map((entry, index) => readEvent(entry, shape, spec, proven, `${start}-${index}`)));
}

function sorted(read: readonly (HrEvent | Refusal | undefined)[]): ReadEvents {
  const refusal = read.find((each) => each !== undefined && isRefusal(each));
  const events = read.filter((each): each is HrEvent => each !== undefined && !isRefusal(each));
  return { events, ...(refusal !== undefined && isRefusal(refusal) ? { refusal } : {}) };
}

/** The id by which a repeat is known: one that is signed, or the hash of all that is. */
function deliveryOf(body: unknown, { delivery }: EventShape, { id, proof }: Proven): string {
  const named = id ?? (delivery === undefined ? undefined : at(body, delivery));
  if (typeof named !== 'string' && typeof named !== 'number') return proof;
  const text = String(named);
  return /^[A-Za-z0-9_-]{1,100}$/.test(text) ? text : hashOf(text);
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** @returns undefined for a type that is not configured */
function readEvent(
  entry: unknown,
  shape: EventShape,
  spec: Pick<SourceSpec, 'domain'>,
  { stampedAt }: Proven,
  delivery: string,
): HrEvent | Refusal | undefined {
  const type = at(entry, shape.type);
  const state = typeof type === 'string' ? shape.types.get(type) : undefined;
  if (typeof type !== 'string') return wrong('the type');
  if (state === undefined) return undefined;
  const who = whoOf(entry, shape, spec);
  if (!who) return wrong('who it is about');
  const version = shape.version === undefined ? undefined : at(entry, shape.version);
  const told = version === undefined || version === null ? stampedAt : numberOf(version);
  if (told === undefined && version !== undefined && version !== null) return wrong('the version');
  const date = shape.effectiveAt === undefined ? undefined : at(entry, shape.effectiveAt);
  const effectiveAt = date === undefined || date === null || date === '' ? undefined : instantOf(date, shape.days);
  if (effectiveAt === undefined && date !== undefined && date !== null && date !== '') return wrong('its date');
  return {
    delivery,
    state,
    who,
    ...(told === undefined ? {} : { version: told }),
    ...(effectiveAt === undefined ? {} : { effectiveAt }),
  };
}

function whoOf(entry: unknown, shape: EventShape, spec: Pick<SourceSpec, 'domain'>): HrEvent['who'] | undefined {
  const named = at(entry, shape.handle ?? shape.id ?? '');
  if (typeof named !== 'string' || named.trim() === '') return undefined;
  if (shape.handle === undefined) return isUuid(named.toLowerCase()) ? { id: named.toLowerCase() } : undefined;
  return whoIs(handleOf(spec, named));
}

/**
 * Somebody by what a source calls them. What can be nobody's handle is somebody whom nobody knows, with a tombstone and
 * an alarm: whoever is `o'brien` there is somebody here, by another name.
 */
export const whoIs = (handle: string): HrEvent['who'] =>
  handle.length <= 200 && /^[\p{L}\p{N}][\p{L}\p{N}._@+-]*$/u.test(handle) ? { handle } : { id: personIdFrom(handle) };

/** A counter, or the instant of a change. */
function numberOf(version: unknown): number | undefined {
  const number = typeof version === 'string' && /^\d{1,15}$/.test(version) ? Number(version) : version;
  if (typeof number === 'number') return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
  return typeof version === 'string' ? instantFrom(version) : undefined;
}

function instantFrom(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
}

/** A day without a time begins when it does where the source is. */
function instantOf(date: unknown, { zone, at: time }: EventShape['days']): number | undefined {
  if (typeof date !== 'string') return undefined;
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return instantFrom(date);
  try {
    return Temporal.PlainDate.from(date).toZonedDateTime({ timeZone: zone, plainTime: time }).epochMilliseconds;
  } catch {
    return undefined;
  }
}

const wrong = (what: string): Refusal =>
  refuse(
    'InvalidInput',
    `${what} is not where this source is configured to have it, or not in a form that can be read.`,
  );
