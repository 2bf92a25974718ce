/** A checkpoint that a witness kept, as its file is given on a command line. */
import { parseCheckpoint } from '../audit/checkpoint.ts';
import { openNote } from '../audit/signed-note.ts';
import { isRefusal } from '../domain/errors.ts';
import { textOf } from './evidence/checkpoints.ts';
import { readFileOf } from './settings.ts';
import { exitCodes, Stopped, type Terminal } from './terminal.ts';

/**
 * The note in a file, whoever signed it.
 * @throws Stopped for what is no signed checkpoint: a slip of whoever called, of which no verdict is given
 */
export function keptNoteOf(terminal: Terminal, path: string): string {
  const note = readFileOf(terminal, path);
  const opened = openNote(note, []);
  const none = opened.kind === 'refused' && opened.why === 'malformed' ? opened.says : undefined;
  const read = parseCheckpoint(textOf(note));
  const why = none ?? (isRefusal(read) ? read.message : undefined);
  if (why !== undefined) throw new Stopped(`${path} is no checkpoint that a witness kept: ${why}`, exitCodes.usage);
  return note;
}
