import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, isPolicyFileName } from '../../policy/bundle.ts';
import { readFileOf } from '../settings.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';

/**
 * The text of a policy: a file's, or the files of a folder joined.
 * @throws Stopped where it cannot be read, or a folder has no policy files
 */
export function loadPolicy(terminal: Terminal, path: string): string {
  if (!isFolder(path)) return readFileOf(terminal, path);
  const names = readdirSync(path).filter(isPolicyFileName);
  if (names.length === 0) throw new Stopped(`${path} has no file that ends in .yaml.`, exitCodes.usage);
  return bundle(names.map((name) => ({ name, text: readFileOf(terminal, join(path, name)) })));
}

/** What is not there is told by whoever reads it. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
