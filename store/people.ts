/** What is known of people: facts for judging, profiles for showing. Changes end in `apply`, whatever their source. */
import { personChanged } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts, PersonState } from '../domain/person.ts';
import { append } from './audit.ts';
import {
  applyAliases,
  applyGroups,
  applyLinks,
  applyProfile,
  applyState,
  cleaned,
  create,
  dropOtherGroups,
  locked,
  newcomersTurn,
  type PersonChange,
} from './people-change.ts';
import { directoryFactsOf, factsOf, factsOfMany, peopleMatching } from './people-facts.ts';
import { hear, isSpokenOf, operator } from './people-words.ts';
import type { Db } from './pool.ts';

export { directoryFactsOf, factsOf, factsOfMany, newcomersTurn, operator, peopleMatching };
export type { PersonChange };

/** What may be shown of a person and must be erasable; nulls where the source did not say or it was erased. */
export type Profile = {
  readonly name: string | null;
  readonly email: string | null;
  /** The first linked Slack account, by team. */
  readonly slackTeam?: string;
  readonly slackUser?: string;
};

export type PersonRecord = PersonFacts &
  Profile & {
    /** The source's key of this person. */
    readonly handle: string;
    readonly version: number;
    readonly changedAt: number;
  };

/** The person behind a Slack account: by its linked id and team only, never by e-mail. */
export async function linkOf(db: Db, team: string, user: string): Promise<Link | undefined> {
  const [row] = await db.query<Link>(
    `select person, approves_from as "approvesFromAt" from curfew.personal
     where kind = 'link' and slack_team = $1 and slack_user = $2`,
    [team, user],
  );
  return row;
}
export type Link = {
  readonly person: PersonId;
  /** Epoch ms: before this instant the account approves nothing; null: it does. */
  readonly approvesFromAt: number | null;
};

export const personBySlack = (
  db: Db,
  { team, user }: { readonly team: string; readonly user: string },
): Promise<Link | undefined> => linkOf(db, team, user);

/** The id behind the source's key. */
export async function personByHandle(db: Db, handle: string): Promise<PersonId | undefined> {
  const [row] = await db.query<{ id: PersonId }>('select id from curfew.person where handle = $1', [handle]);
  return row?.id;
}

type ProfileRow = {
  id: PersonId;
  name: string | null;
  email: string | null;
  slackTeam: string | null;
  slackUser: string | null;
};

const profileText = `
  select p.id, t.name, t.email, l.slack_team as "slackTeam", l.slack_user as "slackUser" from curfew.person p
  left join curfew.personal t on t.kind = 'person' and t.id = p.id::text
  left join lateral (select slack_team, slack_user from curfew.personal where kind = 'link' and person = p.id
                     order by approves_from nulls first, slack_team, slack_user limit 1) l on true`;

/** Unknown ids are left out. */
export async function profiles(db: Db, ids: readonly PersonId[]): Promise<ReadonlyMap<PersonId, Profile>> {
  const rows = await db.query<ProfileRow>(`${profileText} where p.id = any ($1::uuid[])`, [ids]);
  return new Map(rows.map((row) => [row.id, profileOf(row)]));
}

const profileOf = ({ name, email, slackTeam, slackUser }: ProfileRow): Profile => ({
  name,
  email,
  ...(slackTeam === null || slackUser === null ? {} : { slackTeam, slackUser }),
});

/** Everybody, or those in one state, by handle. */
export async function list(db: Db, state?: PersonState): Promise<readonly PersonRecord[]> {
  const rows = await db.query<{ id: PersonId }>('select id from curfew.person where $1::text is null or state = $1', [
    state ?? null,
  ]);
  return records(
    db,
    rows.map((row) => row.id),
  );
}

export async function show(db: Db, id: PersonId): Promise<PersonRecord | undefined> {
  const [record] = await records(db, [id]);
  return record;
}

async function records(db: Db, ids: readonly PersonId[]): Promise<readonly PersonRecord[]> {
  const facts = new Map((await factsOfMany(db, ids)).map((one) => [one.id, one]));
  const shown = await profiles(db, ids);
  const rows = await db.query<Pick<PersonRecord, 'id' | 'handle' | 'version' | 'changedAt'>>(
    `select id, handle, version, changed_at as "changedAt" from curfew.person where id = any ($1::uuid[])
     order by handle collate "C"`,
    [ids],
  );
  return rows.flatMap((row) => {
    const one = facts.get(row.id);
    return one ? [{ ...one, ...(shown.get(row.id) ?? { name: null, email: null }), ...row }] : [];
  });
}

/**
 * `stale`: the source said something newer before; nothing changed. `same`: it says what is there. `before` is null for
 * a new person. `late`: its source said something newer before, and only its state was taken, because it takes more
 * away: somebody should look.
 */
export type AppliedChange = {
  readonly late: boolean;
  readonly kind: 'created' | 'changed' | 'same' | 'stale';
  readonly before: PersonFacts | null;
  readonly after: PersonFacts;
};

/**
 * Applies a change in order of its source's versions: an older one changes nothing, so that a late "active" never
 * undoes a newer "left" (I9), except that a state which takes more away always counts. Of two with one version the one
 * that takes more away holds. A person is what the strictest of their sources says: no import brings back whom HR has
 * said to be gone. Somebody who comes back after having left starts clean, with all their accounts: groups, manager and
 * Slack accounts are what this change says and nothing else; aliases stay, for they only ever forbid.
 *
 * Writes its own entries: `person.changed`, and `link.made` for each new Slack account.
 * @param actor a person's id or a login's name
 * @throws CurfewError `InvalidInput` for a new person without a state, or a Slack account that is another person's
 */
export async function apply(tx: Db, change: PersonChange, actor: string): Promise<AppliedChange> {
  const made = await create(tx, change);
  const row = made ?? (await locked(tx, change.handle));
  const before = await known(tx, row.id);
  const heard = await hear(tx, change);
  if (heard.kind === 'stale' && !made) return { kind: 'stale', late: false, before, after: before };

  const late = heard.kind === 'late';
  const counts = late ? only(change) : change;
  const state = change.state === undefined && !made ? row.state : (heard.state ?? row.state);
  const back = !made && row.state === 'left' && state !== 'left';
  const full = { ...(back ? cleaned(counts) : counts), state };
  if (back) await cleanOthers(tx, before.aliases, actor);
  const changed = [
    ...(await applyState(tx, row.id, full)),
    ...(back ? await dropOtherGroups(tx, row.id, full.source) : []),
    ...(await applyGroups(tx, row.id, full)),
    ...(await applyAliases(tx, row.id, full)),
    ...(await applyProfile(tx, row.id, full)),
    ...(await applyLinks(tx, row.id, full, actor)),
  ];
  const after = await known(tx, row.id);
  if (!made && changed.length === 0) return { kind: 'same', late, before, after };
  const body = { version: change.version, state: after.state, before: made ? null : before.state, changed };
  await append(tx, personChanged(actor, row.id, body));
  return { kind: made ? 'created' : 'changed', late, before: made ? null : before, after };
}

const only = ({ handle, source, version, state }: PersonChange): PersonChange => ({
  handle,
  version,
  ...(source === undefined ? {} : { source }),
  ...(state === undefined ? {} : { state }),
});

/** The other accounts of somebody who comes back: what they were given before counts no more there either. */
async function cleanOthers(tx: Db, aliases: readonly PersonId[], actor: string): Promise<void> {
  for (const id of aliases) {
    await tx.query('update curfew.person set manager = null where id = $1', [id]);
    const nothing = { handle: '', version: 0, groups: [], slack: [] };
    const changed = [
      ...(await dropOtherGroups(tx, id)),
      ...(await applyGroups(tx, id, nothing)),
      ...(await applyLinks(tx, id, nothing, actor)),
    ];
    const body = { changed, cause: 'another account of theirs came back' };
    if (changed.length > 0) await append(tx, personChanged(actor, id, body));
  }
}

/**
 * Keeps what a source says of a handle that nobody has, without the handle itself, which may be a name: whoever gets
 * that handle starts with it. A first "active" says nothing.
 * @returns false where somebody has got this handle by now: apply the change to them
 */
export async function keepWord(tx: Db, change: PersonChange): Promise<boolean> {
  await newcomersTurn(tx);
  if ((await personByHandle(tx, change.handle)) !== undefined) return false;
  if (change.state !== 'active' || (await isSpokenOf(tx, change.handle))) await hear(tx, change);
  return true;
}

async function known(tx: Db, id: PersonId): Promise<PersonFacts> {
  const facts = await directoryFactsOf(tx, id);
  if (!facts) throw new Error('a person vanished');
  return facts;
}
