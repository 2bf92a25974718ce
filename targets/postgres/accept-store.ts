import { asAdministrator, type Administrator } from './administrator.ts';

/**
 * From now on the target takes the store at its audit entry `index` for whole, although it has seen a newer one: what an
 * operator says who has restored the store, and has compared. Grants are made again.
 * @throws the database's own error, as for a login that is neither superuser nor a member of `curfew_owner`
 */
export async function acceptStore(admin: Administrator, controlDatabase: string, index: number): Promise<void> {
  await asAdministrator(admin, controlDatabase, (client) => client.query('select curfew.accept_store($1)', [index]));
}
