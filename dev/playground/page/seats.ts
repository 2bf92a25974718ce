/** Who sits on which side and where they look. The address keeps it, so that a reload or a bookmark shows the same. */
import type { Company, Deed, Done, Sight } from './shapes.ts';

export type Side = 'left' | 'right';
export const sides = ['left', 'right'] as const;
/** `place`: a channel's name, `curfew` for the app's direct messages, or `home`. */
export type Seat = { readonly who: string; readonly place: string };
export type Seats = { readonly left: Seat; readonly right: Seat; readonly front: Side };

export function seatsFrom(query: string, { people, channels, lead }: Company): Seats {
  const asked = new URLSearchParams(query);
  const seat = (side: Side, otherwise: Seat): Seat => {
    const who = asked.get(side);
    const place = asked.get(`${side}-at`);
    return {
      who: people.some((person) => person.handle === who) && who !== null ? who : otherwise.who,
      place: place !== null && ['curfew', 'home', ...channels].includes(place) ? place : otherwise.place,
    };
  };
  return {
    left: seat('left', { who: lead.asks, place: 'curfew' }),
    right: seat('right', { who: lead.approves, place: channels[0] ?? 'curfew' }),
    front: asked.get('front') === 'right' ? 'right' : 'left',
  };
}

export const queryOf = ({ left, right, front }: Seats): string =>
  `?${new URLSearchParams({ left: left.who, 'left-at': left.place, right: right.who, 'right-at': right.place, front }).toString()}`;

/** A place as its tab says it. */
export const labelOf = (place: string): string => ({ curfew: 'Messages', home: 'Home' })[place] ?? `# ${place}`;

/** What a person's side is given. */
export type PaneProps = {
  readonly side: Side;
  readonly seat: Seat;
  readonly sight: Sight | undefined;
  readonly company: Company;
  readonly line: string;
  /** How many messages of a place this person has not seen. */
  readonly unread: (place: string) => number;
  readonly onLine: (line: string) => void;
  readonly onSeat: (seat: Seat) => void;
  readonly act: (who: string, deed: Deed) => Promise<Done>;
};
