/**
 * How far this store is, and what follows where it came back from a backup: it may hold as live what was revoked since,
 * so it grants nothing until an operator has recovered it. Revokes go on.
 */
import { endAsked } from '../domain/events/grant.ts';
import { alarmResolved, storeRecovered } from '../domain/events/operation.ts';
import { append, appendAll } from './audit.ts';
import { beginEpoch, type Epoch } from './log-epochs.ts';
import type { Db } from './pool.ts';

/** The reaper raises it, and `curfew recover` alone ends it. */
export const behindCode = 'store-behind';

export type StoreIndex = {
  /** Id of the newest audit entry; 0 of none. */
  readonly newest: number;
  /** A target has seen this store further than it is, or a recovery is under way. */
  readonly behind: boolean;
};

/** NB. Read it after everything that is judged: whatever was read before is then no older than what this says. */
export async function storeIndex(db: Db): Promise<StoreIndex> {
  const [row] = await db.query<StoreIndex>(
    `select audit.newest() as newest,
       exists (select from curfew.alarm where code = $1 and resolved_at is null)
       or exists (select from curfew.recovery where completed_at is null) as behind`,
    [behindCode],
  );
  if (!row) throw new Error('the store did not say how far it is');
  return row;
}

/** The same with what the entries are: of the newest, and of one that was the newest before; null where it is gone. */
export type StoreLook = StoreIndex & { readonly stamp: string | null; readonly seenStamp: string | null };

/** The reaper only. @param seen index of the entry that was the newest before; 0 at the first look */
export async function lookAtStore(db: Db, seen: number): Promise<StoreLook> {
  const [row] = await db.query<StoreLook>(
    `with n as (select audit.newest() as newest)
     select n.newest, audit.stamp_of(n.newest) as stamp, audit.stamp_of($2) as "seenStamp",
       exists (select from curfew.alarm where code = $1 and resolved_at is null)
       or exists (select from curfew.recovery where completed_at is null) as behind from n`,
    [behindCode, seen],
  );
  if (!row) throw new Error('the store did not say how far it is');
  return row;
}

/** Of one cluster, as a recovery found it. */
export type Found = { readonly cluster: string; readonly mark: number; readonly newest: number };

export type Recovery = {
  readonly id: string;
  readonly begunBy: string;
  readonly begunAt: number;
  readonly found: readonly Found[];
  readonly people: string;
  readonly completedAt: number | null;
};

const columns = `id, begun_by as "begunBy", begun_at as "begunAt", found, people, completed_at as "completedAt"`;

/** The one that is under way, or else the last one. */
export async function latestRecovery(db: Db): Promise<Recovery | undefined> {
  const [row] = await db.query<Recovery>(
    `select ${columns} from curfew.recovery order by completed_at is null desc, begun_at desc limit 1`,
  );
  return row;
}

/** @returns the one that was begun before and never completed, where there is one: it is gone on with */
export async function beginRecovery(
  db: Db,
  { id, found, people }: { readonly id: string; readonly found: readonly Found[]; readonly people: string },
): Promise<Recovery> {
  await db.query('insert into curfew.recovery (id, found, people) values ($1, $2, $3) on conflict do nothing', [
    id,
    JSON.stringify(found),
    people,
  ]);
  const [open] = await db.query<Recovery>(`select ${columns} from curfew.recovery where completed_at is null`);
  if (!open) throw new Error('a recovery that ended while it began');
  if (open.people !== people) await db.query('update curfew.recovery set people = $2 where id = $1', [open.id, people]);
  return open;
}

/**
 * Asks the end of what is open and was not asked in this recovery yet, at most `limit`, each with its entry.
 * @returns how many: fewer than `limit` are all
 */
export async function askAllToEnd(tx: Db, recovery: string, limit: number): Promise<number> {
  const asked = await tx.query<{ requestId: string }>(
    'select request_id as "requestId" from curfew.ask_all_to_end($1, $2)',
    [recovery, limit],
  );
  if (asked.length === 0) return 0;
  await appendAll(
    tx,
    asked.map(({ requestId }) => endAsked('curfew_admin', requestId, { cause: 'revoked', recovery })),
  );
  return asked.length;
}

/** Of what this recovery asked on these targets: how much the reaper has not verified yet. */
export async function owedOf(db: Db, recovery: string, targets: readonly string[]): Promise<number> {
  const [row] = await db.query<{ owed: number }>(
    `select count(*) as owed from curfew.revoke_intent i
     where i.request_id is not null and i.id = md5($1::text || i.request_id::text)::uuid and i.target = any($2::text[])
       and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.written_by = 'curfew_reaper')`,
    [recovery, targets],
  );
  return row?.owed ?? 0;
}

/** How many requests the store still has open. */
export async function openCount(db: Db): Promise<number> {
  const [row] = await db.query<{ open: number }>(
    `select count(*) as open from curfew.request r left join curfew.projection p on p.request_id = r.id
     where p.state is distinct from 'closed'`,
  );
  return row?.open ?? 0;
}

/**
 * Ends it, with its alarms, the log's next epoch and their entries: from here on the store grants again, where the targets
 * accept it.
 */
export async function completeRecovery(
  tx: Db,
  {
    id,
    closed,
    found,
    people,
    epoch,
    faults,
  }: Pick<Recovery, 'id' | 'found' | 'people'> & {
    readonly closed: number;
    readonly epoch: Epoch;
    /** Of the log, which somebody has accepted. */
    readonly faults: readonly string[];
  },
): Promise<void> {
  const ended = await tx.query<{ subject: string }>('select s as subject from curfew.end_store_alarms($1) as s', [id]);
  for (const { subject } of ended) {
    await append(tx, alarmResolved('curfew_admin', subject, { key: `${behindCode}/${subject}` }));
  }
  await tx.query('update curfew.recovery set completed_at = clock_timestamp() where id = $1', [id]);
  await beginEpoch(tx, epoch);
  const body = {
    closed,
    people,
    epoch: epoch.number,
    lostSize: epoch.lostSize,
    lostRoot: epoch.lostRoot?.toString('hex') ?? null,
    faults,
    found: found.map(({ cluster, mark, newest }) => ({ cluster, mark, newest })),
  };
  await append(tx, storeRecovered('curfew_admin', id, body));
}
