/** One test's Workflows: a place of its own and a worker with fakes. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { AccessRequestInput } from '../../workflows/contract.ts';
import { fakeActivities, request, type FakeActivities } from './requests.ts';
import { running, type Running } from './running.ts';
import {
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

/** One server a file, one place a test. Call at the top of a test file. */
export function lives(options: Parameters<typeof startTestTemporal>[0] = {}): Lives {
  const state: { real?: TestTemporal; place?: Place; worker?: RunningWorker | undefined } = {};
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

function there<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('not set up yet');
  return thing;
}
