import type { Log } from '../../config/log.ts';
import { minuteMs } from '../../domain/time.ts';
import type { Store } from '../../store/pool.ts';
import type { SessionEvent, SessionLine } from '../../store/session-fold.ts';
import { record, settle } from '../../store/session-log.ts';
import { forgetOthers, placeOf, type LoggedNode, type LogPlace } from '../../store/session-places.ts';
import type { Dated, LogReader, Piece } from '../../targets/postgres/log/reader.ts';
import { keptParameters, keptText, type Keeping } from '../../targets/postgres/log/redaction.ts';
import type { Pulse } from '../reaper/health.ts';
import { pace, pause } from '../reaper/pace.ts';

export type FollowOptions = {
  readonly reader: LogReader;
  readonly store: Store;
  readonly node: LoggedNode;
  /** All of its cluster, by their names. */
  readonly nodes: readonly string[];
  readonly keeping: Keeping;
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly log: Log;
};

export type Following = { readonly pulse: () => Pulse; readonly stopped: Promise<void> };

/** Between two pieces of a backlog, so that reading it is at most 4 MiB a second and leaves the target to its work. */
const breathMs = 250;
/** How far a quiet log was read is written down this often: it is the collector's sign of life. */
const readToEveryMs = 10_000;
const settleEveryMs = minuteMs;

/**
 * Reads one node's log until the signal, from where it was read last. Nothing is remembered here that is not in the store,
 * so it may die at any point: what was read and not kept is read again.
 */
export function followLog(options: FollowOptions): Following {
  const { reader, node, signal, clock, log } = options;
  const where = { cluster: node.cluster, node: reader.node };
  const startedAt = clock();
  let lastSuccessAt: number | null = null;
  let lastError: string | null = null;
  const round = createRound(options, () => {
    if (lastError !== null) log.info(where, 'the log can be read and kept again');
    lastSuccessAt = clock();
    lastError = null;
  });
  const stopped = pace(options.everyMs, signal, round, (err) => {
    const message = err instanceof Error ? err.message : 'unexpected failure';
    if (message !== lastError) log.error({ err, ...where }, 'the log cannot be read or kept; trying again');
    lastError = message;
  });
  return { pulse: () => ({ name: `${node.cluster}/${reader.node}`, startedAt, lastSuccessAt, lastError }), stopped };
}

/** @returns one round: piece by piece to the end of the log, each kept before the next is read */
function createRound({ reader, store, node, nodes, keeping, signal, clock, log }: FollowOptions, onPiece: () => void) {
  let from: LogPlace | undefined;
  let last: { readonly keptAt: number; readonly connections: boolean } | undefined;
  let settledAt = 0;
  return async (): Promise<void> => {
    // NB. Asked anew whenever anything went wrong: only the store knows what was kept.
    let place = from ?? (await placeOf(store, node));
    if (!from) await forgetOthers(store, node.cluster, nodes);
    from = undefined;
    let piece: Piece;
    do {
      piece = await reader.read(place);
      tell(piece, place, last?.connections);
      if (isNews(piece, place) || piece.connections !== last?.connections || clock() - last.keptAt >= readToEveryMs) {
        const lines = piece.lines.map((line) => kept(line, keeping));
        const skipped = await record(store, node, place, { ...piece, lines });
        if (skipped === undefined) return log.warn({ node }, 'another collector reads this log as well');
        if (skipped > 0) log.error({ node, skipped, from: place }, 'the store does not take these lines of the log');
        last = { keptAt: clock(), connections: piece.connections };
      }
      place = piece.place;
      onPiece();
      if (piece.more) await pause(breathMs, signal);
    } while (piece.more && !signal.aborted);
    if (!piece.more && clock() - settledAt >= settleEveryMs) {
      await settle(store, node, place, piece.askedAt);
      settledAt = clock();
    }
    from = place;
  };

  function tell({ lost, connections, place }: Piece, before: LogPlace, connectedBefore: boolean | undefined): void {
    const { cluster, node: name } = node;
    if (lost)
      log.warn(
        { cluster, node: name, file: before.file },
        'a log is gone before it was read to its end, or was written anew',
      );
    if ((connections && place.file !== null) === connectedBefore) return;
    if (place.file === null)
      log.warn({ cluster, node: name }, 'the server writes no JSON log: there is no session evidence');
    else if (!connections) log.warn({ cluster, node: name }, 'the server does not log who comes and who goes');
  }
}

const isNews = ({ place, lines, lost }: Piece, before: LogPlace): boolean =>
  lost || lines.length > 0 || place.file !== before.file || place.next !== before.next;

/** What of a line may leave this process. */
function kept({ grantId, event, ...line }: Dated, keeping: Keeping): SessionLine {
  return { ...line, requestId: grantId, event: keptEvent(event, keeping) };
}

const longestName = 200;

function keptEvent(event: Dated['event'], keeping: Keeping): SessionEvent {
  if (event.kind === 'opened') {
    return { ...event, application: keeping === 'none' ? null : (event.application?.slice(0, longestName) ?? null) };
  }
  if (event.kind !== 'statement' || event.text === null) return event;
  const parameters = event.parameters === null ? null : keptParameters(event.parameters, event.text, keeping);
  return { ...event, text: keptText(event.text, keeping, event.error), parameters };
}
