import { secondMs } from '../../domain/time.ts';
import { raise } from '../../store/alarms.ts';
import { newestIndex } from '../../store/audit.ts';
import type { Db } from '../../store/pool.ts';
import { behindCode, lookAtStore } from '../../store/recovery.ts';
import type { Target } from '../../targets/postgres/accessor.ts';

/** How far the store is, how far its target has seen it, and whether that agrees; for the heartbeat. */
export type StoreMark = { readonly newest: number; readonly mark: number; readonly behind: boolean };

export type MarkOptions = {
  readonly target: Pick<Target, 'name' | 'markStore'>;
  readonly store: Db;
  readonly clock: () => number;
};

/** A target that itself came back from a backup is told again, although the store has nothing new. */
const markAgainMs = 10 * secondMs;

/**
 * Keeps on the target how far the store is (the id of its newest audit entry), and notices a store that is not as far
 * any more: it was restored, and may hold as live what was revoked since. The target then refuses its grants (CF015);
 * the alarm, which `curfew recover` alone ends, goes on refusing them once the store has grown past the mark.
 *
 * A store that came back and grew past it before anybody looked is known by its entries: the one that this process saw
 * last is another one now, or gone.
 * @returns one look; it throws where store or target do not answer, and nothing is known then
 */
export function createStoreMark({ target, store, clock }: MarkOptions): () => Promise<StoreMark> {
  let seen: { readonly index: number; readonly stamp: string | null } | undefined;
  let last: { readonly at: number; readonly mark: number; readonly newest: number } | undefined;

  /** NB. While the store is behind nothing is marked: the mark tells an operator how far it had been. */
  const markOf = async (newest: number, behind: boolean): Promise<number> => {
    if (last && !behind && last.newest === newest && clock() - last.at < markAgainMs) return last.mark;
    const mark = await target.markStore(behind ? 0 : newest);
    last = { at: clock(), mark, newest };
    return mark;
  };
  const notice = async (detail: string): Promise<void> => {
    await raise(store, { key: `${behindCode}/${target.name}`, code: behindCode, subject: target.name, detail });
  };

  return async () => {
    const { newest, behind, stamp, seenStamp } = await lookAtStore(store, seen?.index ?? 0);
    const another = seen !== undefined && seenStamp !== seen.stamp;
    const mark = await markOf(newest, behind || another);
    if (!behind && another) {
      await notice('The store has other entries than before: it came back from a backup. Run curfew recover.');
    }
    // Another reaper may have marked what was written since this one read.
    const less = !behind && !another && mark > newest && mark > (await newestIndex(store));
    if (less) {
      const far = `The target has seen the store at entry ${mark}, and it is at ${newest}`;
      await notice(`${far}: it came back from a backup. Run curfew recover.`);
    }
    seen = { index: newest, stamp };
    return { newest, mark, behind: behind || another || less };
  };
}
