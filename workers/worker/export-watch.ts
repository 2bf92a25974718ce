/** Whether histories are kept in time: somebody must hear of it while Temporal still has them. */
import { formatInstant, hourMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import * as kept from '../../store/histories.ts';
import type { Db } from '../../store/pool.ts';
import type { Histories } from '../../temporal/history-export.ts';

export type ExportWatchOptions = {
  readonly store: Db;
  readonly histories: Pick<Histories, 'retentionMs'>;
  readonly clock: () => number;
};

/** Behind by this, or by a quarter of Temporal's retention where that is less, somebody has to know. */
const patienceMs = hourMs;
const code = 'history-late';

/**
 * The alarm that histories are not kept, for whatever reason: raised well before Temporal forgets the first, resolved
 * when they are.
 * @returns one look; it throws where the store does not answer
 */
export function watchExporting({ store, histories, clock }: ExportWatchOptions) {
  const startedAt = clock();
  let retentionMs: number | undefined;
  // Also what another process, or this one before a restart, has raised.
  let isTold = true;
  return async (): Promise<void> => {
    retentionMs ??= await histories.retentionMs().catch(() => undefined);
    const bound = Math.min(patienceMs, (retentionMs ?? Infinity) / 4);
    const { mark = startedAt } = await kept.through(store);
    if (clock() - mark > bound) {
      const detail = `Histories of Workflows that closed since ${formatInstant(mark)} are not kept yet: the worker's log says why. Temporal forgets each ${retentionMs === undefined ? 'after its retention' : `${Math.round(retentionMs / hourMs)} hours after its close`}.`;
      await alarms.raise(store, { key: code, code, subject: 'histories', detail });
      isTold = true;
    } else if (isTold) {
      await alarms.resolve(store, code);
      isTold = false;
    }
  };
}
