/** Slack away for ten minutes, which pass in seconds: what it did not take stands there in the end, and stands there once. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Fault } from '../dev/slack/faults.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import { click, ok, opened, type Handle } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { isMessage, placeOf, startSlackWorkers, type SlackWorker, type SlackWorkers } from './support/slack-workers.ts';

const users = ['ada', 'ben', 'eve', 'olga', 'omar'] as const satisfies readonly Handle[];
const everyMs = 10;
/** Of a call. Long enough for a busy machine: what Slack took, and nobody heard of, is said again. */
const timeoutMs = 3_000;

let slack: SlackWorkers;
let workers: SlackWorker[] = [];
/** How much later it is than this machine says. */
let laterMs = 0;
const clock = (): number => Date.now() + laterMs;
beforeAll(async () => {
  slack = await startSlackWorkers(users);
});
beforeEach(() => {
  laterMs = 0;
  workers = [slack.start({ everyMs, clock, timeoutMs }), slack.start({ everyMs, clock, timeoutMs })];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  expect(slack.workspace.recorder.problems()).toEqual([]);
});
afterAll(() => slack?.end());

/** A tell that Temporal has been trying for longer than anybody waits for Slack. */
const toldInVain = (id: RequestId): Promise<void> => slack.told(workers, id, clock() - 2 * minuteMs);

const alarmsOf = async (code: string) =>
  slack.company.store.admin.query<{ resolved: boolean }>(
    `select resolved_at is not null as resolved from curfew.alarm where code = $1 order by raised_at`,
    [code],
  );

const outages: readonly (readonly [string, Fault])[] = [
  ['answers 500', { kind: 'status', status: 500 }],
  ['answers nothing', { kind: 'hang', forMs: 10_000 }],
  ['says that it is in trouble', { kind: 'refused', error: 'service_unavailable' }],
];

test.each(outages)(
  'while Slack %s for ten minutes nothing is lost, and one alarm tells of it',
  async (_what, fault) => {
    const { company, workspace } = slack;
    const before = (await alarmsOf('outbox-late')).length;
    const ids: RequestId[] = [];
    for (const person of ['ada', 'ben', 'eve'] as const) {
      ids.push((await opened(company, { person: company.id(person), reason: randomUUID() })).requestId);
    }
    const [seen, unseen, closed] = ids as [RequestId, RequestId, RequestId];
    for (const id of [seen, closed]) await slack.told(workers, id);

    const over = workspace.recorder.fault(fault);
    try {
      ok(await click(company, seen, 'olga'));
      ok(await company.use.withdraw({ requestId: closed, person: company.id('eve') }));
      await Promise.all(ids.map(toldInVain));
      for (let minute = 1; minute <= 10; minute += 1) {
        laterMs += minuteMs;
        const calls = workspace.recorder.calls().length;
        const again = async (): Promise<boolean> => {
          await slack.bringForward();
          return workspace.recorder.calls().length > calls;
        };
        await eventually('it is tried again', again, { everyMs: 300 });
      }
      await eventually('an alarm', async () => (await alarmsOf('outbox-late')).length > before);
    } finally {
      over();
    }
    await slack.settled();
    await slack.showsTheNewest([seen, unseen, closed]);
    const late = (await alarmsOf('outbox-late')).slice(before);
    expect(late).toHaveLength(1);
    await eventually('the alarm is resolved', async () =>
      (await alarmsOf('outbox-late')).every(({ resolved }) => resolved),
    );
    // The trouble passed, and nothing more is said.
    const calls = workspace.recorder.calls().filter(isMessage).length;
    await Promise.all(ids.map((id) => slack.told(workers, id)));
    expect(workspace.recorder.calls().filter(isMessage)).toHaveLength(calls);
  },
);

test('a worker that cannot reach Slack at all leaves it to the one that can', async () => {
  const { company } = slack;
  const cutOff = slack.start({ everyMs, clock, apiUrl: 'http://127.0.0.1:1/api/', timeoutMs });
  try {
    const { requestId } = await opened(company, { person: company.id('ada'), reason: randomUUID() });
    await slack.told([cutOff], requestId, clock() - 2 * minuteMs);
    await slack.settled();
    await slack.showsTheNewest([requestId]);
  } finally {
    await cutOff.stop();
  }
});

test('a card that was deleted is posted again by whichever worker is alive, and its thread goes on under it', async () => {
  const { company, workspace, places } = slack;
  const { requestId } = await opened(company, { person: company.id('ada'), reason: randomUUID() });
  await slack.told([workers[0]!], requestId);
  const card = workspace.recorder.calls('chat.postMessage').findLast((call) => placeOf(call) === places.approvals);
  const ts = String(card?.reply?.body['ts']);
  await workspace.recorder.inspect('chat.delete', { channel: places.approvals, ts });
  ok(await click(company, requestId, 'olga'));
  slack.forget(places.approvals, ts);
  const from = workspace.recorder.calls().length;
  await slack.told([workers[1]!], requestId);
  const after = workspace.recorder
    .calls()
    .slice(from)
    .filter((call) => placeOf(call) === places.approvals);
  expect(after.map(({ method }) => method)).toEqual(['chat.update', 'chat.postMessage', 'chat.postMessage']);
  const [, again, line] = after;
  expect(again?.args['thread_ts']).toBeUndefined();
  expect(line?.args['thread_ts']).toBe(again?.reply?.body['ts']);
});

test('a channel that takes no messages is one alarm, and is shown everything once it takes them again', async () => {
  const { company, workspace } = slack;
  const refused = workspace.recorder.fault({ kind: 'refused', error: 'is_archived', methods: ['chat.postMessage'] });
  const ids: RequestId[] = [];
  try {
    for (const person of ['ada', 'ben'] as const) {
      const { requestId } = await opened(company, { person: company.id(person), reason: randomUUID() });
      ids.push(requestId);
      await slack.told(workers, requestId);
    }
    await slack.bringForward();
    expect(await alarmsOf('slack-channel')).toEqual([{ resolved: false }]);
  } finally {
    refused();
  }
  await slack.settled();
  await slack.showsTheNewest(ids);
  expect(await alarmsOf('slack-channel')).toEqual([{ resolved: true }]);
});
