/** Whether a token with which a source speaks is about to run out: from then on nobody would hear who leaves. */
import { dayMs, formatInstant } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import type { Store } from '../../store/pool.ts';
import { expiring } from '../../store/scim-tokens.ts';

const code = 'scim-token-expiring';
const withinMs = 14 * dayMs;
/** One that nobody used for so long is nobody's loss. */
const usedMs = 30 * dayMs;

/** By the worker, because it says what every source says. Over once it is revoked, or another one is in use. */
export function watchTokens({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: () => number;
}): () => Promise<void> {
  return async () => {
    const ending = await expiring(store, { now: clock(), withinMs, usedMs });
    const keys = new Set(ending.map(({ id }) => keyOf(id)));
    for (const alarm of await alarms.open(store)) {
      if (alarm.code === code && !keys.has(alarm.key)) await alarms.resolve(store, alarm.key);
    }
    for (const { id, source, expiresAt } of ending) {
      const detail = `The token ${id}, with which ${source} speaks, ends at ${formatInstant(expiresAt)}: from then on nobody hears from ${source} who leaves. Make another one with curfew scim token make, and give it to the source.`;
      await alarms.raise(store, { key: keyOf(id), code, subject: `source/${source}`, detail });
    }
  };
}

const keyOf = (id: string): string => `${code}/${id}`;
