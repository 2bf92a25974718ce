/** A backup of a test's store, and its restore: what an operator does after a disaster, or by mistake. */
import { migrate } from '../../store/migrate.ts';
import { storeDatabase, type TestStore } from './store.ts';

const backup = 'curfew_backup';

const others = (database: string): string =>
  `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid()`;

/** Nobody may be connected while a database is copied or renamed; everybody connects again by themselves. */
async function alone(store: TestStore, work: () => Promise<void>): Promise<void> {
  const run = (text: string): Promise<unknown> => store.postgres.query('postgres', text);
  await run(`alter database ${storeDatabase} allow_connections false`);
  try {
    await run(others(storeDatabase));
    await work();
  } finally {
    await run(`alter database ${storeDatabase} allow_connections true`);
  }
}

/** Every byte of the store as it is now. */
export const backUp = (store: TestStore): Promise<void> =>
  alone(store, async () => {
    await store.postgres.query('postgres', `drop database if exists ${backup}`);
    await store.postgres.query('postgres', `create database ${backup} template ${storeDatabase}`);
  });

/** The store as it was at its backup, taken into service as `curfew migrate` does it. */
export async function restore(store: TestStore): Promise<void> {
  await alone(store, async () => {
    await store.postgres.query('postgres', `alter database ${storeDatabase} rename to ${storeDatabase}_lost`);
    await store.postgres.query('postgres', `create database ${storeDatabase} template ${backup}`);
  });
  await store.postgres.query('postgres', `drop database ${storeDatabase}_lost`);
  await migrate({ adminUrl: store.adminUrl });
}
