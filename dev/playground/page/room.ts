/** What stands in the place that a person looks at: messages, or the App Home. */
import { h, type ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Blocks } from './blocks.ts';
import type { Surroundings } from './elements.ts';
import { Messages } from './messages.ts';
import { listOf } from './reading.ts';
import { labelOf, type PaneProps } from './seats.ts';
import type { Shown } from './shapes.ts';

export function Room({
  seat,
  sight,
  company,
  around,
}: PaneProps & {
  readonly around: (prefix: string, deed: { where: 'message' | 'home'; place?: string; ts?: string }) => Surroundings;
}): ComponentChildren {
  const scroll = useRef<HTMLDivElement>(null);
  const messages = sight?.places.find((place) => place.key === seat.place)?.messages ?? [];
  const newest = messages.at(-1)?.ts;
  const atEnd = useRef(true);
  const toEnd = (): void => {
    if (scroll.current !== null && seat.place !== 'home') scroll.current.scrollTop = scroll.current.scrollHeight;
  };
  // A new message is shown; one that is edited keeps the end in view only where it was.
  useLayoutEffect(toEnd, [newest, seat.who, seat.place]);
  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
  });
  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }: { currentTarget: Element }): void => {
    atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
  };
  const look = {
    class: 'scroll',
    ref: scroll,
    onScroll,
    tabIndex: 0,
    role: 'region',
    'aria-label': labelOf(seat.place),
  };
  if (seat.place !== 'home')
    return h(
      'div',
      look,
      h(Messages, {
        messages,
        names: company.names,
        empty: seat.place === 'curfew' ? 'Nothing from Curfew yet.' : 'Nothing here yet.',
        around: ({ ts }: Shown) => around(ts, { where: 'message', place: seat.place, ts }),
      }),
    );
  const blocks = listOf(sight?.home?.['blocks']);
  return h(
    'div',
    look,
    blocks.length === 0
      ? h('p', { class: 'empty' }, 'Curfew has published nothing to this Home yet.')
      : h('div', { class: 'home' }, h(Blocks, { blocks, around: around('home', { where: 'home' }) })),
  );
}
