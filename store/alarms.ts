/**
 * Alarms: one open at a time about one thing. Each is an audit entry, and the worker tells it to every channel
 * (`alarm-deliveries.ts`), so that whoever may only raise one, as the reaper, is heard as well.
 */
import { alarmRaised, alarmResolved } from '../domain/events/operation.ts';
import { bodyBytes } from './audit.ts';
import type { Db } from './pool.ts';

export type Alarm = {
  /** What it is about, e.g. `revoke/<request id>`: while one is open, another with its key is no news. */
  readonly key: string;
  /** e.g. `revoke-late`. */
  readonly code: string;
  /** The id of the request, person or target. */
  readonly subject: string;
  /** One sentence for operators: no names, no secrets. */
  readonly detail: string;
};

export type OpenAlarm = Alarm & { readonly id: string; readonly raisedBy: string; readonly raisedAt: number };

/** Whoever is connected: the statement puts its name in, and with a resolved alarm what it was about. */
const session = 'session_user';

/**
 * One statement: alarm and entry `alarm.raised` together.
 * @returns true where it is new; false where one with its key is open
 */
export async function raise(db: Db, { key, code, subject, detail }: Alarm): Promise<boolean> {
  const said = alarmRaised(session, subject, { key, code });
  const made = await db.query(
    `with made as (insert into curfew.alarm (key, code, subject, detail) values ($1, $2, $3, $4)
       on conflict (key) where resolved_at is null do nothing returning subject)
     select audit.append($5, session_user, made.subject, $6) from made`,
    [key, code, subject, detail, said.kind, bodyBytes(said.body)],
  );
  return made.length > 0;
}

/**
 * Resolves what is open under a key, with its entry `alarm.resolved`; worker and reaper only.
 * @returns false where nothing was
 */
export async function resolve(db: Db, key: string): Promise<boolean> {
  const said = alarmResolved(session, '', { key });
  const resolved = await db.query(
    `with resolved as (update curfew.alarm set resolved_at = clock_timestamp() where key = $1 and resolved_at is null
       returning subject)
     select audit.append($2, session_user, resolved.subject, $3) from resolved`,
    [key, said.kind, bodyBytes(said.body)],
  );
  return resolved.length > 0;
}

/** The keys among these that are open. */
export async function openAmong(db: Db, keys: readonly string[]): Promise<readonly string[]> {
  const rows = await db.query<{ key: string }>(
    'select key from curfew.alarm where resolved_at is null and key = any ($1::text[])',
    [keys],
  );
  return rows.map(({ key }) => key);
}

/** Open alarms, oldest first. */
export const open = (db: Db): Promise<readonly OpenAlarm[]> =>
  db.query(
    `select id, key, code, subject, detail, raised_by as "raisedBy", raised_at as "raisedAt" from curfew.alarm
     where resolved_at is null order by raised_at limit 1000`,
  );
