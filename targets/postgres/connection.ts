import { Pool, type ClientBase, type QueryConfig, type QueryResultRow } from 'pg';
import { toTargetError } from './failures.ts';
import { tlsOptions, type Node } from './nodes.ts';

/** Who answered on a connection. After a change of the first two, revoked logins may be back (P10). */
export type Identity = {
  /** As text: 64 bits. */
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly inRecovery: boolean;
  /** `server_version_num`, e.g. 180004. */
  readonly version: number;
  /** The target's clock, epoch ms. */
  readonly at: number;
  /** The least by which its clock and ours differ, whatever the network took: ms, never negative. */
  readonly skewMs: number;
};

/** A round trip, told after it ended. `connect` ones are whoami on a new connection; they are no part of any call. */
export type StatementEvent = {
  readonly node: string;
  readonly call: string;
  readonly purpose: 'call' | 'connect';
  readonly ms: number;
  readonly ok: boolean;
};
export type OnStatement = (event: StatementEvent) => void;

export type PoolSettings = {
  readonly target: string;
  readonly node: Node;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** e.g. `curfew-worker`: what `pg_stat_activity` shows. */
  readonly applicationName: string;
  readonly maxConnections?: number;
  readonly onStatement?: OnStatement;
};

/** One call: its name for errors and counts, its text beside the function that runs it, its bound parameters. */
export type Statement = { readonly call: string; readonly text: string; readonly values: readonly unknown[] };

/** Every wait has an end (P26, P27). The server's own limits are below ours, so that its answer comes first. */
export const limits = {
  connectMs: 3_000,
  lockMs: 6_000,
  idleInTransactionMs: 5_000,
  statementMs: 20_000,
  queryMs: 23_000,
  /** A connection opened before a failover ends within a minute of it. */
  lifetimeSeconds: 55,
} as const;

/** Connections to one database of one node. Nothing here logs, and no error repeats a parameter. */
export type NodePool = {
  readonly node: Node;
  /**
   * Runs one statement: one round trip.
   * @param admit judges who answers before the statement is sent; what it throws, is thrown. `undefined`: unknown
   * @throws TargetError
   */
  run<Row extends QueryResultRow>(
    statement: Statement,
    admit?: (identity: Identity | undefined) => void,
  ): Promise<readonly Row[]>;
  end(): Promise<void>;
};

/** Opens nothing yet: connections are made when they are needed, and again after a failure. */
export function openPool(settings: PoolSettings): NodePool {
  const { node, target, onStatement } = settings;
  const identities = new WeakMap<ClientBase, Identity>();
  const pool = new Pool({
    host: node.host,
    port: node.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl: tlsOptions(node) ?? false,
    application_name: settings.applicationName,
    max: settings.maxConnections ?? 4,
    connectionTimeoutMillis: limits.connectMs,
    lock_timeout: limits.lockMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
    statement_timeout: limits.statementMs,
    query_timeout: limits.queryMs,
    maxLifetimeSeconds: limits.lifetimeSeconds,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
    // The types say void, and the pool awaits it before it hands the connection out.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: async (client) => {
      // A server that dies under a statement fails that statement, and whoever waits for it is told. Without a listener
      // the same error would end the process, and every other revoke with it.
      client.on('error', () => undefined);
      // NB. Never fails the connection: an unknown identity refuses grants, and must not stop a revoke (I18).
      const identity = await timed('whoami', 'connect', () => whoIs(client)).catch(() => undefined);
      if (identity) identities.set(client, identity);
    },
  });
  // An idle connection that the server closed: the next call opens another one and tells what is wrong then.
  pool.on('error', () => undefined);

  /** A refusal by what was known when the connection was opened is checked once, since it may be mended by now. */
  async function judge(client: ClientBase, admit: (identity: Identity | undefined) => void): Promise<void> {
    try {
      admit(identities.get(client));
    } catch {
      const identity = await timed('whoami', 'connect', () => whoIs(client)).catch(() => undefined);
      if (identity) identities.set(client, identity);
      else identities.delete(client);
      admit(identity);
    }
  }

  async function timed<T>(call: string, purpose: StatementEvent['purpose'], work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let ok = false;
    try {
      const result = await work();
      ok = true;
      return result;
    } finally {
      onStatement?.({ node: node.name, call, purpose, ms: performance.now() - startedAt, ok });
    }
  }

  return {
    node,
    async run<Row extends QueryResultRow>(statement: Statement, admit?: (identity: Identity | undefined) => void) {
      const where = `${target}: ${statement.call} on ${node.name}`;
      const client = await pool.connect().catch((error: unknown) => {
        throw toTargetError(error, where);
      });
      let broken = false;
      try {
        if (admit) await judge(client, admit);
        const values = [...statement.values];
        const answer = await timed(statement.call, 'call', () => client.query<Row>(statement.text, values));
        return answer.rows;
      } catch (error) {
        const mapped = toTargetError(error, where);
        // Without an SQLSTATE the line failed, and an answer may still be on its way, or this is not who it should be:
        // never use it again, so that the next connection asks anew.
        broken = mapped.sqlstate === undefined;
        throw mapped;
      } finally {
        client.release(broken);
      }
    },
    end: () => pool.end(),
  };
}

type WhoamiRow = { system_identifier: string; timeline: number; in_recovery: boolean; version: number; at: Date };

export const whoamiText = 'select system_identifier, timeline, in_recovery, version, at from curfew.whoami()';

async function whoIs(client: Pick<ClientBase, 'query'>): Promise<Identity | undefined> {
  const askedAt = Date.now();
  const { rows } = await client.query<WhoamiRow>({ text: whoamiText, query_timeout: limits.connectMs } as QueryConfig);
  return rows[0] && identityOf(rows[0], askedAt, Date.now());
}

/**
 * Our clock read `askedAt` before and `answeredAt` after the target read its own, so the difference is known to half of
 * what lay between; only what is beyond that counts as skew.
 */
export function identityOf(row: WhoamiRow, askedAt: number, answeredAt: number): Identity {
  const at = row.at.getTime();
  return {
    systemIdentifier: row.system_identifier,
    timeline: row.timeline,
    inRecovery: row.in_recovery,
    version: row.version,
    at,
    skewMs: Math.max(0, askedAt - at, at - answeredAt),
  };
}

/** Asks a node who it is, on whatever connection is free. @throws TargetError */
export async function askWhoami(pool: NodePool): Promise<Identity> {
  const askedAt = Date.now();
  const [row] = await pool.run<WhoamiRow>({ call: 'whoami', text: whoamiText, values: [] });
  if (!row) throw new Error('whoami answered without a row');
  return identityOf(row, askedAt, Date.now());
}
