import type { QueryResultRow } from 'pg';
import {
  extendStatement,
  grantedOf,
  grantStatement,
  killStatement,
  listLiveStatement,
  liveOf,
  liveOfStatement,
  markStoreStatement,
  openWorkStatement,
  reapKillStatement,
  reapStatement,
  revokeStatement,
  sweepStatement,
  verifyStatement,
  type ExtendCall,
  type GrantCall,
  type Granted,
  type GrantRow,
  type Killed,
  type Live,
  type LiveRow,
  type OpenWork,
  type Reaped,
  type ReapKilled,
  type Revoked,
  type Swept,
  type Verified,
} from './calls.ts';
import { askWhoami, openPool, type Identity, type NodePool, type OnStatement, type Statement } from './connection.ts';
import { TargetError } from './failures.ts';
import {
  cleanStatement,
  dropStatement,
  ownedByStatement,
  toDropStatement,
  type Cleaned,
  type Dropped,
  type Due,
  type Owned,
} from './graveyard-calls.ts';
import type { Node } from './nodes.ts';

/** One cluster as one login sees it. `nodes`: all of them, in any order; the first is tried first as the primary. */
export type TargetSettings = {
  readonly name: string;
  /** Where install.sql ran. */
  readonly controlDatabase: string;
  readonly nodes: readonly [Node, ...Node[]];
  readonly user: string;
  readonly password: string;
  readonly applicationName: string;
  /** For each node; 4 where absent. */
  readonly maxConnections?: number;
  readonly onStatement?: OnStatement;
};

/** The cluster that the last accepted check saw; another one refuses grants until it is checked again (P10). */
export type Expected = { readonly systemIdentifier: string; readonly timeline: number };

/** Skew of the target's clock beyond which no grant is made; revokes do not ask (I18). */
export const greatestSkewMs = 2_000;
/** Ids in one call: the target takes 1,000, and half of that keeps one transaction short. */
export const greatestBatch = 500;

/**
 * What the worker and the reaper may do on a target. Every call is one statement in one transaction, may be repeated,
 * and throws only `TargetError`. The forms that end something take up to `greatestBatch` ids.
 */
export type Target = {
  readonly name: string;
  readonly nodes: readonly string[];
  /** @throws TargetNotReady where the cluster is not `expected` or its clock is off */
  grant(call: GrantCall, expected?: Expected): Promise<Granted>;
  /** @returns the new end, epoch ms */
  extend(call: ExtendCall, expected?: Expected): Promise<number>;
  /** @param node the primary where absent. One that is a standby refuses (25006) */
  revokeMany(ids: readonly string[], node?: string): Promise<readonly Revoked[]>;
  killMany(node: string, ids: readonly string[], waitMs: number): Promise<readonly Killed[]>;
  verifyMany(node: string, ids: readonly string[], watch?: readonly string[]): Promise<readonly Verified[]>;
  dropMany(ids: readonly string[]): Promise<readonly Dropped[]>;
  /** Up to `limit` (at most 1,000) whose time in the graveyard is over, the longest waiting first. */
  toDrop(limit: number): Promise<readonly Due[]>;
  clean(id: string, database: string): Promise<Cleaned>;
  /** What the grantee made in this database, up to `limit` (at most 1,000); before `clean`, for afterwards it is another's. */
  ownedBy(id: string, database: string, limit?: number): Promise<readonly Owned[]>;
  /** Sessions and open transactions of these grants on one node. */
  openWork(node: string, ids: readonly string[]): Promise<readonly OpenWork[]>;
  /** A leaver's live grants, asked of the target itself. */
  liveOf(personId: string): Promise<readonly string[]>;
  listLive(): Promise<readonly Live[]>;
  whoami(node: string): Promise<Identity>;
  /** The reaper's: ends up to `limit` (at most 1,000) of what is due or disagrees with the ledger. */
  reap(limit: number): Promise<readonly Reaped[]>;
  reapKill(waitMs: number): Promise<ReapKilled>;
  /** The node that last took what only a primary takes. */
  primary(): string;
  /**
   * The reaper's, on any node, with the primary dead as well: ends sessions of grants that are over there.
   * @param late logins in flight, from earlier answers, that an honest one would long have been through with
   */
  sweep(node: string, waitMs: number, late?: readonly string[]): Promise<Swept>;
  /**
   * The reaper's: notes that the store is as far as its audit entry `index`.
   * @returns how far the target knows it to be: more than `index` only if another process has marked since it was read,
   *   or the store was restored
   */
  markStore(index: number): Promise<number>;
  close(): Promise<void>;
};

/** Opens no connection yet. */
export function openTarget(settings: TargetSettings): Target {
  const { name } = settings;
  const open = (node: Node, database: string, maxConnections?: number): NodePool =>
    openPool({
      ...settings,
      target: name,
      node,
      database,
      ...(maxConnections === undefined ? {} : { maxConnections }),
    });
  const pools = settings.nodes.map((node) => open(node, settings.controlDatabase));
  // Only for cleaning, which is rare: one connection, closed when idle.
  const elsewhere = new Map<string, NodePool>();
  let primary = 0;

  const poolOf = (node: string): NodePool => {
    const pool = pools.find((candidate) => candidate.node.name === node);
    if (!pool) throw new Error(`${name} has no node ${node}`);
    return pool;
  };

  const poolAt = (index: number): NodePool => {
    const pool = pools[index];
    if (!pool) throw new Error(`${name} has no node number ${index}`);
    return pool;
  };

  /**
   * Runs a call where writing is possible: the node that was last the primary, else the others in turn, as
   * after a failover. Calls are repeatable, so one that was lost on the way may be sent to the next node too.
   */
  async function onPrimary<Row extends QueryResultRow>(
    statement: Statement,
    admit?: Admit,
    at = poolAt,
  ): Promise<readonly Row[]> {
    let first: TargetError | undefined;
    for (let tried = 0; tried < pools.length; tried += 1) {
      const index = (primary + tried) % pools.length;
      try {
        const rows = await at(index).run<Row>(statement, admit);
        primary = index;
        return rows;
      } catch (error) {
        if (!(error instanceof TargetError) || !mayBeElsewhere(error)) throw error;
        // A standby's "read only" tells less than why the primary did not answer.
        if (first === undefined || first.sqlstate === readOnly) first = error;
      }
    }
    throw first ?? new Error(`${name} has no nodes`);
  }

  function databasePool(database: string): (index: number) => NodePool {
    return (index) => {
      const { node } = poolAt(index);
      const key = `${node.name}/${database}`;
      const pool = elsewhere.get(key) ?? open(node, database, 1);
      elsewhere.set(key, pool);
      return pool;
    };
  }

  async function only<Row extends QueryResultRow>(rows: Promise<readonly Row[]>): Promise<Row> {
    const [row] = await rows;
    if (!row) throw new Error(`${name} answered without a row`);
    return row;
  }

  return {
    name,
    nodes: settings.nodes.map((node) => node.name),
    grant: async (call, expected) =>
      grantedOf(await only(onPrimary<GrantRow>(grantStatement(call), admission(name, expected)))),
    extend: async (call, expected) =>
      (await only(onPrimary<{ until: Date }>(extendStatement(call), admission(name, expected)))).until.getTime(),
    revokeMany: (ids, node) => {
      const statement = revokeStatement(bounded(ids));
      return node === undefined ? onPrimary<Revoked>(statement) : poolOf(node).run<Revoked>(statement);
    },
    killMany: (node, ids, waitMs) => poolOf(node).run<Killed>(killStatement(bounded(ids), waitMs)),
    verifyMany: (node, ids, watch) => poolOf(node).run<Verified>(verifyStatement(bounded(ids), watch)),
    dropMany: (ids) => onPrimary<Dropped>(dropStatement(bounded(ids))),
    toDrop: (limit) => onPrimary<Due>(toDropStatement(limit), notStandby(name)),
    ownedBy: (id, database, limit = 200) =>
      onPrimary<Owned>(ownedByStatement(id, limit), notStandby(name), databasePool(database)),
    openWork: (node, ids) => poolOf(node).run<OpenWork>(openWorkStatement(bounded(ids))),
    clean: (id, database) => only(onPrimary<Cleaned>(cleanStatement(id), undefined, databasePool(database))),
    liveOf: async (personId) =>
      (await onPrimary<{ grantId: string }>(liveOfStatement(personId), notStandby(name))).map((row) => row.grantId),
    listLive: async () => (await onPrimary<LiveRow>(listLiveStatement, notStandby(name))).map(liveOf),
    whoami: (node) => askWhoami(poolOf(node)),
    reap: (limit) => onPrimary<Reaped>(reapStatement(limit)),
    reapKill: (waitMs) => only(onPrimary<ReapKilled>(reapKillStatement(waitMs))),
    primary: () => poolAt(primary).node.name,
    sweep: (node, waitMs, late = []) => only(poolOf(node).run<Swept>(sweepStatement(waitMs, late))),
    markStore: async (index) => (await only(onPrimary<{ mark: number }>(markStoreStatement(index)))).mark,
    close: async () => {
      await Promise.all([...pools, ...elsewhere.values()].map((pool) => pool.end()));
    },
  };
}

type Admit = (identity: Identity | undefined) => void;

const readOnly = '25006';

/** The primary may have moved: this node only reads, is unreachable, or is shutting down or starting (08, 57P). */
const mayBeElsewhere = (error: TargetError): boolean =>
  error.code === 'TargetUnavailable' &&
  (error.sqlstate === undefined || error.sqlstate === readOnly || /^(?:08|57P)/.test(error.sqlstate));

/** For calls that only read: a standby would answer them too, with what was true some time ago. */
function notStandby(target: string): Admit {
  return (identity) => {
    if (identity?.inRecovery) throw new TargetError('TargetUnavailable', `${target}: this node is a standby`, readOnly);
  };
}

/** Who answers must be known, be the primary, be the cluster that was checked, and share our clock: else no grant (I18). */
function admission(target: string, expected: Expected | undefined): Admit {
  return (identity) => {
    if (!identity) throw new TargetError('TargetUnavailable', `${target}: it did not say who it is`);
    notStandby(target)(identity);
    if (
      expected &&
      (identity.systemIdentifier !== expected.systemIdentifier || identity.timeline !== expected.timeline)
    ) {
      throw new TargetError(
        'TargetNotReady',
        `${target}: restored or failed over since its last check; check it again`,
      );
    }
    if (identity.skewMs > greatestSkewMs) {
      throw new TargetError('TargetNotReady', `${target}: its clock differs from Curfew's by ${identity.skewMs} ms`);
    }
  };
}

function bounded(ids: readonly string[]): readonly string[] {
  if (ids.length > greatestBatch) throw new RangeError(`at most ${greatestBatch} grants a call`);
  return ids;
}
