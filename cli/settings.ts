/** What commands get out of the environment, opened and closed around their work. */
import { readCliConfig, type CliConfig } from '../config/cli.ts';
import { describeProblems } from '../config/field.ts';
import { formatSpan } from '../domain/time.ts';
import { NotRecorded } from '../store/failures.ts';
import { openStore, type Store } from '../store/pool.ts';
import { exitCodes, Stopped, type Terminal } from './terminal.ts';

/** @throws Stopped with every problem at once, where something that is wanted is not set or is wrong */
export function settings<Wanted extends keyof CliConfig>(
  terminal: Terminal,
  ...wanted: readonly Wanted[]
): Required<Pick<CliConfig, Wanted>> {
  const read = readCliConfig(terminal.env, wanted, terminal.readText);
  if (!read.ok) throw new Stopped(describeProblems(read.problems), exitCodes.usage);
  return read.config;
}

/** Opens a store, hands it over and closes it. A person waits here, so a statement may take longer than Slack's. */
export async function withStore<T>(
  url: string,
  work: (store: Store) => Promise<T>,
  statementTimeoutMs = 15_000,
): Promise<T> {
  const store = openStore({ url, applicationName: 'curfew-cli', max: 2, statementTimeoutMs });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The store as curfew_admin. */
export const withAdminStore = <T>(terminal: Terminal, work: (store: Store) => Promise<T>): Promise<T> =>
  withStore(settings(terminal, 'adminStoreUrl').adminStoreUrl, work);

/** A year of a large company is read in one statement. */
const reportTimeoutMs = 300_000;

/**
 * The store as an auditor, who may change nothing: curfew_auditor, or a login that is a member of it. An operator who has
 * set no such login reads as curfew_admin.
 */
export async function withAuditorStore<T>(terminal: Terminal, work: (store: Store) => Promise<T>): Promise<T> {
  const asAdmin = terminal.env[auditorVariable] === undefined && terminal.env[adminVariable] !== undefined;
  const url = asAdmin
    ? settings(terminal, 'adminStoreUrl').adminStoreUrl
    : settings(terminal, 'auditorStoreUrl').auditorStoreUrl;
  return withStore(url, work, reportTimeoutMs).catch((error: unknown) => {
    // Nothing was to be recorded here, so that it was not is no answer.
    throw error instanceof NotRecorded ? notRead(error, asAdmin ? adminVariable : auditorVariable) : error;
  });
}

const notRead = ({ why }: NotRecorded, variable: string): Stopped =>
  new Stopped(
    why === tookTooLong
      ? `The store was not done in ${formatSpan(reportTimeoutMs)} (${why}): ask for a shorter period.`
      : `The store cannot be read (${why}). Does it run, and is ${variable} right, password and all?`,
  );
/** query_canceled: a statement's time was up. */
const tookTooLong = '57014';
const auditorVariable = 'CURFEW_AUDITOR_STORE_URL';
const adminVariable = 'CURFEW_ADMIN_STORE_URL';

/** A file that somebody named. @throws Stopped where it cannot be read */
export function readFileOf(terminal: Terminal, path: string): string {
  try {
    return terminal.readText(path);
  } catch (error) {
    throw new Stopped(`${path} cannot be read: ${fileFault(error)}.`, exitCodes.usage);
  }
}

/** What the system says of a file, in words, and its code for whoever looks that up. */
export function fileFault(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (typeof code !== 'string') return 'unknown error';
  return Object.hasOwn(fileFaults, code) ? `${fileFaults[code]} (${code})` : code;
}
const fileFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'nothing can be written there',
  ENOSPC: 'no space is left there',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead in a circle',
};
