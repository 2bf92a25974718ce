/** Public keys of the log, as they are given on a command line. */
import { readVerifier, type Verifier } from '../audit/signed-note.ts';
import { isRefusal } from '../domain/errors.ts';
import { readFileOf } from './settings.ts';
import { exitCodes, Stopped, type Terminal } from './terminal.ts';

/** An option that is given once for each key, so that no key is taken for what stands after it. */
export const gathered = (one: string, before: readonly string[] = []): readonly string[] => [...before, one];

/**
 * Keys in their text form, and what is in files of them: as `curfew audit key show` prints them, one a line.
 * @throws Stopped for anything else
 */
export const keysOf = (terminal: Terminal, given: readonly string[]): readonly Verifier[] =>
  given.flatMap((one) =>
    isKey(one) ? keyOf(one, 'This') : linesOf(readFileOf(terminal, one)).map((line) => keyOf(line, one)),
  );

const isKey = (text: string): boolean => /\+[0-9a-f]{8}\+/.test(text);

/** An empty file has one line, which is no key. What follows a key says something of it. */
function linesOf(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s/)[0] ?? '');
  const found = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return found.length > 0 ? found : [''];
}

function keyOf(text: string, where: string): Verifier {
  if (text.startsWith('PRIVATE+KEY+'))
    throw new Stopped(
      `${where} is the key that signs, which nobody else may have. Take its public half, as curfew audit key show prints it.`,
      exitCodes.usage,
    );
  const read = readVerifier(text);
  if (isRefusal(read))
    throw new Stopped(
      `${where} is no public key of a log: it has the form NAME+HASH+BASE64, one a line.`,
      exitCodes.usage,
    );
  return read;
}
