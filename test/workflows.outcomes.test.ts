import { expect, test } from 'vitest';
import type { RequestView } from '../workflows/contract.ts';
import { lives } from './support/life.ts';
import { approvals, automatic, person, refused, stage } from './support/requests.ts';
import { eventually } from './support/eventually.ts';

const world = lives();
const inMs = (ms: number): number => Date.now() + ms;
const last = (views: readonly RequestView[]): RequestView | undefined => views.at(-1);

test('what is approved and claimed ends when its time is up', async () => {
  const { calls } = await world.serve();
  const it = await world.start();
  expect((await it.approve()).state.kind).toBe('approved');
  expect((await it.claim()).state.kind).toBe('granting');
  expect(await it.outcome()).toBe('expired');
  expect(calls.grants).toHaveLength(1);
  expect(calls.revokes.map(({ state }) => state)).toMatchObject([{ kind: 'revoking', end: { outcome: 'expired' } }]);
});

test('the holder who is done ends it early, and once is enough', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await it.is('active');
  const { temporal } = world.place;
  const views = await Promise.all(
    [1, 2, 3].map(() => temporal.release(it.input.requestId, { actor: it.input.requester.id })),
  );
  expect(new Set(views.map(({ version }) => version)).size).toBe(1);
  expect(await it.outcome()).toBe('released');
  expect(calls.revokes).toHaveLength(1);
});

test('anybody who may end it ends it with a signal', async () => {
  await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await it.is('active');
  await world.place.temporal.revoke(it.input.requestId, { actor: 'someone', cause: 'ended by an approver' });
  expect(await it.outcome()).toBe('revoked');
});

test('the requester takes it back before anybody decided', async () => {
  const { calls } = await world.serve();
  const it = await world.start();
  await world.place.temporal.withdraw(it.input.requestId, { actor: it.input.requester.id });
  expect(await it.outcome()).toBe('withdrawn');
  expect(calls).toMatchObject({ grants: [], revokes: [] });
  expect(last(calls.tells)?.state).toMatchObject({ kind: 'closed', outcome: 'withdrawn' });
});

test('one denial is final', async () => {
  const { calls } = await world.serve();
  const it = await world.start({ plan: approvals([stage(2)]) });
  await it.approve();
  await it.deny();
  expect(await it.outcome()).toBe('denied');
  expect(calls.tells).toHaveLength(1);
});

test('nobody decides, so it lapses', async () => {
  const { calls } = await world.serve();
  const it = await world.start({ decideByAt: inMs(300) });
  expect(await it.outcome()).toBe('lapsed');
  expect(last(calls.tells)?.state).toMatchObject({ cause: 'nobody decided in time' });
});

test('nobody claims, so it lapses, by the earlier deadline that approval brought', async () => {
  const { calls } = await world.serve();
  const it = await world.start({ plan: approvals([stage()], 300) });
  // The timer of decide-by, in an hour, is pending when the approval brings an earlier deadline.
  await it.is('awaiting');
  await it.settled();
  await it.approve();
  expect(await it.outcome()).toBe('lapsed');
  expect(last(calls.tells)?.state).toMatchObject({ cause: 'nobody claimed it in time' });
});

test('what was approved right before decide-by may be claimed until use-by', async () => {
  await world.serve({ holdMs: 300 });
  const it = await world.start({ decideByAt: inMs(5_000) });
  await it.approve();
  await eventually('decide-by is over', () => Date.now() > it.input.decideByAt + 1_200);
  await it.claim();
  expect(await it.outcome()).toBe('expired');
});

test('a grant that was refused is revoked all the same, and closes as failed', async () => {
  const { calls } = await world.serve({ grant: () => Promise.reject(refused('PolicyDenied', 'the policy changed')) });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  expect(await it.outcome()).toBe('failed');
  expect(calls.grants).toHaveLength(1);
  expect(calls.revokes.map(({ state }) => state)).toMatchObject([
    { kind: 'revoking', end: { outcome: 'failed', cause: 'PolicyDenied: the policy changed' } },
  ]);
});

test('what an unforeseen error says stays out of the request', async () => {
  const { calls } = await world.serve({
    grant: () => Promise.reject(refused('SomethingElse', 'password=canary')),
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  expect(await it.outcome()).toBe('failed');
  expect(JSON.stringify(calls.revokes)).not.toContain('canary');
});

test('a grant that fails for a moment is tried again', async () => {
  let tried = 0;
  const { calls } = await world.serve({
    grant: () =>
      (tried += 1) < 3 ? Promise.reject(new Error('not now')) : Promise.resolve({ endAt: Date.now() + 200 }),
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  expect(await it.outcome()).toBe('expired');
  expect(calls.grants).toHaveLength(3);
});

test('a revoke that fails is tried until it is done, and people see "revoking" meanwhile', async () => {
  let tried = 0;
  const { calls } = await world.serve({
    holdMs: 200,
    revoke: () => ((tried += 1) < 3 ? Promise.reject(refused('TargetRejected')) : Promise.resolve()),
  });
  const it = await world.start({ plan: automatic(), slack: true });
  await it.claim();
  await eventually('revoking is shown', () => calls.tells.some(({ state }) => state.kind === 'revoking'));
  // The second failure is marked as final: the Workflow waits a moment and begins again.
  expect(await it.outcome()).toBe('expired');
  expect(calls.revokes).toHaveLength(3);
});

test('an operator who cancels gets a close with clean-up, from wherever it was', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const waiting = await world.start();
  await waiting.is('awaiting');
  await waiting.handle.cancel();
  expect(await waiting.outcome()).toBe('cancelled');
  expect(calls.revokes).toHaveLength(0);

  const held = await world.start({ plan: automatic() });
  await held.claim();
  await held.is('active');
  await held.handle.cancel();
  expect(await held.outcome()).toBe('cancelled');
  expect(calls.revokes).toHaveLength(1);
});

test('an input that is no request fails at once and grants nothing', async () => {
  const { calls } = await world.serve();
  await expect(
    world
      .start({ plan: { verdict: 'approvals', limits: { useWithinMs: 1 }, stages: [] } as never })
      .then((it) => it.outcome()),
  ).rejects.toThrow(/failed/);
  expect(calls).toMatchObject({ grants: [], revokes: [], tells: [] });
});

test('two stages take two people each in turn, and the same person never twice', async () => {
  await world.serve();
  const it = await world.start({ plan: approvals([stage(1, 'managers'), stage(2)]) });
  const manager = person({ groups: ['managers', 'data-owners'] });
  expect((await it.approve(manager)).state).toMatchObject({ kind: 'awaiting', stage: 1 });
  await expect(it.approve(manager, { stage: 1 })).rejects.toMatchObject({ code: 'ApproverNotEligible' });
  await expect(it.approve(person({ aliases: [manager.id] }), { stage: 1 })).rejects.toMatchObject({
    code: 'ApproverNotEligible',
  });
  expect((await it.approve(person(), { stage: 1 })).state.kind).toBe('awaiting');
  expect((await it.approve(person(), { stage: 1 })).state.kind).toBe('approved');
  await world.place.temporal.revoke(it.input.requestId, { actor: 'x', cause: 'over' });
  expect(await it.outcome()).toBe('withdrawn');
});
