/** Hears that somebody asks for an end, as soon as that is committed (0013-notify.sql). Nothing depends on it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

export type Hearing = {
  /** Ends the connection; nothing is told any more. May be called again. */
  close(): Promise<void>;
};

export type HearOptions = {
  readonly url: string;
  /** What `pg_stat_activity` shows, e.g. `curfew-reaper`. */
  readonly applicationName: string;
  /** Something was asked, or may have been while nobody listened. Must not throw. */
  readonly onAsked: () => void;
  /** Between one connection that was lost and the next, ms; 1 s where absent. */
  readonly againMs?: number;
};

const connectMs = 2_000;
/** A line that died without a word is noticed by then. */
const probeEveryMs = 30_000;

/**
 * Keeps one connection to the store on which it only listens, made again as often as it is lost. Never throws, and tells
 * nobody of a store that is dead: whoever looks there by the clock does that, and misses nothing meanwhile.
 */
export function hearIntents({ url, applicationName, onAsked, againMs = 1_000 }: HearOptions): Hearing {
  const closing = new AbortController();
  const { signal } = closing;

  async function hear(): Promise<void> {
    const lost = new AbortController();
    const client = new Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: connectMs,
      query_timeout: connectMs,
      keepAlive: true,
    });
    client.on('error', () => lost.abort());
    client.on('end', () => lost.abort());
    client.on('notification', onAsked);
    const over = AbortSignal.any([signal, lost.signal]);
    try {
      await client.connect();
      await client.query('listen curfew_asked');
      onAsked();
      while (!over.aborted) {
        await pause(probeEveryMs, over);
        if (!over.aborted) await client.query('select');
      }
    } finally {
      // A line on which nothing comes back must not keep the next one from being opened.
      await Promise.race([client.end().catch(() => undefined), sleep(connectMs, undefined, { ref: false })]);
    }
  }

  const heard = (async () => {
    while (!signal.aborted) {
      await hear().catch(() => undefined);
      await pause(againMs, signal);
    }
  })();
  return {
    close: () => {
      closing.abort();
      return heard;
    },
  };
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);
