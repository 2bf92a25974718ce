import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { countActions, countEvents, type CountedHistory } from '../bench/history.ts';
import { outcomes } from '../domain/request.ts';
import { dataConverterFor } from '../temporal/codec.ts';
import * as workflows from '../workflows/index.ts';
import { bundleWorkflows, type WorkflowBundle } from '../workers/bundle.ts';
import { goldenOf } from './support/histories.ts';
import { accessRequestScenarios } from './support/scenarios.ts';
import { installRuntime, productBundle, testKeys } from './support/temporal.ts';

let own: WorkflowBundle;
beforeAll(async () => {
  installRuntime();
  own = await productBundle();
});

const replay = (workflowBundle: WorkflowBundle, history: unknown): Promise<void> =>
  Worker.runReplayHistory(
    { workflowBundle, dataConverter: dataConverterFor(testKeys) },
    history,
    'access-request/golden',
  );

describe.each(Object.keys(workflows))('%s', (workflow) => {
  const golden = goldenOf(workflow);

  test('has golden histories', () => {
    expect(golden.length).toBeGreaterThan(0);
  });

  test.each(golden)('replays $name on the current code (I20)', async ({ history }) => {
    await replay(own, history);
  });

  test('does not replay on code that does something else', async () => {
    const path = fileURLToPath(new URL('./support/other-workflows.ts', import.meta.url));
    const other = await bundleWorkflows({ path });
    for (const { history } of golden) await expect(replay(other, history)).rejects.toThrow(DeterminismViolationError);
  });
});

test('every outcome has a golden history, and every scenario was recorded', () => {
  const names = goldenOf('accessRequest').map(({ name }) => name);
  expect(names.toSorted()).toEqual(Object.keys(accessRequestScenarios).toSorted());
  const shown = new Set(Object.values(accessRequestScenarios).map(({ outcome }) => outcome));
  expect([...shown].toSorted()).toEqual([...outcomes].toSorted());
});

test.each([
  { name: 'expired', actions: 7, events: 34 },
  { name: 'expired-with-slack', actions: 11, events: 58 },
  { name: 'expired-with-slack-and-notice', actions: 13, events: 69 },
  { name: 'two-stages', actions: 13, events: 69 },
])('$name was recorded at $actions billed actions and $events events', ({ name, actions, events }) => {
  const history = goldenOf('accessRequest').find((one) => one.name === name)?.history as CountedHistory;
  expect({ actions: countActions(history), events: countEvents(history) }).toEqual({ actions, events });
});
