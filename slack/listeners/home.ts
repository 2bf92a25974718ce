import type { App, BlockButtonAction } from '@slack/bolt';
import { isRefusal } from '../../domain/errors.ts';
import { refused } from '../answers.ts';
import { actions } from '../ids.ts';
import type { Desk } from '../service.ts';
import { mrkdwn } from '../text.ts';
import { strangersHome } from '../views/home.ts';
import { told } from '../views/told.ts';
import { sayThere } from './actions.ts';
import { openForm } from './asking.ts';
import { openBreakGlass } from './breaking.ts';
import { clickerOf, turnOf } from './turn.ts';

/** The App Home: published when somebody looks, and its buttons that are about no request. */
export function register(app: App, desk: Desk): void {
  app.event('app_home_opened', async ({ event, context }) => {
    if (event.tab !== 'home') return;
    const turn = turnOf(context);
    await turn.answer();
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await desk.port.publish({ user: event.user, view: strangersHome() });
    await desk.homes.opened(clicker.person, event.user);
  });
  app.action<BlockButtonAction>(actions.ask, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    const refusal = await openForm(desk, { client, triggerId: body.trigger_id }, clicker.person, {});
    await (refusal ? refused(desk, turn, refusal) : turn.answer());
  });
  app.action<BlockButtonAction>(actions.breakGlass, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    const refusal = await openBreakGlass(desk, { client, triggerId: body.trigger_id }, clicker.person);
    await (refusal ? refused(desk, turn, refusal) : turn.answer());
  });
  app.action<BlockButtonAction>(actions.back, async ({ body, client, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    if (isRefusal(clicker)) return await refused(desk, turn, clicker);
    const { person } = clicker;
    const result = await desk.service.back({ person });
    if (isRefusal(result)) return await refused(desk, turn, result);
    const says = result.was ? mrkdwn`Welcome back: nobody decides in your place any more.` : mrkdwn`You were not away.`;
    await sayThere(desk, turn, { client, triggerId: body.trigger_id }, { kind: 'home' }, told(says));
    await desk.homes.changed([person]);
  });
}
