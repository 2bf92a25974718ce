/** Reads one node's server log over SQL, with a login that may do nothing else. */
import { Pool } from 'pg';
import { limits } from '../connection.ts';
import { toTargetError } from '../failures.ts';
import { tlsOptions, type Node } from '../nodes.ts';
import { parseCutLine, parseLine, type LogLine } from './line.ts';

/** How far a node's log was read. */
export type Place = {
  /** null before there was one. */
  readonly file: string | null;
  /** SHA-256 of the file's beginning: a file that is written anew under its name is another one. */
  readonly head: Buffer | null;
  /** Bytes. */
  readonly next: number;
};

export type Dated = LogLine & {
  /** Epoch ms, the target's clock. */
  readonly at: number;
};

export type Piece = {
  readonly place: Place;
  /** The target's clock before it read: every earlier line of its log was there. */
  readonly askedAt: number;
  readonly lines: readonly Dated[];
  /** Whether there is more already. */
  readonly more: boolean;
  /** The file that was read last is gone or another one. */
  readonly lost: boolean;
  /** Whether the server logs who comes and who goes. */
  readonly connections: boolean;
  /** On a standby, since when its server runs, epoch ms: what it had before its first start came with the copy of its primary. */
  readonly copiedUntil: number | null;
  /** Bytes that are written and not read. */
  readonly behind: number;
};

export type LogReader = {
  readonly node: string;
  /** Lines of grantees' sessions from a place on. @throws TargetError */
  read(from: Place): Promise<Piece>;
  close(): Promise<void>;
};

export type LogReaderOptions = {
  readonly cluster: string;
  readonly node: Node;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Of the log, in one call; 1 MiB where absent. A longer line is told of and not kept. */
  readonly pieceBytes?: number;
};

type Row = {
  asked_at: Date;
  file: string | null;
  head: Buffer | null;
  next: string;
  more: boolean;
  lost: boolean;
  cut: boolean;
  connections: boolean;
  copied_until: Date | null;
  behind: string;
  times: number[];
  lines: Buffer[];
};

/** Opens nothing yet. */
export function openLogReader(options: LogReaderOptions): LogReader {
  const { node, cluster, pieceBytes = 1_048_576 } = options;
  const pool = new Pool({
    host: node.host,
    port: node.port,
    database: options.database,
    user: options.user,
    password: options.password,
    ssl: tlsOptions(node) ?? false,
    application_name: 'curfew-collector',
    max: 1,
    connectionTimeoutMillis: limits.connectMs,
    statement_timeout: limits.statementMs,
    query_timeout: limits.queryMs,
    // What a session sees of log_connections is what held when it began.
    maxLifetimeSeconds: limits.lifetimeSeconds,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // A connection that the server ended: the next call opens another, and tells what is wrong then.
  pool.on('error', () => undefined);
  return {
    node: node.name,
    async read({ file, head, next }) {
      const text =
        'select asked_at, file, head, next, more, lost, cut, connections, copied_until, behind, times, lines from curfew_log.read($1, $2, $3, $4)';
      const { rows } = await pool
        .query<Row>(text, [file, head, next, pieceBytes])
        .catch((error: unknown) => Promise.reject(toTargetError(error, `${cluster}: read the log of ${node.name}`)));
      const [row] = rows;
      if (!row) throw new Error('curfew_log.read answered without a row');
      return pieceOf(row);
    },
    close: () => pool.end(),
  };
}

function pieceOf(row: Row): Piece {
  const parse = row.cut ? parseCutLine : parseLine;
  const lines = row.lines.flatMap((bytes, index) => {
    const line = parse(bytes);
    // NB. Whole: an entry of the log and its row must have the same instant.
    return line ? [{ ...line, at: Math.round(row.times[index] ?? row.asked_at.getTime()) }] : [];
  });
  return {
    place: { file: row.file, head: row.head, next: Number(row.next) },
    askedAt: row.asked_at.getTime(),
    lines,
    more: row.more,
    lost: row.lost,
    connections: row.connections,
    copiedUntil: row.copied_until?.getTime() ?? null,
    behind: Number(row.behind),
  };
}
