/** Slack as one person sees it. */
import { h, type ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Blocks } from './blocks.ts';
import { Composer } from './composer.ts';
import type { Surroundings } from './elements.ts';
import { Messages } from './messages.ts';
import { Modal } from './modal.ts';
import { needsWord, Question, type Asked } from './question.ts';
import { asText, listOf } from './reading.ts';
import type { Seat, Side } from './seats.ts';
import type { Company, Deed, Done, Json, Shown, Sight } from './shapes.ts';

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

export function Pane(props: PaneProps): ComponentChildren {
  const { side, seat, sight, company } = props;
  const [asked, setAsked] = useState<Asked | null>(null);
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);
  const person = company.people.find((one) => one.handle === seat.who);
  useEffect(() => {
    setAsked(null);
    setTrouble('');
  }, [seat.who, seat.place]);
  useEffect(() => {
    if (seat.place === 'home') void props.act(seat.who, { kind: 'home' });
  }, [seat.who, seat.place]);

  const act = async (deed: Deed): Promise<Done> => {
    const done = await props.act(seat.who, deed);
    setTrouble(done.trouble ?? '');
    return done;
  };
  /** An element that has a `confirm` asks first. */
  const press = (
    deed: Omit<Extract<Deed, { kind: 'press' }>, 'kind' | 'action'>,
    element: Json,
    chosen?: unknown,
  ): void => {
    const value =
      element['type'] === 'button' && element['value'] !== undefined ? { value: asText(element['value']) } : {};
    const what = { kind: 'press', ...deed, action: asText(element['action_id']), ...value } as const;
    const go = async (): Promise<void> => {
      if (busy) return;
      setBusy(true);
      await act(chosen === undefined ? what : { ...what, chosen });
      setBusy(false);
    };
    const confirm = needsWord(element);
    if (confirm === null) void go();
    else setAsked({ confirm, yes: () => void go() });
  };
  const around = (prefix: string, deed: Parameters<typeof press>[0]): Surroundings => ({
    names: company.names,
    people: company.people,
    prefix: `${side}-${prefix}`,
    press: (element, chosen) => press(deed, element, chosen),
    entered: () => null,
    enter: (_block, element, entered) => press(deed, element, entered),
    suggest: () => Promise.resolve([]),
    errors: {},
    busy,
  });
  const covered = asked !== null || sight?.modal != null;
  const modalAround = around('modal', { where: 'modal' });
  return h(
    'section',
    {
      class: 'pane',
      id: side,
      tabIndex: -1,
      'aria-label': `${side === 'left' ? 'Left' : 'Right'}: ${person?.name ?? seat.who}`,
    },
    h(Head, { ...props, name: person?.name ?? seat.who, says: person?.says ?? '' }),
    h(
      'div',
      { class: 'desk' },
      h(
        'div',
        { class: 'room', inert: covered },
        h(Places, props),
        h(Room, { ...props, around }),
        h('p', { class: 'error trouble', role: 'alert' }, trouble),
        h(Composer, {
          id: `${side}-line`,
          command: company.command,
          who: person?.name ?? seat.who,
          text: props.line,
          onText: props.onLine,
          onSend: async (text) => {
            const place = seat.place === 'home' ? 'curfew' : seat.place;
            if (place !== seat.place) props.onSeat({ ...seat, place });
            const done = await act({ kind: 'slash', place, text });
            if (done.trouble === undefined) props.onLine('');
          },
          onShortcut: () => void act({ kind: 'shortcut' }),
        }),
      ),
      sight?.modal == null
        ? null
        : h(
            'div',
            { class: 'layer', inert: asked !== null },
            h(Modal, {
              key: `${seat.who} ${asText(sight.modal.view['id'])}`,
              modal: sight.modal,
              around: modalAround,
              act,
              press: modalAround.press,
            }),
          ),
      asked === null
        ? null
        : h(
            'div',
            { class: 'layer' },
            h(Question, { asked, id: `${side}-question`, names: company.names, close: () => setAsked(null) }),
          ),
    ),
  );
}

function Head({
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

const labelOf = (place: string): string => ({ curfew: 'Messages', home: 'Home' })[place] ?? `# ${place}`;

function Places({ seat, company, unread, onSeat }: PaneProps): ComponentChildren {
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

function Room({
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
