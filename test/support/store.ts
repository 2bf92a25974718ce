/** A store of one test file: a cluster of its own, migrated, and one opened Store a login. */
import { randomBytes } from 'node:crypto';
import { logins, type Login } from '../../domain/events.ts';
import { migrate } from '../../store/migrate.ts';
import { openStore, type Store, type StoreOptions } from '../../store/pool.ts';
import { startPostgres, type Postgres, type PostgresOptions } from './postgres.ts';

export type TestStore = {
  readonly postgres: Postgres;
  readonly passwords: Readonly<Record<Login, string>>;
  /** Connection string of the superuser, for `migrate` and for looking behind the curtain. */
  readonly adminUrl: string;
  url(login: Login): string;
  /** One opened Store a login; ended by `end`. */
  readonly as: Readonly<Record<Login, Store>>;
  /** The superuser's. */
  readonly admin: Store;
  /** Another Store on this cluster, ended by `end` too. */
  open(login: Login, options?: Partial<StoreOptions>): Store;
  end(): Promise<void>;
};

/** Longer than in earnest: a test of something else does not fail because its machine is busy. */
const patienceMs = 30_000;

/** The database in which a test's store lives. */
export const storeDatabase = 'curfew';

export async function startStore(options: PostgresOptions = {}): Promise<TestStore> {
  const postgres = await startPostgres(options);
  try {
    await postgres.query('postgres', `create database ${storeDatabase}`);
    const { host, port, admin } = postgres;
    const urlOf = (user: string, password: string): string =>
      `postgres://${user}:${password}@${host}:${port}/${storeDatabase}`;
    const adminUrl = urlOf(admin.user, admin.password);
    const passwords = forEachLogin(() => randomBytes(18).toString('base64url'));
    await migrate({ adminUrl, passwords });

    const opened: Store[] = [];
    const open = (url: string, given: Partial<StoreOptions> = {}): Store => {
      const store = openStore({
        url,
        applicationName: 'curfew-test',
        max: 5,
        statementTimeoutMs: patienceMs,
        ...given,
      });
      opened.push(store);
      return store;
    };
    const url = (login: Login): string => urlOf(login, passwords[login]);
    return {
      postgres,
      passwords,
      adminUrl,
      url,
      as: forEachLogin((login) => open(url(login))),
      admin: open(adminUrl),
      open: (login, given) => open(url(login), given),
      async end() {
        try {
          await Promise.all(opened.map((store) => store.close()));
        } finally {
          await postgres.stop();
        }
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

const forEachLogin = <T>(make: (login: Login) => T): Readonly<Record<Login, T>> =>
  Object.fromEntries(logins.map((login) => [login, make(login)])) as Record<Login, T>;
