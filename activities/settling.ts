import { setTimeout as pause } from 'node:timers/promises';
import { heartbeat } from '@temporalio/activity';
import { minuteMs, secondMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { dueOf } from '../store/person-dues.ts';
import type { Store } from '../store/pool.ts';
import type { SettlingActivities } from '../workflows/activities.ts';
import type { EffectiveInput } from '../workflows/contract.ts';
import { failing, toRetry, type Log } from './failures.ts';

export type SettlingDeps = {
  /** The login `curfew_worker`: it may not write people, so it waits for a process that may. */
  readonly store: Store;
  readonly clock: () => number;
  readonly log: Log;
};

const lookMs = secondMs;
/** A process with the directory's login looks every second; what is not settled by then will not be by itself. */
const lateMs = minuteMs;

/** What was due is settled, or somebody is told that it is not, for as long as it takes. */
export const createSettling = (deps: SettlingDeps): SettlingActivities => ({
  untilSettled: failing({ log: deps.log, activity: 'effective', as: toRetry }, async (input: EffectiveInput) => {
    const key = `due-late/${input.source}/${input.event}`;
    for (;;) {
      heartbeat();
      const due = await dueOf(deps.store, input.source, input.event);
      if (!due || due.outcome !== null) {
        await alarms.resolve(deps.store, key);
        return due?.outcome ?? 'unknown';
      }
      if (deps.clock() >= input.effectiveAt + lateMs) await raise(deps.store, key, input);
      await pause(lookMs);
    }
  }),
});

async function raise(store: Store, key: string, { source, event }: EffectiveInput): Promise<void> {
  const detail = `What ${source} says of a person takes effect since a minute or more, and no process has applied it: does one run with the directory's login?`;
  await alarms.raise(store, { key, code: 'due-late', subject: `${source}/${event}`, detail });
}
