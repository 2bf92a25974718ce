/** The top of a pane: who it is, and the places that their Slack has. */
import { h, type ComponentChildren } from 'preact';
import { labelOf, type PaneProps } from './seats.ts';

export function Head({
  side,
  seat,
  company,
  onSeat,
  name,
  says,
}: PaneProps & { readonly name: string; readonly says: string }): ComponentChildren {
  const initials = name
    .replaceAll(/\(.*\)/g, '')
    .trim()
    .split(/\s+/)
    .map((word) => word[0] ?? '');
  const hue = company.people.findIndex((person) => person.handle === seat.who) % 6;
  return h(
    'header',
    { class: 'head' },
    h('span', { class: `face hue-${hue}`, 'aria-hidden': 'true' }, initials.slice(0, 2).join('')),
    h(
      'div',
      { class: 'who' },
      h('label', { for: `${side}-who`, class: 'unseen' }, `Person on the ${side}`),
      h(
        'select',
        {
          id: `${side}-who`,
          value: seat.who,
          onChange: (event: Event) => onSeat({ ...seat, who: (event.currentTarget as HTMLSelectElement).value }),
        },
        company.people.map((person) => h('option', { key: person.handle, value: person.handle }, person.name)),
      ),
      h('p', { class: 'says' }, says),
    ),
  );
}

export function Places({ seat, company, unread, onSeat }: PaneProps): ComponentChildren {
  return h(
    'nav',
    { class: 'places', 'aria-label': `Places of ${seat.who}` },
    ['curfew', ...company.channels, 'home'].map((place) => {
      const here = place === seat.place;
      const count = here || place === 'home' ? 0 : unread(place);
      return h(
        'button',
        {
          key: place,
          type: 'button',
          class: here ? 'place here' : 'place',
          ...(here ? { 'aria-current': 'page' as const } : {}),
          onClick: () => onSeat({ ...seat, place }),
        },
        labelOf(place),
        count === 0 ? null : h('span', { class: 'count' }, String(count), h('span', { class: 'unseen' }, ' new')),
      );
    }),
  );
}
