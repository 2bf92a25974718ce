import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries, PostgresVersion, SystemUser } from './postgres-binaries.ts';
import { commandOf } from './process-table.ts';
import { Trouble, messageOf } from './trouble.ts';

const run = promisify(execFile);

export type DataFolder = {
  readonly dataDir: string;
  readonly version: PostgresVersion;
  readonly superuserPassword: string;
  readonly user: SystemUser | null;
};

/**
 * Makes the data folder if there is none. `initdb` works beside it and the result is moved into place, so that a
 * crash in between leaves no half folder that looks whole.
 * @throws Trouble when the folder is another version's or no data folder, or `initdb` fails
 */
export const ensureDataFolder = async (folder: DataFolder, binaries: PostgresBinaries): Promise<void> => {
  if (existsSync(folder.dataDir)) return checkVersion(folder);
  const making = `${folder.dataDir}.new`;
  const passwordFile = `${folder.dataDir}.password`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, folder.superuserPassword, { mode: 0o600 });
  giveTo(folder.user, making, passwordFile);
  try {
    const options = [
      '--username=postgres',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--no-sync',
      '--no-instructions',
    ];
    await run(binaries.initdb, [`--pgdata=${making}`, `--pwfile=${passwordFile}`, ...options], {
      cwd: dirname(making),
      ...folder.user,
    });
    writeOwned(
      folder.user,
      join(making, 'postgresql.conf'),
      `${readFileSync(join(making, 'postgresql.conf'), 'utf8')}\ninclude 'curfew.conf'\n`,
    );
    renameSync(making, folder.dataDir);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw new Trouble(
      `initdb could not make ${folder.dataDir}: ${messageOf(error).trim()}`,
      'if a shared library is missing, run: npm rebuild; otherwise check that the folder may be written and the disk has room',
      { cause: error },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
};

const checkVersion = ({ dataDir, version }: DataFolder): void => {
  const mend = 'start over with: npm start -- --fresh (this deletes what the embedded stack holds)';
  const versionFile = join(dataDir, 'PG_VERSION');
  if (!existsSync(versionFile)) throw new Trouble(`${dataDir} is there but is no PostgreSQL data folder`, mend);
  const found = readFileSync(versionFile, 'utf8').trim();
  if (found !== String(version)) throw new Trouble(`${dataDir} was made by PostgreSQL ${found}, not ${version}`, mend);
};

/** Writes what the server reads at its start; ALTER SYSTEM still overrides it. */
export const configure = (
  folder: DataFolder,
  port: number,
  settings: Readonly<Record<string, string>>,
  hba: string,
): void => {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    // A prepared transaction outlives every revoke (design of the targets, P14).
    max_prepared_transactions: '0',
    shared_buffers: '32MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  writeOwned(folder.user, join(folder.dataDir, 'curfew.conf'), `${lines.join('\n')}\n`);
  writeOwned(folder.user, join(folder.dataDir, 'pg_hba.conf'), hba);
};

/** Every role, `cfw_` ones included, comes in over loopback with SCRAM; nothing else comes in at all. */
export const loopbackScramOnly = `# type  database     user  address       method
host    all          all   127.0.0.1/32  scram-sha-256
host    replication  all   127.0.0.1/32  scram-sha-256
`;

/**
 * PostgreSQL itself takes over the lock file of a dead process, but not one whose process id now belongs to somebody
 * else, as after a restart of the machine; that one is removed here.
 * @throws Trouble when a server from another run is at work in the folder
 */
export const releaseDeadLock = async (dataDir: string): Promise<void> => {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(lockFile)) return;
  const pid = Number(readFileSync(lockFile, 'utf8').split('\n')[0]);
  const command = await commandOf(pid);
  if (command !== null && (command === '' || command.includes(dataDir))) {
    throw new Trouble(
      `another PostgreSQL (process ${pid}) is at work in ${dataDir}`,
      `if no other stack should be running, end it with: kill -INT ${pid}`,
    );
  }
  if (command !== null) rmSync(lockFile, { force: true });
};

const giveTo = (user: SystemUser | null, ...paths: readonly string[]): void => {
  for (const path of paths) if (user !== null) chownSync(path, user.uid, user.gid);
};

const writeOwned = (user: SystemUser | null, path: string, text: string): void => {
  writeFileSync(path, text, { mode: 0o600 });
  giveTo(user, path);
};
