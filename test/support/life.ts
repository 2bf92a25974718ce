/** One test's Workflows: a place of its own, a worker with fakes, and the steps of a request in words. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { PersonFacts } from '../../domain/person.ts';
import type { StateKind } from '../../domain/request.ts';
import {
  accessRequestId,
  status,
  type AccessRequestInput,
  type DecideInput,
  type RequestView,
} from '../../workflows/contract.ts';
import { decision, fakeActivities, newCredentialId, person, request, type FakeActivities } from './requests.ts';
import {
  eventually,
  placeIn,
  startTestTemporal,
  startWorker,
  type Place,
  type RunningWorker,
  type TestTemporal,
  type WorkerOptions,
} from './temporal.ts';

export type Lives = {
  readonly real: TestTemporal;
  readonly place: Place;
  /** Starts the worker; a second call replaces the first one's. */
  serve(
    own?: Parameters<typeof fakeActivities>[0],
    options?: Omit<WorkerOptions, 'activities'>,
  ): Promise<FakeActivities>;
  stopWorker(): Promise<void>;
  start(fields?: Partial<AccessRequestInput>): Promise<Running>;
};

export type Running = {
  readonly input: AccessRequestInput;
  readonly handle: WorkflowHandle;
  approve(by?: PersonFacts, fields?: Partial<DecideInput>): Promise<RequestView>;
  deny(by?: PersonFacts): Promise<RequestView>;
  claim(): Promise<RequestView>;
  view(): Promise<RequestView>;
  /** Waits until its Workflow says that it is there. */
  is(kind: StateKind): Promise<RequestView>;
  outcome(): Promise<unknown>;
};

/** One server a file, one place a test. Call at the top of a test file. */
export function lives(options: Parameters<typeof startTestTemporal>[0] = {}): Lives {
  const state: { real?: TestTemporal; place?: Place; worker?: RunningWorker | undefined } = {};
  const there = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error('not set up yet');
    return thing;
  };
  beforeAll(async () => {
    state.real = await startTestTemporal(options);
  });
  afterAll(() => state.real?.end());
  beforeEach(() => {
    state.place = placeIn(there(state.real));
  });
  afterEach(async () => {
    await state.worker?.stop();
    state.worker = undefined;
    await state.place?.temporal.close();
  });

  return {
    get real() {
      return there(state.real);
    },
    get place() {
      return there(state.place);
    },
    async serve(own = {}, more = {}) {
      await state.worker?.stop();
      const activities = fakeActivities(own);
      state.worker = await startWorker(there(state.real), there(state.place), { activities, ...more });
      return activities;
    },
    async stopWorker() {
      await state.worker?.stop();
      state.worker = undefined;
    },
    async start(fields = {}) {
      const { temporal, zone } = there(state.place);
      const input = request(zone, fields);
      await temporal.startRequest(input);
      return running(there(state.real), temporal, input);
    },
  };
}

export function running({ client }: TestTemporal, temporal: Place['temporal'], input: AccessRequestInput): Running {
  const id = input.requestId;
  const handle = client.workflow.getHandle(accessRequestId(id));
  const view = (): Promise<RequestView> => handle.query(status);
  return {
    input,
    handle,
    view,
    approve: (by = person(), fields = {}) => temporal.decide(id, decision(input, by, fields)),
    deny: (by = person()) => temporal.decide(id, decision(input, by, { verdict: 'deny' })),
    claim: () => temporal.claim(id, { credentialId: newCredentialId() }),
    is: (kind) =>
      eventually(`${id} is ${kind}`, async () => {
        const seen = await view();
        return seen.state.kind === kind && seen;
      }),
    outcome: () => handle.result(),
  };
}
