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

/** Nobody may be connected while a database is copied or renamed; everybody connects again by themselves. */
async function alone(server: StoreServer, work: () => Promise<void>): Promise<void> {
  await server.run(`alter database ${store} allow_connections false`);
  try {
    await server.run(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${store}' and pid <> pg_backend_pid()`,
    );
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
