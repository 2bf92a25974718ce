/** Alarms about the log, each for as long as there is something to say. */
import * as alarms from '../../store/alarms.ts';
import type { Db } from '../../store/pool.ts';

export const unsignedCode = 'log-unsigned';

/** @returns raises it with a sentence, and resolves it where there is none any more */
export function unsignedAlarm(store: Db, about: string): (detail: string | undefined) => Promise<void> {
  const key = `${unsignedCode}/${about}`;
  // Also what another process, or this one before a restart, has raised.
  let isTold = true;
  return async (detail) => {
    if (detail !== undefined) {
      await alarms.raise(store, { key, code: unsignedCode, subject: 'log', detail });
      isTold = true;
    } else if (isTold) {
      await alarms.resolve(store, key);
      isTold = false;
    }
  };
}
