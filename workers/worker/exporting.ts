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
/** With so many that were not tried yet, listing waits until they were: where histories were never kept there may be millions. */
const mostUntried = 50_000;
/** A request that closed so long ago has a history, or somebody is told why not. */
const settledMs = 10 * minuteMs;
const lookBackMs = 7 * dayMs;
const lookEveryMs = 5 * minuteMs;
/** More failures than these and something is wrong with more than one history: the rest waits for the next round. */
const mostFailures = 10;

type Left = { readonly run: ClosedRun; readonly failed: number };

/** @returns one round: how many were kept, and how many are left; it throws where store or Temporal do not answer */
export function createExporting({ store, histories, clock, log, script }: ExportingOptions) {
  /** Rounds of looks that did nothing, by run: not fetched again. */
  const idle = new Map<string, number>();
  /** What is known and not kept, by run, with how often it could not be. */
  let left = new Map<string, Left>();
  /** Until when this process has listed, by the store's clock; the mark may lie far behind it, where something is left. */
  let listedAt: number | undefined;
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
    // Before it is kept: what is kept is not looked at again.
    for (const hash of await kept.unknownBundles(store, bundles)) await tellUnknown(hash, workflowId);
    const of = { workflowId, runId, kind, requestId, closedAt, bundle, bundles, events: history.events.length };
    const row = { ...of, bytes: clear, sha256: sha256(clear), originalSha256: sha256(original) };
    return (await kept.keep(store, row, subject)) === 'kept';
  }

  /** Whoever may complete tasks on the queue without being one of Curfew's workers could make a Workflow do anything. */
  const tellUnknown = (hash: string, workflowId: string): Promise<unknown> =>
    alarms.raise(store, {
      key: `bundle-unknown/${hash}`,
      code: 'bundle-unknown',
      subject: workflowId,
      detail: `A Workflow was run by a script that no worker of Curfew has kept, SHA-256 ${hash}: find out whose worker serves Curfew's task queue.`,
    });

  /** What failed least goes first: however many can never be kept, they are in nobody else's way. */
  async function exportAll(): Promise<number> {
    const waiting = [...left.values()].toSorted((one, other) => one.failed - other.failed).values();
    let [count, failures] = [0, 0];
    const work = async (): Promise<void> => {
      for (const { run, failed } of waiting) {
        if (failures >= mostFailures) return;
        try {
          if (await exportOne(run)) count += 1;
          left.delete(run.runId);
        } catch (err) {
          failures += 1;
          left.set(run.runId, { run, failed: failed + 1 });
          log.warn({ err, workflowId: run.workflowId }, 'a history could not be kept yet');
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return count;
  }

  /**
   * What was left and is still not kept, by this process or another, and what closed since, oldest first.
   * @returns whether Temporal's list was gone through to its end
   */
  async function look(from: number | undefined, isWhole: boolean): Promise<boolean> {
    const found = new Map<string, Left>();
    let untried = 0;
    const add = async (runs: readonly ClosedRun[]): Promise<void> => {
      for (const run of await kept.notKept(store, runs)) {
        if (idle.has(run.runId) || found.has(run.runId)) continue;
        const failed = left.get(run.runId)?.failed ?? 0;
        if (failed === 0) untried += 1;
        found.set(run.runId, { run, failed });
      }
    };
    const known = [...left.values()].map(({ run }) => run);
    for (let at = 0; at < known.length; at += page) await add(known.slice(at, at + page));
    const since = { kept: isWhole ? undefined : from, looks: from ?? clock() - overlapMs };
    const lists = [histories.closedAfter(since.kept, keptTypes), histories.closedAfter(since.looks, [reconcileType])];
    for (const list of lists) {
      for await (const runs of list) {
        if (untried >= mostUntried) break;
        await add(runs);
      }
    }
    left = new Map([...found].toSorted(([, one], [, other]) => one.run.closedAt - other.run.closedAt));
    return untried < mostUntried;
  }

  /** By the store's word of what closed: Temporal's list may never have had it, and Temporal may have lost it. */
  async function lookForMissing(now: number): Promise<void> {
    const span = { after: now - lookBackMs, before: now - settledMs, limit: 100 };
    for (let last: kept.Settled | undefined; ;) {
      const some = await kept.withoutHistory(store, span, last);
      for (const { id } of some) {
        const run = await histories.find(accessRequestId(id));
        if (run === 'gone') await tellLost(id);
        else if (run !== 'running' && !left.has(run.runId)) left.set(run.runId, { run, failed: 0 });
      }
      last = some.at(-1);
      if (!last) return;
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

  return async (): Promise<{ readonly kept: number; readonly left: number }> => {
    hasScript ||= (await kept.keepBundle(store, script)) !== '';
    const now = clock();
    const { mark, storeAt } = await kept.through(store);
    const isWhole = now - wholeAt >= wholeEveryMs;
    // A mark that lies ahead is that of a clock which was wrong.
    const from = listedAt ?? mark;
    const isListed = await look(from === undefined ? undefined : Math.min(from, now) - overlapMs, isWhole);
    if (isListed) {
      listedAt = Math.min(now, storeAt);
      if (isWhole) wholeAt = now;
    }
    const runs = [...left.values()].map(({ run }) => run);
    if (
      isStorm(
        runs.filter(({ type }) => type !== reconcileType),
        now,
      )
    )
      return { kept: 0, left: left.size };
    const count = await exportAll();
    // Not past what is left: whoever comes after this process looks from there on.
    if (isListed) await kept.moveThrough(store, earliest(now, left.values()));
    for (const [runId, closedAt] of idle) if (closedAt < now - 2 * overlapMs) idle.delete(runId);
    if (now - lookedAt >= lookEveryMs) {
      await lookForMissing(now);
      lookedAt = now;
    }
    return { kept: count, left: left.size };
  };
}

const earliest = (now: number, left: Iterable<Left>): number =>
  [...left].reduce((at, { run }) => Math.min(at, run.closedAt - 1), now);

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The request or the person that a Workflow's id names, else the id itself. */
function aboutWhom(workflowId: string): { readonly requestId: RequestId | null; readonly subject: string } {
  const [kind = '', id = ''] = workflowId.split('/');
  if (!isUuid(id)) return { requestId: null, subject: workflowId };
  const requestId = kind === 'access-request' || kind === 'review' ? (id as RequestId) : null;
  return { requestId, subject: id };
}

const everyMs = 5 * secondMs;

/**
 * Until the signal. A round that fails leaves all as it was, and the next one does it. Never throws. The watch goes on by
 * itself: a round may take as long as there is much to keep.
 */
export async function keepExporting(options: ExportingOptions, signal: AbortSignal): Promise<void> {
  const round = createExporting(options);
  const watch = watchExporting(options);
  let failing = false;
  const exporting = async (): Promise<void> => {
    try {
      const { kept: count, left } = await round();
      if (count > 0) options.log.info({ count, left }, 'histories of closed Workflows are kept');
      failing = false;
    } catch (err) {
      if (!failing && !signal.aborted) options.log.warn({ err }, 'histories of closed Workflows cannot be kept yet');
      failing = true;
    }
  };
  const again = async (work: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      await work();
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  await Promise.all([again(exporting), again(() => watch().catch(() => undefined))]);
}
