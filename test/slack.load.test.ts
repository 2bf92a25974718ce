/**
 * A crowd at Slack's door: 200 requests at once, two workers with their own connections to store and Slack, a Slack that
 * says 429 now and then. Real use cases, store, tell, painter and relay; what is seen was read from Slack. Temporal is a
 * fake here, and so is its retrying: bounded, at whichever worker, as late as the activity asked for.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { slackChannels } from '../activities/channels.ts';
import { createPainter } from '../activities/painter.ts';
import { requestModel } from '../activities/request-model.ts';
import { createTell } from '../activities/tell.ts';
import { createTurns } from '../activities/turns.ts';
import type { SlackCall } from '../dev/slack/calls.ts';
import { startWorkspace, type Workspace } from '../dev/slack/workspace.ts';
import type { RequestId } from '../domain/ids.ts';
import { validateCall } from '../slack/blocks.ts';
import { createSlackPort } from '../slack/port.ts';
import { paint } from '../slack/views/paint.ts';
import * as slackMessages from '../store/slack-messages.ts';
import { toRow } from '../temporal/messages.ts';
import { runRelay } from '../temporal/relay.ts';
import { click, ok, opened, startCompany, type Company, type Handle } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { quiet, runActivity } from './support/granting.ts';
import { manifest } from './support/slack-desk.ts';

const askers = ['ada', 'ben', 'eve'] as const satisfies readonly Handle[];
const users = [...askers, 'olga', 'omar', 'carl'] as const satisfies readonly Handle[];
/** A second, shortened. */
const everyMs = 100;

let company: Company;
let workspace: Workspace;
beforeAll(async () => {
  company = await startCompany();
  workspace = await startWorkspace({
    seed: {
      team: { name: 'Test', domain: 'test' },
      users: users.map((name) => ({ name, realName: name, email: `${name}@test.example` })),
      channels: [{ name: 'approvals' }, { name: 'ops' }],
      scopes: manifest.oauth_config.scopes.bot,
      botToken: 'xoxb-curfew-test',
      signingSecret: 'a-signing-secret-of-a-test',
    },
    validate: ({ method, args }) => validateCall(method, args),
  });
  for (const handle of users) {
    await company.change(handle, { slack: [{ team: workspace.team.id, user: workspace.userId(handle) }] });
  }
});
afterAll(async () => {
  await workspace?.stop();
  await company?.end();
});
afterEach(() => {
  expect(workspace.recorder.problems()).toEqual([]);
});

type Worker = ReturnType<typeof startWorker>;

/** Its own pool, its own port: what a process has. */
function startWorker() {
  const store = company.store.open('curfew_worker', { max: 15 });
  const port = createSlackPort({ token: () => workspace.botToken, apiUrl: workspace.apiUrl, maxWaitMs: 0 });
  const turns = createTurns(store, everyMs);
  const painter = createPainter(port, quiet, turns);
  const places = placesOf();
  const { tell } = createTell({
    store,
    slack: {
      workspace: places,
      painter,
      repaint: (requestId, version) => toRow({ kind: 'repaint', payload: { requestId, version } }),
    },
    clock: Date.now,
    log: quiet,
  });
  const stopping = new AbortController();
  const channels = slackChannels({ store, workspace: places, port, painter, turns, log: quiet });
  const { signal } = stopping;
  const relayed = runRelay({
    store,
    temporal: company.temporal,
    channels,
    clock: Date.now,
    log: quiet,
    signal,
    everyMs: 100,
  });
  return {
    tell,
    async stop() {
      stopping.abort();
      await relayed;
    },
  };
}

const placesOf = () => ({
  team: workspace.team.id,
  approvals: workspace.channelId('approvals'),
  announcements: workspace.channelId('ops'),
});

/** As Temporal does it: again, at any worker, when the activity said; what was shown meanwhile may be newer. */
async function told(workers: readonly Worker[], id: RequestId): Promise<void> {
  const scheduledTimestampMs = Date.now();
  const view = company.temporal.view(id);
  for (let attempt = 1; attempt < 500; attempt += 1) {
    const worker = workers[(attempt + Number.parseInt(id.slice(0, 4), 16)) % workers.length];
    try {
      return await runActivity(worker!.tell, { requestId: id, view }, { scheduledTimestampMs, attempt });
    } catch (error) {
      if (!(error instanceof ApplicationFailure) || error.nonRetryable === true) throw error;
      await pause(Number(error.nextRetryDelay ?? 200));
    }
  }
  throw new Error(`never told: ${id}`);
}

/** What the outbox would send in two minutes is due now. */
const bringForward = (): Promise<unknown> =>
  company.store.admin.query(`update curfew.outbox set next_at = clock_timestamp() where done_at is null`);

const nothingWaits = (): Promise<true> =>
  eventually(
    'the outbox is empty',
    async () => {
      await bringForward();
      return (await company.outbox()).every(({ done }) => done);
    },
    { withinMs: 60_000, everyMs: 500 },
  );

const placeOf = (call: SlackCall): string => String(call.args['channel']);
const isMessage = ({ method }: SlackCall): boolean => method === 'chat.postMessage' || method === 'chat.update';

/** The most calls that any window of this length holds. */
function busiest(calls: readonly SlackCall[], windowMs: number): number {
  const at = calls.map((call) => call.at).toSorted((one, other) => one - other);
  let from = 0;
  return at.reduce((most, now, to) => {
    while ((at[from] ?? now) <= now - windowMs) from += 1;
    return Math.max(most, to - from + 1);
  }, 0);
}

/** Every message that stands, by place; those in threads are read from the calls that posted them. */
async function standing(): Promise<ReadonlyMap<string, string>> {
  const shown = new Map<string, string>();
  for (const call of workspace.recorder.calls().filter((one) => isMessage(one) && one.reply?.body['ok'] === true)) {
    const { channel, ts } = call.reply!.body as { channel: string; ts: string };
    shown.set(`${channel}/${ts}`, String(call.args['text']));
  }
  return shown;
}

/** Alarms, in the channel for operators. */
const alarmsPosted = (): readonly SlackCall[] =>
  workspace.recorder.calls('chat.postMessage').filter((call) => placeOf(call) === placesOf().announcements);

/** That what stands in Slack is what the newest state looks like: no message missing, none twice, none older. */
async function showsTheNewest(ids: readonly RequestId[]): Promise<void> {
  const worker = company.store.as.curfew_worker;
  const shown = await standing();
  const inChannel = await workspace.recorder.inspect('conversations.history', {
    channel: placesOf().approvals,
    limit: 999,
  });
  const cards = (inChannel['messages'] as readonly { ts: string; text: string; thread_ts?: string }[]).filter(
    ({ ts, thread_ts: thread }) => thread === undefined || thread === ts,
  );
  for (const id of ids) {
    const model = await requestModel(worker, placesOf(), id, company.temporal.view(id), Date.now());
    const stands = new Map((await slackMessages.of(worker, id)).map((row) => [row.slot, row]));
    for (const message of model ? paint(model) : []) {
      const row = stands.get(message.slot);
      if (message.mode === 'edit' && !row) continue;
      expect(row && shown.get(`${row.channel}/${row.ts}`), `${message.slot} of ${id}`).toBe(message.text);
    }
    expect(cards.filter(({ ts }) => ts === stands.get('card')?.ts).map(({ text }) => text)).toEqual([
      paint(model!)[0]?.text,
    ]);
  }
  const known = await company.store.admin.query<{ place: string }>(
    `select channel || '/' || ts as place from curfew.slack_message`,
  );
  // Whatever was posted is known: nothing stands twice.
  expect([...shown.keys()].filter((place) => !place.startsWith(placesOf().announcements)).toSorted()).toEqual(
    known.map(({ place }) => place).toSorted(),
  );
}

test('200 requests at once: no card is lost or wrong, no channel gets more than Slack takes, 429 is obeyed', async () => {
  const workers = [startWorker(), startWorker()];
  const { recorder } = workspace;
  try {
    const ids: RequestId[] = [];
    for (let index = 0; index < 200; index += 1) {
      const person = company.id(askers[index % askers.length]!);
      ids.push((await opened(company, { person, reason: `one of a crowd: ${index}` })).requestId);
    }
    const telling = ids.map((id) => told(workers, id));
    for (const [method, after] of [
      ['chat.postMessage', 20],
      ['chat.postMessage', 120],
    ] as const) {
      await eventually('so many calls', () => recorder.calls(method).length > after, { withinMs: 60_000 });
      recorder.fault({ kind: 'rate-limited', retryAfterSeconds: 1, methods: [method], times: 1 });
    }
    // Meanwhile some are approved and some withdrawn; and whatever the outbox was to paint, it paints now.
    const approvals = ids.map(async (id, index) => {
      await telling[index];
      if (index % 8 === 0) ok(await click(company, id, index % 16 === 0 ? 'olga' : 'omar'));
      if (index % 8 === 1) {
        ok(await company.use.withdraw({ requestId: id, person: company.id(askers[index % askers.length]!) }));
      }
      if (index === 100) await bringForward();
      if (index % 8 <= 1) await told(workers, id);
    });
    await eventually('an edit', () => recorder.calls('chat.update').length > 5, { withinMs: 90_000 });
    recorder.fault({ kind: 'rate-limited', retryAfterSeconds: 1, methods: ['chat.update'], times: 1 });
    await Promise.all(approvals);
    await nothingWaits();

    await showsTheNewest(ids);
    expect(alarmsPosted().length).toBeLessThanOrEqual(1);
    const calls = recorder.calls().filter(isMessage);
    const refused = calls.filter(({ fault }) => fault === 'rate-limited');
    expect(refused).toHaveLength(3);
    for (const [channel, there] of Map.groupBy(calls, placeOf)) {
      // Over the whole, and in every window of fifty; a busy machine may bring a few to Slack a moment later.
      const tookMs = (there.at(-1)?.at ?? 0) - (there[0]?.at ?? 0);
      expect(tookMs, channel).toBeGreaterThan((there.length - 2) * everyMs * 0.95);
      expect(busiest(there, 50 * everyMs), channel).toBeLessThanOrEqual(60);
    }
    expect(busiest(recorder.calls('chat.update'), 100 * everyMs)).toBeLessThanOrEqual(20 + 100);
    for (const { at, args } of refused) {
      const soon = calls.filter(
        (call) => placeOf(call) === String(args['channel']) && call.at > at + 5 * everyMs && call.at < at + 950,
      );
      expect(soon.map((call) => call.at - at)).toEqual([]);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}, 240_000);
