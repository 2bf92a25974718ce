import { setTimeout as pause } from 'node:timers/promises';
import { CurfewError } from '../domain/errors.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as outbox from '../store/outbox.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import type { Temporal } from './connection.ts';
import { fromRow, isForPeople, requestOf, send, type Channels, type OutboxMessage } from './messages.ts';

/** As pino's: ids and codes first, then a sentence. */
export type RelayLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export type RelayOptions = {
  /** The worker's login. */
  readonly store: Store;
  readonly temporal: Temporal;
  readonly channels: Channels;
  readonly clock: () => number;
  readonly log: RelayLog;
  /** Ends it, after the round under way. */
  readonly signal: AbortSignal;
  /** Between rounds that found nothing; 1 s where absent. */
  readonly everyMs?: number;
};

const batch = 100;
/** Longer than any round takes: a relay that dies in the middle delays its rows by this. */
const leaseMs = 30 * secondMs;
const longestBackoffMs = minuteMs;
/** What waits longer than this is an alarm: somebody clicked, and nothing happens. */
const lateMs = minuteMs;

/** Sends what was not sent, until the signal. Two relays share the work; one that dies loses nothing. Never throws. */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { signal, log, everyMs = secondMs } = options;
  let silent = false;
  while (!signal.aborted) {
    const sent = await relayOnce(options).catch((error: unknown) => {
      if (!silent) log.warn({ err: error }, 'the outbox cannot be read; trying again');
      silent = true;
      return undefined;
    });
    if (sent !== undefined && silent) log.info({}, 'the outbox is read again');
    silent &&= sent === undefined;
    if (sent === batch) continue;
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * One round: takes what is due, and sends it. What is about one request goes in the order in which it was written,
 * different requests beside each other, so that one that hangs holds up no other.
 * @returns how many rows it took
 */
export async function relayOnce(options: RelayOptions): Promise<number> {
  const rows = await outbox.take(options.store, batch, leaseMs);
  const lanes = new Map<string, Work[]>();
  for (const row of rows) {
    const message = fromRow(row);
    const lane = (message && requestOf(message)) ?? `row ${row.id}`;
    lanes.set(lane, [...(lanes.get(lane) ?? []), { row, message }]);
  }
  await Promise.all([...lanes.values()].map((lane) => inOrder(options, lane)));
  await watchBacklog(options);
  return rows.length;
}

type Work = { readonly row: outbox.OutboxRow; readonly message: OutboxMessage | undefined };

/** The first that has to wait makes those behind it wait: a decision is not sent before its request's start. */
async function inOrder(options: RelayOptions, lane: readonly Work[]): Promise<void> {
  let waiting = false;
  for (const { row, message } of lane) {
    const trouble = waiting ? 'waits for what was written before it' : await attempt(options, row, message);
    if (trouble === undefined) {
      await outbox.done(options.store, row.id);
      continue;
    }
    waiting = true;
    const backoffMs = Math.min(longestBackoffMs, secondMs * 2 ** Math.min(row.attempts, 10));
    await outbox.failed(options.store, row.id, trouble, options.clock() + backoffMs);
  }
}

/** @returns why it has to be sent again; undefined once it is done, or refused for good */
async function attempt(
  options: RelayOptions,
  row: outbox.OutboxRow,
  message: OutboxMessage | undefined,
): Promise<string | undefined> {
  const { store, temporal, channels, clock, log } = options;
  if (!message) return `unknown kind ${row.kind}`;
  const id = requestOf(message);
  const about = { outbox: row.id, kind: row.kind, requestId: id };
  const sent = await send(temporal, channels, message).catch((error: unknown) => ({ error }));
  if (sent && 'error' in sent) {
    const { error } = sent;
    const code = error instanceof CurfewError ? error.code : 'unexpected';
    if (isFinal(message, error)) {
      log.warn({ ...about, code }, 'refused, and not sent again');
      return undefined;
    }
    log.warn({ ...about, err: error }, 'not sent yet');
    return code;
  }
  // NB. A close is kept by the Workflow's own `tell` or `revoke`, with its audit entry (I11).
  if (sent && id && sent.state.kind !== 'closed') await projections.save(store, id, sent, clock());
  log.info(about, 'sent from the outbox');
  return undefined;
}

/** A Workflow's no is an answer. A channel's is not: what people must hear is tried until somebody mends the channel. */
const isFinal = (message: OutboxMessage, error: unknown): boolean =>
  error instanceof CurfewError && error.code !== 'NotConfirmed' && !isForPeople(message);

const lateKey = 'outbox/late';

async function watchBacklog({ store, clock }: RelayOptions): Promise<void> {
  const { count, oldestAt } = await outbox.backlog(store);
  if (oldestAt === null || clock() - oldestAt < lateMs) {
    await alarms.resolve(store, lateKey);
    return;
  }
  const detail = `${count} messages wait to be sent, the oldest for more than a minute`;
  await alarms.raise(store, { key: lateKey, code: 'outbox-late', subject: 'outbox', detail });
}
