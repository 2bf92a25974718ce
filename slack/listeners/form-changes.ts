import type { App, BlockAction } from '@slack/bolt';
import { isRefusal } from '../../domain/errors.ts';
import { hourMs, parseSpan } from '../../domain/time.ts';
import { refused } from '../answers.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import type { Desk } from '../service.ts';
import { askForm } from '../views/ask.ts';
import { offersOf, previewOf } from './asking.ts';
import { fieldsOf } from './form-values.ts';
import { clickerOf, turnOf } from './turn.ts';

/**
 * A choice in the request form: the form is painted again with the roles of the chosen target and with what the policy
 * says. Answered first, because nothing rests on it; Slack keeps what was typed, and `hash` keeps an old paint from
 * overwriting a newer one.
 */
export function register(app: App, desk: Desk): void {
  app.action<BlockAction>(
    { type: 'block_actions', action_id: new RegExp(`^(?:${actions.target}|${actions.role})$`) },
    async (args) => {
      const turn = turnOf(args.context);
      await turn.answer();
      const { view } = args.body;
      if (!view || view.callback_id !== callbacks.ask) return;
      const clicker = await clickerOf(desk, turn);
      if (isRefusal(clicker)) return await refused(desk, turn, clicker);
      const { person } = clicker;
      const options = await desk.service.options({ person });
      if (isRefusal(options)) return await refused(desk, turn, options);
      const field = fieldsOf(view.state);
      const target = field(blocks.target, actions.target);
      const role = field(blocks.role, actions.role);
      const durationMs = parseSpan(field(blocks.duration, actions.duration)) ?? hourMs;
      const preview =
        target === '' || role === ''
          ? {}
          : { preview: await previewOf(desk, { person, kind: 'access', target, role, durationMs }) };
      const form = askForm({ offers: offersOf(options), prefill: { target, role, durationMs }, ...preview });
      try {
        await args.client.views.update({ view_id: view.id, hash: view.hash, view: form });
      } catch (error) {
        // Somebody typed on, or closed it: the next choice paints it again, and sending it says all that matters.
        desk.log.info({ reference: turn.reference, err: error }, 'a form was not painted again');
      }
    },
  );
}
