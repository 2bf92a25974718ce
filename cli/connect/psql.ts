import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';
import { psqlWords, type Place } from './forms.ts';

/** @throws Stopped where there is no psql; asked before the code is spent */
export function findPsql(terminal: Terminal): string {
  const found = (terminal.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => [join(folder, 'psql'), join(folder, 'psql.exe')])
    .find(isProgram);
  if (found !== undefined) return found;
  throw new Stopped(
    [
      'There is no psql on the PATH. The code is not spent. Install it and try again:',
      '  Debian, Ubuntu   apt-get install postgresql-client',
      '  Fedora, RHEL     dnf install postgresql',
      '  macOS            brew install libpq && brew link --force libpq',
      '  Windows          the Command Line Tools of the PostgreSQL installer',
      'or use --env, --url or --query instead.',
    ].join('\n'),
    exitCodes.usage,
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The password stands in that process's environment alone: on no command line, in no file, in no history. */
export const runPsql = (terminal: Terminal, psql: string, place: Place): Promise<number> =>
  terminal.run(psql, psqlWords(place), { PGPASSWORD: place.password });
