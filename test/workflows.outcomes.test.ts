import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import { accessRequestId } from '../workflows/contract.ts';
import { approvals, automatic, decision, fakeActivities, newCredentialId, person, refused, request, type FakeActivities } from './support/requests.ts';
import { placeIn, startTestTemporal, startWorker, type Place, type RunningWorker, type TestTemporal } from './support/temporal.ts';

let real: TestTemporal;
let place: Place;
let worker: RunningWorker | undefined;
beforeAll(async () => {
  real = await startTestTemporal();
});
afterAll(() => real.end());
beforeEach(() => {
  place = placeIn(real);
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await place.temporal.close();
});

async function serve(activities: FakeActivities): Promise<FakeActivities> {
  worker = await startWorker(real, place, { activities });
  return activities;
}
const resultOf = (id: string): Promise<unknown> => real.client.workflow.getHandle(id).result();

test('a request that is approved and claimed ends when its time is up', async () => {
  const activities = await serve(fakeActivities());
  const input = request(place.zone);
  expect(await place.temporal.startRequest(input)).toBe('started');
  const approver = person();
  const approved = await place.temporal.decide(input.requestId, decision(input, approver));
  expect(approved.state.kind).toBe('approved');
  const claimed = await place.temporal.claim(input.requestId, { credentialId: newCredentialId() });
  expect(claimed.state.kind).toBe('granting');
  expect(await resultOf(accessRequestId(input.requestId))).toBe('expired');
  expect(activities.calls.revokes.map((view) => view.state.kind)).toEqual(['revoking']);
  expect(activities.calls.tells).toEqual([]);
});
