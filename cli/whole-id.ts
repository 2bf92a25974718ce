/** Ids on a command line. */
import { isUuid } from '../domain/ids.ts';
import { exitCodes, Stopped } from './terminal.ts';

/** The id that was given, in the one form in which Curfew writes it: in capitals it is the same. Undefined for no id. */
export function idIn(given: string): string | undefined {
  const id = given.toLowerCase();
  return isUuid(id) ? id : undefined;
}

/** @throws Stopped with what to give instead */
export function wholeId(given: string, instead: string): string {
  const id = idIn(given);
  if (id === undefined) throw new Stopped(instead, exitCodes.usage);
  return id;
}
