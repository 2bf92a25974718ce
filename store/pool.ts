/**
 * The only place that opens connections to Curfew's own PostgreSQL. Every wait ends: no answer in time, or no
 * connection, is `NotRecorded`, and whoever asked may ask the same again.
 */
import { Pool, types, type ClientBase, type CustomTypesConfig, type PoolClient, type QueryResultRow } from 'pg';
import { CurfewError } from '../domain/errors.ts';
import { failureOf, mayRunAgain } from './failures.ts';

/** One statement: in a transaction or out of one. timestamptz is read as epoch ms, int8 as a number. */
export type Db = {
  /**
   * @param values bound parameters; instants as `Date`, JSON as text
   * @throws CurfewError `NotRecorded` when the store did not answer in time; StoreError for whatever it refused
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
};

export type Store = Db & {
  /**
   * Runs `work` in one transaction; what it throws rolls back. A deadlock or serialization failure is run again, from
   * the beginning, at most twice: `work` must do nothing but query.
   */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  /** Waits for what runs; may be called again. */
  close(): Promise<void>;
};

export type StoreOptions = {
  readonly url: string;
  /** What `pg_stat_activity` shows, e.g. `curfew-api`. */
  readonly applicationName: string;
  /** Connections at most; 10 where absent. */
  readonly max?: number;
  /** Of one statement; 2 s where absent, so that Slack still hears "not recorded" within its 3 s. */
  readonly statementTimeoutMs?: number;
};

const transactionTries = 3;

/**
 * Of the directory's login, ms: two hundred leavers at once wait for one another rather than being sent away, and each is
 * answered before HR gives up.
 */
export const directoryPatienceMs = 8_000;

/** Opens nothing yet: connections are made when they are needed, and again after a failure. */
export function openStore({ url, applicationName, max = 10, statementTimeoutMs = 2_000 }: StoreOptions): Store {
  const pool = new Pool({
    connectionString: url,
    application_name: applicationName,
    max,
    types: { getTypeParser },
    connectionTimeoutMillis: statementTimeoutMs,
    statement_timeout: statementTimeoutMs,
    lock_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 5_000,
    // The server's own limit comes first; this one is for a server that is out of reach.
    query_timeout: statementTimeoutMs + 500,
    maxLifetimeSeconds: 300,
  });
  // An idle connection that the server ended is no error of this process: the next query opens another.
  pool.on('error', () => undefined);

  let closing: Promise<void> | undefined;

  const withClient = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((error: unknown) => {
      throw failureOf(error);
    });
    let broken: Error | undefined;
    const onError = (error: Error): void => void (broken = error);
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      // A connection that did not answer may still be at it; it is not used again.
      if (notRecorded(error)) broken = error;
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  };

  return {
    query: (text, values) => withClient((client) => statement(client, text, values)),
    transaction: async (work) => {
      for (let tried = 1; ; tried += 1) {
        try {
          return await withClient((client) => inTransaction(client, work));
        } catch (error) {
          if (tried === transactionTries || !mayRunAgain(error)) throw error;
        }
      }
    },
    close: () => (closing ??= pool.end()),
  };
}

const notRecorded = (error: unknown): error is CurfewError =>
  error instanceof CurfewError && error.code === 'NotRecorded';

async function statement<Row>(
  client: ClientBase,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  try {
    const { rows } = await client.query<Row & QueryResultRow>(text, [...values]);
    return rows;
  } catch (error) {
    throw failureOf(error);
  }
}

async function inTransaction<T>(client: ClientBase, work: (tx: Db) => Promise<T>): Promise<T> {
  await statement(client, 'begin');
  let result: T;
  try {
    result = await work({ query: (text, values) => statement(client, text, values) });
  } catch (error) {
    // A connection that did not answer is thrown away, and its transaction with it.
    if (!notRecorded(error)) await statement(client, 'rollback');
    throw error;
  }
  await commit(client);
  return result;
}

/** NB. PostgreSQL answers ROLLBACK, and no error, to the commit of a transaction in which a statement failed. */
async function commit(client: ClientBase): Promise<void> {
  const { command } = await client.query('commit').catch((error: unknown) => {
    throw failureOf(error);
  });
  if (command !== 'COMMIT') throw new Error('a failed statement was overlooked: the transaction was rolled back');
}

const int8 = 20;
const timestamptz = 1184;

/** The driver's own typing knows only some oids by name and one parser's result. */
const defaultParser = types.getTypeParser as (oid: number, format?: string) => (text: string) => unknown;

const getTypeParser: CustomTypesConfig['getTypeParser'] = (oid: number, format?: string) => {
  const parse = defaultParser(oid, format);
  if (format === 'binary') return parse;
  if (oid === int8) return safeInteger;
  return oid === timestamptz ? (text: string) => epochMs(text, parse(text)) : parse;
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`a number of the store is too large to be exact: ${text}`);
  return value;
}

function epochMs(text: string, date: unknown): number {
  if (!(date instanceof Date)) throw new RangeError(`an instant of the store is not finite: ${text}`);
  return date.getTime();
}
