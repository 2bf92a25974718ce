/**
 * Records what the golden histories lack: `node test/support/record-histories.ts`. Never touches one that is there: a
 * committed history is what a Workflow of its day has done, and is never edited.
 */
import { randomUUID } from 'node:crypto';
import type { RequestId } from '../../domain/ids.ts';
import { hourMs } from '../../domain/time.ts';
import { createCodec } from '../../temporal/codec.ts';
import { effectiveId, leaveId, reconcileType, reviewId } from '../../workflows/contract.ts';
import { eventually } from './eventually.ts';
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

async function recordLeave(real: TestTemporal, name: 'done' | 'together'): Promise<void> {
  if (hasGolden('leave', name)) return;
  let served: readonly string[] = [];
  const zonesServed = () => Promise.resolve({ zones: served });
  await inPlace(real, fakeActivities({ zonesServed }), async ({ temporal, zone }) => {
    served = [zone];
    const many = name === 'together' ? { many: true as const } : {};
    const input = { personId: newPersonId(), event: 'event-1', cause: 'left' as const, learnedAt: Date.now(), ...many };
    await temporal.startLeave(input);
    const handle = real.client.workflow.getHandle(leaveId(input.personId, input.event));
    await handle.result();
    await keepGolden('leave', name, await handle.fetchHistory(), codec);
    process.stdout.write(`leave/${name}\n`);
  });
}

/** Nobody reviews it at first; then somebody has, long before anything else is due. */
async function recordReview(real: TestTemporal): Promise<void> {
  if (hasGolden('review', 'done')) return;
  let looks = 0;
  const reviewStep = async () => ({
    nextAt: (looks += 1) > 2 ? null : Date.now() + (looks === 2 ? hourMs : 200),
  });
  await inPlace(real, fakeActivities({ reviewStep }), async ({ temporal }) => {
    const requestId = randomUUID() as RequestId;
    await temporal.startReview({ requestId });
    const handle = real.client.workflow.getHandle(reviewId(requestId));
    await eventually('it waits', () => looks === 2);
    await temporal.reviewed(requestId);
    await handle.result();
    await keepGolden('review', 'done', await handle.fetchHistory(), codec);
    process.stdout.write('review/done\n');
  });
}

/** A zone that fails keeps nothing else from its look. */
async function recordReconcile(real: TestTemporal): Promise<void> {
  if (hasGolden('reconcile', 'done')) return;
  const place = { zone: '' };
  let looks = 0;
  const reconcileTargets = async (): Promise<void> => {
    if ((looks += 1) === 1) throw new Error('away');
  };
  const reconcileRequests = async () => ({ zones: [place.zone, place.zone] });
  await inPlace(real, fakeActivities({ reconcileRequests, reconcileTargets }), async ({ queue, zone }) => {
    place.zone = zone;
    const handle = await real.client.workflow.start(reconcileType, { workflowId: 'reconcile', taskQueue: queue });
    await handle.result();
    await keepGolden('reconcile', 'done', await handle.fetchHistory(), codec);
    process.stdout.write('reconcile/done\n');
  });
}

async function recordEffective(real: TestTemporal): Promise<void> {
  if (hasGolden('effective', 'done')) return;
  await inPlace(real, fakeActivities(), async ({ temporal }) => {
    const input = { source: 'hr', event: 'event-1', effectiveAt: Date.now() + 1_000 };
    await temporal.startEffective(input);
    const handle = real.client.workflow.getHandle(effectiveId(input.source, input.event));
    await handle.result();
    await keepGolden('effective', 'done', await handle.fetchHistory(), codec);
    process.stdout.write('effective/done\n');
  });
}

const real = await startTestTemporal();
try {
  for (const name of Object.keys(accessRequestScenarios)) await recordRequest(real, name);
  for (const name of ['done', 'together'] as const) await recordLeave(real, name);
  await recordEffective(real);
  await recordReconcile(real);
  await recordReview(real);
} finally {
  await real.end();
}
