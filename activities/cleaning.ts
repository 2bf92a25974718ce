/**
 * The graveyard's other end: logins that ended long enough ago are dropped. What their holders made goes to the
 * quarantine first, and a list of it to whoever owns the target.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { PersonId, TargetName } from '../domain/ids.ts';
import { hourMs, minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as cleaning from '../store/cleaning.ts';
import { enqueueAll, type NewMessage } from '../store/outbox.ts';
import type { Db, Store } from '../store/pool.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import type { Cleaned, Dropped } from '../targets/postgres/graveyard-calls.ts';
import { TargetError } from '../targets/postgres/failures.ts';
import type { Log } from './failures.ts';

export type CleaningDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly clock: () => number;
  readonly log: Log;
  /** The row by which the owners of a target are told of what somebody left behind. */
  readonly left: (leftId: string) => NewMessage;
};

/** A cluster, and the targets in it. */
export type Graveyard = { readonly target: Target; readonly targets: readonly TargetName[] };

/** What one look did. `waiting`: those that come again. */
export type Swept = { readonly dropped: number; readonly kept: number; readonly waiting: number };

/** NB. In createrole mode a login costs with the number of live ones: 100 of them stay within one statement's time. */
const batch = 100;
const mostBatches = 5;
/** No batch is begun after this, so that a look ends before the next one is due. */
const lookMs = 20 * secondMs;
/** What was noted this long ago and has no outcome was left by a process that died. */
const abandonedMs = 2 * minuteMs;
/** What a database has not answered for so long somebody has to look at. */
const overdueMs = hourMs;
const mostNamed = 200;

/**
 * @returns one look at one cluster's graveyard, bounded in number and time; what is left comes with the next look
 * @throws where the store or the target does not answer
 */
export function createCleaning(deps: CleaningDeps): (graveyard: Graveyard) => Promise<Swept> {
  const { store, clock } = deps;
  return async (graveyard) => {
    const { target, targets } = graveyard;
    const endAt = clock() + lookMs;
    const sum = { dropped: 0, kept: 0, waiting: 0 };
    for (let round = 0; round < mostBatches && clock() < endAt; round += 1) {
      const due = await target.toDrop(batch);
      const logins = due.filter(({ isRole }) => isRole).map(({ grantId }) => grantId);
      const known = new Map((await cleaning.targetsOf(store, logins)).map((row) => [row.grantId, row]));
      await cleaning.begin(
        store,
        logins.map((grantId) => ({ grantId, target: known.get(grantId)?.target ?? target.name })),
      );
      const again =
        round === 0 ? await cleaning.unfinished(store, [...targets, target.name], clock() - abandonedMs, batch) : [];
      const ids = [...new Set([...due.map(({ grantId }) => grantId), ...again])];
      if (ids.length === 0) break;
      for (const row of await target.dropMany(ids)) {
        if (clock() > endAt && row.outcome === 'deps') continue;
        const person = known.get(row.grantId)?.person;
        const outcome = await settle(deps, graveyard, row, person);
        sum[outcome] += 1;
      }
      if (due.length < batch) break;
    }
    return sum;
  };
}

/** What came of one login; with dependencies it is cleaned where they are, and asked for once more. */
async function settle(
  deps: CleaningDeps,
  graveyard: Graveyard,
  row: Dropped,
  person: PersonId | undefined,
): Promise<keyof Swept> {
  const { grantId, outcome, detail } = row;
  switch (outcome) {
    case 'dropped':
      await recordDropped(deps, grantId);
      return 'dropped';
    case 'deps': {
      const why = await cleanAll(deps, graveyard, grantId, (detail ?? '').split(','), person);
      if (why?.cause === 'silent' && !(await isOverdue(deps, grantId))) return 'waiting';
      if (why) return keep(deps, grantId, why.cause === 'silent' ? 'failed' : why.cause, why.detail);
      const [again] = await graveyard.target.dropMany([grantId]);
      if (again && again.outcome !== 'deps') return settle(deps, graveyard, again, person);
      return 'waiting';
    }
    case 'prepared':
      return keep(deps, grantId, 'prepared', null);
    case 'failed':
      return keep(deps, grantId, 'failed', detail);
    case 'active':
    case 'enabled':
    case 'sessions':
    case 'graveyard':
      // The reaper ends what is enabled or has a session; its time in the graveyard begins anew.
      return 'waiting';
  }
}

/** `silent`: a database did not answer in time. That may pass, and holds up no other login. */
type Why = { readonly cause: cleaning.KeptCause | 'silent'; readonly detail: string };

/** NB. Whoever held it may have made more than one statement can take away: then somebody has to look. */
const isOverdue = async ({ store, clock }: CleaningDeps, grantId: string): Promise<boolean> =>
  clock() - ((await cleaning.begunAt(store, grantId)) ?? clock()) > overdueMs;

/** @returns why it must stay; undefined where every database is clean, or says "later" itself */
async function cleanAll(
  deps: CleaningDeps,
  { target }: Graveyard,
  grantId: string,
  databases: readonly string[],
  person: PersonId | undefined,
): Promise<Why | undefined> {
  let why: Why | undefined;
  let silent: Why | undefined;
  for (const database of databases) {
    const cleaned = await list(deps, target, grantId, database, person)
      .then(() => target.clean(grantId, database))
      .catch((error: unknown): Cleaned | undefined => {
        if (!(error instanceof TargetError)) throw error;
        // Not there, not allowed, or shut: a database without Curfew's part is the operator's to look at.
        if (error.code === 'TargetRejected' || error.sqlstate === takesNoConnections)
          return { outcome: 'failed', detail: error.sqlstate ?? null };
        deps.log.warn({ err: error, grantId, database }, 'a database did not answer, and is cleaned later');
        return undefined;
      });
    if (!cleaned) silent = { cause: 'silent', detail: `${database} no answer` };
    else if (cleaned.outcome === 'clean' || cleaned.outcome === 'absent') await handOver(deps, grantId, database);
    else if (cleaned.outcome === 'kept') why = { cause: 'shared', detail: database };
    else if (cleaned.outcome === 'failed')
      why ??= { cause: 'failed', detail: `${database} ${cleaned.detail ?? ''}`.trim() };
  }
  return why ?? silent;
}

/** `allow_connections false`. */
const takesNoConnections = '55000';

/** Before it is cleaned: afterwards it is another's. The names are the grantee's own words, and can be erased. */
async function list(
  { store }: CleaningDeps,
  target: Target,
  grantId: string,
  database: string,
  person: PersonId | undefined,
): Promise<void> {
  const owned = await target.ownedBy(grantId, database, mostNamed);
  const kinds: Record<string, number> = {};
  for (const { kind } of owned) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const text = JSON.stringify(owned);
  const salt = randomBytes(16);
  const hash = createHash('sha256').update(salt).update(text, 'utf8').digest('hex');
  const names = person !== undefined && owned.length > 0 ? { text, salt, hash, person } : undefined;
  const [known] = await cleaning.targetsOf(store, [grantId]);
  const left = {
    id: randomUUID(),
    grantId,
    target: known?.target ?? target.name,
    database,
    kinds,
    total: owned.length,
  };
  await store.transaction((tx) => cleaning.listLeft(tx, left, names));
}

const handOver = ({ store, left }: CleaningDeps, grantId: string, database: string | null): Promise<void> =>
  store.transaction((tx) => tellHandedOver(tx, left, grantId, database));

async function tellHandedOver(
  tx: Db,
  left: CleaningDeps['left'],
  grantId: string,
  database: string | null,
): Promise<void> {
  const handed = await cleaning.handedOver(tx, grantId, database);
  await enqueueAll(
    tx,
    handed.filter(({ total }) => total > 0).map(({ id }) => left(id)),
  );
}

const keyOf = (grantId: string): string => `cleaning/${grantId}`;

async function recordDropped({ store, left }: CleaningDeps, grantId: string): Promise<void> {
  const news = await store.transaction(async (tx) => {
    await tellHandedOver(tx, left, grantId, null);
    return cleaning.dropped(tx, [grantId]);
  });
  if (news.length > 0) await alarms.resolve(store, keyOf(grantId));
}

const says: Readonly<Record<cleaning.KeptCause, string>> = {
  shared: 'An ended login owns what it gave to others, which this installation may not take: reassign or drop that.',
  prepared:
    'An ended login has a prepared transaction: roll it back as a superuser, and set max_prepared_transactions = 0.',
  failed: 'An ended login cannot be dropped: somebody has to look at what depends on it.',
};

async function keep(
  { store, log }: CleaningDeps,
  grantId: string,
  cause: cleaning.KeptCause,
  detail: string | null,
): Promise<'kept'> {
  await cleaningKept(store, grantId, cause, detail);
  const alarm = { key: keyOf(grantId), code: 'role-kept', subject: grantId };
  await alarms.raise(store, { ...alarm, detail: `${says[cause]}${detail === null ? '' : ` (${detail})`}` });
  log.warn({ grantId, cause, detail }, 'an ended login is kept for now');
  return 'kept';
}

const cleaningKept = (
  store: Store,
  grantId: string,
  cause: cleaning.KeptCause,
  detail: string | null,
): Promise<boolean> => store.transaction((tx) => cleaning.kept(tx, grantId, cause, detail));
