import type { Deliveries, DeliveryOptions } from './delivery.ts';
import type { ModalStacks, View } from './modals.ts';
import type { Scene } from './payloads.ts';
import type { Reading } from './reading.ts';
import type { ResponseListener } from './responses.ts';
import { stableId } from './stable-ids.ts';
import type { Workspace } from './workspace.ts';

/** What the parts of the driver share. */
export type Stage = {
  readonly workspace: Workspace;
  readonly deliveries: Deliveries;
  readonly modals: ModalStacks;
  readonly responses: ResponseListener;
  readonly reading: Reading;
  /** Somebody acts: with a trigger of their own, good once and for 3 s, and a `response_url`. */
  readonly sceneFor: (user: string, options: DeliveryOptions, place?: Place) => Promise<Scene>;
};

/** `channel` by id; `view` where the action is inside one, so that the trigger may push on top of it. */
export type Place = { readonly channel?: string; readonly view?: View };

export const scenes =
  ({ workspace, modals, responses }: Pick<Stage, 'workspace' | 'modals' | 'responses'>): Stage['sceneFor'] =>
  async (user, options, place = {}) => {
    const userId = workspace.userId(user);
    const inView = place.view === undefined ? {} : { view_id: place.view.id };
    const made = await workspace.recorder.inspect('views.generateTriggerId', { user_id: userId, ...inView });
    const triggerId = String(made['trigger_id']);
    modals.expect(triggerId, userId);
    // Who acts nowhere in particular is in their direct messages with the app.
    const channel = options.channel ?? place.channel ?? stableId('D', userId);
    return {
      team: { id: options.team ?? workspace.team.id, domain: workspace.team.domain },
      appId: options.app ?? workspace.appId,
      user: { id: userId, name: user },
      channel: { id: channel, name: channel.startsWith('D') ? 'directmessage' : workspace.nameOfChannel(channel) },
      triggerId,
      responseUrl: responses.addressFor(userId, channel),
    };
  };
