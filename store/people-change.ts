/** How a change of a person is written, field by field; `apply` in people.ts is who calls it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { CurfewError } from '../domain/errors.ts';
import { linkMade, personChanged } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts, PersonState } from '../domain/person.ts';
import { append } from './audit.ts';
import { operator } from './people-words.ts';
import type { Db } from './pool.ts';
import { takeTurn } from './turns.ts';

/**
 * What a source says of a person. A field that is absent stays as it is; a list that is there replaces the whole list.
 * Managers, aliases and `by` may name people who are applied later in the same transaction.
 */
export type PersonChange = {
  /** The source's key, unique; this is how the person is found. */
  readonly handle: string;
  /** Their canonical id where nobody has this handle yet; a new UUID where absent. */
  readonly id?: PersonId;
  /** Who says so, e.g. `hr`; `operator` where absent. A source's word is undone by that source only. */
  readonly source?: string;
  /** The source's, growing with each change there: epoch ms of the change, or its own counter. */
  readonly version: number;
  /** Needed for a person who is new. */
  readonly state?: PersonState;
  /** Said before of a day that has come now: what its source has said since of being active cancels it. */
  readonly dated?: boolean;
  readonly kind?: PersonFacts['kind'];
  readonly manager?: PersonId | null;
  readonly groups?: readonly { readonly name: string; readonly by?: PersonId }[];
  readonly aliases?: readonly PersonId[];
  readonly name?: string;
  readonly email?: string;
  readonly slack?: readonly { readonly team: string; readonly user: string }[];
};

export type PersonRow = { readonly id: PersonId; readonly state: PersonState; readonly version: number };

/** A row for somebody new; undefined where the handle is there, or was just made by another transaction. */
export async function create(tx: Db, change: PersonChange): Promise<PersonRow | undefined> {
  if (await isThere(tx, change.handle)) return undefined;
  await newcomersTurn(tx);
  if (change.state === undefined) {
    throw new CurfewError(
      'InvalidInput',
      'A person whom Curfew does not know needs a state: active, suspended or left.',
    );
  }
  const [made] = await tx.query<PersonRow>(
    `insert into curfew.person (id, handle, state, kind, version, changed_at)
     values ($1, $2, $3, $4, $5, clock_timestamp())
     on conflict do nothing returning id, state, version`,
    [change.id ?? randomUUID(), change.handle, change.state, change.kind ?? 'employee', change.version],
  );
  return made;
}

const isThere = async (tx: Db, handle: string): Promise<boolean> =>
  (await tx.query('select from curfew.person where handle = $1', [handle])).length > 0;

/** Making somebody and hearing of somebody unknown take turns: else one of them could miss what the other one says. */
export const newcomersTurn = (tx: Db): Promise<unknown> => takeTurn(tx, 'newcomer');

/** The row, locked: two changes of one person take turns. */
export async function locked(tx: Db, handle: string): Promise<PersonRow> {
  const [row] = await tx.query<PersonRow>('select id, state, version from curfew.person where handle = $1 for update', [
    handle,
  ]);
  if (row) return row;
  throw new CurfewError(
    'InvalidInput',
    'Somebody new has the id of another person, perhaps of one who was erased: take them out of their source, or give whoever has the handle now an id of their own.',
  );
}

/** What holds for somebody who comes back: what this change says, and nothing from before. */
export const cleaned = (change: PersonChange): PersonChange => ({ manager: null, groups: [], slack: [], ...change });

/**
 * Each of these returns the names of the fields that it changed. The state here is the one that all sources together
 * leave to them, not what this change says.
 */
export async function applyState(tx: Db, id: PersonId, change: PersonChange): Promise<readonly string[]> {
  const [was] = await tx.query<{ state: boolean; kind: boolean; manager: boolean }>(
    `select state <> coalesce($2, state) as state, kind <> coalesce($3, kind) as kind,
       $4 and manager is distinct from $5::uuid as manager from curfew.person where id = $1`,
    [id, change.state ?? null, change.kind ?? null, change.manager !== undefined, change.manager ?? null],
  );
  await tx.query(
    `update curfew.person set version = $2, state = coalesce($3, state), kind = coalesce($4, kind),
       manager = case when $5 then $6::uuid else manager end, changed_at = clock_timestamp() where id = $1`,
    [
      id,
      change.version,
      change.state ?? null,
      change.kind ?? null,
      change.manager !== undefined,
      change.manager ?? null,
    ],
  );
  return (['state', 'kind', 'manager'] as const).filter((field) => was?.[field]);
}

/** Each source replaces what it said itself, and nothing that another one did. */
export async function applyGroups(
  tx: Db,
  id: PersonId,
  { groups, source = operator }: PersonChange,
): Promise<readonly string[]> {
  if (!groups) return [];
  const names = groups.map((group) => group.name);
  const adders = groups.map((group) => group.by ?? null);
  const removed = await tx.query(
    `delete from curfew.person_group g where person = $1 and source = $4 and not exists (
       select from unnest($2::text[], $3::uuid[]) as n (name, by) where n.name = g.name and n.by is not distinct from g.added_by)
     returning 1`,
    [id, names, adders, source],
  );
  const added = await tx.query(
    `insert into curfew.person_group (person, name, added_by, source)
     select $1, n.name, n.by, $4 from unnest($2::text[], $3::uuid[]) as n (name, by)
     on conflict (person, name, source) do nothing returning 1`,
    [id, names, adders, source],
  );
  return removed.length + added.length > 0 ? ['groups'] : [];
}

/** For somebody who comes back: what the other sources said of their groups before they left counts no more. */
export async function dropOtherGroups(tx: Db, id: PersonId, source: string = operator): Promise<readonly string[]> {
  const removed = await tx.query('delete from curfew.person_group where person = $1 and source <> $2 returning 1', [
    id,
    source,
  ]);
  return removed.length > 0 ? ['groups'] : [];
}

export async function applyAliases(tx: Db, id: PersonId, { aliases }: PersonChange): Promise<readonly string[]> {
  if (!aliases) return [];
  const removed = await tx.query(
    'delete from curfew.person_alias where person = $1 and alias <> all ($2::uuid[]) returning 1',
    [id, aliases],
  );
  const added = await tx.query(
    'insert into curfew.person_alias (person, alias) select $1, unnest($2::uuid[]) on conflict do nothing returning 1',
    [id, aliases],
  );
  return removed.length + added.length > 0 ? ['aliases'] : [];
}

export async function applyProfile(tx: Db, id: PersonId, { name, email }: PersonChange): Promise<readonly string[]> {
  if (name === undefined && email === undefined) return [];
  const changed = await tx.query(
    `insert into curfew.personal as t (kind, id, person, name, email, salt) values ('person', $1::text, $1::uuid, $2, $3, $4)
     on conflict (kind, id) do update set name = coalesce(excluded.name, t.name), email = coalesce(excluded.email, t.email)
     where (t.name, t.email) is distinct from (coalesce(excluded.name, t.name), coalesce(excluded.email, t.email))
     returning 1`,
    [id, name ?? null, email ?? null, randomBytes(16)],
  );
  return changed.length > 0 ? ['profile'] : [];
}

export async function applyLinks(
  tx: Db,
  id: PersonId,
  { slack }: PersonChange,
  actor: string,
): Promise<readonly string[]> {
  if (!slack) return [];
  const teams = slack.map((link) => link.team);
  const users = slack.map((link) => link.user);
  const removed = await tx.query(
    `delete from curfew.personal t where kind = 'link' and person = $1 and not exists (
       select from unnest($2::text[], $3::text[]) as n (team, "user") where n.team = t.slack_team and n."user" = t.slack_user)
     returning 1`,
    [id, teams, users],
  );
  const added = await tx.query<{ id: string }>(
    `insert into curfew.personal (kind, id, person, slack_team, slack_user, salt)
     select 'link', gen_random_uuid()::text, $1, n.team, n."user", $4 from unnest($2::text[], $3::text[]) as n (team, "user")
     on conflict (slack_team, slack_user) where kind = 'link' do nothing returning id`,
    [id, teams, users, randomBytes(16)],
  );
  await onlyTheirs(tx, id, teams, users);
  for (const link of added) await append(tx, linkMade(actor, id, { link: link.id }));
  return removed.length + added.length > 0 ? ['links'] : [];
}

/**
 * Links one account beside those that a person has, with its entry `link.made`.
 * @returns when it may approve, epoch ms, or null: at once; undefined where it is theirs already
 * @throws CurfewError `InvalidInput` where it is somebody else's
 */
export async function addLink(
  tx: Db,
  id: PersonId,
  { team, user }: { readonly team: string; readonly user: string },
  actor: string,
): Promise<{ readonly approvesFromAt: number | null } | undefined> {
  const [made] = await tx.query<{ id: string; approvesFromAt: number | null }>(
    `insert into curfew.personal (kind, id, person, slack_team, slack_user, salt)
     values ('link', gen_random_uuid()::text, $1, $2, $3, $4)
     on conflict (slack_team, slack_user) where kind = 'link' do nothing
     returning id, approves_from as "approvesFromAt"`,
    [id, team, user, randomBytes(16)],
  );
  await onlyTheirs(tx, id, [team], [user]);
  if (!made) return undefined;
  await append(tx, linkMade(actor, id, { link: made.id }));
  return { approvesFromAt: made.approvesFromAt };
}

/** Takes one account away from a person, with the entry `person.changed`. @returns false where it is not theirs */
export async function removeLink(
  tx: Db,
  id: PersonId,
  { team, user }: { readonly team: string; readonly user: string },
  actor: string,
): Promise<boolean> {
  const removed = await tx.query(
    `delete from curfew.personal where kind = 'link' and person = $1 and slack_team = $2 and slack_user = $3 returning 1`,
    [id, team, user],
  );
  if (removed.length === 0) return false;
  await append(tx, personChanged(actor, id, { changed: ['links'] }));
  return true;
}

/** NB. A link is never moved by naming it elsewhere: whoever could do that would speak for two people. */
async function onlyTheirs(tx: Db, id: PersonId, teams: readonly string[], users: readonly string[]): Promise<void> {
  const strangers = await tx.query(
    `select from curfew.personal t join unnest($2::text[], $3::text[]) as n (team, "user")
       on n.team = t.slack_team and n."user" = t.slack_user where t.kind = 'link' and t.person <> $1`,
    [id, teams, users],
  );
  if (strangers.length === 0) return;
  throw new CurfewError('InvalidInput', 'That Slack account is linked to another person. Take it from them first.');
}
