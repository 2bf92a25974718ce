import type { Granting } from './granting.ts';

/** Keys of what the outbox holds of a kind: what somebody is to be told. */
export async function stored(world: Granting, kind: string): Promise<readonly string[]> {
  const rows = await world.company.store.admin.query<{ key: string }>(
    'select key from curfew.outbox where kind = $1 order by id',
    [kind],
  );
  return rows.map(({ key }) => key);
}
