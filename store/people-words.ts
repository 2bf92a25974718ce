/** What each source said last of a person, and the state that all of them together leave to that person (I9). */
import { createHash } from 'node:crypto';
import type { PersonState } from '../domain/person.ts';
import type { PersonChange } from './people-change.ts';
import type { Db } from './pool.ts';

/** Imports and commands: one source, for one operator's word undoes another's. */
export const operator = 'operator';

/**
 * `stale`: nothing of the change counts. `late`: its version is older than what its source said before, and only its
 * state counts, because it takes more away. `news`: all of it counts.
 */
export type Heard = {
  readonly kind: 'news' | 'late' | 'stale';
  /** What all sources together say; undefined while none of them has said one. */
  readonly state: PersonState | undefined;
};

/** `stateVersion`: which version said the state last. */
type Word = { readonly version: number; readonly state: PersonState | null; readonly stateVersion: number };

const restriction: Readonly<Record<PersonState, number>> = { active: 0, suspended: 1, left: 2 };

const takesMoreAway = (state: PersonState | undefined, than: PersonState | null): boolean =>
  restriction[state ?? 'active'] > restriction[than ?? 'active'];

/** Of several, the one that takes most away; undefined of none. */
export const strictest = (states: readonly PersonState[]): PersonState | undefined =>
  states.toSorted((one, other) => restriction[other] - restriction[one])[0];

/** Under which the words on a handle are kept: a handle may be an e-mail address. */
export const handleHash = (handle: string): string => createHash('sha256').update(handle).digest('hex');

/**
 * Keeps what a source says, in the order of its own versions. A state that takes more away counts whatever its version:
 * a leaver whom some clock or counter hides is worse than somebody who has to be let in again. What was said before of a
 * day that has come is held against what was said of the state since, and not of anything else.
 * NB. The caller holds the person's row, or the turn of newcomers where nobody has this handle.
 */
export const hear = (tx: Db, { handle, source = operator, ...said }: PersonChange): Promise<Heard> =>
  hearOf(tx, { ...said, handleHash: handleHash(handle), source });

type Said = Pick<PersonChange, 'version' | 'state' | 'dated'> & {
  readonly handleHash: string;
  readonly source: string;
};

/** The same of somebody of whom only the handle's hash is known. */
export async function hearOf(tx: Db, { handleHash: key, source, version, state, dated }: Said): Promise<Heard> {
  const [last] = await tx.query<Word>(
    `select version, state, coalesce(state_version, version) as "stateVersion" from curfew.person_word
     where handle_hash = $1 and source = $2 for update`,
    [key, source],
  );
  const stricter = takesMoreAway(state, last?.state ?? null);
  const before = dated ? last?.stateVersion : last?.version;
  const inTurn = !last || before === undefined || version > before || (version === before && stricter);
  const kind = inTurn || dated ? 'news' : 'late';
  if (!inTurn && (!stricter || (dated && last.state === 'active')))
    return { kind: 'stale', state: await stateOf(tx, key) };
  await tx.query(
    `insert into curfew.person_word as w (handle_hash, source, version, state, state_version)
     values ($1, $2, $3::bigint, $4::text, case when $4::text is not null then $3::bigint end)
     on conflict (handle_hash, source) do update
       set version = greatest(w.version, excluded.version), state = coalesce(excluded.state, w.state),
         state_version = case when excluded.state is null then coalesce(w.state_version, w.version)
           else greatest(coalesce(w.state_version, w.version), excluded.version) end`,
    [key, source, version, state ?? null],
  );
  return { kind, state: await stateOf(tx, key) };
}

async function stateOf(tx: Db, key: string): Promise<PersonState | undefined> {
  const words = await tx.query<{ state: PersonState }>(
    'select state from curfew.person_word where handle_hash = $1 and state is not null',
    [key],
  );
  return strictest(words.map(({ state }) => state));
}

/** Has any source said something of this handle, whether or not somebody has it? */
export async function isSpokenOf(tx: Db, handle: string): Promise<boolean> {
  return (await tx.query('select from curfew.person_word where handle_hash = $1', [handleHash(handle)])).length > 0;
}
