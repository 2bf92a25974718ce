/**
 * Keeps what closed Workflows did, before Temporal forgets it. What was kept is looked up in the store and nowhere else,
 * so that a worker which dies in the middle leaves nothing half done, and several may do this at once.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../activities/failures.ts';
import { bundlesOf, didSomething, parseHistory } from '../../audit/history/events.ts';
import { isUuid, type RequestId } from '../../domain/ids.ts';
import { dayMs, hourMs, minuteMs, secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import * as kept from '../../store/histories.ts';
import type { Store } from '../../store/pool.ts';
import { keptTypes, type ClosedRun, type Histories } from '../../temporal/history-export.ts';
import { accessRequestId, reconcileType } from '../../workflows/contract.ts';
import { createCalm } from './export-calm.ts';
import { watchExporting } from './export-watch.ts';

export type ExportingOptions = {
  /** As curfew_worker. */
  readonly store: Store;
  readonly histories: Histories;
  readonly clock: () => number;
  readonly log: Log;
  /** The script that this process runs Workflows with, kept before any history that names it. */
  readonly script: string;
};

/** Temporal's list lags: what closed so long ago is looked for again. */
const overlapMs = 10 * minuteMs;
/** All that Temporal still has is gone through: at the start, and then so often. */
const wholeEveryMs = 6 * hourMs;
const atOnce = 4;
const page = 1_000;
/** A request that closed so long ago has a history, or somebody is told why not. */
const settledMs = 10 * minuteMs;
const lookBackMs = 7 * dayMs;
const lookEveryMs = 5 * minuteMs;
/** More failures than these and something is wrong with more than one history: the rest waits for the next round. */
const mostFailures = 10;

/** @returns one round: how many were kept, and how many could not be; it throws where store or Temporal do not answer */
export function createExporting({ store, histories, clock, log, script }: ExportingOptions) {
  /** Rounds of looks that did nothing, by run: not fetched again. */
  const idle = new Map<string, number>();
  /** What could not be kept, by run: tried again each round. */
  const stuck = new Map<string, ClosedRun>();
  let wholeAt = -Infinity;
  let lookedAt = -Infinity;
  let hasScript = false;
  const isStorm = createCalm();

  async function exportOne(run: ClosedRun): Promise<boolean> {
    const { workflowId, runId, type: kind, closedAt } = run;
    const fetched = await histories.fetch(run);
    const { requestId, subject } = aboutWhom(workflowId);
    if (!fetched) {
      await tellLost(subject);
      return false;
    }
    const { clear, original } = fetched;
    const history = parseHistory(clear);
    if (kind === reconcileType && !didSomething(history)) {
      idle.set(runId, closedAt);
      return false;
    }
    const { all: bundles, last: bundle = null } = bundlesOf(history);
    const of = { workflowId, runId, kind, requestId, closedAt, bundle, bundles, events: history.events.length };
    const row = { ...of, bytes: clear, sha256: sha256(clear), originalSha256: sha256(original) };
    if ((await kept.keep(store, row, subject)) === 'there') return false;
    for (const hash of await kept.unknownBundles(store, bundles)) await tellUnknown(hash, workflowId);
    return true;
  }

  /** Whoever may complete tasks on the queue without being one of Curfew's workers could make a Workflow do anything. */
  const tellUnknown = (hash: string, workflowId: string): Promise<unknown> =>
    alarms.raise(store, {
      key: `bundle-unknown/${hash}`,
      code: 'bundle-unknown',
      subject: workflowId,
      detail: `A Workflow was run by a script that no worker of Curfew has kept, SHA-256 ${hash}: find out whose worker serves Curfew's task queue.`,
    });

  async function exportAll(runs: readonly ClosedRun[]): Promise<number> {
    const waiting = runs.filter(({ runId }) => !idle.has(runId)).values();
    let [count, failures] = [0, 0];
    const work = async (): Promise<void> => {
      for (const run of waiting) {
        stuck.set(run.runId, run);
        if (failures >= mostFailures) continue;
        try {
          if (await exportOne(run)) count += 1;
          stuck.delete(run.runId);
        } catch (err) {
          failures += 1;
          log.warn({ err, workflowId: run.workflowId }, 'a history could not be kept yet');
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return count;
  }

  async function closedRuns(mark: number | undefined, whole: boolean): Promise<readonly ClosedRun[]> {
    // A mark that lies ahead is that of a clock which was wrong.
    const from = mark === undefined ? undefined : Math.min(mark, clock()) - overlapMs;
    const looks = await histories.closedAfter(from ?? clock() - overlapMs, [reconcileType]);
    const runs = [...(await histories.closedAfter(whole ? undefined : from, keptTypes)), ...looks];
    const all = [...new Map([...stuck.values(), ...runs].map((run) => [run.runId, run])).values()];
    const missing: ClosedRun[] = [];
    for (let at = 0; at < all.length; at += page)
      missing.push(...(await kept.notKept(store, all.slice(at, at + page))));
    return missing;
  }

  /** By the store's word of what closed: Temporal's list may never have had it, and Temporal may have lost it. */
  async function lookForMissing(now: number): Promise<void> {
    const span = { after: now - lookBackMs, before: now - settledMs, limit: 100 };
    for (const id of await kept.withoutHistory(store, span)) {
      const found = await histories.find(accessRequestId(id));
      if (found === 'gone') await tellLost(id);
      else if (found !== 'running') await exportAll([found]);
    }
  }

  const tellLost = (subject: string): Promise<unknown> =>
    alarms.raise(store, {
      key: `history-lost/${subject}`,
      code: 'history-lost',
      subject,
      detail:
        'Temporal does not have the history of this Workflow any more, and nobody kept it: only the log tells of it.',
    });

  return async (): Promise<{ readonly kept: number; readonly failed: number }> => {
    hasScript ||= (await kept.keepBundle(store, script)) !== '';
    const now = clock();
    const mark = await kept.through(store);
    const whole = now - wholeAt >= wholeEveryMs;
    const missing = await closedRuns(mark, whole);
    const requests = missing.filter(({ type }) => type !== reconcileType);
    if (isStorm(requests, now)) return { kept: 0, failed: stuck.size };
    const count = await exportAll(missing);
    if (whole) wholeAt = now;
    // Not past what is stuck: whoever comes after this process looks from there on.
    await kept.moveThrough(store, Math.min(now, ...[...stuck.values()].map(({ closedAt }) => closedAt - 1)));
    for (const [runId, closedAt] of idle) if (closedAt < now - 2 * overlapMs) idle.delete(runId);
    if (now - lookedAt >= lookEveryMs) {
      await lookForMissing(now);
      lookedAt = now;
    }
    return { kept: count, failed: stuck.size };
  };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The request or the person that a Workflow's id names, else the id itself. */
function aboutWhom(workflowId: string): { readonly requestId: RequestId | null; readonly subject: string } {
  const [kind = '', id = ''] = workflowId.split('/');
  if (!isUuid(id)) return { requestId: null, subject: workflowId };
  const requestId = kind === 'access-request' || kind === 'review' ? (id as RequestId) : null;
  return { requestId, subject: id };
}

const everyMs = 5 * secondMs;

/** Until the signal. A round that fails leaves all as it was, and the next one does it. Never throws. */
export async function keepExporting(options: ExportingOptions, signal: AbortSignal): Promise<void> {
  const round = createExporting(options);
  const watch = watchExporting(options);
  let failing = false;
  while (!signal.aborted) {
    try {
      const { kept: count, failed } = await round();
      if (count > 0) options.log.info({ count, failed }, 'histories of closed Workflows are kept');
      failing = false;
    } catch (err) {
      if (!failing && !signal.aborted) options.log.warn({ err }, 'histories of closed Workflows cannot be kept yet');
      failing = true;
    }
    await watch().catch(() => undefined);
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
