import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { currentPolicy } from '../activities/current-policy.ts';
import { createRejudge, type Rejudged } from '../activities/rejudge.ts';
import { requestModel } from '../activities/request-model.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import { stuckSlot } from '../slack/views/paint.ts';
import * as decisions from '../store/decisions.ts';
import * as heartbeats from '../store/heartbeats.ts';
import * as intents from '../store/intents.ts';
import * as slackMessages from '../store/slack-messages.ts';
import { fromRow, send } from '../temporal/messages.ts';
import { keepRejudging, rejudgeMessages } from '../workers/worker/rejudging.ts';
import {
  approved,
  claimed,
  click,
  code,
  ok,
  opened,
  policyText,
  startCompany,
  workerCloses,
  type Company,
} from './support/company.ts';
import { workspace } from './support/slack-models.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  // What earlier tests left open is not this one's.
  await company.store.admin.query(`update curfew.projection set state = 'closed' where state <> 'closed'`);
  await look();
});

const rejudge = () =>
  createRejudge({
    store: company.store.as.curfew_worker,
    policyOf: currentPolicy(),
    clock: () => company.now,
    messages: rejudgeMessages,
  });
const look = (): Promise<Rejudged> => rejudge()();

/** What the relay does with the messages of a request. */
async function relayed(requestId: RequestId): Promise<void> {
  const rows = await company.store.admin.query<{ kind: string; payload: unknown }>(
    `select kind, payload from curfew.outbox where done_at is null and payload ->> 'requestId' = $1 order by id`,
    [requestId],
  );
  for (const row of rows) {
    const message = fromRow(row);
    if (typeof message === 'string') throw new Error(`${message}: ${row.kind}`);
    await send(company.temporal, {} as Parameters<typeof send>[1], message);
  }
}
const voids = async (requestId: RequestId) =>
  (await decisions.of(company.store.admin, requestId)).filter(({ voidedAt }) => voidedAt !== undefined);
const stricterPolicy = () => company.applyPolicy(policyText((text) => text.replace('need: 1', 'need: 2')));

test('where an approver leaves the group before the grant, their stage is open again (I6, I8)', async () => {
  const requestId = await approved(company);
  await company.change('olga', { groups: [] });
  expect(await look()).toMatchObject({ voided: 1, ended: 0 });
  expect(await voids(requestId)).toMatchObject([{ person: company.id('olga') }]);
  await relayed(requestId);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'awaiting', approvals: [] });
  expect((await company.audit(requestId)).at(-1)).toMatchObject({ kind: 'decision.voided', actor: 'curfew_worker' });
  ok(await click(company, requestId, 'omar'));
  expect(company.temporal.view(requestId).state.kind).toBe('approved');
});

test('somebody who may approve again may decide again', async () => {
  const requestId = await approved(company);
  await company.change('olga', { groups: [] });
  await look();
  await relayed(requestId);
  await company.change('olga', { groups: [{ name: 'owners' }] });
  ok(await click(company, requestId, 'olga'));
  await look();
  expect(await voids(requestId)).toHaveLength(1);
  expect(company.temporal.view(requestId).state.kind).toBe('approved');
});

test('a delegation that is over takes nothing from what was approved under it', async () => {
  const { requestId } = await opened(company);
  const away = { person: company.id('olga'), fromAt: company.now, untilAt: company.now + minuteMs };
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  ok(await company.use.away({ ...away, delegate: company.id('nina'), account }));
  ok(await click(company, requestId, 'nina'));
  ok(await company.use.back({ person: company.id('olga') }));
  expect(await look()).toMatchObject({ looked: 1, voided: 0, ended: 0 });
  await company.change('olga', { groups: [] });
  expect(await look(), 'in whose place it was given').toMatchObject({ voided: 1 });
});

test('a stricter policy ends what was approved under the old one, and says why (I7, F39)', async () => {
  const requestId = await approved(company);
  const { requestId: waiting } = await opened(company);
  await stricterPolicy();
  expect(await look()).toMatchObject({ looked: 2, voided: 0, ended: 2 });
  for (const id of [requestId, waiting]) {
    expect(await intents.ofRequest(company.store.admin, id)).toMatchObject([
      { cause: 'policy', actor: 'curfew_worker' },
    ]);
    expect((await company.audit(id)).at(-1)).toMatchObject({
      kind: 'end.asked',
      body: { cause: 'policy', reasons: ['The policy now asks for more people to approve.'] },
    });
    await relayed(id);
    expect(company.temporal.view(id).state).toMatchObject({
      kind: 'closed',
      outcome: 'withdrawn',
      cause: expect.stringContaining('more people to approve') as string,
    });
    await workerCloses(company, id);
  }
  expect(code(await company.use.mintCode({ requestId, person: company.id('ada') }))).toBe('NotPending');
});

test.each([
  ['gives more time', (text: string) => text.replace('max: 4h', 'max: 6h')],
  ['asks fewer people', (text: string) => text.replace('need: 2', 'need: 1')],
  ['says the same', (text: string) => `${text}\n# a remark\n`],
] as const)('a policy that %s leaves what is under way as it is', async (_what, change) => {
  const requestId = await approved(company);
  const { requestId: waiting } = await opened(company, { role: 'write' });
  await company.applyPolicy(policyText(change));
  expect(await look()).toMatchObject({ looked: 2, voided: 0, ended: 0 });
  expect(company.temporal.view(requestId).state.kind).toBe('approved');
  expect(company.temporal.view(waiting).state.kind).toBe('awaiting');
});

test('where the last who could decide has left somebody is told, until somebody can again (F38)', async () => {
  await company.applyPolicy(
    policyText((text) => text.replace('from: [group:owners], need: 1', 'from: [person:olga], need: 1')),
  );
  const { requestId } = await opened(company);
  const alarm = async () =>
    await company.store.admin.query(`select detail from curfew.alarm where key = $1 and resolved_at is null`, [
      `nobody-decides/${requestId}`,
    ]);
  expect(await look()).toMatchObject({ voided: 0, ended: 0 });
  expect(await alarm()).toEqual([]);
  const away = { person: company.id('olga'), fromAt: company.now - 1_000, untilAt: company.now + 60 * minuteMs };
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  ok(await company.use.away({ ...away, account }));
  await look();
  expect(await alarm(), 'whoever is away may decide').toEqual([]);
  await company.change('olga', { source: 'hr', state: 'left' });
  await look();
  expect(await alarm()).toMatchObject([{ detail: expect.stringContaining('"owners"') as string }]);
  await company.change('olga', { source: 'hr', state: 'active' });
  await look();
  expect(await alarm()).toEqual([]);
  ok(await company.use.back({ person: company.id('olga') }));
});

test('its requester is told too where nobody is left who could decide, by the outbox, and again when somebody can', async () => {
  await company.applyPolicy(
    policyText((text) => text.replace('from: [group:owners], need: 1', 'from: [person:olga], need: 1')),
  );
  const { requestId } = await opened(company);
  const repaints = async () =>
    (
      await company.store.admin.query<{ payload: object }>(
        `select payload from curfew.outbox where kind = 'repaint' and payload ->> 'requestId' = $1`,
        [requestId],
      )
    ).length;
  const shown = async () => {
    const view = company.temporal.view(requestId);
    const model = await requestModel(company.store.as.curfew_worker, workspace, requestId, view, company.now);
    return model?.stuck;
  };
  await look();
  expect([await repaints(), await shown()]).toEqual([0, undefined]);
  await company.change('olga', { source: 'hr', state: 'left' });
  await look();
  expect([await repaints(), await shown()]).toEqual([1, true]);
  await company.change('eve', { groups: [] });
  await look();
  expect(await repaints(), 'once').toBe(1);
  company.now += 10;
  await company.change('olga', { source: 'hr', state: 'active' });
  await look();
  expect([await repaints(), await shown()], 'nothing was sent yet, so there is nothing to take back').toEqual([
    2,
    undefined,
  ]);
  const row = { requestId, slot: stuckSlot, channel: 'D0ADA', ts: '1.1', painted: 'x' };
  await slackMessages.put(company.store.as.curfew_worker, row);
  expect(await shown()).toBe(false);
});

test('somebody to whom no rule gives it any more loses what is under way', async () => {
  const requestId = await approved(company);
  await company.change('ada', { groups: [] });
  expect(await look()).toMatchObject({ ended: 1 });
  await relayed(requestId);
  expect(company.temporal.view(requestId).state.kind).toBe('closed');
});

test('what was claimed is left to the grant, which judges by itself', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  await stricterPolicy();
  expect(await look()).toMatchObject({ voided: 0, ended: 0 });
  expect(await intents.ofRequest(company.store.admin, requestId)).toEqual([]);
});

test('two workers at once, and one after the other, do it once (I10)', async () => {
  const requestId = await approved(company);
  const other = await approved(company, { target: 'orders-prod' });
  await company.change('olga', { groups: [] });
  const all = await Promise.all([look(), look(), look()]);
  expect(all.reduce((sum, { voided }) => sum + voided, 0)).toBe(2);
  expect((await voids(requestId)).length + (await voids(other)).length).toBe(2);
  await stricterPolicy();
  const ends = await Promise.all([look(), look()]);
  expect(ends.reduce((sum, { ended }) => sum + ended, 0)).toBe(2);
  expect(await look()).toMatchObject({ looked: null });
  expect(await intents.ofRequest(company.store.admin, requestId)).toHaveLength(1);
});

test('where nothing has changed nobody looks, until a quarter of a minute has gone by', async () => {
  await approved(company);
  const { looked } = await look();
  expect(looked, 'the request is no change of people or policy').toBeNull();
  company.now += 15 * secondMs;
  expect(await look()).toEqual({ looked: 1, voided: 0, ended: 0 });
  expect(await look(), 'and another worker knows of it').toMatchObject({ looked: null });
});

test('more than a batch is looked at', async () => {
  const { requestId } = await opened(company, { target: 'models-prod' });
  await company.store.admin.query(
    `with made as (
       insert into curfew.request select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).*
       from curfew.request r, generate_series(1, 450) where r.id = $1 returning id)
     insert into curfew.projection select m.id, p.version, p.state, p.outcome, p.view, p.end_at, p.changed_at
     from made m, curfew.projection p where p.request_id = $1`,
    [requestId],
  );
  company.now += 15 * secondMs;
  expect(await look()).toMatchObject({ looked: 451, voided: 0, ended: 0 });
});

test('what cannot be judged holds up nothing else, and is told', async () => {
  const requestId = await approved(company);
  const { requestId: strange } = await opened(company, { target: 'models-prod' });
  await company.store.admin.query(`update curfew.request set plan = '{}' where id = $1`, [strange]);
  await company.change('olga', { groups: [] });
  await company.store.admin.query(`delete from curfew.heartbeat where name = 'rejudged'`);
  await expect(look()).rejects.toThrow(strange);
  expect(await voids(requestId)).toHaveLength(1);
  expect(await look(), 'and not every second').toMatchObject({ looked: null });
  await company.store.admin.query(`update curfew.projection set state = 'closed' where request_id = $1`, [strange]);
});

test('a worker whose clock is ahead keeps no other from looking (F33)', async () => {
  await approved(company);
  await company.store.admin.query(`delete from curfew.heartbeat where name = 'rejudged'`);
  await look();
  await company.store.admin.query(
    `update curfew.heartbeat set at = at + interval '10 minutes' where name = 'rejudged'`,
  );
  expect(await look()).toMatchObject({ looked: 1 });
  await company.store.admin.query(`delete from curfew.heartbeat where name = 'rejudged'`);
});

test('without a policy that is understood nothing is judged, and nothing is said to have been', async () => {
  await approved(company);
  await company.applyPolicy('version: 98\n');
  const before = await heartbeats.of(company.store.admin, 'rejudged');
  await expect(look()).rejects.toThrow('cannot be read');
  expect(await heartbeats.of(company.store.admin, 'rejudged')).toEqual(before);
});

test('the loop goes on after a look that failed, and stops at the signal', async () => {
  const stopping = new AbortController();
  const warnings: string[] = [];
  let looks = 0;
  await keepRejudging(
    () => {
      looks += 1;
      if (looks === 2) stopping.abort();
      return looks === 1
        ? Promise.reject(new Error('no store'))
        : Promise.resolve({ looked: null, voided: 0, ended: 0 });
    },
    { info: () => undefined, warn: (_fields, sentence) => void warnings.push(sentence) },
    stopping.signal,
  );
  expect({ looks, warnings }).toEqual({ looks: 2, warnings: ['what is open could not be judged again'] });
});

test('what somebody opened in the very moment in which they left is closed, and not left to lapse (I9, F38)', async () => {
  const { requestId } = await opened(company, { person: company.id('eve') });
  // The leaving, as it is where it read what was open before this was.
  await company.store.admin.query(
    `update curfew.person set state = 'left', changed_at = clock_timestamp() where id = $1`,
    [company.id('eve')],
  );
  await company.store.admin.query(
    `insert into curfew.revoke_intent (id, person, actor, cause) values (gen_random_uuid(), $1, 'curfew_directory', 'left')`,
    [company.id('eve')],
  );
  expect(await look()).toMatchObject({ ended: 1 });
  expect(await look(), 'once').toMatchObject({ ended: 0 });
  await relayed(requestId);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'closed' });
});
