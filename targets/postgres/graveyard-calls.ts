import type { Statement } from './connection.ts';

// What comes after the graveyard: listing what a grantee owns, cleaning it away, dropping the role. As in `calls.ts`.

/**
 * `deps`: `detail` names the databases (comma-separated) to `clean` first. `prepared`, `failed`: somebody must look;
 * `failed` has an SQLSTATE in `detail`.
 */
export type Dropped = {
  readonly grantId: string;
  readonly outcome: 'dropped' | 'active' | 'graveyard' | 'enabled' | 'sessions' | 'prepared' | 'deps' | 'failed';
  readonly detail: string | null;
};
export const dropStatement = (ids: readonly string[]): Statement => ({
  call: 'drop',
  text: 'select grant_id as "grantId", outcome, detail from curfew.drop_many($1::uuid[])',
  values: [ids],
});

/** Whose time in the graveyard is over: what `drop` is to be asked of. `isRole` is false of a tombstone alone. */
export type Due = { readonly grantId: string; readonly isRole: boolean };
export const toDropStatement = (limit: number): Statement => ({
  call: 'to_drop',
  text: 'select grant_id as "grantId", is_role as "isRole" from curfew.to_drop($1)',
  values: [limit],
});

/** What a grantee made in one database and owns; its names are the grantee's own words. */
export type Owned = { readonly kind: string; readonly name: string };
export const ownedByStatement = (id: string, limit: number): Statement => ({
  call: 'owned_by',
  text: 'select kind, name from curfew_db.owned_by($1::uuid, $2)',
  values: [id, limit],
});

/** `kept` (createrole mode only): an administrator must take what the grantee shared with others. */
export type Cleaned = {
  readonly outcome: 'clean' | 'absent' | 'enabled' | 'sessions' | 'failed' | 'kept';
  readonly detail: string | null;
};
export const cleanStatement = (id: string): Statement => ({
  call: 'clean',
  text: 'select outcome, detail from curfew_db.clean($1::uuid)',
  values: [id],
});
