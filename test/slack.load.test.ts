/** A crowd at Slack's door: 200 requests at once, two workers, and a Slack that says 429 now and then. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { SlackCall } from '../dev/slack/calls.ts';
import type { RequestId } from '../domain/ids.ts';
import { click, ok, opened, type Handle } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { isMessage, placeOf, startSlackWorkers, type SlackWorkers } from './support/slack-workers.ts';

const askers = ['ada', 'ben', 'eve'] as const satisfies readonly Handle[];
const askerOf = (index: number): Handle => askers[index % askers.length] ?? 'ada';
/** A second, shortened. */
const everyMs = 100;

let slack: SlackWorkers;
beforeAll(async () => {
  slack = await startSlackWorkers([...askers, 'olga', 'omar', 'carl']);
});
afterAll(() => slack?.end());
afterEach(() => {
  expect(slack.workspace.recorder.problems()).toEqual([]);
});

/** The most calls that any window of this length holds. */
function busiest(calls: readonly SlackCall[], windowMs: number): number {
  const at = calls.map((call) => call.at).toSorted((one, other) => one - other);
  let from = 0;
  return at.reduce((most, now, to) => {
    while ((at[from] ?? now) <= now - windowMs) from += 1;
    return Math.max(most, to - from + 1);
  }, 0);
}

test('200 requests at once: no card is lost or wrong, no channel gets more than Slack takes, 429 is obeyed', async () => {
  const { company, workspace, places } = slack;
  const { recorder } = workspace;
  const workers = [slack.start({ everyMs }), slack.start({ everyMs })];
  try {
    const ids: RequestId[] = [];
    for (let index = 0; index < 200; index += 1) {
      const person = company.id(askerOf(index));
      ids.push((await opened(company, { person, reason: `one of a crowd: ${index}` })).requestId);
    }
    const telling = ids.map((id) => slack.told(workers, id));
    const busyAfter = async (method: string, calls: number): Promise<void> => {
      await eventually('so many calls', () => recorder.calls(method).length > calls, { withinMs: 90_000 });
      recorder.fault({ kind: 'rate-limited', retryAfterSeconds: 1, methods: [method], times: 1 });
    };
    await busyAfter('chat.postMessage', 20);
    await busyAfter('chat.postMessage', 120);
    // Meanwhile some are approved and some withdrawn; and whatever the outbox was to paint, it paints now.
    const changing = ids.map(async (id, index) => {
      await telling[index];
      if (index % 8 === 0) ok(await click(company, id, index % 16 === 0 ? 'olga' : 'omar'));
      if (index % 8 === 1) ok(await company.use.withdraw({ requestId: id, person: company.id(askerOf(index)) }));
      if (index === 100) await slack.bringForward();
      if (index % 8 <= 1) await slack.told(workers, id);
    });
    await busyAfter('chat.update', 5);
    await Promise.all(changing);
    await slack.settled();

    await slack.showsTheNewest(ids);
    const calls = recorder.calls().filter(isMessage);
    expect(calls.filter((call) => placeOf(call) === places.announcements).length).toBeLessThanOrEqual(1);
    for (const [channel, there] of Map.groupBy(calls, placeOf)) {
      // Over the whole, and in every window of fifty; a busy machine may bring a few to Slack a moment later.
      const tookMs = (there.at(-1)?.at ?? 0) - (there[0]?.at ?? 0);
      expect(tookMs, channel).toBeGreaterThan((there.length - 2) * everyMs * 0.95);
      expect(busiest(there, 50 * everyMs), channel).toBeLessThanOrEqual(55);
    }
    // Fifty edits a minute of sixty such seconds, and the burst.
    expect(busiest(recorder.calls('chat.update'), 60 * everyMs)).toBeLessThanOrEqual(50 + 20 + 2);
    const refused = calls.filter(({ fault }) => fault === 'rate-limited');
    expect(refused).toHaveLength(3);
    for (const { at, args } of refused) {
      // Whoever had its turn already is on the way.
      const soon = calls.filter(
        (call) => placeOf(call) === String(args['channel']) && call.at > at + 5 * everyMs && call.at < at + 950,
      );
      expect(soon.map((call) => call.at - at)).toEqual([]);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}, 240_000);
