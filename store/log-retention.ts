/**
 * Old entries go by whole partitions, which nobody but the owner of the tables can drop: no login of a process may, and
 * no operator as curfew_admin either. Leaves and nodes stay, so that every proof about what is left still holds.
 */
import type { Db, Store } from './pool.ts';

export type Partition = {
  readonly name: string;
  readonly entries: number;
  readonly firstId: number;
  readonly lastId: number;
  /** Epoch ms of its youngest entry. */
  readonly newestAt: number;
  /** Places of its entries: from the first to before the one after the last; entries of its neighbours may be between. */
  readonly from: number;
  readonly to: number;
  /** All its entries have their places, and no other can come any more. */
  readonly settled: boolean;
  /** A checkpoint has been signed over all of them. */
  readonly signed: boolean;
};

/** All partitions that hold entries, oldest first. As the owner of the store, or a superuser. */
export async function partitionsOf(owner: Store): Promise<readonly Partition[]> {
  return await owner.transaction(async (tx) => {
    await tx.query('set local role curfew_store');
    const names = await tx.query<{ name: string }>(
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = 'audit.entry'::regclass order by length(c.relname), c.relname`,
    );
    const partitions: Partition[] = [];
    for (const { name } of names) {
      const partition = await partitionOf(tx, name);
      if (partition) partitions.push(partition);
    }
    return partitions;
  });
}

async function partitionOf(tx: Db, name: string): Promise<Partition | undefined> {
  const [row] = await tx.query<Partition>(
    `select $1 as name, count(*) as entries, min(e.id) as "firstId", max(e.id) as "lastId", max(e.at) as "newestAt",
       min(l.index) as "from", max(l.index) + 1 as "to",
       count(l.index) = count(*) and max(e.id) <= (select horizon from audit.sequencer)
         and (select last_value from audit.entry_id) / audit.room() > max(e.id) / audit.room() as settled,
       coalesce(max(l.index) < (select max(size) from audit.checkpoint), false) as signed
     from audit.${partitionName(name)} e left join audit.leaf l on l.entry = e.id having count(*) > 0`,
    [name],
  );
  return row;
}

/** NB. A name of a table cannot be bound. */
function partitionName(name: string): string {
  if (!/^entry_p\d+$/.test(name)) throw new Error(`no partition of the log is called ${name}`);
  return name;
}

/**
 * Drops it, with all that its entries said. The entry that says so was written before, by somebody else's login. Nobody
 * writes there any more, so it is counted before the lock is asked for: appends wait for that lock, and ends for them.
 * @throws StoreError 55P03 where the lock was not to be had at once: nothing has happened then
 */
export async function dropPartition(owner: Store, { name, lastId, entries }: Partition): Promise<void> {
  await owner.transaction(async (tx) => {
    await tx.query('set local role curfew_store');
    const [now] = await tx.query<{ entries: number; lastId: number }>(
      `select count(*) as entries, max(id) as "lastId" from audit.${partitionName(name)}`,
    );
    if (now?.entries !== entries || now.lastId !== lastId) throw new Error(`${name} is not what it was a moment ago`);
    await tx.query(`set local lock_timeout = '1s'`);
    await tx.query(`alter table audit.entry detach partition audit.${partitionName(name)}`);
    await tx.query(`drop table audit.${partitionName(name)}`);
  });
}
