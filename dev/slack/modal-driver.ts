/** What a person does in modals and in the App Home. */
import { asArray, chosenOf, isExternal, optionsOf, stateFor, type Json } from './block-kit.ts';
import type { Delivered, DeliveryOptions } from './delivery.ts';
import { findInput, missingInputs, setTyped, stateValues, type Modal, type View } from './modals.ts';
import { closing, submission, suggestion, viewAction } from './payloads.ts';
import { findElement } from './reading.ts';
import type { Stage } from './scene.ts';

export type Submitted = Delivered & {
  /** What the app did with the modal; `none` when it did not answer 200, and the modal stays. */
  readonly action: 'closed' | 'cleared' | 'updated' | 'pushed' | 'errors' | 'none';
  /** Field errors by block id. */
  readonly errors: Readonly<Record<string, string>>;
};

export type SubmitOptions = DeliveryOptions & {
  /** Sends what Slack's client would not let pass: required inputs that are empty. */
  readonly unchecked?: boolean;
};

/** `chosen`: what was chosen in a select or an overflow menu; buttons have nothing to choose. */
export type PressOptions = DeliveryOptions & { readonly value?: string; readonly chosen?: unknown };

export type ModalDriver = {
  readonly modal: (user: string) => View | null;
  readonly modalDepth: (user: string) => number;
  /** `view.state.values` of the open modal, as Slack would send it now; empty without one. */
  readonly modalState: (user: string) => Json;
  readonly home: (user: string) => View | null;
  /** Waits for a modal, of that callback id where it is given. */
  readonly waitForModal: (user: string, callbackId?: string, withinMs?: number) => Promise<View>;
  readonly pressInModal: (user: string, actionId: string, options?: PressOptions) => Promise<Delivered>;
  readonly pressInHome: (user: string, actionId: string, options?: PressOptions) => Promise<Delivered>;
  /** What an external select offers for what was typed so far. */
  readonly suggest: (
    user: string,
    actionId: string,
    typed: string,
    options?: DeliveryOptions,
  ) => Promise<Delivered & { readonly options: readonly Json[] }>;
  /**
   * Types and chooses in the open modal, by action or block id; options of an external select are asked of the app.
   * An option that was offered before may be given as a whole instead of by its value.
   * Elements outside inputs, and inputs with `dispatch_action`, are sent to the app, one after the other.
   */
  readonly fill: (user: string, values: Readonly<Record<string, unknown>>) => Promise<void>;
  /** Fills, then submits the open modal and applies the app's answer to the stack. */
  readonly submit: (
    user: string,
    values?: Readonly<Record<string, unknown>>,
    options?: SubmitOptions,
  ) => Promise<Submitted>;
  /** Closes the open modal; null where the app does not hear of it (no `notify_on_close`). */
  readonly close: (user: string, options?: DeliveryOptions) => Promise<Delivered | null>;
};

export const modalDriver = (stage: Stage): ModalDriver => {
  const { workspace, modals, deliveries, sceneFor } = stage;
  const open = (user: string): Modal => {
    const modal = modals.top(workspace.userId(user));
    if (modal === null) throw new Error(`${user} has no modal open`);
    return modal;
  };
  const act = async (
    user: string,
    view: View,
    values: Json,
    actionId: string,
    options: PressOptions,
  ): Promise<Delivered> => {
    const scene = await sceneFor(user, options, { view });
    const target = findElement(view, actionId, options.value);
    const payload = viewAction(scene, view, values, target, chosenOf(target, options.chosen));
    return deliveries.interaction(payload, scene.triggerId, options);
  };

  const suggest: ModalDriver['suggest'] = async (user, actionId, typed, options = {}) => {
    const modal = open(user);
    const scene = await sceneFor(user, options, { view: modal.view });
    const payload = suggestion(scene, modal.view, stateValues(modal), findInput(modal, actionId), typed);
    const delivered = await deliveries.suggestion(payload, scene.triggerId, options);
    return { ...delivered, options: optionsOf(answerOf(delivered)) };
  };

  const fill: ModalDriver['fill'] = async (user, values) => {
    for (const [id, value] of Object.entries(values)) {
      const modal = open(user);
      const target = findInput(modal, id);
      const offered =
        isExternal(target) && typeof value === 'string'
          ? (await suggest(user, target.actionId, value)).options
          : asArray(Array.isArray(value) ? value : [value]);
      const state = stateFor(target, value, offered);
      setTyped(modal, target, state);
      if (target.input !== null && target.input['dispatch_action'] !== true) continue;
      const scene = await sceneFor(user, {}, { view: modal.view });
      const { type: _type, ...chosen } = state;
      await deliveries.interaction(
        viewAction(scene, modal.view, stateValues(modal), target, chosen),
        scene.triggerId,
        {},
      );
    }
  };

  return {
    modal: (user) => modals.top(workspace.userId(user))?.view ?? null,
    modalDepth: (user) => modals.depth(workspace.userId(user)),
    modalState: (user) => {
      const modal = modals.top(workspace.userId(user));
      return modal === null ? {} : stateValues(modal);
    },
    home: (user) => modals.home(workspace.userId(user)),
    waitForModal: (user, callbackId, withinMs) => {
      const wanted = (): View | null => {
        const view = modals.top(workspace.userId(user))?.view ?? null;
        return view !== null && (callbackId === undefined || view.callback_id === callbackId) ? view : null;
      };
      return stage.reading.eventually(`modal ${callbackId ?? ''} of ${user}`, wanted, withinMs);
    },
    pressInModal: async (user, actionId, options = {}) =>
      act(user, open(user).view, stateValues(open(user)), actionId, options),
    pressInHome: async (user, actionId, options = {}) => {
      const view = modals.home(workspace.userId(user));
      if (view === null) throw new Error(`nothing was published to the home of ${user}`);
      return act(user, view, {}, actionId, options);
    },
    suggest,
    fill,
    submit: async (user, values = {}, options = {}) => {
      await fill(user, values);
      const modal = open(user);
      const missing = missingInputs(modal);
      if (missing.length > 0 && options.unchecked !== true)
        throw new Error(`required and empty: ${missing.join(', ')}`);
      const scene = await sceneFor(user, options, { view: modal.view });
      const payload = submission(scene, modal.view, stateValues(modal));
      return applyAnswer(stage, user, modal.view, await deliveries.interaction(payload, scene.triggerId, options));
    },
    close: async (user, options = {}) => {
      const modal = open(user);
      modals.close(workspace.userId(user));
      if (modal.view['notify_on_close'] !== true) return null;
      const scene = await sceneFor(user, options, { view: modal.view });
      return deliveries.interaction(closing(scene, modal.view, stateValues(modal), false), scene.triggerId, options);
    },
  };
};

/** What Slack's client does with the app's answer to a submission. */
const applyAnswer = async (stage: Stage, user: string, view: View, delivered: Delivered): Promise<Submitted> => {
  const userId = stage.workspace.userId(user);
  if (delivered.reply.status !== 200) return { ...delivered, errors: {}, action: 'none' };
  const answer = answerOf(delivered);
  switch (answer['response_action']) {
    case 'errors':
      return { ...delivered, action: 'errors', errors: answer['errors'] as Record<string, string> };
    case 'clear':
      stage.modals.closeAll(userId);
      return { ...delivered, errors: {}, action: 'cleared' };
    case 'update':
      await show(stage, 'views.update', { view_id: view.id, view: answer['view'] });
      return { ...delivered, errors: {}, action: 'updated' };
    case 'push': {
      const { triggerId } = await stage.sceneFor(user, {}, { view });
      await show(stage, 'views.push', { trigger_id: triggerId, view: answer['view'] });
      return { ...delivered, errors: {}, action: 'pushed' };
    }
    default:
      stage.modals.close(userId);
      return { ...delivered, errors: {}, action: 'closed' };
  }
};

/** A view that came with an answer is one of Slack's views from then on: a later `views.update` must find it. */
const show = async ({ workspace: { recorder }, modals }: Stage, method: string, args: Json): Promise<void> => {
  recorder.keep(`answered ${method}`, args, method);
  modals.note({ method, args, reply: { status: 200, body: await recorder.inspect(method, args) } });
};

const answerOf = ({ reply: { body } }: Delivered): Json =>
  typeof body === 'object' && body !== null ? (body as Json) : {};
