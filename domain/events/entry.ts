/** What every kind of audit entry is made of: one body, one constructor, one sentence. */
import type { PersonFacts } from '../person.ts';
import { formatInstant, formatSpan } from '../time.ts';

/** Values of an entry's body: what RFC 8785 can write without loss. */
export type AuditValue =
  string | number | boolean | null | readonly AuditValue[] | { readonly [key: string]: AuditValue };

/**
 * One entry as its writer makes it. `actor` is a person's id, or the name of a login when no person acted;
 * `subject` is the id of the request, person, target or policy that it is about.
 */
export type Entry<Kind extends string, Body> = {
  readonly kind: Kind;
  readonly actor: string;
  readonly subject: string;
  readonly body: Body;
};

/** The entries of a table of bodies: a union with one member a kind. */
export type EntriesOf<Bodies> = { [Kind in keyof Bodies & string]: Entry<Kind, Bodies[Kind]> }[keyof Bodies & string];

/** Makes the constructors of a table of bodies: nothing can be appended that is not one of its kinds. */
export const constructorsOf =
  <Bodies>() =>
  <Kind extends keyof Bodies & string>(kind: Kind) =>
  (actor: string, subject: string, body: Bodies[Kind]): Entry<Kind, Bodies[Kind]> => ({ kind, actor, subject, body });

/** Says who or what an id is, for a reader; the log itself has no names. */
export type NameOf = (id: string) => string;

/** One sentence a kind, in the past tense and with a full stop, that a person can read without the body. */
export type Sentences<Bodies> = {
  readonly [Kind in keyof Bodies & string]: (entry: Entry<Kind, Bodies[Kind]>, nameOf: NameOf) => string;
};

/** A refusal's code, as its entry has it; what else was tried stands beside it. */
export type RefusedBody = { readonly code: string };

/**
 * What a plan was made from: who asked, and just enough of the people who were there for the policy to give the same
 * plan again (`policy/seated.ts`).
 */
export type AskFacts = { readonly requester: PersonFacts; readonly people: readonly PersonFacts[] };

/** As much of somebody as it takes to tell humans apart: the requester, as a word of somebody else was judged. */
export type KnownAs = Pick<PersonFacts, 'id' | 'aliases'>;

export const knownAs = ({ id, aliases }: KnownAs): KnownAs => ({ id, aliases });

/** `1 request`, `3 requests`. */
export const many = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

/** Spans (ms) and instants (epoch ms) as sentences have them. */
export const span = formatSpan;
export const instant = (at: number): string => formatInstant(at).replace(/:\d\d\.\d+Z$/, 'Z');
