/** One run of each way in which each Workflow can go: recorded as golden histories, and counted. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome } from '../../domain/request.ts';
import type { AccessRequestInput } from '../../workflows/contract.ts';
import {
  approvals,
  automatic,
  newExtensionId,
  person,
  refused,
  stage,
  type fakeActivities,
  type FakeActivities,
} from './requests.ts';
import type { Running } from './running.ts';
import { eventually } from './eventually.ts';
import type { Place } from './temporal.ts';

export type Scenario = {
  readonly outcome: Outcome;
  readonly activities?: Parameters<typeof fakeActivities>[0];
  readonly input?: () => Partial<AccessRequestInput>;
  /** What people and operators do; then the run is waited for. */
  readonly drive: (it: Running, calls: FakeActivities['calls'], temporal: Place['temporal']) => Promise<unknown>;
};

const inMs = (ms: number): number => Date.now() + ms;
const told = (calls: FakeActivities['calls'], kind: string): Promise<unknown> =>
  eventually(`"${kind}" was told`, () => calls.tells.some(({ state }) => state.kind === kind));

const manager = () => person({ groups: ['managers'] });
const group = (name: string) => ({ kind: 'group', group: name }) as const;
const inTurn = () => approvals([stage(1, 'managers'), stage()]);
const active = async (it: Running): Promise<{ readonly endAt: number }> => {
  const { state } = await it.is('active');
  if (state.kind !== 'active') throw new Error(state.kind);
  return state;
};

/** With Slack a quiet driver: each step waits until the one before was told. */
const quietly: Scenario['drive'] = async (it, calls) => {
  await told(calls, 'awaiting');
  await it.settled();
  await it.approve();
  await told(calls, 'approved');
  await it.settled();
  await it.claim();
};

export const accessRequestScenarios: Readonly<Record<string, Scenario>> = {
  expired: {
    outcome: 'expired',
    drive: async (it) => {
      await it.is('awaiting');
      await it.settled();
      await it.approve();
      await it.settled();
      await it.claim();
    },
  },
  'expired-with-slack': {
    outcome: 'expired',
    activities: { holdMs: 1_200 },
    input: () => ({ slack: true }),
    drive: quietly,
  },
  'expired-with-slack-and-notice': {
    outcome: 'expired',
    activities: { holdMs: 2_500 },
    input: () => ({ slack: true, noticeMs: 1_200 }),
    drive: quietly,
  },
  released: {
    outcome: 'released',
    activities: { holdMs: 60_000 },
    input: () => ({ plan: automatic() }),
    drive: async (it, _, temporal) => {
      await it.claim();
      await it.is('active');
      await temporal.release(it.input.requestId, { actor: it.input.requester.id });
    },
  },
  revoked: {
    outcome: 'revoked',
    activities: { holdMs: 60_000 },
    input: () => ({ plan: automatic() }),
    drive: async (it, _, temporal) => {
      await it.claim();
      await it.is('active');
      await temporal.revoke(it.input.requestId, { actor: 'curfew_api', cause: 'ended by an owner' });
    },
  },
  'revoked-as-recorded': {
    outcome: 'revoked',
    activities: { holdMs: 60_000 },
    input: () => ({ plan: automatic() }),
    drive: async (it, _, temporal) => {
      await it.claim();
      await it.is('active');
      await temporal.revoke(it.input.requestId, { actor: 'curfew_worker', cause: 'the person left', recorded: true });
    },
  },
  withdrawn: {
    outcome: 'withdrawn',
    drive: (it, _, temporal) => temporal.withdraw(it.input.requestId, { actor: it.input.requester.id }),
  },
  denied: { outcome: 'denied', drive: (it) => it.deny() },
  'lapsed-undecided': {
    outcome: 'lapsed',
    input: () => ({ decideByAt: inMs(500) }),
    drive: () => Promise.resolve(),
  },
  'lapsed-unclaimed': {
    outcome: 'lapsed',
    input: () => ({ plan: approvals([stage()], 500) }),
    drive: (it) => it.approve(),
  },
  'lapsed-unclaimed-by-an-earlier-deadline': {
    outcome: 'lapsed',
    input: () => ({ plan: approvals([stage()], 500) }),
    drive: async (it) => {
      await it.is('awaiting');
      await it.settled();
      await it.approve();
    },
  },
  failed: {
    outcome: 'failed',
    activities: { grant: () => Promise.reject(refused('PolicyDenied')) },
    input: () => ({ plan: automatic() }),
    drive: (it) => it.claim(),
  },
  cancelled: {
    outcome: 'cancelled',
    activities: { holdMs: 60_000 },
    input: () => ({ plan: automatic() }),
    drive: async (it) => {
      await it.claim();
      await it.is('active');
      await it.handle.cancel();
    },
  },
  'cancelled-while-waiting': {
    outcome: 'cancelled',
    drive: async (it) => {
      await it.is('awaiting');
      await it.handle.cancel();
    },
  },
  'voided-and-approved-again': {
    outcome: 'withdrawn',
    drive: async (it, _, temporal) => {
      const leaver = person();
      await it.approve(leaver);
      await temporal.voidDecisions(it.input.requestId, { personId: leaver.id });
      await it.is('awaiting');
      await it.approve();
      await temporal.withdraw(it.input.requestId, { actor: it.input.requester.id });
    },
  },
  'refused-then-denied': {
    outcome: 'denied',
    drive: async (it) => {
      await it.approve(person({ id: it.input.requester.id })).catch(() => undefined);
      await it.deny();
    },
  },
  'two-stages': {
    outcome: 'expired',
    activities: { holdMs: 1_200 },
    input: () => ({ plan: inTurn(), slack: true }),
    drive: async (it, calls) => {
      await told(calls, 'awaiting');
      await it.settled();
      await it.approve(manager());
      await eventually('the second stage was told', () =>
        calls.tells.some(({ state }) => state.kind === 'awaiting' && state.stage === 1),
      );
      await it.settled();
      await it.approve(person(), { stage: 1 });
      await told(calls, 'approved');
      await it.settled();
      await it.claim();
    },
  },
  'together-the-second-first': {
    outcome: 'withdrawn',
    input: () => ({ plan: approvals([stage(1, 'managers'), stage(2, 'data-owners', { together: true })]) }),
    drive: async (it, _, temporal) => {
      await it.approve(person(), { stage: 1 });
      await it.approve(manager());
      await it.approve(person(), { stage: 1 });
      await temporal.withdraw(it.input.requestId, { actor: it.input.requester.id });
    },
  },
  'reminded-and-escalated': {
    outcome: 'expired',
    input: () => ({
      openedAt: Date.now(),
      slack: true,
      plan: approvals([
        stage(1, 'managers', { remindAfterMs: 1_000, escalate: { afterMs: 2_500, to: [group('data-owners')] } }),
      ]),
    }),
    drive: async (it, calls) => {
      await eventually('more people were told', () => calls.tells.some(({ escalated }) => escalated !== undefined));
      await it.approve();
      await told(calls, 'approved');
      await it.claim();
    },
  },
  'started-as-scheduled': {
    outcome: 'expired',
    input: () => ({ plan: automatic(), slack: true, startAt: inMs(2_000) }),
    drive: async (it, calls) => {
      await eventually('the start was told', () => calls.tells.some(({ started }) => started === true));
      await it.claim();
    },
  },
  'lapsed-by-its-stage': {
    outcome: 'lapsed',
    input: () => ({ plan: approvals([stage(1, 'managers'), stage(1, 'data-owners', { decideWithinMs: 1_500 })]) }),
    drive: (it) => it.approve(manager()),
  },
  extended: {
    outcome: 'expired',
    activities: { holdMs: 5_000 },
    input: () => ({ plan: automatic(), slack: true, noticeMs: 500 }),
    drive: async (it) => {
      await it.claim();
      const { endAt } = await active(it);
      await it.extend('approved', endAt + 1_500);
    },
  },
  'extension-asked-and-given': {
    outcome: 'expired',
    activities: { holdMs: 5_000 },
    input: () => ({ plan: automatic() }),
    drive: async (it) => {
      await it.claim();
      const { endAt } = await active(it);
      const id = newExtensionId();
      await it.extend('asked', endAt + 500, id);
      await it.extend('approved', endAt + 500, id);
    },
  },
  'extension-denied': {
    outcome: 'expired',
    activities: { holdMs: 5_000 },
    input: () => ({ plan: automatic(), slack: true }),
    drive: async (it) => {
      await it.claim();
      const { endAt } = await active(it);
      const id = newExtensionId();
      await it.extend('asked', endAt + 60_000, id);
      await it.extend('over', endAt + 60_000, id);
    },
  },
  'extension-failed': {
    outcome: 'expired',
    activities: { holdMs: 5_000, extend: () => Promise.reject(refused('PolicyDenied')) },
    input: () => ({ plan: automatic(), slack: true }),
    drive: async (it) => {
      await it.claim();
      const { endAt } = await active(it);
      await it.extend('approved', endAt + 60_000);
    },
  },
  'released-while-extended': {
    outcome: 'released',
    activities: {
      holdMs: 20_000,
      extend: async ({ view: { state } }) => {
        await pause(600);
        return { endAt: state.kind === 'active' ? state.endAt + 60_000 : 0 };
      },
    },
    input: () => ({ plan: automatic() }),
    drive: async (it, calls, temporal) => {
      await it.claim();
      const { endAt } = await active(it);
      await it.extend('approved', endAt + 60_000);
      await eventually('the target is asked', () => calls.extends.length === 1);
      await temporal.release(it.input.requestId, { actor: it.input.requester.id });
    },
  },
  'revoked-at-the-third-attempt': {
    outcome: 'expired',
    activities: { holdMs: 200, revoke: failingTwice() },
    input: () => ({ plan: automatic(), slack: true }),
    drive: (it) => it.claim(),
  },
};

function failingTwice(): () => Promise<void> {
  let tried = 0;
  return async () => {
    tried += 1;
    if (tried < 3) throw new Error('not yet');
  };
}
