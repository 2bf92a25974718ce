/** The modal that a person has open: what is typed stays here until a choice is told to the app or the form is sent. */
import { h, type ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { Blocks } from './blocks.ts';
import { Dialog } from './dialog.ts';
import type { Surroundings } from './elements.ts';
import { plainOf } from './marked.ts';
import { asText, enteredIn, isEmpty, listOf, objectOf, type Entered } from './reading.ts';
import type { Deed, Done, Json, OpenModal } from './shapes.ts';

export type ModalProps = {
  readonly modal: OpenModal;
  readonly around: Pick<Surroundings, 'names' | 'people' | 'prefix'>;
  readonly act: (deed: Deed) => Promise<Done>;
  readonly press: (element: Json, chosen?: unknown) => void;
};

/** Keyed by the view's id: another view begins with nothing typed, and an update keeps what was. */
export function Modal({ modal, around, act, press }: ModalProps): ComponentChildren {
  const { view, state, depth } = modal;
  const [typed, setTyped] = useState<Readonly<Record<string, Entered>>>({});
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  /** By action id: typed, and not told to the driver yet. */
  const untold = useRef(new Map<string, Entered>());
  const form = useRef<HTMLFormElement>(null);

  const entered = (blockId: string, actionId: string): Entered =>
    typed[keyOf(blockId, actionId)] ?? enteredIn(state, blockId, actionId);
  const sent = async (deed: Deed): Promise<Done> => {
    const done = await act(deed);
    setTrouble(done.trouble ?? '');
    return done;
  };
  /** What was typed before goes along, for the app is told the state of the whole form. */
  const tell = (): Json => {
    const values = Object.fromEntries([...untold.current].map(([id, value]) => [id, value === '' ? null : value]));
    untold.current.clear();
    return values;
  };
  const enter: Surroundings['enter'] = (block, element, value, done) => {
    const actionId = asText(element['action_id']);
    const blockId = asText(block['block_id']);
    setTyped((before) => ({ ...before, [keyOf(blockId, actionId)]: value }));
    const before = entered(blockId, actionId);
    const known = !untold.current.has(actionId) && value === before;
    if (known) return;
    // The driver tells the app of each value that dispatches; so it comes last, with all others already known.
    untold.current.delete(actionId);
    untold.current.set(actionId, value);
    if (!dispatches(block)) return;
    clearTimeout(timer.current);
    if (done) void sent({ kind: 'fill', values: tell() });
    else if (asTyped(element)) timer.current = setTimeout(() => void sent({ kind: 'fill', values: tell() }), typingMs);
  };
  const show = (found: Readonly<Record<string, string>>): void => {
    setErrors(found);
    if (Object.keys(found).length > 0)
      setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    clearTimeout(timer.current);
    const missing = missingIn(view, entered);
    if (Object.keys(missing).length > 0) return show(missing);
    setBusy(true);
    const { errors: found = {} } = await sent({ kind: 'submit', values: tell() });
    setBusy(false);
    show(found);
  };
  const close = (): void => void sent({ kind: 'close' });
  const submitText = plainOf(view['submit']);
  return h(
    Dialog,
    { id: `${around.prefix}-modal`, title: plainOf(view['title']), onEscape: close },
    h(
      'form',
      { ref: form, noValidate: true, onSubmit: (event: Event) => void submit(event) },
      h(
        'div',
        { class: 'dialog-body', tabIndex: 0, role: 'group', 'aria-label': plainOf(view['title']) },
        depth > 1 ? h('p', { class: 'hint' }, `Form ${depth} of those open; closing it leads back.`) : null,
        h(Blocks, {
          blocks: listOf(view['blocks']),
          around: {
            ...around,
            press,
            entered,
            enter,
            errors,
            busy,
            suggest: async (action, text) => (await act({ kind: 'suggest', action, typed: text })).options ?? [],
          },
        }),
      ),
      h('p', { class: 'error', role: 'alert' }, trouble),
      h(
        'div',
        { class: 'dialog-foot' },
        h('button', { type: 'button', class: 'button', onClick: close }, plainOf(view['close']) || 'Close'),
        submitText === ''
          ? null
          : h('button', { type: 'submit', class: 'button primary', 'aria-disabled': busy }, submitText),
      ),
    ),
  );
}

/** So long nobody typed on: then the app is told, as Slack does not tell it of every letter either. */
const typingMs = 400;

/** Elements outside inputs are told at once; inputs where they say so. */
const dispatches = (block: Json): boolean => block['type'] !== 'input' || block['dispatch_action'] === true;

const asTyped = (element: Json): boolean => {
  const on = objectOf(element['dispatch_action_config'])['trigger_actions_on'];
  return Array.isArray(on) && on.includes('on_character_entered');
};

const keyOf = (blockId: string, actionId: string): string => `${blockId}\n${actionId}`;

/** Slack's client lets no required input pass that is empty. */
function missingIn(view: Json, entered: (blockId: string, actionId: string) => Entered): Record<string, string> {
  const missing = listOf(view['blocks']).filter((block) => {
    if (block['type'] !== 'input' || block['optional'] === true) return false;
    return isEmpty(entered(asText(block['block_id']), asText(objectOf(block['element'])['action_id'])));
  });
  return Object.fromEntries(missing.map((block) => [asText(block['block_id']), 'This is needed.']));
}
