import { expect, test } from 'vitest';
import baselines from '../bench/baselines.json' with { type: 'json' };
import { countActions, countEvents } from '../bench/history.ts';
import { lives } from './support/life.ts';
import { accessRequestScenarios } from './support/scenarios.ts';

const world = lives();

/** The exact price of a lifecycle, the same that `npm run bench -- quick` measures on a whole stack; it may only go down. */
const budgets = [
  { name: 'expired', as: 'core' },
  { name: 'expired-with-slack', as: 'slack' },
  { name: 'expired-with-slack-and-notice', as: 'slack.notice' },
  { name: 'two-stages', as: 'two_stage' },
] as const;

test.each(budgets)('$name costs exactly the actions and events of the baseline', async ({ name, as }) => {
  const scenario = accessRequestScenarios[name];
  if (!scenario) throw new Error(name);
  const { calls } = await world.serve(scenario.activities);
  const it = await world.start(scenario.input?.());
  await scenario.drive(it, calls, world.place.temporal);
  expect(await it.outcome()).toBe('expired');
  const history = await it.handle.fetchHistory();
  expect({ actions: countActions(history), events: countEvents(history) }).toEqual({
    actions: baselines[`lifecycle.actions.${as}`],
    events: baselines[`lifecycle.events.${as}`],
  });
});

test('the baselines are not above what was agreed', () => {
  expect(baselines).toEqual({
    'lifecycle.actions.core': 7,
    'lifecycle.events.core': 34,
    'lifecycle.actions.slack': 11,
    'lifecycle.events.slack': 58,
    'lifecycle.actions.slack.notice': 13,
    'lifecycle.events.slack.notice': 69,
    'lifecycle.actions.two_stage': 13,
    'lifecycle.events.two_stage': 69,
    'slack.calls.per_request': 25,
    'grant.roundtrips': 1,
    'grant.transactions': 1,
    'revoke.roundtrips': 1,
    'kill.roundtrips': 1,
    'audit.proof.bytes': 640,
  });
});
