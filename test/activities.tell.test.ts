import { ApplicationFailure } from '@temporalio/common';
import { setTimeout as latency } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { slackChannels } from '../activities/channels.ts';
import { createPainter } from '../activities/painter.ts';
import { requestModel } from '../activities/request-model.ts';
import { createTell } from '../activities/tell.ts';
import { CurfewError } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import { SlackBusy, type SlackPort } from '../slack/views/message.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { toRow } from '../temporal/messages.ts';
import * as slackMessages from '../store/slack-messages.ts';
import { hold as holdTurns, take as takeTurn } from '../store/slack-turns.ts';
import { click, ok, opened, startCompany, type Company } from './support/company.ts';
import { after, quiet, runActivity } from './support/granting.ts';

let company: Company;
const workspace = { team: 'T0HOME', approvals: 'C0APPROVE', announcements: 'C0ANNOUNCE' };
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company.end());
beforeEach(async () => {
  await company.restore();
  for (const handle of ['ada', 'olga'] as const) {
    await company.change(handle, { slack: [{ team: 'T0HOME', user: `U0${handle.toUpperCase()}` }] });
  }
});

type Sent = {
  readonly do: 'post' | 'update';
  readonly channel: string;
  readonly ts: string;
  readonly text: string;
  readonly threadTs?: string;
};

const repaint = (requestId: RequestId, version: number) => toRow({ kind: 'repaint', payload: { requestId, version } });

/** Slack as the painter sees it; `answer` may fail or say that a message is gone. */
function fakeSlack() {
  const sent: Sent[] = [];
  const state: { fails?: (channel: string) => Error | undefined; gone?: boolean; latencyMs?: number } = {};
  let ts = 0;
  const port: SlackPort = {
    async post({ channel, text, threadTs }) {
      const error = state.fails?.(channel);
      if (error) throw error;
      if (state.latencyMs !== undefined) await latency(state.latencyMs);
      ts += 1;
      sent.push({ do: 'post', channel, ts: `${ts}.0`, text, ...(threadTs === undefined ? {} : { threadTs }) });
      return { channel, ts: `${ts}.0` };
    },
    async update({ channel, ts: at, text }) {
      const error = state.fails?.(channel);
      if (error) throw error;
      sent.push({ do: 'update', channel, ts: at, text });
      return state.gone === true ? 'gone' : 'ok';
    },
    openDm: async (user) => `D${user}`,
    publish: async () => undefined,
    ephemeral: async () => undefined,
  };
  const store = company.store.as.curfew_worker;
  const painter = createPainter(port, quiet);
  const { tell } = createTell({ store, slack: { workspace, painter, repaint }, clock: Date.now, log: quiet });
  const channels = slackChannels({ store, workspace, port, painter, log: quiet });
  return { sent, state, tell, channels };
}

const viewOf = (id: RequestId): RequestView => company.temporal.view(id);
const slots = async (id: RequestId): Promise<readonly string[]> =>
  (await slackMessages.of(company.store.admin, id)).map(({ slot }) => slot);
const closings = async (id: RequestId): Promise<number> =>
  (await company.audit(id)).filter(({ kind }) => kind === 'request.closed').length;

test('a request gets its card, and its requester a message; told again, nothing is sent', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  expect(slack.sent.map(({ do: what, channel }) => [what, channel])).toEqual([
    ['post', 'C0APPROVE'],
    ['post', 'DU0ADA'],
  ]);
  expect(await projections.viewOf(company.store.admin, requestId)).toEqual(viewOf(requestId));
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  expect(slack.sent).toHaveLength(2);
});

test('a decision edits the card in place, adds a line to its thread, and asks the approver "not you?"', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  const [card] = slack.sent;
  slack.sent.length = 0;
  ok(await click(company, requestId, 'olga'));
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  expect(slack.sent).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ do: 'update', channel: 'C0APPROVE', ts: card?.ts }),
      expect.objectContaining({ do: 'post', channel: 'C0APPROVE', threadTs: card?.ts }),
      expect.objectContaining({ do: 'post', channel: 'DU0OLGA' }),
    ]),
  );
});

test('an older view that comes late does not undo what is shown', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  const old = viewOf(requestId);
  ok(await click(company, requestId, 'olga'));
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  const before = slack.sent.length;
  await runActivity(slack.tell, { requestId, view: old });
  expect(slack.sent).toHaveLength(before);
  expect((await projections.viewOf(company.store.admin, requestId))?.state.kind).toBe('approved');
});

test('a card that somebody deleted is posted again', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  slack.state.gone = true;
  ok(await click(company, requestId, 'olga'));
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  const cards = slack.sent.filter(
    ({ do: what, channel, threadTs }) => what === 'post' && channel === 'C0APPROVE' && threadTs === undefined,
  );
  expect(cards).toHaveLength(2);
});

test('Slack that is busy is asked again when it says; what it cannot ever take keeps nobody else from being told', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  slack.state.fails = () => new SlackBusy('too many calls', 7_000);
  const told = runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  await expect(told).rejects.toMatchObject({ type: 'SlackBusy', nonRetryable: false, nextRetryDelay: 7_000 });
  // It was recorded all the same.
  expect(await projections.viewOf(company.store.admin, requestId)).toEqual(viewOf(requestId));

  slack.state.fails = (channel) =>
    channel.startsWith('C') ? new CurfewError('SlackGone', 'channel_not_found') : undefined;
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  expect(slack.sent.map(({ channel }) => channel)).toEqual(['DU0ADA']);
  delete slack.state.fails;
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) });
  expect(await slots(requestId)).toEqual(['card', 'dm:sent']);
});

test('after a minute of trouble with Slack telling is recording', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  slack.state.fails = () => new SlackBusy('an outage', 1_000);
  const info = { scheduledTimestampMs: Date.now() - 61_000 };
  await runActivity(slack.tell, { requestId, view: viewOf(requestId) }, info);
  expect(await projections.viewOf(company.store.admin, requestId)).toEqual(viewOf(requestId));
});

test('what Slack did not take is painted by the outbox, once it takes it again, and then only once', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  slack.state.fails = () => new SlackBusy('an outage', 1_000);
  const view = viewOf(requestId);
  await expect(runActivity(slack.tell, { requestId, view })).rejects.toMatchObject({ type: 'SlackBusy' });
  await runActivity(slack.tell, { requestId, view }, { scheduledTimestampMs: Date.now() - 61_000 });
  const rows = await company.store.admin.query<{ payload: { requestId: RequestId } }>(
    `select payload from curfew.outbox where kind = 'repaint' and done_at is null and next_at > clock_timestamp() and payload ->> 'requestId' = $1`,
    [requestId],
  );
  expect(rows.map(({ payload }) => payload)).toEqual([{ requestId, version: view.version }]);
  await expect(slack.channels.repaint({ requestId })).rejects.toBeInstanceOf(SlackBusy);
  delete slack.state.fails;
  await slack.channels.repaint({ requestId });
  await slack.channels.repaint({ requestId });
  expect(slack.sent.map(({ channel }) => channel)).toEqual(['C0APPROVE', 'DU0ADA']);
});

test('a channel gets no more messages than Slack takes, whichever worker asks; whoever comes again keeps the turn', async () => {
  const [one, other] = [company.store.as.curfew_worker, company.store.open('curfew_worker')];
  const turn = { line: 'C0TURNS', everyMs: 60_000, aheadMs: 500 };
  const waits: number[] = [];
  for (const key of ['a', 'b', 'c']) waits.push(await takeTurn(key === 'b' ? other : one, { ...turn, key }));
  expect(waits[0]).toBe(0);
  for (const [place, ms] of waits.entries()) {
    expect(ms).toBeLessThanOrEqual(place * turn.everyMs);
    expect(ms).toBeGreaterThan((place - 0.5) * turn.everyMs);
  }
  // In whatever order they come again, and from whichever worker; newcomers queue up behind them.
  expect(await takeTurn(other, { ...turn, key: 'c' })).toBeLessThanOrEqual(waits[2] ?? 0);
  expect(await takeTurn(other, { ...turn, key: 'd' })).toBeGreaterThan(2.5 * turn.everyMs);
  expect(await takeTurn(one, { ...turn, key: 'b' })).toBeLessThanOrEqual(turn.everyMs);
  expect(await takeTurn(one, { ...turn, line: 'C0ELSEWHERE', key: 'a' })).toBe(0);
});

test('of those who come late one is served, and the others get places behind each other', async () => {
  const store = company.store.as.curfew_worker;
  const turn = { line: 'C0LATE', everyMs: 20_000, aheadMs: 0 };
  expect(await takeTurn(store, { ...turn, key: 'first' })).toBe(0);
  expect(await takeTurn(store, { ...turn, key: 'first' })).toBeGreaterThan(0);
  const keys = ['a', 'b', 'c', 'd'];
  for (const key of keys) expect(await takeTurn(store, { ...turn, key })).toBeGreaterThan(0);
  await company.store.admin.query(
    `update curfew.slack_turn set at = at - interval '400 seconds' where line = $1 and key <> 'first'`,
    [turn.line],
  );
  await company.store.admin.query(`delete from curfew.slack_turn where line = $1 and key = 'first'`, [turn.line]);
  const late: number[] = [];
  for (const key of keys) late.push(await takeTurn(store, { ...turn, key }));
  expect(late.map((ms) => Math.ceil(ms / turn.everyMs))).toEqual([0, 1, 2, 3]);
});

test('where Slack wants nothing for a while, nobody gets a turn, bursts or not', async () => {
  const store = company.store.as.curfew_worker;
  const turn = { line: 'C0HELD', everyMs: 10, burstMs: 200, aheadMs: 0 };
  for (const key of ['a', 'b', 'c']) expect(await takeTurn(store, { ...turn, key })).toBe(0);
  await holdTurns(store, turn.line, 60_000 + turn.burstMs);
  expect(await takeTurn(store, { ...turn, key: 'd' })).toBeGreaterThan(50_000);
  await holdTurns(store, turn.line, 1_000);
  expect(await takeTurn(store, { ...turn, key: 'e' })).toBeGreaterThan(50_000);
});

test('a close is recorded once, with its entry, however often and by whomever it is told', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  ok(await company.use.withdraw({ requestId, person: company.id('ada') }));
  const view = viewOf(requestId);
  expect(view.state.kind).toBe('closed');
  await Promise.all([1, 2, 3].map(() => runActivity(slack.tell, { requestId, view })));
  expect(await closings(requestId)).toBe(1);
  expect((await projections.viewOf(company.store.admin, requestId))?.state).toEqual(view.state);
});

test('what a revoke has closed gets no second entry', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company);
  const view = { ...after(viewOf(requestId), { kind: 'withdrawn' }), version: 9 };
  await projections.save(company.store.as.curfew_worker, requestId, view, Date.now());
  await runActivity(slack.tell, { requestId, view });
  expect(await closings(requestId)).toBe(0);
});

test('without a store nothing is told and all is tried again', async () => {
  const { requestId } = await opened(company);
  const lost = company.store.open('curfew_worker', { url: 'postgres://curfew_worker:x@127.0.0.1:1/curfew' });
  const { tell } = createTell({ store: lost, clock: Date.now, log: quiet });
  const told = runActivity(tell, { requestId, view: viewOf(requestId) });
  await expect(told).rejects.toMatchObject({ type: 'NotRecorded', nonRetryable: false });
  await expect(told).rejects.toBeInstanceOf(ApplicationFailure);
});

test('what a request looks like is read in as many statements, however many could decide it', async () => {
  const { requestId } = await opened(company);
  const statementsNow = async (): Promise<number> => {
    let statements = 0;
    const counting: Db = {
      query: (text, values) => {
        statements += 1;
        return company.store.as.curfew_worker.query(text, values);
      },
    };
    expect(await requestModel(counting, workspace, requestId, viewOf(requestId), Date.now())).toBeDefined();
    return statements;
  };
  const waiting = await statementsNow();
  expect(waiting).toBeLessThanOrEqual(14);
  for (const handle of ['eve', 'nina', 'carl'] as const) await company.change(handle, { groups: [{ name: 'owners' }] });
  expect(await statementsNow()).toBe(waiting);
  ok(await click(company, requestId, 'olga'));
  expect(await statementsNow()).toBeLessThanOrEqual(waiting);
});

test('two painters at one request post one card', async () => {
  const slack = fakeSlack();
  slack.state.latencyMs = 200;
  const { requestId } = await opened(company, { kind: 'break-glass', role: 'write', ticket: 'INC-12' });
  await Promise.all([
    slack.channels.announce({ requestId }),
    runActivity(slack.tell, { requestId, view: viewOf(requestId) }),
  ]);
  expect(slack.sent.filter(({ do: what, channel }) => what === 'post' && channel === 'C0ANNOUNCE')).toHaveLength(1);
});

test('an announcement that cannot be posted is not taken for said', async () => {
  const slack = fakeSlack();
  const { requestId } = await opened(company, { kind: 'break-glass', role: 'write', ticket: 'INC-13' });
  slack.state.fails = () => new CurfewError('SlackGone', 'not_in_channel');
  await expect(slack.channels.announce({ requestId })).rejects.toMatchObject({ code: 'SlackGone' });
  delete slack.state.fails;
  await slack.channels.announce({ requestId });
  expect(slack.sent).toHaveLength(1);
});

test('leavers are said in the announcements’ channel', async () => {
  const slack = fakeSlack();
  const left = {
    personId: company.id('ada'),
    event: 'e',
    cause: 'left',
    closed: 2,
    voided: 1,
    safeAfterMs: 900,
  } as const;
  await slack.channels.left(left);
  expect(slack.sent.map(({ channel }) => channel)).toEqual(['C0ANNOUNCE']);
  expect(slack.sent[0]?.text).toContain('Name of ada');
});
