/** A target that logs its sessions as docs/operations.md asks for, and whoever reads that log. */
import { randomBytes } from 'node:crypto';
import { openLogReader, type Dated, type LogReader, type Place } from '../../targets/postgres/log/reader.ts';
import type { Node } from '../../targets/postgres/nodes.ts';
import type { Postgres } from './postgres.ts';

export const collectorPassword = `collector-${randomBytes(18).toString('hex')}`;

/** Of the server; statements are logged where a database says so. */
export const loggingConfig = {
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_filename: 'postgresql-%Y-%m-%d_%H%M%S.log',
  log_connections: 'on',
  log_disconnections: 'on',
} as const;

/** Has every statement in a database logged, with how long it took. */
export async function logStatements(postgres: Postgres, database: string): Promise<void> {
  await postgres.query('postgres', `alter database ${database} set log_statement = 'all'`);
  await postgres.query('postgres', `alter database ${database} set log_duration = on`);
}

export const nodeOf = ({ host, port }: Postgres, name = 'primary'): Node => ({ name, host, port });

export const openReader = (postgres: Postgres, pieceBytes?: number): LogReader =>
  openLogReader({
    cluster: 'main',
    node: nodeOf(postgres),
    database: 'control',
    user: 'curfew_collector',
    password: collectorPassword,
    ...(pieceBytes === undefined ? {} : { pieceBytes }),
  });

export const beginning: Place = { file: null, head: null, next: 0 };

/** Everything from a place on, piece by piece. */
export async function readAll(
  reader: LogReader,
  from: Place = beginning,
): Promise<{ readonly place: Place; readonly lines: readonly Dated[]; readonly lost: boolean }> {
  const lines: Dated[] = [];
  let place = from;
  let lost = false;
  for (let calls = 0; calls < 1_000; calls += 1) {
    const piece = await reader.read(place);
    lines.push(...piece.lines);
    place = piece.place;
    lost ||= piece.lost;
    if (!piece.more) return { place, lines, lost };
  }
  throw new Error('the log has no end');
}
