import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { leftOf } from '../activities/channels.ts';
import { createLeave, type Requests } from '../activities/leave.ts';
import { CurfewError } from '../domain/errors.ts';
import type { RequestId } from '../domain/ids.ts';
import { toRow } from '../temporal/messages.ts';
import type { LeaveInput } from '../workflows/contract.ts';
import {
  approved,
  claimed,
  click,
  ok,
  opened,
  startCompany,
  workerCloses,
  workerEnds,
  workerGrants,
  type Company,
  type Handle,
} from './support/company.ts';
import { quiet, runActivity } from './support/granting.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company.end());
beforeEach(() => company.restore());

const follow = (input: LeaveInput, requests: Requests = company.temporal, clock = Date.now) => {
  const { closeRequestsOf } = createLeave({
    store: company.store.as.curfew_worker,
    requests,
    notice: (about, report) => toRow({ kind: 'left', payload: leftOf(about, report) }),
    clock,
    log: quiet,
  });
  return runActivity(closeRequestsOf, input);
};

const leaves = async (handle: Handle, event: string): Promise<LeaveInput> => {
  const version = company.nextVersion();
  company.now = Date.now();
  ok(
    await company.use.leave({
      source: 'hr',
      event,
      who: { handle },
      state: 'left',
      version,
      actor: 'curfew_directory',
    }),
  );
  const input = company.temporal.leaves.find((one) => one.event === event);
  if (!input) throw new Error('no leave was started');
  return input;
};

test('a leaver’s requests close, their approvals are void, and the report says how long it took', async () => {
  const held = await approved(company);
  const { endAt } = await claimed(company, held);
  await workerGrants(company, held, endAt);
  const { requestId: pending } = await opened(company);
  const input = await leaves('ada', 'event-1');
  // What the Workflows do meanwhile: they were told in the transaction that marked the person.
  company.now += 400;
  await workerEnds(company, held);
  await workerCloses(company, pending);

  const report = await follow(input);
  expect(report.closed.toSorted()).toEqual([held, pending].toSorted());
  expect(report.safeAfterMs).toBe(400);
  const entries = (await company.audit(input.personId)).filter(({ kind }) => kind === 'leave.reported');
  expect(entries.map(({ body }) => body)).toMatchObject([{ cause: 'left', event: 'event-1', safeAfterMs: 400 }]);
  expect((await company.outbox()).filter(({ kind }) => kind === 'left')).toHaveLength(1);
});

test('a decision that slipped in beside the leaving is void too, and its request is told', async () => {
  const { requestId } = await opened(company, { role: 'write' });
  const input = await leaves('olga', 'event-2');
  // As if it had been written a moment before the leaving was committed.
  await company.store.admin.query(`update curfew.person set state = 'active' where id = $1`, [company.id('olga')]);
  ok(await click(company, requestId, 'olga'));
  await company.store.admin.query(`update curfew.person set state = 'left' where id = $1`, [company.id('olga')]);
  expect(company.temporal.view(requestId).state).toMatchObject({ approvals: [{ person: company.id('olga') }] });
  const report = await follow(input);
  expect(report.voided).toHaveLength(1);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'awaiting', approvals: [] });
});

test('it waits for what is open and tells its Workflow again until it is closed; one that is over already is no failure', async () => {
  const { requestId } = await opened(company);
  const input = await leaves('ada', 'event-3');
  const told: RequestId[] = [];
  const requests: Requests = {
    voidDecisions: () => Promise.reject(new CurfewError('NotPending', 'closed')),
    revoke: async (id) => {
      told.push(id);
      await workerCloses(company, id);
      throw new CurfewError('NotPending', 'closed');
    },
  };
  let reads = 0;
  const hurried = (): number => Date.now() + (reads += 6_000);
  const report = await follow(input, requests, hurried);
  // What another test of this file has left open is hers as well.
  expect(told).toContain(requestId);
  expect(report.closed).toEqual(expect.arrayContaining([requestId]));
});

test('a Workflow that is ending already has heard, and is not told again', async () => {
  const held = await approved(company, { person: company.id('ben') });
  const { endAt } = await claimed(company, held, 'ben');
  await workerGrants(company, held, endAt);
  const waiting = (await opened(company, { person: company.id('ben') })).requestId;
  const input = await leaves('ben', 'event-ending');
  await company.store.admin.query(`update curfew.projection set state = 'revoking' where request_id = $1`, [held]);
  const told: RequestId[] = [];
  const requests: Requests = {
    voidDecisions: () => Promise.resolve(),
    revoke: async (id) => {
      told.push(id);
      await workerCloses(company, id);
      await company.store.admin.query(`update curfew.projection set state = 'closed' where request_id = $1`, [held]);
    },
  };
  let reads = 0;
  await follow(input, requests, () => Date.now() + (reads += 6_000));
  expect(told).toContain(waiting);
  expect(told).not.toContain(held);
});

test('somebody without requests is safe at once', async () => {
  const input = await leaves('nina', 'event-4');
  expect(await follow(input)).toEqual({ closed: [], voided: [], safeAfterMs: 0, tainted: 0 });
});

test('somebody who came back is not followed: what they ask for and decide from then on stays', async () => {
  const input = await leaves('eve', 'event-5');
  const gone = await leaves('omar', 'event-6');
  await company.restore();
  company.now = Date.now() + 60_000;
  const { requestId } = await opened(company, { person: company.id('eve'), role: 'write' });
  ok(await click(company, requestId, 'omar'));
  let reads = 0;
  const hurried = (): number => Date.now() + (reads += 6_000);
  const told: RequestId[] = [];
  const requests: Requests = {
    voidDecisions: async (id) => void told.push(id),
    revoke: async (id) => void told.push(id),
  };
  expect((await follow(input, requests, hurried)).closed).toEqual([]);
  expect((await follow(gone, requests, hurried)).voided).toEqual([]);
  expect(told).toEqual([]);
});
