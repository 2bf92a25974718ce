/** What the reconciler has left in the store, for whoever asks how things stand. */
import { formatSpan, minuteMs } from '../../domain/time.ts';
import * as findings from '../../store/findings.ts';
import { all } from '../../store/heartbeats.ts';
import type { Db } from '../../store/pool.ts';

/** A look every minute: after this nobody can say that things are as they were seen. */
export const silentAfterMs = 3 * minuteMs;

export type Reconciled = {
  readonly open: readonly findings.StoredFinding[];
  /** Of each part that was ever looked at, when that was last: the requests, and each cluster. */
  readonly looked: readonly { readonly part: string; readonly at: number }[];
  /** One sentence, and whether it is bad news. */
  readonly told: { readonly silent: boolean; readonly sentence: string };
};

const prefix = 'reconcile/';
const scheduled = '/scheduled';

/** @param now epoch ms */
export async function reconciled(db: Db, now: number): Promise<Reconciled> {
  const beats = await all(db);
  const looked = beats
    .filter(({ name }) => name.startsWith(prefix) && !name.endsWith(scheduled))
    .map(({ name, at }) => ({ part: name.slice(prefix.length), at }));
  return { open: await findings.open(db), looked, told: tell(looked, now) };
}

function tell(looked: Reconciled['looked'], now: number): Reconciled['told'] {
  if (looked.length === 0)
    return { silent: true, sentence: 'The reconciler has never compared store, Temporal and targets: start a worker.' };
  const late = looked.filter(({ at }) => at + silentAfterMs < now);
  const names = late.map(({ part, at }) => `${part} (${spanOf(now - at)} ago)`).join(', ');
  if (late.length > 0)
    return { silent: true, sentence: `The reconciler has not looked for three minutes at: ${names}.` };
  const oldest = Math.min(...looked.map(({ at }) => at));
  return { silent: false, sentence: `The reconciler looked last ${spanOf(now - oldest)} ago.` };
}

const spanOf = (ms: number): string => formatSpan(Math.max(1_000, Math.round(ms / 1_000) * 1_000));
