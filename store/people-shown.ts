/** What the directory has of one person, for operators: who said what, and what waits. Nobody is judged by this. */
import type { PersonId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { handleHash } from './people-words.ts';
import type { Db } from './pool.ts';

export type PersonSources = {
  /** What each source said last; a source that has never said a state has none here. */
  readonly states: readonly { readonly source: string; readonly state: PersonState; readonly version: number }[];
  readonly groups: readonly { readonly name: string; readonly source: string }[];
  readonly links: readonly { readonly team: string; readonly user: string; readonly approvesFromAt: number | null }[];
  /** Why an operator said that they were gone, newest last; what was erased is not here. */
  readonly because: readonly string[];
};

export async function sourcesOf(db: Db, person: PersonId, handle: string): Promise<PersonSources> {
  const [states, groups, links, because] = await Promise.all([
    db.query<PersonSources['states'][number]>(
      `select source, state, version from curfew.person_word where handle_hash = $1 and state is not null
       order by source collate "C"`,
      [handleHash(handle)],
    ),
    db.query<PersonSources['groups'][number]>(
      'select name, source from curfew.person_group where person = $1 order by name collate "C", source collate "C"',
      [person],
    ),
    db.query<PersonSources['links'][number]>(
      `select slack_team as team, slack_user as "user", approves_from as "approvesFromAt" from curfew.personal
       where kind = 'link' and person = $1 order by approves_from nulls first, slack_team, slack_user`,
      [person],
    ),
    db.query<{ body: string }>(
      `select body from curfew.personal where kind = 'word' and person = $1 and body is not null order by id`,
      [person],
    ),
  ]);
  return { states, groups, links, because: because.map(({ body }) => body) };
}

/** Why an operator says that somebody is gone: in the one erasable table, under the instant and the event. */
export async function keepBecause(
  tx: Db,
  {
    person,
    event,
    at,
    text,
    salt,
  }: {
    readonly person: PersonId;
    readonly event: string;
    readonly at: number;
    readonly text: string;
    readonly salt: Uint8Array;
  },
): Promise<void> {
  await tx.query(
    `insert into curfew.personal (kind, id, person, body, salt) values ('word', $1, $2, $3, $4)
     on conflict (kind, id) do nothing`,
    [`${new Date(at).toISOString()} ${event}`, person, text, salt],
  );
}
