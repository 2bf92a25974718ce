import { expect, test } from 'vitest';
import { leaveId } from '../workflows/contract.ts';
import { lives } from './support/life.ts';
import { automatic, newPersonId, request } from './support/requests.ts';
import { running } from './support/running.ts';

const world = lives();
const left = { actor: 'curfew_worker', cause: 'the person left', recorded: true } as const;

test('what was ended and recorded together closes with no activity of its own', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await it.is('active');
  await world.place.temporal.revoke(it.input.requestId, left);
  expect(await it.outcome()).toBe('revoked');
  expect(calls.revokes).toHaveLength(0);
});

test('a request of before knows no such word, and revokes for itself', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const { endsByRecord, ...before } = request(world.place.zone, { plan: automatic() });
  expect(endsByRecord).toBe(true);
  await world.place.temporal.startRequest(before);
  const it = running(world.real, world.place.temporal, before);
  await it.claim();
  await it.is('active');
  await world.place.temporal.revoke(before.requestId, left);
  expect(await it.outcome()).toBe('revoked');
  expect(calls.revokes).toHaveLength(1);
});

test('what is still being granted is revoked by its own activity, whoever says that it is recorded (I17)', async () => {
  const granted = Promise.withResolvers<void>();
  const { calls } = await world.serve({
    grant: async () => {
      await granted.promise;
      return { endAt: Date.now() + 60_000 };
    },
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await world.place.temporal.revoke(it.input.requestId, left);
  granted.resolve();
  expect(await it.outcome()).toBe('revoked');
  expect(calls.revokes).toHaveLength(1);
});

test.each([
  { name: 'of whoever held much each zone ends it together first', many: { many: true } as const, zones: 1 },
  { name: 'of whoever held little nobody does', many: {}, zones: 0 },
])('$name; the report is written in any case', async ({ many, zones }) => {
  const ended: string[] = [];
  const { calls } = await world.serve({
    zonesServed: () => Promise.resolve({ zones: [world.place.zone] }),
    endTogether: ({ event }) => {
      ended.push(event);
      return Promise.reject(new Error('the target does not answer'));
    },
  });
  const input = { personId: newPersonId(), event: 'event-1', cause: 'left', learnedAt: Date.now(), ...many } as const;
  await world.place.temporal.startLeave(input);
  await world.real.client.workflow.getHandle(leaveId(input.personId, input.event)).result();
  expect(new Set(ended).size).toBe(zones);
  expect(calls.left).toHaveLength(1);
});
