/** Slack as one person sees it. */
import { h, type ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Composer } from './composer.ts';
import type { Surroundings } from './elements.ts';
import { Head, Places } from './head.ts';
import { Modal } from './modal.ts';
import { needsWord, Question, type Asked } from './question.ts';
import { asText } from './reading.ts';
import { Room } from './room.ts';
import type { PaneProps } from './seats.ts';
import type { Deed, Done, Json } from './shapes.ts';

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
