/** Finds what closed and has no kept history yet: by Temporal's list, and by the store's word where that list has gaps. */
import { dayMs, hourMs, minuteMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import * as kept from '../../store/histories.ts';
import type { Db } from '../../store/pool.ts';
import { keptTypes, type ClosedRun, type Histories } from '../../temporal/history-export.ts';
import { accessRequestId, reconcileType } from '../../workflows/contract.ts';

/** Temporal's list lags: what closed so long ago is looked for again. */
export const overlapMs = 10 * minuteMs;
/** All that Temporal still has is gone through: at the start, and then so often. */
const wholeEveryMs = 6 * hourMs;
const page = 1_000;
/** A request that closed so long ago has a history, or somebody is told why not. */
const settledMs = 10 * minuteMs;
const lookBackMs = 7 * dayMs;
const lookEveryMs = 5 * minuteMs;

/** `failed`: how often it could not be kept. */
export type Left = { readonly run: ClosedRun; readonly failed: number };

export type LookingOptions = {
  readonly store: Db;
  readonly histories: Pick<Histories, 'closedAfter' | 'find'>;
  /** Runs that are known, and not to be kept. */
  readonly isIdle: (runId: string) => boolean;
  /** With so many that were not tried yet, listing waits until they were: there may be millions where none was ever kept. */
  readonly mostUntried: number;
};

export function createLooking({ store, histories, isIdle, mostUntried }: LookingOptions) {
  /** What is known and not kept, by run, oldest first. */
  let left = new Map<string, Left>();
  /** Until when this process has listed, by the store's clock; the mark may lie far behind it, where something is left. */
  let listedAt: number | undefined;
  let wholeAt = -Infinity;
  let lookedAt = -Infinity;

  /** @returns whether Temporal's list was gone through to its end */
  async function list(from: { readonly kept: number | undefined; readonly looks: number }): Promise<boolean> {
    const found = new Map<string, Left>();
    let untried = 0;
    const add = async (runs: readonly ClosedRun[]): Promise<void> => {
      for (const run of await kept.notKept(store, runs)) {
        if (isIdle(run.runId) || found.has(run.runId)) continue;
        const failed = left.get(run.runId)?.failed ?? 0;
        if (failed === 0) untried += 1;
        found.set(run.runId, { run, failed });
      }
    };
    const known = [...left.values()].map(({ run }) => run);
    for (let at = 0; at < known.length; at += page) await add(known.slice(at, at + page));
    const lists = [histories.closedAfter(from.kept, keptTypes), histories.closedAfter(from.looks, [reconcileType])];
    for (const each of lists) {
      for await (const runs of each) {
        if (untried >= mostUntried) break;
        await add(runs);
      }
    }
    left = new Map([...found].toSorted(([, one], [, other]) => one.run.closedAt - other.run.closedAt));
    return untried < mostUntried;
  }

  return {
    left: (): ReadonlyMap<string, Left> => left,
    done: (runId: string): boolean => left.delete(runId),
    failed: ({ run, failed }: Left): unknown => left.set(run.runId, { run, failed: failed + 1 }),

    /**
     * What was left and is still not kept, by this process or another, and what closed since.
     * @returns whether nothing else closed that is not kept
     */
    async look(now: number): Promise<boolean> {
      const { mark, storeAt } = await kept.through(store);
      const isWhole = now - wholeAt >= wholeEveryMs;
      const since = listedAt ?? mark;
      // A mark that lies ahead is that of a clock which was wrong.
      const from = since === undefined ? undefined : Math.min(since, now) - overlapMs;
      if (!(await list({ kept: isWhole ? undefined : from, looks: from ?? now - overlapMs }))) return false;
      listedAt = Math.min(now, storeAt);
      if (isWhole) wholeAt = now;
      return true;
    },

    /** By the store's word of what closed, now and then: Temporal's list may never have had it, or Temporal lost it. */
    async lookForMissing(now: number): Promise<void> {
      if (now - lookedAt < lookEveryMs) return;
      const span = { after: now - lookBackMs, before: now - settledMs, limit: 100 };
      for (let last: kept.Settled | undefined; ;) {
        const some = await kept.withoutHistory(store, span, last);
        for (const { id } of some) {
          const run = await histories.find(accessRequestId(id));
          if (run === 'gone') await tellLost(store, id);
          else if (run !== 'running' && !left.has(run.runId)) left.set(run.runId, { run, failed: 0 });
        }
        last = some.at(-1);
        if (!last) break;
      }
      lookedAt = now;
    },
  };
}

export const tellLost = (store: Db, subject: string): Promise<unknown> =>
  alarms.raise(store, {
    key: `history-lost/${subject}`,
    code: 'history-lost',
    subject,
    detail:
      'Temporal does not have the history of this Workflow any more, and nobody kept it: only the log tells of it.',
  });
