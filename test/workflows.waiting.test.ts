import { expect, test } from 'vitest';
import type { RequestView } from '../domain/view.ts';
import { clocksApartMs } from '../domain/units.ts';
import { lives } from './support/life.ts';
import { eventually, until } from './support/eventually.ts';
import { approvals, automatic, newExtensionId, person, stage } from './support/requests.ts';
import { accessRequestScenarios } from './support/scenarios.ts';
import type { Running } from './support/running.ts';

const world = lives();
const manager = () => person({ groups: ['managers'] });
const waited = async (name: string) => {
  const scenario = accessRequestScenarios[name];
  if (!scenario) throw new Error(name);
  const { calls } = await world.serve(scenario.activities);
  const it = await world.start(scenario.input?.());
  await scenario.drive(it, calls, world.place.temporal);
  expect(await it.outcome()).toBe(scenario.outcome);
  return calls;
};
const heldUntil = async (it: Running): Promise<number> => {
  const { state } = await it.is('active');
  return state.kind === 'active' ? state.endAt : 0;
};
const endsOf = (views: readonly RequestView[]) => views.map(({ state }) => 'endAt' in state && state.endAt);

test('a stage that waits is reminded, then opened to more people, each told once, and only those then count', async () => {
  const { tells } = await waited('reminded-and-escalated');
  const awaiting = tells.filter(({ state }) => state.kind === 'awaiting');
  expect(awaiting.map(({ reminded, escalated }) => ({ reminded, escalated }))).toEqual([
    { reminded: undefined, escalated: undefined },
    { reminded: [0], escalated: undefined },
    { reminded: [0], escalated: [0] },
  ]);
  expect(awaiting.map(({ version }) => version)).toEqual([1, 2, 3]);
});

test('before a stage has escalated nobody of the later ones may decide it', async () => {
  await world.serve();
  const plan = approvals([
    stage(1, 'managers', { escalate: { afterMs: 3_600_000, to: [{ kind: 'group', group: 'data-owners' }] } }),
  ]);
  const it = await world.start({ plan, openedAt: Date.now() });
  await expect(it.approve()).rejects.toMatchObject({ code: 'ApproverNotEligible' });
  // The instant alone decides, and not whether a timer has fired: here it opened more than an hour ago.
  const late = await world.start({ plan, openedAt: Date.now() - 3_700_000 });
  expect((await late.approve()).state.kind).toBe('approved');
});

test('a stage that opens again is reminded again, in its own time', async () => {
  const { calls } = await world.serve();
  const plan = approvals([stage(1, 'managers'), stage(1, 'data-owners', { remindAfterMs: 1_200 })]);
  const it = await world.start({ plan, slack: true, openedAt: Date.now() });
  const first = manager();
  await it.approve(first);
  const reminders = () => calls.tells.filter(({ reminded }) => reminded?.includes(1) === true).length;
  await eventually('the second stage was reminded', () => reminders() === 1);
  await world.place.temporal.voidDecisions(it.input.requestId, { personId: first.id });
  await eventually('the first stage is open again', async () => {
    const { state } = await it.view();
    return state.kind === 'awaiting' && state.stage === 0;
  });
  const opened = await it.approve(manager());
  expect(opened.reminded).toBeUndefined();
  await eventually('it was reminded anew', async () => (await it.view()).reminded?.includes(1) === true);
});

test('stages that are open together are decided in any order, and no seat is filled twice (I6)', async () => {
  await world.serve();
  const plan = approvals([stage(1, 'managers'), stage(1, 'data-owners', { together: true }), stage(1, 'managers')]);
  const it = await world.start({ plan });
  const both = person({ groups: ['managers', 'data-owners'] });
  await expect(it.approve(manager(), { stage: 2 })).rejects.toMatchObject({ code: 'NotPending' });
  expect((await it.approve(both, { stage: 1 })).state).toMatchObject({ kind: 'awaiting', stage: 0 });
  await expect(it.approve(both, { stage: 0 })).rejects.toMatchObject({ code: 'ApproverNotEligible' });
  expect((await it.approve(manager())).state).toMatchObject({ kind: 'awaiting', stage: 2 });
  expect((await it.approve(manager(), { stage: 2 })).state.kind).toBe('approved');
});

test('who stands in for somebody fills one seat, and neither of the two fills another (I6)', async () => {
  await world.serve();
  const it = await world.start({ plan: approvals([stage(1, 'managers'), stage(1, 'managers')]) });
  const away = manager();
  const delegate = person({ groups: ['elsewhere'], standsInFor: [{ ...away, by: away.id }] });
  const { state } = await it.approve(delegate);
  expect(state).toMatchObject({ stage: 1, approvals: [{ person: delegate.id, standsInFor: away.id }] });
  await expect(it.approve(away, { stage: 1 })).rejects.toMatchObject({ code: 'ApproverNotEligible' });
  await expect(it.approve(delegate, { stage: 1 })).rejects.toMatchObject({ code: 'ApproverNotEligible' });
  expect((await it.approve(manager(), { stage: 1 })).state.kind).toBe('approved');
});

test('the delegate of whoever asks decides nothing of theirs (I6, F40)', async () => {
  await world.serve();
  const it = await world.start();
  const requester = person({ id: it.input.requester.id });
  const delegate = person({ standsInFor: [{ ...requester, by: requester.id }] });
  await expect(it.approve(delegate)).rejects.toMatchObject({ code: 'SelfApproval' });
});

test('a stage that nobody decides in its own time lapses the request', async () => {
  const { tells } = await waited('lapsed-by-its-stage');
  expect(tells.at(-1)?.state).toMatchObject({ kind: 'closed', outcome: 'lapsed', cause: 'nobody decided in time' });
});

test('what is over by its stage’s time takes no decision any more, whether its timer has fired or not', async () => {
  await world.serve();
  const plan = approvals([stage(1, 'data-owners', { decideWithinMs: 60_000 })]);
  const it = await world.start({ plan, openedAt: Date.now() - 61_000 });
  await expect(it.approve()).rejects.toMatchObject({ code: 'NotPending' });
  expect(await it.outcome()).toBe('lapsed');
});

test('a scheduled start is told once, and use-by counts from it', async () => {
  const { calls } = await world.serve({ holdMs: 300 });
  const startAt = Date.now() + 5_000;
  const it = await world.start({ plan: automatic(60_000), slack: true, startAt });
  const early = await it.is('approved');
  expect(early).toMatchObject({ useByAt: startAt + 60_000 });
  await until(startAt - clocksApartMs + 100);
  await expect(it.claim()).rejects.toMatchObject({ code: 'NotConfirmed' });
  await eventually('the start was told', () => calls.tells.some(({ started }) => started === true));
  expect((await it.claim()).state.kind).toBe('granting');
  expect(await it.outcome()).toBe('expired');
  expect(calls.tells.filter(({ started, state }) => started === true && state.kind === 'approved')).toHaveLength(1);
});

test('long before its start nothing can be claimed', async () => {
  await world.serve();
  const it = await world.start({ plan: automatic(), startAt: Date.now() + 3_600_000 });
  await expect(it.claim()).rejects.toMatchObject({ code: 'NotPending' });
});

test('an extension moves the end to what the target answered, and the notice before the end comes again', async () => {
  const calls = await waited('extended');
  expect(calls.extends).toHaveLength(1);
  const ends = [...new Set(endsOf(calls.tells).filter(Boolean))];
  expect(ends).toHaveLength(2);
  const notices = calls.tells.filter(({ noticed, state }) => noticed && state.kind === 'active');
  expect(endsOf(notices)).toEqual(ends.slice(-notices.length));
  expect(endsOf(calls.revokes)).toEqual([ends.at(-1)]);
});

test('the notice that was given is given again before the later end', async () => {
  const { calls } = await world.serve({ holdMs: 6_000 });
  const it = await world.start({ plan: automatic(), slack: true, noticeMs: 5_000 });
  await it.claim();
  const active = () => calls.tells.filter(({ state }) => state.kind === 'active');
  await eventually('the first notice', () => active().length === 2);
  const endAt = await heldUntil(it);
  await it.extend('approved', endAt + 5_500);
  await eventually('the second notice', () => active().length === 4);
  expect(active().map(({ noticed, state }) => [noticed, 'endAt' in state && state.endAt])).toEqual([
    [false, endAt],
    [true, endAt],
    [false, endAt + 5_500],
    [true, endAt + 5_500],
  ]);
  await world.place.temporal.revoke(it.input.requestId, { actor: 'x', cause: 'over' });
  expect(await it.outcome()).toBe('revoked');
});

test('an extension that is asked changes no end until it is approved, and a denied one never', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic(), slack: true });
  await it.claim();
  const endAt = await heldUntil(it);
  const id = newExtensionId();
  expect((await it.extend('asked', endAt + 60_000, id)).state).toMatchObject({
    endAt,
    extension: { id, kind: 'asked' },
  });
  await expect(it.extend('asked', endAt + 60_000)).rejects.toMatchObject({ code: 'NotPending' });
  const over = await it.extend('over', endAt + 60_000, id);
  expect(over.state).toMatchObject({ endAt });
  expect('extension' in over.state).toBe(false);
  expect(calls.extends).toHaveLength(0);
  await world.place.temporal.revoke(it.input.requestId, { actor: 'x', cause: 'over' });
  expect(await it.outcome()).toBe('revoked');
});

test('an extension that fails leaves the end where it was, and asks once more what has come of it', async () => {
  const calls = await waited('extension-failed');
  expect(calls.extends.map(({ over }) => over)).toEqual([undefined, 'PolicyDenied: refused by the test']);
  expect(new Set(endsOf([...calls.tells, ...calls.revokes]).filter(Boolean)).size).toBe(1);
});

test('an answer that was lost and is found by the last question moves the end all the same', async () => {
  const { calls } = await world.serve({
    holdMs: 5_000,
    extend: ({ over, view: { state } }) =>
      over === undefined || state.kind !== 'active'
        ? Promise.reject(Object.assign(new Error('lost'), { type: 'TargetRejected', nonRetryable: true }))
        : Promise.resolve({ endAt: state.endAt + 500 }),
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  const endAt = await heldUntil(it);
  await it.extend('approved', endAt + 500);
  expect(await it.outcome()).toBe('expired');
  expect(endsOf(calls.revokes)).toEqual([endAt + 500]);
});

test('who is done while the end moves is waited for and then ends', async () => {
  const calls = await waited('released-while-extended');
  expect(calls.extends).toHaveLength(1);
  expect(calls.revokes.map(({ state }) => state)).toMatchObject([{ end: { outcome: 'released' } }]);
});

test('what comes for a grant that is over extends nothing: whoever was first has won', async () => {
  const gate = Promise.withResolvers<void>();
  const { calls } = await world.serve({ holdMs: 300, revoke: () => gate.promise });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await it.is('revoking');
  await expect(it.extend('approved', Date.now() + 60_000)).rejects.toMatchObject({ code: 'NotPending' });
  gate.resolve();
  expect(await it.outcome()).toBe('expired');
  expect(calls.extends).toHaveLength(0);
});

test('an extension to an earlier end than there is does nothing', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  const endAt = await heldUntil(it);
  await expect(it.extend('approved', endAt)).rejects.toMatchObject({ code: 'NotPending' });
  await expect(it.extend('approved', endAt - 1)).rejects.toMatchObject({ code: 'NotPending' });
  expect(calls.extends).toHaveLength(0);
});

test('an extension that comes while the grant is on its way is sent again, and not taken for refused', async () => {
  const gate = Promise.withResolvers<void>();
  const endAt = Date.now() + 60_000;
  const { calls } = await world.serve({ grant: () => gate.promise.then(() => ({ endAt })) });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await eventually('the grant runs', () => calls.grants.length === 1);
  const id = newExtensionId();
  await expect(it.extend('approved', endAt + 60_000, id)).rejects.toMatchObject({ code: 'NotConfirmed' });
  gate.resolve();
  await it.is('active');
  await it.extend('approved', endAt + 60_000, id);
  await eventually('it was extended', async () => (await heldUntil(it)) === endAt + 60_000);
});

test('malformed extensions are refused without an event', async () => {
  await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  const endAt = await heldUntil(it);
  for (const [step, at] of [
    ['later', endAt + 1],
    ['approved', Number.NaN],
    ['approved', '7'],
  ] as const)
    await expect(it.extend(step as never, at as never)).rejects.toMatchObject({ code: 'InvalidInput' });
  expect('extension' in (await it.view()).state).toBe(false);
});
