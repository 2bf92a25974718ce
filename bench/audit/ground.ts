/** Where the log is measured: a store of its own with fsync on, and a key that signs it. Nothing else runs on it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { checkpointText } from '../../audit/checkpoint.ts';
import { originOf } from '../../audit/epoch.ts';
import { rootOf } from '../../audit/merkle.ts';
import { newKey, readSigner, signNote } from '../../audit/signed-note.ts';
import { freePort } from '../../dev/ports.ts';
import { startCluster, type Cluster } from '../../dev/postgres.ts';
import { isRefusal } from '../../domain/errors.ts';
import { logins, type Login } from '../../domain/events.ts';
import { minuteMs } from '../../domain/time.ts';
import { keepCheckpoint, readNodes, sizeOf } from '../../store/log.ts';
import { migrate } from '../../store/migrate.ts';
import { openStore, type Store } from '../../store/pool.ts';

export type Ground = {
  /** One opened Store a login. */
  readonly as: Readonly<Record<Login, Store>>;
  /** The superuser's. */
  readonly admin: Client;
  /** The log's public key, in its text form. */
  readonly key: string;
  readonly folder: string;
  /** Signs how far the log is now. @returns the root, hex */
  readonly sign: () => Promise<string>;
  readonly end: () => Promise<void>;
};

const logName = 'bench';

export async function openGround(): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-bench-'));
  const opened: Store[] = [];
  let cluster: Cluster | undefined;
  let admin: Client | undefined;
  const end = async (): Promise<void> => {
    await Promise.allSettled([...opened.map((store) => store.close()), admin?.end()]);
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const superuserPassword = randomBytes(18).toString('hex');
    const port = await freePort();
    // A checkpoint of the server or a vacuum in the middle of one side would be counted as that side's.
    const settings = { autovacuum: 'off', max_wal_size: '8GB', checkpoint_timeout: '1h' };
    cluster = await startCluster({ name: 'log', dataDir: join(folder, 'data'), port, superuserPassword, settings });
    const { url } = cluster;
    await asked(url(), 'create database curfew');
    const passwords = forEachLogin(() => randomBytes(18).toString('hex'));
    await migrate({ adminUrl: url({ database: 'curfew' }), passwords });
    const as = forEachLogin((user) => {
      const store = openStore({
        url: url({ database: 'curfew', user, password: passwords[user] }),
        applicationName: 'curfew-bench',
        max: 2,
        statementTimeoutMs: 10 * minuteMs,
      });
      opened.push(store);
      return store;
    });
    admin = await connected(url({ database: 'curfew' }));
    const made = newKey(logName);
    const signer = readSigner(made.signer);
    if (isRefusal(signer)) throw new Error(signer.message);
    const sign = async (): Promise<string> => {
      const store = as.curfew_worker;
      const size = await sizeOf(store);
      const root = await rootOf(size, (nodes) => readNodes(store, nodes));
      const at = Date.now();
      const note = signNote(checkpointText({ origin: originOf(logName, 1), size, root, at }), [signer]);
      await keepCheckpoint(store, { size, epoch: 1, note, at });
      return root.toString('hex');
    };
    return { as, admin, key: made.verifier, folder, sign, end };
  } catch (error) {
    await end();
    throw error;
  }
}

const forEachLogin = <T>(make: (login: Login) => T): Readonly<Record<Login, T>> =>
  Object.fromEntries(logins.map((login) => [login, make(login)])) as Record<Login, T>;

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, application_name: 'curfew-bench' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function asked(connectionString: string, text: string): Promise<void> {
  const client = await connected(connectionString);
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
