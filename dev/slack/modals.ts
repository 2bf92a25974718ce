/**
 * The modals that each person has open. The emulator's views never close and it does not know who looks at what, so
 * the stack is kept here: from the answers to `views.open`, `views.push` and `views.update`, and from what the app
 * answered to a submission.
 */
import type { SlackCall } from './calls.ts';
import { asObjects, elementsOf, initialState, isEmpty, type Element, type Json } from './block-kit.ts';

export type View = Json & {
  readonly id: string;
  readonly hash: string;
  readonly callback_id: string;
  readonly private_metadata: string;
};

/** `typed` is what the person changed, by block and action id: Slack keeps it over an update that keeps both ids. */
export type Modal = { view: View; readonly typed: Map<string, Json> };

export type ModalStacks = {
  readonly note: (call: Pick<SlackCall, 'method' | 'args' | 'reply'>) => void;
  /** Remembers for whom a trigger was made: the answer to `views.open` does not say whose modal it is. */
  readonly expect: (triggerId: string, userId: string) => void;
  readonly top: (userId: string) => Modal | null;
  readonly depth: (userId: string) => number;
  readonly close: (userId: string) => void;
  readonly closeAll: (userId: string) => void;
  readonly home: (userId: string) => View | null;
  /** Calls back whenever a modal was opened, pushed or updated, or a home was published. */
  readonly onChange: (listener: () => void) => () => void;
};

export const modalStacks = (): ModalStacks => {
  const stacks = new Map<string, Modal[]>();
  const homes = new Map<string, View>();
  const triggers = new Map<string, string>();
  const listeners = new Set<() => void>();
  const stackOf = (userId: string): Modal[] => {
    const stack = stacks.get(userId) ?? [];
    stacks.set(userId, stack);
    return stack;
  };

  const apply = (method: string, args: Json, view: View): void => {
    const userId = triggers.get(String(args['trigger_id'] ?? args['interactivity_pointer']));
    if (method === 'views.publish') homes.set(String(args['user_id']), view);
    if (method === 'views.open' && userId !== undefined) stacks.set(userId, [{ view, typed: new Map() }]);
    if (method === 'views.push' && userId !== undefined) stackOf(userId).push({ view, typed: new Map() });
    if (method === 'views.update') {
      for (const modal of [...stacks.values()].flat()) if (modal.view.id === view.id) modal.view = view;
    }
  };

  return {
    note: ({ method, args, reply }) => {
      const [view] = asObjects(reply?.body['view']);
      if (!method.startsWith('views.') || view === undefined) return;
      apply(method, args, view as View);
      for (const listener of listeners) listener();
    },
    expect: (triggerId, userId) => void triggers.set(triggerId, userId),
    top: (userId) => stackOf(userId).at(-1) ?? null,
    depth: (userId) => stackOf(userId).length,
    close: (userId) => void stackOf(userId).pop(),
    closeAll: (userId) => void stacks.delete(userId),
    home: (userId) => homes.get(userId) ?? null,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

const keyOf = (element: Element): string => `${element.blockId}\n${element.actionId}`;

export const setTyped = (modal: Modal, element: Element, state: Json): void =>
  void modal.typed.set(keyOf(element), state);

/** An input by its action or block id. @throws when the modal has none */
export const findInput = (modal: Modal, id: string): Element => {
  const elements = elementsOf(modal.view['blocks']);
  const found = elements.find(({ actionId, blockId }) => actionId === id || blockId === id);
  if (found !== undefined) return found;
  throw new Error(
    `the modal ${modal.view.callback_id} has no input ${id}, only: ${elements.map(({ actionId }) => actionId).join(', ')}`,
  );
};

/** `view.state.values` as Slack would send it now. */
export const stateValues = (modal: Modal): Json => {
  const values: Record<string, Record<string, Json>> = {};
  for (const element of elementsOf(modal.view['blocks'])) {
    const state = modal.typed.get(keyOf(element)) ?? initialState(element);
    if (state !== null) values[element.blockId] = { ...values[element.blockId], [element.actionId]: state };
  }
  return values;
};

/** Labels of the inputs that Slack's client would not let pass empty. */
export const missingInputs = (modal: Modal): readonly string[] =>
  elementsOf(modal.view['blocks'])
    .filter(({ input }) => input !== null && input['optional'] !== true)
    .filter((element) => isEmpty(modal.typed.get(keyOf(element)) ?? initialState(element) ?? {}))
    .map(({ actionId }) => actionId);
