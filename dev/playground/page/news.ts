/** What each person has not seen yet, and what a screen reader is told of it. */
import type { Seat } from './seats.ts';
import type { Company, Sight } from './shapes.ts';

export type News = {
  /** @returns a sentence for those messages that are new since the last look; empty where none are */
  readonly take: (seen: readonly Sight[]) => string;
  /** Somebody is shown this place now. */
  readonly read: (seat: Seat, sight: Sight | undefined) => void;
  readonly unread: (who: string, place: string, sight: Sight | undefined) => number;
};

export function newsKept({ people }: Pick<Company, 'people'>): News {
  const begun = Date.now() / 1_000;
  /** Stamps of the newest message, told and read, by person and place. */
  const told = new Map<string, number>();
  const read = new Map<string, number>();
  return {
    take: (seen) => {
      const sentences = seen.flatMap((sight) =>
        sight.places.flatMap(({ key: place }) => {
          const key = keyOf(sight.who, place);
          const fresh = after(sight, place, told.get(key) ?? begun);
          const newest = fresh.at(-1);
          if (newest === undefined) return [];
          told.set(key, Number(newest.ts));
          const name = people.find((person) => person.handle === sight.who)?.name ?? sight.who;
          return [`New for ${name} in ${place === 'curfew' ? 'Messages' : place}.`];
        }),
      );
      return sentences.join(' ');
    },
    read: ({ who, place }, sight) => {
      const newest = after(sight, place, 0).at(-1);
      if (newest !== undefined) read.set(keyOf(who, place), Number(newest.ts));
    },
    unread: (who, place, sight) => after(sight, place, read.get(keyOf(who, place)) ?? begun).length,
  };
}

const keyOf = (who: string, place: string): string => `${who} ${place}`;

const after = (sight: Sight | undefined, place: string, since: number) =>
  (sight?.places.find((one) => one.key === place)?.messages ?? []).filter(({ ts }) => Number(ts) > since);
