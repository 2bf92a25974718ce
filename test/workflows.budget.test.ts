import { expect, test } from 'vitest';
import { countActions, countEvents } from '../bench/history.ts';
import { lives } from './support/life.ts';
import { accessRequestScenarios } from './support/scenarios.ts';

const world = lives();

/** The exact price of a lifecycle; the numbers may only go down. */
const budgets = [
  { name: 'expired', actions: 7, events: 34 },
  { name: 'expired-with-slack', actions: 11, events: 58 },
  { name: 'expired-with-slack-and-notice', actions: 13, events: 69 },
] as const;

test.each(budgets)('$name costs $actions billed actions and $events events', async ({ name, actions, events }) => {
  const scenario = accessRequestScenarios[name];
  if (!scenario) throw new Error(name);
  const { calls } = await world.serve(scenario.activities);
  const it = await world.start(scenario.input?.());
  await scenario.drive(it, calls, world.place.temporal);
  expect(await it.outcome()).toBe('expired');
  const history = await it.handle.fetchHistory();
  expect({ actions: countActions(history), events: countEvents(history) }).toEqual({ actions, events });
});
