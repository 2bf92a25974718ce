/**
 * What transactions take turns in: from here to its end, whoever comes second sees what the first one wrote. Locks that
 * only those logins can hold who need them (`migrations/0019-turns.sql`), and not the rows that they are about: nobody
 * who may decide or claim may also change a request, and a row lock takes that privilege.
 *
 * NB. Keys share places, so two strangers may wait for each other. Nobody waits in a circle as long as a transaction
 * takes all the keys of a kind in one call, holding nothing yet but rows about the same request or person.
 */
import type { Db } from './pool.ts';

/** Turns of one thing each: those of a request, those of a grant, a human's own, a Slack channel's. */
export const keyedTurns = ['request', 'grant', 'human', 'due', 'slack-line'] as const;

/** Everybody who does such a thing takes turns with everybody else who does. */
export const singleTurns = ['newcomer', 'on-call', 'finding', 'policy', 'link-code'] as const;

export const takeTurns = (tx: Db, kind: (typeof keyedTurns)[number], keys: readonly string[]): Promise<unknown> =>
  tx.query('select curfew.take_turns($1, $2)', [kind, keys]);

export const takeTurn = (tx: Db, kind: (typeof singleTurns)[number]): Promise<unknown> =>
  tx.query('select curfew.take_turns($1, $2)', [kind, ['']]);
