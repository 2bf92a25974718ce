import type { ConditionState, Conditions } from '../../domain/condition.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import { endBound } from '../../service/conditions.ts';
import * as alarms from '../../store/alarms.ts';
import { live, type Bound } from '../../store/conditions.ts';
import { factsOfMany } from '../../store/people.ts';
import type { Store } from '../../store/pool.ts';
import { again } from './again.ts';

export type ConditionWatchOptions = {
  /** As curfew_worker. */
  readonly store: Store;
  readonly conditions: Conditions;
  /** What is wrong with the source of conditions itself, if anything. */
  readonly trouble?: (() => string | undefined) | undefined;
  readonly clock: () => number;
  /** How long nobody may know before somebody is told; a minute where absent. */
  readonly patienceMs?: number;
};

const lookEveryMs = 15 * secondMs;
const askedAtOnce = 10;
const endedAtOnce = 4;
const code = 'condition-unknown';
const sourceKey = 'conditions/source';

/**
 * Asks of every grant that is bound to something whether that goes on, and ends those for which it does not. What nobody
 * knows ends nothing before its time (I18), but is told after a minute. Two workers may look at once.
 * @returns one look at all of them; it throws `NotRecorded` when the store does not answer
 */
export function watchConditions({ store, conditions, trouble, clock, patienceMs = minuteMs }: ConditionWatchOptions) {
  /** Since when nobody has known, by condition. */
  const unknownSince = new Map<string, number>();

  async function ask(bound: readonly Bound[]): Promise<ReadonlyMap<string, ConditionState>> {
    const people = new Map(
      (await factsOfMany(store, [...new Set(bound.map(({ person }) => person))])).map((one) => [one.id, one]),
    );
    const questions = [...new Map(bound.map((one) => [keyOf(one), one])).entries()];
    const states = new Map<string, ConditionState>();
    for (let from = 0; from < questions.length; from += askedAtOnce) {
      await Promise.all(
        questions.slice(from, from + askedAtOnce).map(async ([key, { until, person }]) => {
          const requester = people.get(person);
          states.set(key, requester ? await conditions(until, requester) : 'unknown');
        }),
      );
    }
    return states;
  }

  /** One that somebody holds up holds up no other; where none of several can be ended, it is not they. */
  async function endAll(over: readonly Bound[]): Promise<Error | undefined> {
    let failed: Error | undefined;
    for (let from = 0; from < over.length; from += endedAtOnce) {
      const some = over.slice(from, from + endedAtOnce);
      const ended = await Promise.allSettled(some.map((one) => endBound(store, one, 'curfew_worker')));
      const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
      failed ??= failures[0];
      if (failures.length === endedAtOnce) break;
    }
    return failed;
  }

  return async (): Promise<void> => {
    const bound = await live(store);
    const states = await ask(bound);
    const failed = await endAll(bound.filter((one) => states.get(keyOf(one)) === 'over'));
    const unknown = new Set([...states].flatMap(([key, state]) => (state === 'unknown' ? [key] : [])));
    for (const key of unknownSince.keys()) if (!unknown.has(key)) unknownSince.delete(key);
    for (const key of unknown) {
      const since = unknownSince.get(key) ?? clock();
      unknownSince.set(key, since);
      if (clock() - since < patienceMs) continue;
      const detail =
        'A grant is bound to this, and nobody can say whether it goes on. The grant is kept until its end; look at the source of conditions.';
      await alarms.raise(store, { key, code, subject: key, detail });
    }
    const wrong = trouble?.();
    if (wrong !== undefined) await alarms.raise(store, { key: sourceKey, code, subject: sourceKey, detail: wrong });
    // Also what another process, or this one before a restart, has raised.
    for (const alarm of await alarms.open(store)) {
      const still = unknown.has(alarm.key) || (alarm.key === sourceKey && wrong !== undefined);
      if (alarm.code === code && !still) await alarms.resolve(store, alarm.key);
    }
    if (failed) throw failed;
  };
}

/** A shift is its person's, an incident and a ticket are everybody's. */
const keyOf = ({ until, person }: Bound): string =>
  until.kind === 'shift' ? `condition/shift/${until.key}/${person}` : `condition/${until.kind}/${until.key}`;

/** Until the signal. A look that fails is the store's trouble, which others tell of. */
export const keepAsking = (look: () => Promise<void>, signal: AbortSignal): Promise<void> =>
  again(lookEveryMs, look, signal);
