/** What the worker does about break-glass: no grant without its announcements, two channels, and the review (I13). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ApplicationFailure } from '@temporalio/common';
import { announcing } from '../activities/announcing.ts';
import { createReviewStep, stepsOf } from '../activities/review-step.ts';
import type { WebhookMessage } from '../activities/webhook-channel.ts';
import type { RequestId } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import { toRow } from '../temporal/messages.ts';
import * as alarms from '../store/alarms.ts';
import * as announcements from '../store/announcements.ts';
import * as outbox from '../store/outbox.ts';
import { watchAnnouncements } from '../workers/worker/announcement-watch.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { fakeChannels } from './support/channels.ts';
import { minted, ok, opened, policyText, workerEnds, workerGrants } from './support/company.ts';
import { ordersProd, quiet, runActivity, startGranting, type Granting } from './support/granting.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
});
afterAll(() => world?.end());
beforeEach(async () => {
  await world.company.restore();
  await world.check();
  // What the test before has left open: two at once are the most.
  await world.company.store.admin.query(`update curfew.projection set state = 'closed' where state <> 'closed'`);
  await world.company.store.admin.query('update curfew.alarm set resolved_at = now() where resolved_at is null');
});

const glass = { kind: 'break-glass', role: 'write', ticket: 'INC-12', durationMs: 30 * minuteMs } as const;

async function claimedGlass() {
  const { company } = world;
  company.now = Date.now();
  const { requestId } = await opened(company, glass);
  const { code } = await minted(company, requestId);
  const claim = { code, verifier: makeVerifier('a-password-of-a-test'), address: '192.0.2.7' };
  const { endAt } = ok(await company.use.claim(claim));
  const view = company.temporal.view(requestId);
  if (view.state.kind !== 'granting') throw new Error(view.state.kind);
  return { requestId, target: ordersProd, credentialId: view.state.credentialId, view, endAt };
}
const force = (text: string, id: RequestId) =>
  world.company.store.admin.transaction(async (tx) => {
    await tx.query('set local session_replication_role = replica');
    await tx.query(text, [id]);
  });
const openAlarms = async (): Promise<readonly string[]> =>
  (await alarms.open(world.company.store.admin)).map(({ key }) => key);
const worker = () => world.company.store.as.curfew_worker;
const deliveries = async (id: RequestId) =>
  (await announcements.of(worker(), id)).map(({ channel, deliveredAt }) => [channel, deliveredAt !== null]);

describe('a grant', () => {
  test('is made of what was announced, for no longer than an hour', async () => {
    const it = await claimedGlass();
    expect(await world.run(world.activities().grant, it)).toEqual({ endAt: it.endAt });
    expect(it.endAt - Date.now()).toBeLessThanOrEqual(hourMs);
  });

  test.each([
    ['one of its announcements', `delete from curfew.announcement where request_id = $1 and channel = 'webhook'`],
    ['all of them', `delete from curfew.announcement where request_id = $1`],
  ])('is refused where the store lacks %s', async (_, text) => {
    const it = await claimedGlass();
    await force(text, it.requestId);
    const refused: unknown = await world.run(world.activities().grant, it).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApplicationFailure);
    expect(refused).toMatchObject({ type: 'PolicyDenied', message: expect.stringContaining('never announced') });
    expect(await world.canLogin(it.requestId)).toBeUndefined();
  });

  test('is refused for an incident that is not known any more, but made where the policy flags it (I18)', async () => {
    const it = await claimedGlass();
    const unknown = { conditions: async () => 'unknown' as const };
    await expect(world.run(world.activities(unknown).grant, it)).rejects.toMatchObject({ type: 'NotRecorded' });
    await world.company.applyPolicy(policyText((text) => text.replace('max: 1h,', 'max: 1h, incident: flagged,')));
    const flagged = await claimedGlass();
    expect(await world.run(world.activities(unknown).grant, flagged)).toEqual({ endAt: flagged.endAt });
  });

  test('is refused for an incident that is over by now, flagged or not', async () => {
    const over = await claimedGlass();
    const resolved = { conditions: async () => 'over' as const };
    await expect(world.run(world.activities(resolved).grant, over)).rejects.toMatchObject({ type: 'PolicyDenied' });
  });
});

describe('the announcement', () => {
  const posted: WebhookMessage[] = [];
  const webhook = { post: async (message: WebhookMessage) => void posted.push(message) };

  test('is kept as delivered by each kind of channel once that has taken it, and names nobody (I12)', async () => {
    const { requestId } = await opened(world.company, { ...glass, reason: 'canary-reason-4455' });
    const channels = announcing(fakeChannels(), { store: worker(), webhook, slack: true, log: quiet });
    await channels.announce({ requestId });
    expect(await deliveries(requestId)).toEqual([
      ['slack', true],
      ['webhook', false],
    ]);
    await channels.announceWebhook({ requestId });
    expect(await deliveries(requestId)).toEqual([
      ['slack', true],
      ['webhook', true],
    ]);
    expect(posted.at(-1)).toMatchObject({
      id: `breakglass_${requestId}`,
      type: 'breakglass.announced',
      data: { target: 'orders-prod', role: 'write', incident: 'INC-12', incidentKnown: true },
    });
    expect(JSON.stringify(posted)).not.toMatch(/canary-reason-4455|Name of/);
    expect(await openAlarms()).toEqual([]);
  });

  test('that no channel takes is kept as not delivered, and alarmed after a minute until it is', async () => {
    const { requestId } = await opened(world.company, glass);
    const deaf = { post: () => Promise.reject(new Error('the pager is down')) };
    const down = announcing(fakeChannels(), { store: worker(), webhook: deaf, slack: true, log: quiet });
    await expect(down.announceWebhook({ requestId })).rejects.toThrow('the pager is down');
    const watch = watchAnnouncements({ store: worker(), channels: ['slack', 'webhook'] });
    await watch();
    expect(await openAlarms()).toEqual([]);
    await force(
      `update curfew.announcement set committed_at = committed_at - interval '61 s' where request_id = $1 and channel = 'webhook'`,
      requestId,
    );
    await watch();
    expect(await openAlarms()).toEqual([announcements.lateKey(requestId, 'webhook')]);
    const up = announcing(fakeChannels(), { store: worker(), webhook, slack: true, log: quiet });
    await up.announceWebhook({ requestId });
    expect(await openAlarms()).toEqual([]);
  });

  test('that is late although nobody watched has had its alarm', async () => {
    const { requestId } = await opened(world.company, glass);
    await force(
      `update curfew.announcement set committed_at = committed_at - interval '2 minutes' where request_id = $1`,
      requestId,
    );
    await announcing(fakeChannels(), { store: worker(), webhook, slack: true, log: quiet }).announce({ requestId });
    const raised = await world.company.store.admin.query('select code from curfew.alarm where key = $1', [
      announcements.lateKey(requestId, 'slack'),
    ]);
    expect(raised).toEqual([{ code: 'breakglass-late' }]);
  });

  test('without a second kind of channel is alarmed, and stays so until there is one', async () => {
    const { requestId } = await opened(world.company, glass);
    const lone = announcing(fakeChannels(), { store: worker(), slack: true, log: quiet });
    await lone.announceWebhook({ requestId });
    expect((await deliveries(requestId)).at(-1)).toEqual(['webhook', false]);
    expect(await openAlarms()).toContain(announcements.oneChannelKey('webhook'));
    await watchAnnouncements({ store: worker(), channels: ['slack'] })();
    expect(await openAlarms()).toContain(announcements.oneChannelKey('webhook'));
    await watchAnnouncements({ store: worker(), channels: ['slack', 'webhook'] })();
    expect(await openAlarms()).not.toContain(announcements.oneChannelKey('webhook'));
  });
});

describe('the review', () => {
  const rule = {
    from: [{ kind: 'group', group: 'owners' }],
    withinMs: dayMs,
    remindAfterMs: hourMs,
    escalate: { afterMs: 4 * hourMs, to: [{ kind: 'group', group: 'responders' }] },
  } as const;

  test('is reminded of, escalated, owed a day after the end at the latest, and then said each day for a month', () => {
    const steps = stepsOf(rule, 0);
    expect(steps.slice(0, 4)).toEqual([
      { step: 'reminded', at: hourMs },
      { step: 'escalated', at: 4 * hourMs },
      { step: 'owed', at: dayMs },
      { step: 'owed-2', at: 2 * dayMs },
    ]);
    expect(steps).toHaveLength(32);
    expect(stepsOf({ from: rule.from, withinMs: 30 * dayMs }, 0)[0], 'an older plan').toEqual({
      step: 'owed',
      at: dayMs,
    });
  });

  test('is asked for by the outbox once the grant is over, and each step is done once', async () => {
    const { company } = world;
    const within = 'within: 24h, remindAfter: 1h, escalateAfter: 4h, to: [group:engineers] }';
    await company.applyPolicy(policyText((text) => text.replace('within: 24h }', within)));
    company.now = Date.now();
    const { requestId, endAt } = await claimedGlass();
    await workerGrants(company, requestId, endAt);
    const asked = async () =>
      (await company.store.admin.query<{ key: string }>(`select key from curfew.outbox where kind = 'review'`)).filter(
        ({ key }) => key === `review/${requestId}`,
      ).length;
    await outbox.take(worker(), 1, 1_000);
    expect(await asked(), 'it is still held').toBe(0);
    await workerEnds(company, requestId);
    await outbox.take(worker(), 1, 1_000);
    await outbox.take(worker(), 1, 1_000);
    expect(await asked()).toBe(1);

    const overAt = company.now;
    let now = overAt;
    const slack = {
      repaint: (id: RequestId, version: number) => toRow({ kind: 'repaint', payload: { requestId: id, version } }),
    };
    const { reviewStep } = createReviewStep({ store: worker(), clock: () => now, log: quiet, slack: slack as never });
    const step = () => runActivity(reviewStep, { requestId });
    expect(await step()).toEqual({ nextAt: overAt + hourMs });
    now = overAt + 5 * hourMs;
    expect(await step()).toEqual({ nextAt: overAt + dayMs });
    expect(await step(), 'again, after a lost reply').toEqual({ nextAt: overAt + dayMs });
    now = overAt + dayMs;
    await step();
    const kinds = (await company.audit(requestId)).map(({ kind }) => kind).filter((kind) => kind.startsWith('review.'));
    expect(kinds).toEqual(['review.reminded', 'review.escalated', 'review.owed']);
    expect(await openAlarms()).toEqual([`review/${requestId}`]);

    company.now = now;
    ok(await company.use.review({ requestId, person: company.id('carl'), verdict: 'justified', note: 'it was down' }));
    expect(await step()).toEqual({ nextAt: null });
    await announcing(fakeChannels(), { store: worker(), slack: true, log: quiet }).reviewed({ requestId });
    expect(await openAlarms()).toEqual([]);
  });
});
