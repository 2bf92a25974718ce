/**
 * A source of people that can be asked: then what it delivers is a trigger, and never the truth. Behind one small
 * interface, so that a file does for a small team and an endpoint for everybody else.
 */
import type { PersonState } from '../domain/person.ts';

/** What a source lists of somebody; a field that is absent it does not know of. */
export type ListedPerson = {
  readonly handle: string;
  /** Absent: it lists them, and does not say how they are. */
  readonly state?: PersonState;
  /** A handle; null: nobody. */
  readonly manager?: string | null;
  readonly groups?: readonly string[];
};

/** `silent`: it could not be asked, or what it said cannot be understood; `why` is a sentence without names or secrets. */
export type Listing =
  | { readonly kind: 'listed'; readonly people: ReadonlyMap<string, ListedPerson> }
  | { readonly kind: 'silent'; readonly why: string };

export type PersonSource = {
  /** Everybody whom it knows, by handle. Never throws. */
  list(): Promise<Listing>;
};

const restriction: Readonly<Record<PersonState, number>> = { active: 0, suspended: 1, left: 2 };

/**
 * What counts of an event, and what the source says when it is asked. Where it is silent, or does not list them, the
 * more restrictive of what the event says and what is known.
 */
export function stateAfterAsking(
  said: PersonState,
  known: PersonState | undefined,
  listing: Listing,
  handle: string,
): PersonState {
  const listed = listing.kind === 'listed' ? listing.people.get(handle)?.state : undefined;
  if (listed !== undefined) return listed;
  return known !== undefined && restriction[known] > restriction[said] ? known : said;
}
