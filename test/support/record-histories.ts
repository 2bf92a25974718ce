/**
 * Records what the golden histories lack: `node test/support/record-histories.ts`. Never touches one that is there: a
 * committed history is what a Workflow of its day has done, and is never edited.
 */
import { createCodec } from '../../temporal/codec.ts';
import { leaveId } from '../../workflows/contract.ts';
import { hasGolden, keepGolden } from './histories.ts';
import { fakeActivities, newPersonId, request } from './requests.ts';
import { running } from './running.ts';
import { accessRequestScenarios } from './scenarios.ts';
import {
  placeIn,
  startTestTemporal,
  startWorker,
  testKeys,
  type Activities,
  type Place,
  type TestTemporal,
} from './temporal.ts';

const codec = createCodec(testKeys);

async function inPlace<T>(real: TestTemporal, activities: Activities, work: (place: Place) => Promise<T>): Promise<T> {
  const place = placeIn(real);
  const worker = await startWorker(real, place, { activities });
  try {
    return await work(place);
  } finally {
    await worker.stop();
    await place.temporal.close();
  }
}

async function recordRequest(real: TestTemporal, name: string): Promise<void> {
  const scenario = accessRequestScenarios[name];
  if (!scenario || hasGolden('accessRequest', name)) return;
  const activities = fakeActivities(scenario.activities);
  await inPlace(real, activities, async ({ zone, temporal }) => {
    const input = request(zone, scenario.input?.());
    await temporal.startRequest(input);
    const it = running(real, temporal, input);
    await scenario.drive(it, activities.calls, temporal);
    const outcome = await it.outcome();
    if (outcome !== scenario.outcome) throw new Error(`${name} ended as ${String(outcome)}`);
    await keepGolden('accessRequest', name, await it.handle.fetchHistory(), codec);
    process.stdout.write(`accessRequest/${name}\n`);
  });
}

async function recordLeave(real: TestTemporal): Promise<void> {
  if (hasGolden('leave', 'done')) return;
  await inPlace(real, fakeActivities(), async ({ temporal }) => {
    const input = { personId: newPersonId(), event: 'event-1', cause: 'left' as const, learnedAt: Date.now() };
    await temporal.startLeave(input);
    const handle = real.client.workflow.getHandle(leaveId(input.personId, input.event));
    await handle.result();
    await keepGolden('leave', 'done', await handle.fetchHistory(), codec);
    process.stdout.write('leave/done\n');
  });
}

const real = await startTestTemporal();
try {
  for (const name of Object.keys(accessRequestScenarios)) await recordRequest(real, name);
  await recordLeave(real);
} finally {
  await real.end();
}
