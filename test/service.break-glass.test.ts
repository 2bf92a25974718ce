/** Break-glass from its opening to its review: the incident, the ceiling of two, debt and who it blocks (I13, F45). */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isRefusal } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import * as announcements from '../store/announcements.ts';
import * as conditions from '../store/conditions.ts';
import * as intents from '../store/intents.ts';
import { factsOf } from '../store/people.ts';
import { watchAnnouncements } from '../workers/worker/announcement-watch.ts';
import { watchConditions } from '../workers/worker/condition-watch.ts';
import {
  ask,
  claimed,
  click,
  code,
  ok,
  opened,
  policyText,
  startCompany,
  workerCloses,
  workerEnds,
  workerGrants,
  type Company,
} from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const glass = { kind: 'break-glass', role: 'write', ticket: 'INC-12', durationMs: 30 * minuteMs } as const;
const breaking = (change: object = {}) => company.use.open(ask(company, { ...glass, ...change }));
const flagging = () =>
  company.applyPolicy(policyText((text) => text.replace('max: 1h, review', 'max: 1h, incident: flagged, review')));

async function withdraw(requestId: RequestId): Promise<void> {
  ok(await company.use.withdraw({ requestId, person: company.id('ada') }));
  await workerCloses(company, requestId);
}
async function held(change: object = {}): Promise<RequestId> {
  const { requestId } = await opened(company, { ...glass, ...change });
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  return requestId;
}
/** Granted, over, and so many hours ago; the store's clock is the real one. */
async function over(hours: number): Promise<RequestId> {
  const requestId = await held();
  await workerEnds(company, requestId);
  await company.store.admin.query(
    `update curfew.access_grant set ended_at = ended_at - $2 * interval '1 hour' where request_id = $1`,
    [requestId, hours],
  );
  return requestId;
}
const review = (requestId: RequestId, handle: 'carl' | 'olga' | 'ada-admin' | 'eve') =>
  company.use.review({ requestId, person: company.id(handle), verdict: 'justified', note: 'the checkout was down' });
const openAlarms = async (subject: string): Promise<readonly string[]> =>
  (await alarms.open(company.store.admin)).filter((one) => one.subject === subject).map((one) => one.code);

test('an incident that is over is refused, and one that nobody knows where the policy requires it (I18)', async () => {
  company.condition = 'over';
  expect(await breaking()).toMatchObject({ code: 'PolicyDenied', field: 'ticket' });
  company.condition = 'unknown';
  const unknown = await breaking();
  expect(unknown).toMatchObject({ code: 'PolicyDenied', field: 'ticket' });
  expect(isRefusal(unknown) && unknown.message).toContain('Nobody knows of an open incident INC-12');
  await flagging();
  company.condition = 'over';
  expect(code(await breaking()), 'flagged is for what is not known').toBe('PolicyDenied');
});

test('where the policy flags it, an unknown incident goes through, is alarmed, and ends with the incident', async () => {
  await flagging();
  company.condition = 'unknown';
  const requestId = await held();
  expect(await announcements.incidentOf(company.store.admin, requestId)).toBe('unknown');
  expect(await openAlarms(requestId)).toEqual(['breakglass-flagged']);
  expect((await conditions.live(company.store.admin)).map((one) => one.requestId)).toContain(requestId);
  // Then the tracker comes back, and says that it is resolved.
  await watchConditions({
    store: company.store.as.curfew_worker,
    conditions: async () => 'over',
    clock: () => company.now,
  })();
  expect((await intents.ofRequest(company.store.admin, requestId)).map(({ cause }) => cause)).toEqual(['condition']);
  await workerEnds(company, requestId);
  await watchAnnouncements({ store: company.store.as.curfew_worker, channels: ['slack', 'webhook'] })();
  expect(await openAlarms(requestId)).toEqual([]);
  ok(await review(requestId, 'carl'));
});

test('both announcements and the entry are committed with the request, before anybody can claim it', async () => {
  const { requestId } = await opened(company, glass);
  const rows = await announcements.of(company.store.admin, requestId);
  expect(rows.map(({ channel, deliveredAt }) => [channel, deliveredAt])).toEqual([
    ['slack', null],
    ['webhook', null],
  ]);
  const [logged] = await company.store.admin.query<{ kind: string }>(
    'select e.kind from curfew.break_glass b join audit.entry e on e.id = b.entry where b.request_id = $1',
    [requestId],
  );
  expect(logged).toEqual({ kind: 'breakglass.announced' });
  await withdraw(requestId);
});

test('no announcement stands without its entry in the log, and nobody takes a delivery back', async () => {
  const { api, worker } = { api: company.store.as.curfew_api, worker: company.store.as.curfew_worker };
  const { requestId } = await opened(company);
  await expect(
    api.transaction((tx) => announcements.commit(tx, requestId, 999_999_999, 'holds')),
  ).rejects.toMatchObject({ sqlstate: '23503' });
  const broken = await opened(company, glass);
  await announcements.delivered(worker, broken.requestId, 'slack');
  expect(await announcements.delivered(worker, broken.requestId, 'slack'), 'the first one counts').toBeUndefined();
  const undo = 'update curfew.announcement set delivered_at = null where request_id = $1';
  await expect(worker.query(undo, [broken.requestId])).rejects.toMatchObject({ sqlstate: 'CFS01' });
  await expect(api.query('update curfew.announcement set delivered_at = now()')).rejects.toMatchObject({
    sqlstate: '42501',
  });
  await withdraw(broken.requestId);
});

test('of twenty attempts at once, by one person under three accounts, two are let through (F45)', async () => {
  for (const handle of ['ada-admin', 'eve'] as const) {
    await company.change(handle, { groups: [{ name: 'responders' }], aliases: [company.id('ada')] });
  }
  const accounts = ['ada', 'ada-admin', 'eve'] as const;
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      breaking({ person: company.id(accounts[index % 3] ?? 'ada'), key: `storm ${index}` }),
    ),
  );
  const through = all.flatMap((one) => (isRefusal(one) ? [] : [one.requestId]));
  expect(through).toHaveLength(2);
  expect(all.filter(isRefusal).map((one) => one.code)).toEqual(Array.from({ length: 18 }, () => 'NotAllowed'));
  for (const requestId of through) {
    const [row] = await company.store.admin.query<{ person: ReturnType<Company['id']> }>(
      'select person from curfew.request where id = $1',
      [requestId],
    );
    ok(await company.use.withdraw({ requestId, person: row?.person ?? company.id('ada') }));
    await workerCloses(company, requestId);
  }
});

test('a day after its end an unreviewed one is debt: no glass, no approval, no review, under any account (F45)', async () => {
  const early = await over(23);
  expect((await factsOf(company.store.as.curfew_api, company.id('ada')))?.reviewDebt).toBeUndefined();
  ok(await review(early, 'carl'));

  const owed = await over(25);
  for (const handle of ['ada', 'ada-admin'] as const) {
    const facts = await factsOf(company.store.as.curfew_directory, company.id(handle));
    expect(facts?.reviewDebt, handle).toBe(true);
  }
  company.now = Date.now();
  expect(await breaking()).toMatchObject({ code: 'NotAllowed' });
  const { requestId: theirs } = await opened(company, { person: company.id('eve') });
  const refused = await click(company, theirs, 'ada-admin');
  expect(refused).toMatchObject({ code: 'ApproverNotEligible' });
  expect(isRefusal(refused) && refused.message).toContain('not reviewed in time');
  // An owner who is in debt reviews nobody's break-glass either.
  await company.change('eve', { groups: [{ name: 'engineers' }, { name: 'responders' }] });
  const { requestId: other } = await opened(company, { ...glass, person: company.id('eve') });
  ok(await company.use.withdraw({ requestId: other, person: company.id('eve') }));
  await workerCloses(company, other);
  expect(await review(other, 'ada-admin')).toMatchObject({ code: 'ApproverNotEligible' });

  expect(code(await review(owed, 'ada-admin')), 'nobody reviews their own').toBe('SelfApproval');
  ok(await review(owed, 'carl'));
  expect((await factsOf(company.store.as.curfew_api, company.id('ada')))?.reviewDebt).toBeUndefined();
  expect(ok(await click(company, theirs, 'ada-admin')).decided).toBe('recorded');
  await withdraw((await opened(company, glass)).requestId);
});

test('nobody on whom the policy counts is in debt: their seat is somebody else’s', async () => {
  const owed = await over(25);
  const preview = ok(await company.use.preview({ ...ask(company, { person: company.id('eve') }), role: 'read' }));
  expect(preview.seats.flat()).not.toContain(company.id('ada-admin'));
  expect(preview.seats.flat()).toContain(company.id('olga'));
  ok(await review(owed, 'carl'));
});

test('those to whom a review escalates may give it from then on, and not before', async () => {
  const to = 'within: 24h, escalateAfter: 2h, to: [group:engineers] }';
  await company.applyPolicy(policyText((text) => text.replace('within: 24h }', to)));
  const requestId = await over(0);
  company.now = Date.now();
  expect(code(await review(requestId, 'eve'))).toBe('ApproverNotEligible');
  company.now += 2 * hourMs + minuteMs;
  ok(await review(requestId, 'eve'));
});

test('one whose Workflow was lost is reviewed after its hard end, whoever has recorded that it is over', async () => {
  const requestId = await held();
  expect(code(await review(requestId, 'carl'))).toBe('NotPending');
  company.now += hourMs;
  ok(await review(requestId, 'carl'));
});
