/** A backup of a store, and its restore: what an operator does after a disaster, or by mistake. */

export type StoreServer = {
  /** One statement as the superuser of its cluster, in the database `postgres`. */
  run(text: string): Promise<unknown>;
  /** As `curfew migrate`: takes the restored database into service. */
  migrate(): Promise<unknown>;
};

/** The database in which the backup stands. */
export const backup = 'curfew_backup';
const [store, lost] = ['curfew', 'curfew_lost'];

/** Ends whoever is connected, or past the check of whether one may connect and about to be: pg_locks has those. */
const endAll = `do $$ begin
  for n in 1..2000 loop
    perform pg_terminate_backend(pid) from (
      select pid from pg_stat_activity where datname = '${store}'
      union select l.pid from pg_locks l join pg_database d on d.oid = l.objid
       where l.locktype = 'object' and l.classid = 'pg_database'::regclass and d.datname = '${store}') connected
     where pid <> pg_backend_pid();
    if not found then return; end if;
    perform pg_sleep(0.01), pg_stat_clear_snapshot();
  end loop;
  raise exception 'somebody stays connected to ${store}';
end $$`;

/** Nobody may be connected while a database is copied or renamed; everybody connects again by themselves. */
async function alone(server: StoreServer, work: () => Promise<void>): Promise<void> {
  await server.run(`alter database ${store} allow_connections false`);
  try {
    await server.run(endAll);
    await work();
  } finally {
    await server.run(`alter database ${store} allow_connections true`);
  }
}

/** Every byte of the store as it is now. */
export const backUp = (server: StoreServer): Promise<void> =>
  alone(server, async () => {
    await server.run(`drop database if exists ${backup}`);
    await server.run(`create database ${backup} template ${store}`);
  });

/** The store as it was at its backup. */
export async function restore(server: StoreServer): Promise<void> {
  await alone(server, async () => {
    await server.run(`alter database ${store} rename to ${lost}`);
    await server.run(`create database ${store} template ${backup}`);
  });
  await server.run(`drop database ${lost}`);
  await server.migrate();
}
