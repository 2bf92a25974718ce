/** Public keys of the log, as they are given on a command line. */
import { readVerifier, type Verifier } from '../audit/signed-note.ts';
import { isRefusal } from '../domain/errors.ts';
import { readFileOf } from './settings.ts';
import { exitCodes, Stopped, type Terminal } from './terminal.ts';

/** A key in its text form, or a file that holds it. */
export function keyOf(terminal: Terminal, given: string): Verifier {
  const own = readVerifier(given);
  const read =
    isRefusal(own) && !/\+[0-9a-f]{8}\+/.test(given) ? readVerifier(readFileOf(terminal, given).trim()) : own;
  if (isRefusal(read)) throw new Stopped(read.message, exitCodes.usage);
  return read;
}
