/**
 * What workers show in Slack, with a fake of Temporal between: the company's use cases and store, the emulated workspace
 * behind its recorder, and as many workers as a test wants, each with its own pool, port and relay, as processes have.
 * The fake's retrying is bounded, goes to whichever worker, and comes as late as the activity asked for.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { expect } from 'vitest';
import { slackChannels } from '../../activities/channels.ts';
import { createPainter } from '../../activities/painter.ts';
import { requestModel } from '../../activities/request-model.ts';
import { createTell } from '../../activities/tell.ts';
import { createTurns } from '../../activities/turns.ts';
import type { SlackCall } from '../../dev/slack/calls.ts';
import { startWorkspace, type Workspace } from '../../dev/slack/workspace.ts';
import type { RequestId } from '../../domain/ids.ts';
import { validateCall } from '../../slack/blocks.ts';
import { createSlackPort } from '../../slack/port.ts';
import { paint } from '../../slack/views/paint.ts';
import * as slackMessages from '../../store/slack-messages.ts';
import { toRow } from '../../temporal/messages.ts';
import { runRelay } from '../../temporal/relay.ts';
import type { BoundedActivities } from '../../workflows/activities.ts';
import { startCompany, type Company, type Handle } from './company.ts';
import { eventually } from './eventually.ts';
import { quiet, runActivity } from './granting.ts';
import { manifest } from './slack-desk.ts';

export type SlackWorker = { readonly tell: BoundedActivities['tell']; readonly stop: () => Promise<void> };

export type WorkerOptions = {
  /** Between two messages in a channel. */
  readonly everyMs: number;
  readonly clock?: () => number;
  /** Where it looks for Slack, if not where it is. */
  readonly apiUrl?: string;
  /** For one call. */
  readonly timeoutMs?: number;
};

export type SlackWorkers = {
  readonly company: Company;
  readonly workspace: Workspace;
  readonly places: { readonly team: string; readonly approvals: string; readonly announcements: string };
  start(options: WorkerOptions): SlackWorker;
  /** Until one of them has told how the request stands by now, or gave it up. @param since when Temporal scheduled it */
  told(workers: readonly SlackWorker[], id: RequestId, since?: number): Promise<void>;
  /** What the outbox would send in some minutes is due now. */
  bringForward(): Promise<void>;
  /** Until nothing waits in the outbox, however late it was to be sent. */
  settled(): Promise<void>;
  /** That what stands in Slack is how the newest state looks: no message missing, none twice, none older. */
  showsTheNewest(ids: readonly RequestId[]): Promise<void>;
  /** Somebody deleted this message, so that nobody needs to know of it. */
  forget(channel: string, ts: string): void;
  end(): Promise<void>;
};

/** Each of these people has an account. */
export async function startSlackWorkers(users: readonly Handle[]): Promise<SlackWorkers> {
  const company = await startCompany();
  const workspace = await startWorkspace({
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
  const team = workspace.team.id;
  for (const handle of users) await company.change(handle, { slack: [{ team, user: workspace.userId(handle) }] });
  const places = {
    team,
    approvals: workspace.channelId('approvals'),
    announcements: workspace.channelId('ops'),
  };

  const deleted = new Set<string>();
  async function bringForward(): Promise<void> {
    await company.store.admin.query(`update curfew.outbox set next_at = clock_timestamp() where done_at is null`);
  }

  async function empty(): Promise<boolean> {
    await bringForward();
    return (await company.outbox()).every(({ done }) => done);
  }

  return {
    company,
    workspace,
    places,
    start: (options) => startWorker({ company, workspace, places }, options),
    async told(workers, id, since = Date.now()) {
      const view = company.temporal.view(id);
      for (let attempt = 1; attempt < 500; attempt += 1) {
        const worker = workers[(attempt + Number.parseInt(id.slice(0, 4), 16)) % workers.length];
        try {
          return await runActivity(worker!.tell, { requestId: id, view }, { scheduledTimestampMs: since, attempt });
        } catch (error) {
          if (!(error instanceof ApplicationFailure) || error.nonRetryable === true) throw error;
          await pause(Number(error.nextRetryDelay ?? 200));
        }
      }
      throw new Error(`never told: ${id}`);
    },
    bringForward,
    async settled() {
      await eventually('the outbox is empty', empty, { withinMs: 120_000, everyMs: 500 });
    },
    showsTheNewest: (ids) => showsTheNewest({ company, workspace, places }, ids, deleted),
    forget: (channel, ts) => void deleted.add(`${channel}/${ts}`),
    async end() {
      await workspace.stop();
      await company.end();
    },
  };
}

type Parts = Pick<SlackWorkers, 'company' | 'workspace' | 'places'>;

const repaint = (requestId: RequestId, version: number) => toRow({ kind: 'repaint', payload: { requestId, version } });

function startWorker(
  { company, workspace, places }: Parts,
  { everyMs, clock = Date.now, apiUrl = workspace.apiUrl, timeoutMs }: WorkerOptions,
): SlackWorker {
  const store = company.store.open('curfew_worker', { max: 15 });
  const port = createSlackPort({
    token: () => workspace.botToken,
    apiUrl,
    maxWaitMs: 0,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const turns = createTurns(store, everyMs);
  const painter = createPainter(port, quiet, turns);
  const { tell } = createTell({ store, slack: { workspace: places, painter, repaint }, clock, log: quiet });
  const stopping = new AbortController();
  const relayed = runRelay({
    store,
    temporal: company.temporal,
    channels: slackChannels({ store, workspace: places, port, painter, turns, log: quiet }),
    clock,
    log: quiet,
    signal: stopping.signal,
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

export const placeOf = (call: SlackCall): string => String(call.args['channel']);
export const isMessage = ({ method }: SlackCall): boolean => method === 'chat.postMessage' || method === 'chat.update';

/** Every message that stands, by place: those in threads, which a channel's history leaves out, as well. */
function standing(workspace: Workspace): ReadonlyMap<string, string> {
  const shown = new Map<string, string>();
  for (const call of workspace.recorder.calls().filter((one) => isMessage(one) && one.reply?.body['ok'] === true)) {
    const { channel, ts } = call.reply!.body as { channel: string; ts: string };
    shown.set(`${channel}/${ts}`, String(call.args['text']));
  }
  return shown;
}

async function showsTheNewest(
  { company, workspace, places }: Parts,
  ids: readonly RequestId[],
  deleted: ReadonlySet<string>,
): Promise<void> {
  const worker = company.store.as.curfew_worker;
  const shown = standing(workspace);
  const history = await workspace.recorder.inspect('conversations.history', { channel: places.approvals, limit: 999 });
  const cards = (history['messages'] as readonly { ts: string; text: string; thread_ts?: string }[]).filter(
    ({ ts, thread_ts: thread }) => thread === undefined || thread === ts,
  );
  for (const id of ids) {
    const model = await requestModel(worker, places, id, company.temporal.view(id), Date.now());
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
  // Whatever was posted is known: nothing stands twice. Alarms are posted once each, and never edited.
  const others = [...shown.keys()].filter((place) => !place.startsWith(places.announcements) && !deleted.has(place));
  expect(others.toSorted()).toEqual(known.map(({ place }) => place).toSorted());
}
