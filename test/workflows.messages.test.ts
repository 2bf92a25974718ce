import { WorkflowUpdateFailedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { minuteMs } from '../domain/time.ts';
import { accessRequestId, claim, decide, revoke, voidDecisions } from '../workflows/contract.ts';
import { lives } from './support/life.ts';
import {
  approvals,
  automatic,
  decision,
  newCredentialId,
  newPersonId,
  person,
  refused,
  request,
  stage,
} from './support/requests.ts';
import { running } from './support/running.ts';
import { eventually } from './support/eventually.ts';

const world = lives();

const refusals = [
  {
    what: 'one’s own request',
    code: 'SelfApproval',
    input: (of) => decision(of, person({ id: of.requester.id })),
  },
  {
    what: 'a request of one’s own other account',
    code: 'SelfApproval',
    input: (of) => decision(of, person({ aliases: [of.requester.id] })),
  },
  {
    what: 'another digest than what is asked for',
    code: 'StaleView',
    input: (of) => decision(of, person(), { digest: 'f'.repeat(64) as never }),
  },
  {
    what: 'a stage without a seat in its group',
    code: 'ApproverNotEligible',
    input: (of) => decision(of, person({ groups: ['somebody-else'] })),
  },
  {
    what: 'from a group into which the requester put the approver',
    code: 'ApproverNotEligible',
    input: (of) => decision(of, person({ addedBy: [{ group: 'data-owners', by: of.requester.id }] })),
  },
  {
    what: 'after having left',
    code: 'ApproverNotEligible',
    input: (of) => decision(of, person({ state: 'left' })),
  },
  {
    what: 'as a guest',
    code: 'ApproverNotEligible',
    input: (of) => {
      const it = decision(of, person());
      return { ...it, facts: { ...it.facts, account: { ...it.facts.account, restricted: true } } };
    },
  },
  {
    what: 'with an account that was last looked at two minutes ago',
    code: 'NotRecorded',
    input: (of) => {
      const it = decision(of, person());
      return { ...it, madeAt: it.madeAt + 2 * minuteMs };
    },
  },
  {
    what: 'a step that is not there',
    code: 'NotPending',
    input: (of) => decision(of, person(), { stage: 7 }),
  },
] satisfies readonly {
  what: string;
  code: string;
  input: (of: ReturnType<typeof request>) => ReturnType<typeof decision>;
}[];

test.each(refusals)('nobody decides $what ($code), and the request lives on', async ({ code, input }) => {
  await world.serve();
  const it = await world.start();
  await expect(world.place.temporal.decide(it.input.requestId, input(it.input))).rejects.toMatchObject({ code });
  expect((await it.approve()).state.kind).toBe('approved');
  // The refused attempt stands in the history.
  const { events } = await it.handle.fetchHistory();
  expect(events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toHaveLength(2);
});

const malformed = [
  undefined,
  null,
  7,
  {},
  { decisionId: 'x' },
  { decisionId: 'x', digest: 'x', verdict: 'approve', stage: 0, madeAt: 1, facts: { person: {}, account: {} } },
  { decisionId: 'x', digest: 'x', verdict: 'approve', stage: 0, madeAt: 1, facts: null },
];
test('a malformed Update is refused without an event, and hangs nothing', async () => {
  await world.serve();
  const it = await world.start();
  await it.is('awaiting');
  const before = (await it.handle.fetchHistory()).events?.length;
  for (const input of malformed) {
    const sent = it.handle.executeUpdate(decide, { args: [input as never] });
    await expect(sent, JSON.stringify(input)).rejects.toThrow(WorkflowUpdateFailedError);
    await expect(it.handle.executeUpdate(claim, { args: [input as never] })).rejects.toThrow(WorkflowUpdateFailedError);
  }
  expect((await it.handle.fetchHistory()).events?.length).toBe(before);
  expect((await it.approve()).state.kind).toBe('approved');
});

test('malformed Signals hang nothing: a void is ignored, a revoke ends', async () => {
  await world.serve();
  const it = await world.start();
  await it.handle.signal(voidDecisions, undefined as never);
  await it.handle.signal(voidDecisions, { personId: 7 } as never);
  expect((await it.approve()).state.kind).toBe('approved');
  await it.handle.signal(revoke, undefined as never);
  expect(await it.outcome()).toBe('withdrawn');
});

test('the same decision five times is one', async () => {
  await world.serve();
  const it = await world.start({ plan: approvals([stage(2)]) });
  const once = decision(it.input, person());
  const { temporal } = world.place;
  const views = await Promise.all([1, 2, 3, 4, 5].map(() => temporal.decide(it.input.requestId, once)));
  expect(views.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => views[0]?.state));
  expect((await it.view()).state).toMatchObject({ kind: 'awaiting', approvals: [{ decisionId: once.decisionId }] });
});

test('an Update answers its first outcome after the close too, and a new one is told that it is closed', async () => {
  await world.serve();
  const it = await world.start();
  const once = decision(it.input, person(), { verdict: 'deny' });
  const { temporal } = world.place;
  const first = await temporal.decide(it.input.requestId, once);
  expect(await it.outcome()).toBe('denied');
  expect(await temporal.decide(it.input.requestId, once)).toEqual(first);
  await expect(it.approve()).rejects.toMatchObject({ code: 'NotPending' });
  await expect(temporal.revoke(it.input.requestId, { actor: 'x', cause: 'y' })).rejects.toMatchObject({
    code: 'NotPending',
  });
});

test('two approvers at once fill one seat each', async () => {
  await world.serve();
  const it = await world.start({ plan: approvals([stage(2)]) });
  const views = await Promise.all([it.approve(), it.approve()]);
  expect(views.map(({ state }) => state.kind).toSorted()).toEqual(['approved', 'awaiting']);
});

test('one accepted claim a request: another credential is refused', async () => {
  await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await expect(it.claim()).rejects.toMatchObject({ code: 'NotPending' });
  await world.place.temporal.revoke(it.input.requestId, { actor: 'x', cause: 'over' });
  expect(await it.outcome()).toBe('revoked');
});

test('a revoke is taken with no worker up, and nothing is granted afterwards', async () => {
  const it = await world.start({ plan: automatic() });
  await world.place.temporal.revoke(it.input.requestId, { actor: 'x', cause: 'ended by an owner' });
  const { calls } = await world.serve();
  expect(await it.outcome()).toBe('withdrawn');
  expect(calls.grants).toHaveLength(0);
});

test('an Update with no worker up is not confirmed, and counts once it can', async () => {
  const short = world.place.temporal;
  const input = request(world.place.zone);
  await short.startRequest(input);
  const it = running(world.real, short, input);
  const once = decision(input, person());
  const hasty = it.handle.client.connection.withDeadline(Date.now() + 500, () =>
    it.handle.executeUpdate(decide, { updateId: once.decisionId, args: [once] }),
  );
  await expect(hasty).rejects.toThrow();
  await world.serve();
  expect((await short.decide(input.requestId, once)).state.kind).toBe('approved');
});

test('a revoke while the grant runs waits for it and then ends it; claimed and ended in one breath, nothing is granted', async () => {
  const gate = Promise.withResolvers<void>();
  const { calls } = await world.serve({
    grant: async () => {
      await gate.promise;
      return { endAt: Date.now() + 60_000 };
    },
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await eventually('the grant runs', () => calls.grants.length === 1);
  await world.place.temporal.revoke(it.input.requestId, { actor: 'x', cause: 'ended by an owner' });
  await eventually('the end is known', async () => {
    const { state } = await it.view();
    return state.kind === 'granting' && state.ending !== undefined;
  });
  expect(calls.revokes).toHaveLength(0);
  gate.resolve();
  expect(await it.outcome()).toBe('revoked');
  expect(calls.revokes.map(({ state }) => state)).toMatchObject([{ end: { cause: 'ended by an owner' } }]);
});

test('a release while the grant runs is taken, and ends it as soon as it is there', async () => {
  const gate = Promise.withResolvers<void>();
  const { calls } = await world.serve({
    grant: async () => {
      await gate.promise;
      return { endAt: Date.now() + 60_000 };
    },
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await eventually('the grant runs', () => calls.grants.length === 1);
  const { state } = await world.place.temporal.release(it.input.requestId, { actor: it.input.requester.id });
  expect(state).toMatchObject({ kind: 'granting', ending: { outcome: 'released' } });
  gate.resolve();
  expect(await it.outcome()).toBe('released');
  expect(calls.revokes).toHaveLength(1);
});

test('an operator’s cancel during the grant overtakes nothing', async () => {
  const gate = Promise.withResolvers<void>();
  const { calls } = await world.serve({
    grant: async () => {
      await gate.promise;
      return { endAt: Date.now() + 60_000 };
    },
  });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await eventually('the grant runs', () => calls.grants.length === 1);
  await it.handle.cancel();
  await eventually('the cancel is known', async () => 'ending' in (await it.view()).state);
  expect(calls.revokes).toHaveLength(0);
  gate.resolve();
  expect(await it.outcome()).toBe('cancelled');
  expect(calls.revokes).toHaveLength(1);
});

test('who may not approve any more does not count: the stage opens again, and they may decide anew', async () => {
  await world.serve();
  const it = await world.start({ plan: approvals([stage(2)]) });
  const leaver = person();
  await it.approve(leaver);
  const { temporal } = world.place;
  await temporal.voidDecisions(it.input.requestId, { personId: leaver.id });
  await temporal.voidDecisions(it.input.requestId, { personId: newPersonId() });
  await eventually('nobody counts', async () => {
    const { state } = await it.view();
    return state.kind === 'awaiting' && state.approvals.length === 0;
  });
  await it.approve(leaver);
  expect((await it.approve()).state.kind).toBe('approved');
  await temporal.voidDecisions(it.input.requestId, { personId: leaver.id });
  const again = await it.is('awaiting');
  expect(again.useByAt).toBeNull();
  await expect(it.claim()).rejects.toMatchObject({ code: 'NotPending' });
});

test('Slack that never answers blocks neither grant nor revoke', async () => {
  const { calls } = await world.serve({ holdMs: 300, tell: () => Promise.reject(refused('SlackGone')) });
  const it = await world.start({ slack: true });
  await it.approve();
  await it.claim();
  expect(await it.outcome()).toBe('expired');
  expect(calls).toMatchObject({ grants: [{}], revokes: [{}] });

  const hung = await world.serve({ holdMs: 300, tell: () => new Promise(() => undefined) });
  const other = await world.start({ slack: true });
  await other.approve();
  await other.claim();
  await eventually('it is revoked while Slack hangs', () => hung.calls.revokes.length === 1);
});

test('a start that is repeated starts nothing, running or closed', async () => {
  await world.serve();
  const it = await world.start();
  const { temporal } = world.place;
  const runId = (await it.handle.describe()).runId;
  await temporal.startRequest(it.input);
  expect((await it.handle.describe()).runId).toBe(runId);
  await it.deny();
  await it.outcome();
  expect(await temporal.startRequest(it.input)).toBe('already-there');
  expect((await it.handle.describe()).runId).toBe(runId);
});

test('what comes for a request that was never started is not taken for refused', async () => {
  const never = request(world.place.zone);
  const { temporal } = world.place;
  await expect(temporal.decide(never.requestId, decision(never, person()))).rejects.toMatchObject({
    code: 'NotConfirmed',
  });
  await expect(temporal.revoke(never.requestId, { actor: 'x', cause: 'y' })).rejects.toMatchObject({
    code: 'NotConfirmed',
  });
});

test('termination skips the clean-up: what is left is the reaper’s to end', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  await it.is('active');
  await it.handle.terminate('by an operator');
  await expect(it.outcome()).rejects.toThrow();
  expect(calls.revokes).toHaveLength(0);
});

test('a reset to the first task runs the grant again, with the same credential, and revokes again', async () => {
  const { calls } = await world.serve({ holdMs: 300 });
  const it = await world.start({ plan: automatic() });
  await it.claim();
  expect(await it.outcome()).toBe('expired');
  const { client } = world.real;
  const workflowId = accessRequestId(it.input.requestId);
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId: (await it.handle.describe()).runId },
    workflowTaskFinishEventId: 4 as never,
    requestId: newCredentialId(),
    reason: 'test',
  });
  await eventually('it was revoked again', () => calls.revokes.length === 2, { withinMs: 20_000 });
  expect(calls.grants).toHaveLength(2);
  expect(calls.grants[0]?.state).toEqual(calls.grants[1]?.state);
});

test('search attributes are a target and an opaque id', async () => {
  await world.serve();
  const it = await world.start();
  const { typedSearchAttributes } = await it.handle.describe();
  const pairs = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
  expect(pairs).toMatchObject({ CurfewTarget: it.input.target, CurfewRequester: it.input.requester.id });
});
