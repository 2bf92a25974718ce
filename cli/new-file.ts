/** A file that a command makes: it is there whole or not at all, and nothing is written over. */
import { closeSync, openSync, rmSync } from 'node:fs';
import { fileFault } from './settings.ts';
import { exitCodes, Stopped, type Terminal } from './terminal.ts';

/**
 * Makes an empty file that only its owner reads, and has it filled; takes it away where that fails, and where somebody
 * ends the command meanwhile. What was there before is left alone.
 * @param fill writes it at its path
 * @throws Stopped where it is there already or cannot be written; what `fill` throws
 */
export async function newFile<Made>(terminal: Terminal, path: string, fill: () => Made | Promise<Made>): Promise<Made> {
  let made = false;
  const remove = (): void => {
    if (made) rmSync(path, { force: true });
  };
  const release = terminal.onInterrupt?.(() => {
    remove();
    terminal.progress?.('');
    terminal.err(`${path} was not whole yet, and is not kept.\n`);
  });
  try {
    closeSync(openSync(path, 'wx', 0o600));
    made = true;
    return await fill();
  } catch (error) {
    remove();
    throw notWritten(path, error, made);
  } finally {
    release?.();
  }
}

/** What the system said of a file, for whoever named it; anything else as it is. */
export function notWritten(path: string, error: unknown, isOurs: boolean): unknown {
  const { code } = error as { readonly code?: unknown };
  if (code === 'EEXIST' && !isOurs)
    return new Stopped(`${path} is there already, and is not written over. Name another.`, exitCodes.usage);
  return typeof code === 'string' && /^E[A-Z]+$/.test(code)
    ? new Stopped(`${path} cannot be written: ${fileFault(error)}.`, exitCodes.usage)
    : error;
}
