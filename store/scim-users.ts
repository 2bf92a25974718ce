/** People as a SCIM source sees those whom it made: its own names for them beside what the directory says. */
import { randomBytes } from 'node:crypto';
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts, PersonState } from '../domain/person.ts';
import { handleHash } from './people-words.ts';
import type { Db } from './pool.ts';

/** `userName` and `externalId` as the source wrote them; null where they were erased or never said. */
export type ScimUserRow = {
  readonly id: PersonId;
  readonly handle: string;
  readonly state: PersonState;
  readonly kind: PersonFacts['kind'];
  readonly manager: PersonId | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly userName: string | null;
  readonly externalId: string | null;
  readonly groups: readonly { readonly id: string; readonly display: string }[];
  /** Epoch ms. */
  readonly madeAt: number;
  readonly changedAt: number;
};

/** How a source calls somebody; kept in the one erasable table, for both may be names. */
export type ScimNames = { readonly userName: string; readonly externalId: string | null };

const keyText = `u.source || '/' || u.person`;
const rowsText = `
  select p.id, p.handle, p.state, p.kind, p.manager, t.name, t.email,
    x.body::jsonb ->> 'userName' as "userName", x.body::jsonb ->> 'externalId' as "externalId",
    coalesce((select jsonb_agg(jsonb_build_object('id', g.id, 'display', g.display) order by g.name)
              from curfew.person_group m join curfew.scim_group g on g.source = m.source and g.name = m.name
              where m.person = p.id and m.source = u.source), '[]') as groups,
    u.made_at as "madeAt", greatest(u.changed_at, p.changed_at) as "changedAt"
  from curfew.scim_user u join curfew.person p on p.id = u.person
  left join curfew.personal t on t.kind = 'person' and t.id = p.id::text
  left join curfew.personal x on x.kind = 'scim' and x.id = ${keyText}
  where u.source = $1`;

export async function byId(db: Db, source: string, id: PersonId): Promise<ScimUserRow | undefined> {
  const [row] = await db.query<ScimUserRow>(`${rowsText} and u.person = $2`, [source, id]);
  return row;
}

/** What a filter asks for by equality, so that not everybody has to be read; `id` and `handle` in their own form. */
export type ScimUserSearch = {
  readonly id?: PersonId;
  readonly handle?: string;
  readonly externalId?: string;
};

/** In the order in which the source made them. */
export const search = (
  db: Db,
  source: string,
  { id, handle, externalId }: ScimUserSearch,
  page: { readonly offset: number; readonly limit: number },
): Promise<readonly ScimUserRow[]> =>
  db.query(
    `${rowsText} and ($2::uuid is null or u.person = $2) and ($3::text is null or p.handle = $3)
       and ($4::text is null or x.body::jsonb ->> 'externalId' = $4)
     order by u.made_at, u.person offset $5 limit $6`,
    [source, id ?? null, handle ?? null, externalId ?? null, page.offset, page.limit],
  );

export async function count(db: Db, source: string): Promise<number> {
  const [row] = await db.query<{ n: number }>('select count(*)::int as n from curfew.scim_user where source = $1', [
    source,
  ]);
  return row?.n ?? 0;
}

/** @returns false where the source has made them before */
export async function insert(tx: Db, source: string, person: PersonId): Promise<boolean> {
  const made = await tx.query(
    'insert into curfew.scim_user (source, person) values ($1, $2) on conflict do nothing returning 1',
    [source, person],
  );
  return made.length > 0;
}

/** Keeps how the source calls them now. NB. In place of the row before: its login may write no text over another. */
export async function saveNames(
  tx: Db,
  source: string,
  person: PersonId,
  { userName, externalId }: ScimNames,
): Promise<void> {
  // First, for it is the lock: two calls at once take turns.
  await tx.query('update curfew.scim_user set changed_at = clock_timestamp() where source = $1 and person = $2', [
    source,
    person,
  ]);
  await forgetNames(tx, source, person);
  await tx.query(`insert into curfew.personal (kind, id, person, body, salt) values ('scim', $1, $2, $3, $4)`, [
    `${source}/${person}`,
    person,
    JSON.stringify({ userName, externalId }),
    randomBytes(16),
  ]);
}

/** Forgets what the source calls them; the person stays. @returns false where the source has nobody by that id */
export async function remove(tx: Db, source: string, person: PersonId): Promise<boolean> {
  const removed = await tx.query('delete from curfew.scim_user where source = $1 and person = $2 returning 1', [
    source,
    person,
  ]);
  await forgetNames(tx, source, person);
  return removed.length > 0;
}

const forgetNames = (tx: Db, source: string, person: PersonId): Promise<unknown> =>
  tx.query(`delete from curfew.personal where kind = 'scim' and id = $1`, [`${source}/${person}`]);

/** Those of these whom the source has made, with the handles by which a change finds them; in order of their ids. */
export const known = (
  db: Db,
  source: string,
  ids: readonly PersonId[],
): Promise<readonly { readonly id: PersonId; readonly handle: string }[]> =>
  db.query(
    `select p.id, p.handle from curfew.scim_user u join curfew.person p on p.id = u.person
     where u.source = $1 and u.person = any ($2::uuid[]) order by p.id`,
    [source, ids],
  );

/** Somebody by either key, whoever made them, and what this source said last of their state; undefined: nobody. */
export async function find(
  db: Db,
  source: string,
  who: { readonly id: string } | { readonly handle: string },
): Promise<{ readonly id: PersonId; readonly handle: string; readonly word: PersonState | null } | undefined> {
  const [person] = await db.query<{ id: PersonId; handle: string }>(
    'select id, handle from curfew.person where id = $1 or handle = $2',
    'id' in who ? [who.id, null] : [null, who.handle],
  );
  if (!person) return undefined;
  const [word] = await db.query<{ state: PersonState | null }>(
    'select state from curfew.person_word where handle_hash = $1 and source = $2',
    [handleHash(person.handle), source],
  );
  return { ...person, word: word?.state ?? null };
}

/** The next place in the order of what SCIM sources say; the following 999 numbers are the caller's. */
export async function nextTurn(db: Db): Promise<number> {
  const [row] = await db.query<{ turn: number }>(`select nextval('curfew.scim_turn') as turn`);
  if (!row) throw new Error('the store gave no turn');
  return row.turn;
}
