import type { App } from '@slack/bolt';
import { isRefusal } from '../../domain/errors.ts';
import { actions } from '../ids.ts';
import type { Desk } from '../service.ts';
import { targetOptions } from '../views/ask.ts';
import { offersOf } from './asking.ts';
import { clickerOf, turnOf } from './turn.ts';

/** The targets that the policy lets this person ask for. Nobody learns of others; an unlinked person of none. */
export function register(app: App, desk: Desk): void {
  app.options(actions.target, async ({ payload, context }) => {
    const turn = turnOf(context);
    const clicker = await clickerOf(desk, turn);
    const found = isRefusal(clicker) ? [] : await desk.service.options({ person: clicker.person });
    const offers = isRefusal(found) ? [] : offersOf(found);
    await turn.answer({ options: targetOptions(offers, typeof payload.value === 'string' ? payload.value : '') });
  });
}
