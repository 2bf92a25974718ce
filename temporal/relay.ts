import { setTimeout as pause } from 'node:timers/promises';
import { CurfewError, NotYourTurn } from '../domain/errors.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as grants from '../store/grants.ts';
import * as outbox from '../store/outbox.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import type { Temporal } from './connection.ts';
import {
  besideOthers,
  fromRow,
  isForPeople,
  requestOf,
  send,
  type Channels,
  type NotReadable,
  type OutboxMessage,
} from './messages.ts';
import { takeBack } from './taking-back.ts';
import { doneTogether, type Done } from './ticking-off.ts';

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
/**
 * A relay that dies in the middle delays its rows by this. A round that takes longer may send a row again, or beside
 * another relay: both are harmless, because every message is keyed.
 */
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
 * One round: takes what is due, and sends it. What is about one request goes in the order in which it was written, but
 * for kinds that wait for nothing; different requests go beside each other. One that hangs holds up the next round, for
 * as long as a call's deadline, and nothing in this one.
 * @returns how many rows it took
 */
export async function relayOnce(options: RelayOptions): Promise<number> {
  try {
    const rows = await outbox.take(options.store, batch, leaseMs, besideOthers);
    const lanes = Map.groupBy(
      await knowingEnds(
        options.store,
        rows.map((row): Work => ({ row, message: fromRow(row) })),
      ),
      ({ row, message }) =>
        (!isUnreadable(message) && !besideOthers.includes(message.kind) && requestOf(message)) || `row ${row.id}`,
    );
    const done = doneTogether(options.store);
    const ended = await Promise.allSettled([...lanes.values()].map((lane) => inOrder(options, lane, done)));
    const broken = ended.find((one) => one.status === 'rejected');
    if (broken) throw broken.reason;
    return rows.length;
  } finally {
    await watchBacklog(options);
  }
}

type Work = { readonly row: outbox.OutboxRow; readonly message: OutboxMessage | NotReadable };

/** Whoever is told to end what is over by its receipt hears that as well: then it has nothing left to revoke. */
async function knowingEnds(store: Store, work: readonly Work[]): Promise<readonly Work[]> {
  const ids = work.flatMap(({ message }) =>
    !isUnreadable(message) && message.kind === 'revoke' ? [message.payload.requestId] : [],
  );
  const ended = await grants.endedAmong(store, ids);
  return work.map(({ row, message }) => {
    if (isUnreadable(message) || message.kind !== 'revoke' || !ended.has(message.payload.requestId))
      return { row, message };
    const { requestId, input } = message.payload;
    return { row, message: { kind: 'revoke', payload: { requestId, input: { ...input, recorded: true } } } };
  });
}

const isUnreadable = (message: OutboxMessage | NotReadable): message is NotReadable => typeof message === 'string';

/** The first that has to wait makes those behind it wait: a decision is not sent before its request's start. */
async function inOrder(options: RelayOptions, lane: readonly Work[], done: Done): Promise<void> {
  let waiting = false;
  for (const { row, message } of lane) {
    const trouble = waiting
      ? 'waits for what was written before it'
      : await attempt(options, row, message).catch((error: unknown) => {
          options.log.warn({ outbox: row.id, err: error }, 'refused, and what follows from that is not recorded yet');
          return 'not taken back';
        });
    if (trouble === undefined) {
      await done(row.id);
      continue;
    }
    waiting = true;
    const backoffMs = Math.min(longestBackoffMs, secondMs * 2 ** Math.min(row.attempts, 10));
    const { why, inMs = backoffMs } = typeof trouble === 'string' ? { why: trouble } : trouble;
    await outbox.failed(options.store, row.id, why, options.clock() + inMs);
  }
}

/** Why it was not sent, and when its turn is where it is known. */
type Trouble = string | { readonly why: string; readonly inMs: number };

/** @returns why it has to be sent again; undefined once it is done, or refused for good */
async function attempt(
  options: RelayOptions,
  row: outbox.OutboxRow,
  message: OutboxMessage | NotReadable,
): Promise<Trouble | undefined> {
  const { store, temporal, channels, clock, log } = options;
  if (isUnreadable(message)) {
    log.error({ outbox: row.id, kind: row.kind, why: message }, 'a row of the outbox cannot be read');
    return message === 'malformed' ? malformed : `unknown kind ${row.kind}`;
  }
  const id = requestOf(message);
  const about = { outbox: row.id, kind: row.kind, requestId: id };
  try {
    const view = await send(temporal, channels, message);
    // NB. A close is kept by the Workflow's own `tell` or `revoke`, with its audit entry (I11).
    if (view && id && view.state.kind !== 'closed') await projections.save(store, id, view, clock());
    log.info(about, 'sent from the outbox');
    return undefined;
  } catch (error) {
    if (error instanceof NotYourTurn) return { why: error.message, inMs: error.inMs };
    const code = error instanceof CurfewError ? error.code : 'unexpected';
    if (!isFinal(message, error)) {
      log.warn({ ...about, err: error }, 'not sent yet');
      return code;
    }
    await takeBack(store, message, code);
    log.warn({ ...about, code }, 'refused, and not sent again');
    return undefined;
  }
}

/** A Workflow's no is an answer. A channel's is not: what people must hear is tried until somebody mends the channel. */
const isFinal = (message: OutboxMessage, error: unknown): boolean =>
  error instanceof CurfewError && !openEnded.includes(error.code) && !isForPeople(message);

/** `NotRecorded`: the store did not keep the view that the Workflow answered with, so it is asked for again. */
const openEnded: readonly string[] = ['NotConfirmed', 'NotRecorded'];

const lateKey = 'outbox/late';
const malformed = 'malformed';
const malformedKey = 'outbox/malformed';

async function watchBacklog({ store, clock }: RelayOptions): Promise<void> {
  const unreadable = await outbox.failing(store, malformed);
  if (unreadable === 0) await alarms.resolve(store, malformedKey);
  else {
    const detail = `${unreadable} messages in the outbox cannot be read, and are not sent: somebody wrote what Curfew does not write`;
    await alarms.raise(store, { key: malformedKey, code: 'outbox-malformed', subject: 'outbox', detail });
  }
  const { count, oldestAt } = await outbox.backlog(store);
  if (oldestAt === null || clock() - oldestAt < lateMs) {
    await alarms.resolve(store, lateKey);
    return;
  }
  const detail = `${count} messages wait to be sent, the oldest for more than a minute`;
  await alarms.raise(store, { key: lateKey, code: 'outbox-late', subject: 'outbox', detail });
}
