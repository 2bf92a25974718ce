/**
 * Paints the App Homes that a change concerns, one after the other: a hundred people may wait for one request, and Slack
 * takes about a hundred `views.publish` a minute from a workspace. Of what changed meanwhile the newest is painted, once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { PersonId } from '../domain/ids.ts';
import type { Homes } from './home.ts';

export type PacedHomes = {
  /** Paints them soon; never throws, and nobody waits for it. */
  readonly concerned: (people: readonly PersonId[]) => void;
  /** Resolves when nothing is left to paint. */
  readonly settled: () => Promise<void>;
};

export type PaceParts = {
  readonly homes: Pick<Homes, 'changed'>;
  /** Of these people, those who ever opened their Home: the others cost no turn. */
  readonly openedBy: (people: readonly PersonId[]) => Promise<readonly PersonId[]>;
  /** Milliseconds from one to the next; 700 unless told. */
  readonly everyMs?: number;
  /** After it, nothing is painted any more: a Home is painted anew whenever somebody looks. */
  readonly signal: AbortSignal;
};

export function pacedHomes({ homes, openedBy, everyMs = 700, signal }: PaceParts): PacedHomes {
  const asked = new Set<PersonId>();
  let work: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (asked.size > 0 && !signal.aborted) {
      const all = [...asked];
      asked.clear();
      const waiting = new Set(await openedBy(all).catch(() => []));
      for (const person of waiting) {
        if (signal.aborted) return;
        await homes.changed([person]);
        await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Whoever is asked for while the last one ends is not forgotten. */
  async function drainAll(): Promise<void> {
    await drain();
    work = asked.size > 0 && !signal.aborted ? drainAll() : undefined;
    await work;
  }

  return {
    concerned(people) {
      if (signal.aborted) return;
      for (const person of people) asked.add(person);
      work ??= drainAll();
    },
    settled: () => work ?? Promise.resolve(),
  };
}
