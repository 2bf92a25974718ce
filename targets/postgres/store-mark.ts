import { asAdministrator, type Administrator } from './administrator.ts';

/** How far a cluster has seen the store: the id of an audit entry. As its administrator. @throws the database's own error */
export const readStoreMark = (admin: Administrator, controlDatabase: string): Promise<number> =>
  asAdministrator(admin, controlDatabase, async (client) => {
    const { rows } = await client.query<{ mark: number }>(
      'select coalesce(max(store_index), 0)::float8 as mark from curfew.mark',
    );
    return rows[0]?.mark ?? 0;
  });
