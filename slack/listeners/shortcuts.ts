import type { App } from '@slack/bolt';
import { isRefusal } from '../../domain/errors.ts';
import { refused } from '../answers.ts';
import { shortcut } from '../ids.ts';
import type { Desk } from '../service.ts';
import { openForm } from './asking.ts';
import { clickerOf, turnOf } from './turn.ts';

/** The shortcut opens the empty form. */
export function register(app: App, desk: Desk): void {
  app.shortcut(shortcut, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    const refusal = await openForm(desk, { client, triggerId: body.trigger_id }, clicker.person, {});
    await (refusal ? refused(desk, turn, refusal) : turn.answer());
  });
}
