import type { App, BlockAction } from '@slack/bolt';
import { isRefusal } from '../../domain/errors.ts';
import { refused } from '../answers.ts';
import { actions, callbacks } from '../ids.ts';
import type { Desk } from '../service.ts';
import { askForm } from '../views/ask.ts';
import { askedFields } from './asked.ts';
import { offersOf, previewOf } from './asking.ts';
import { formPaints } from './form-paints.ts';
import { fieldsOf } from './form-values.ts';
import { clickerOf, turnOf } from './turn.ts';

/** The fields on which the policy's answer rests. */
const watched = [actions.target, actions.role, actions.duration, actions.ticket, actions.start];

/**
 * A change in the request form: it is painted again with the roles of the chosen target and with what the policy says.
 * Answered first, because nothing rests on it; Slack keeps what was typed, and hashes keep an old paint from overwriting a
 * newer one.
 */
export function register(app: App, desk: Desk): void {
  // Somebody closed it, or it is painted elsewhere: the next change paints it again, and sending it says all that matters.
  const paint = formPaints((error) => desk.log.info({ err: error }, 'a form was not painted again'));
  app.action<BlockAction>(
    { type: 'block_actions', action_id: new RegExp(`^(?:${watched.join('|')})$`) },
    async ({ body, client, context }) => {
      const turn = turnOf(context);
      await turn.answer();
      const { view } = body;
      if (!view || view.callback_id !== callbacks.ask) return;
      const clicker = await clickerOf(desk, turn);
      if (isRefusal(clicker)) return await refused(desk, turn, clicker);
      const { person } = clicker;
      const options = await desk.service.options({ person });
      if (isRefusal(options)) return await refused(desk, turn, options);
      const { durationMs, ...asked } = askedFields(fieldsOf(view.state));
      await paint(view.id, {
        at: Number(body.actions[0]?.action_ts ?? 0),
        hash: view.hash,
        view: async () =>
          askForm({
            offers: offersOf(options),
            prefill: { ...asked, ...(durationMs === null ? {} : { durationMs }) },
            preview: await previewOf(desk, person, { ...asked, durationMs }),
          }),
        update: async (hash, form) =>
          (await client.views.update({ view_id: view.id, hash, view: form })).view?.hash ?? hash,
      });
    },
  );
}
