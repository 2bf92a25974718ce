/** Groups as SCIM sources made them. Who is in one is `person_group`'s to say, in the rows of that source. */
import { randomUUID } from 'node:crypto';
import type { PersonId } from '../domain/ids.ts';
import { handleHash } from './people-words.ts';
import type { Db } from './pool.ts';

export type ScimGroupRow = {
  readonly id: string;
  /** As policies name it. */
  readonly name: string;
  /** As the source does. */
  readonly display: string;
  readonly externalId: string | null;
  readonly members: readonly { readonly id: PersonId; readonly handle: string }[];
  /** Epoch ms. */
  readonly madeAt: number;
  readonly changedAt: number;
};

/** What the source says of one, but for its members. */
export type ScimGroupNames = Pick<ScimGroupRow, 'name' | 'display' | 'externalId'>;

const rowsText = (members: boolean): string => `
  select g.id, g.name, g.display, g.external_id as "externalId", g.made_at as "madeAt", g.changed_at as "changedAt",
    ${
      members
        ? `coalesce((select jsonb_agg(jsonb_build_object('id', p.id, 'handle', p.handle) order by p.id)
             from curfew.person_group m join curfew.person p on p.id = m.person
             where m.source = g.source and m.name = g.name), '[]')`
        : `'[]'::jsonb`
    } as members
  from curfew.scim_group g where g.source = $1`;

export async function byId(db: Db, source: string, id: string): Promise<ScimGroupRow | undefined> {
  const [row] = await db.query<ScimGroupRow>(`${rowsText(true)} and g.id = $2`, [source, id]);
  return row;
}

/** All of a source, in the order in which it made them; `members: false` reads none. */
export const list = (
  db: Db,
  source: string,
  { members, name }: { readonly members: boolean; readonly name?: string },
): Promise<readonly ScimGroupRow[]> =>
  db.query(`${rowsText(members)} and ($2::text is null or g.name = $2) order by g.made_at, g.id`, [
    source,
    name ?? null,
  ]);

/** @returns its id; undefined where the source has one of that name */
export async function insert(
  tx: Db,
  source: string,
  { name, display, externalId }: ScimGroupNames,
): Promise<string | undefined> {
  const [row] = await tx.query<{ id: string }>(
    `insert into curfew.scim_group (id, source, name, display, external_id) values ($1, $2, $3, $4, $5)
     on conflict (source, name) do nothing returning id`,
    [randomUUID(), source, name, display, externalId],
  );
  return row?.id;
}

/** @returns false where the source has another one of that name */
export async function rename(
  tx: Db,
  source: string,
  id: string,
  { name, display, externalId }: ScimGroupNames,
): Promise<boolean> {
  const changed = await tx.query(
    `update curfew.scim_group g set name = $3, display = $4, external_id = $5, changed_at = clock_timestamp()
     where g.source = $1 and g.id = $2
       and not exists (select from curfew.scim_group o where o.source = $1 and o.name = $3 and o.id <> $2) returning 1`,
    [source, id, name, display, externalId],
  );
  return changed.length > 0;
}

export async function touch(tx: Db, source: string, id: string): Promise<void> {
  await tx.query('update curfew.scim_group set changed_at = clock_timestamp() where source = $1 and id = $2', [
    source,
    id,
  ]);
}

export async function remove(tx: Db, source: string, id: string): Promise<void> {
  await tx.query('delete from curfew.scim_group where source = $1 and id = $2', [source, id]);
}

/**
 * What one person is in by this source's word, and the last version of it, with their row locked: whoever changes
 * groups reads, changes and writes in one turn, so that two changes at once both count.
 */
export async function lockedGroupsOf(
  tx: Db,
  source: string,
  person: { readonly id: PersonId; readonly handle: string },
): Promise<{ readonly names: readonly string[]; readonly version: number }> {
  await tx.query('select from curfew.person where id = $1 for update', [person.id]);
  const rows = await tx.query<{ name: string }>(
    'select name from curfew.person_group where person = $1 and source = $2 order by name',
    [person.id, source],
  );
  const [word] = await tx.query<{ version: number }>(
    'select version from curfew.person_word where handle_hash = $1 and source = $2',
    [handleHash(person.handle), source],
  );
  return { names: rows.map(({ name }) => name), version: word?.version ?? 0 };
}
