/**
 * Keeps what closed Workflows did, before Temporal forgets it. What was kept is looked up in the store and nowhere else,
 * so that a worker which dies in the middle leaves nothing half done, and several may do this at once.
 */
import { createHash } from 'node:crypto';
import type { Log } from '../../activities/failures.ts';
import { bundlesOf, didSomething, parseHistory } from '../../audit/history/events.ts';
import { isUuid, type RequestId } from '../../domain/ids.ts';
import { secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import * as kept from '../../store/histories.ts';
import type { Store } from '../../store/pool.ts';
import type { ClosedRun, Histories } from '../../temporal/history-export.ts';
import { reconcileType } from '../../workflows/contract.ts';
import { again } from './again.ts';
import { createCalm } from './export-calm.ts';
import { createLooking, overlapMs, tellLost, type Left } from './export-looking.ts';
import { watchExporting } from './export-watch.ts';

export type ExportingOptions = {
  /** As curfew_worker. */
  readonly store: Store;
  readonly histories: Histories;
  readonly clock: () => number;
  readonly log: Log;
  /** The script that this process runs Workflows with, kept before any history that names it. */
  readonly script: string;
  /** How many that were not tried yet are held in memory; 50,000 where absent. */
  readonly mostUntried?: number;
};

const atOnce = 4;
/** More failures than these and something is wrong with more than one history: the rest waits for the next round. */
const mostFailures = 10;

/** @returns one round: how many were kept, and how many are left; it throws where store or Temporal do not answer */
export function createExporting(options: ExportingOptions) {
  const { store, histories, clock, log, script, mostUntried = 50_000 } = options;
  /** Rounds of looks that did nothing, by run: not fetched again. */
  const idle = new Map<string, number>();
  const looking = createLooking({ store, histories, isIdle: (runId) => idle.has(runId), mostUntried });
  let hasScript = false;
  const isStorm = createCalm();

  async function exportOne(run: ClosedRun): Promise<boolean> {
    const { workflowId, runId, type: kind, closedAt } = run;
    const fetched = await histories.fetch(run);
    const { requestId, subject } = aboutWhom(workflowId);
    if (!fetched) {
      await tellLost(store, subject);
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
    const waiting = [...looking.left().values()].toSorted((one, other) => one.failed - other.failed).values();
    let [count, failures] = [0, 0];
    const work = async (): Promise<void> => {
      for (const one of waiting) {
        if (failures >= mostFailures) return;
        const { workflowId, runId } = one.run;
        try {
          if (await exportOne(one.run)) count += 1;
          looking.done(runId);
        } catch (err) {
          failures += 1;
          looking.failed(one);
          log.warn({ err, workflowId }, 'a history could not be kept yet');
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return count;
  }

  return async (): Promise<{ readonly kept: number; readonly left: number }> => {
    hasScript ||= (await kept.keepBundle(store, script)) !== '';
    const now = clock();
    const isListed = await looking.look(now);
    const requests = [...looking.left().values()].flatMap(({ run }) => (run.type === reconcileType ? [] : [run]));
    if (isStorm(requests, now)) return { kept: 0, left: looking.left().size };
    const count = await exportAll();
    // Not past what is left: whoever comes after this process looks from there on.
    if (isListed) await kept.moveThrough(store, earliest(now, looking.left().values()));
    for (const [runId, closedAt] of idle) if (closedAt < now - 2 * overlapMs) idle.delete(runId);
    await looking.lookForMissing(now);
    return { kept: count, left: looking.left().size };
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
  const { log } = options;
  const exporting = async (): Promise<void> => {
    const { kept: count, left } = await round();
    if (count > 0) log.info({ count, left }, 'histories of closed Workflows are kept');
  };
  await Promise.all([
    again(everyMs, exporting, signal, (err) => log.warn({ err }, 'histories of closed Workflows cannot be kept yet')),
    again(everyMs, watch, signal),
  ]);
}
