import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestId, TargetName } from '../domain/ids.ts';
import { roleOf } from '../domain/ids.ts';
import { next } from '../domain/request.ts';
import { isRefusal } from '../domain/errors.ts';
import { bindUseCases } from '../service/use-cases.ts';
import type { UseCases } from '../service/contract.ts';
import * as claims from '../store/claims.ts';
import * as grants from '../store/grants.ts';
import * as outbox from '../store/outbox.ts';
import * as projections from '../store/projections.ts';
import type { Channels } from '../temporal/messages.ts';
import { relayOnce } from '../temporal/relay.ts';
import type { Temporal } from '../temporal/connection.ts';
import { ask, code, ok, startCompany, verifier, type Company, type Handle } from './support/company.ts';
import { grantEntry } from './support/entries.ts';
import { eventually } from './support/eventually.ts';
import { fakeTemporal } from './support/fake-temporal.ts';
import { fakeActivities } from './support/requests.ts';
import {
  placeIn,
  startTestTemporal,
  startWorker,
  type Place,
  type RunningWorker,
  type TestTemporal,
} from './support/temporal.ts';

/** The use cases with a real Temporal server behind them; activities keep the store as the worker's do. */
let company: Company;
let real: TestTemporal;
let place: Place;
let worker: RunningWorker;

beforeAll(async () => {
  [company, real] = await Promise.all([startCompany(), startTestTemporal()]);
});
afterAll(async () => {
  await real?.end();
  await company?.end();
});
beforeEach(async () => {
  await company.restore();
  place = placeIn(real);
  worker = await startWorker(real, place, { activities: keepingTheStore() });
});
afterEach(async () => {
  await worker.stop();
  await place.temporal.close();
});

function keepingTheStore() {
  const store = company.store.as.curfew_worker;
  return fakeActivities({
    tell: async ({ requestId, view }) => void (await projections.save(store, requestId, view, Date.now())),
    grant: async ({ requestId, view }) => {
      const claim = await claims.of(store, requestId);
      if (!claim) throw new Error('a grant without a claim');
      const { endAt } = claim;
      const row = {
        requestId,
        target: 'orders-prod' as TargetName,
        template: 'orders_read' as never,
        role: roleOf(requestId),
        grantedAt: Date.now(),
        endAt,
      };
      const receipt = {
        ...row,
        kind: 'grant',
        readAt: Date.now(),
        canLogin: true,
        memberships: 1,
        attestations: [],
      } as const;
      const active = next(view.state, { kind: 'granted', endAt });
      await store.transaction(async (tx) => {
        await grants.insert(tx, { ...row, person: company.id('ada') }, receipt, grantEntry(requestId));
        if (!isRefusal(active))
          await projections.save(tx, requestId, { ...view, version: view.version + 1, state: active }, Date.now());
      });
      return { endAt };
    },
    revoke: async ({ requestId, view }) => {
      const closed = next(view.state, { kind: 'verified' });
      if (!isRefusal(closed))
        await projections.save(store, requestId, { ...view, version: view.version + 1, state: closed }, Date.now());
    },
  });
}

const useWith = (temporal: Temporal): UseCases => {
  const targets = company.ctx.targets.map((target) => ({ ...target, zone: place.zone }));
  return bindUseCases({ ...company.ctx, temporal, targets });
};

async function press(use: UseCases, requestId: RequestId, handle: Handle) {
  const person = company.id(handle);
  const { digest } = ok(await use.reviewModel({ requestId, person }));
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  return use.decide({ requestId, person, account, digest, verdict: 'approve' });
}

const stateOf = async (use: UseCases, requestId: RequestId) => ok(await use.status({ requestId })).view.state;

test('a request goes from the question to its end through the use cases and a real Workflow', async () => {
  const use = useWith(place.temporal);
  const { requestId, confirmed } = ok(await use.open(ask(company)));
  expect(confirmed).toBe(true);
  expect(code(await press(use, requestId, 'ada'))).toBe('SelfApproval');
  const clicks = await Promise.all([
    press(use, requestId, 'olga'),
    press(use, requestId, 'omar'),
    press(use, requestId, 'olga'),
  ]);
  expect(clicks.map(code).filter((one) => one === 'NotPending').length, 'one seat').toBeGreaterThanOrEqual(1);
  expect((await stateOf(use, requestId)).kind).toBe('approved');

  const mine = { requestId, person: company.id('ada') };
  const { code: shown } = ok(await use.mintCode(mine));
  const made = verifier();
  const first = ok(await use.claim({ code: shown, verifier: made, address: '192.0.2.1' }));
  const status = await eventually('the login', async () => {
    const answer = ok(await use.claimStatus({ code: shown }));
    return answer.state === 'active' && answer;
  });
  expect(status.endAt).toBe(first.endAt);
  expect(ok(await use.claim({ code: shown, verifier: made, address: 'x' }))).toMatchObject({
    state: 'active',
    endAt: first.endAt,
  });

  expect(ok(await use.release(mine))).toEqual({ already: false, confirmed: true });
  await eventually('the close', async () => (await stateOf(use, requestId)).kind === 'closed');
  expect(await stateOf(use, requestId)).toMatchObject({ outcome: 'released' });
  expect(ok(await use.release(mine)).already).toBe(true);
  const waiting = (await company.outbox()).filter(({ done, kind }) => !done && kind !== 'announce');
  expect(waiting).toEqual([]);
});

test('what was asked while Temporal was dead is done by the relay, in order, once', async () => {
  const dead = fakeTemporal();
  dead.dead = true;
  const without = useWith(dead);
  const { requestId } = ok(await without.open(ask(company)));
  expect(ok(await press(without, requestId, 'olga'))).toMatchObject({ decided: 'recorded', confirmed: false });
  // As if the time that rows are left to their writers were over.
  await company.store.admin.query('update curfew.outbox set next_at = now() where done_at is null');
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const people: Channels = {
    announce: () => Promise.resolve(),
    announceWebhook: () => Promise.resolve(),
    reviewed: () => Promise.resolve(),
    repaint: () => Promise.resolve(),
    proposal: () => Promise.resolve(),
    link: () => Promise.resolve(),
    taint: () => Promise.resolve(),
    left: () => Promise.resolve(),
    leftBehind: () => Promise.resolve(),
  };
  const signal = new AbortController().signal;
  const relay = {
    store: company.store.as.curfew_worker,
    temporal: place.temporal,
    channels: people,
    clock: Date.now,
    log: quiet,
    signal,
  };
  await relayOnce(relay);
  const use = useWith(place.temporal);
  expect((await stateOf(use, requestId)).kind).toBe('approved');
  expect(await outbox.backlog(company.store.admin)).toMatchObject({ count: 0 });
  expect(ok(await press(use, requestId, 'olga'))).toMatchObject({ decided: 'repeated', confirmed: true });
  ok(await use.withdraw({ requestId, person: company.id('ada') }));
  await eventually('the close', async () => (await stateOf(use, requestId)).kind === 'closed');
});

test('a leaver with a live grant: recorded at once, and the Workflow ends it by its one exit', async () => {
  const use = useWith(place.temporal);
  const { requestId } = ok(await use.open(ask(company)));
  ok(await press(use, requestId, 'olga'));
  const { code: shown } = ok(await use.mintCode({ requestId, person: company.id('ada') }));
  ok(await use.claim({ code: shown, verifier: verifier(), address: '192.0.2.1' }));
  await eventually('the login', async () => ok(await use.claimStatus({ code: shown })).state === 'active');
  const version = company.nextVersion();
  const left = ok(
    await use.leave({
      source: 'hr',
      event: 'e1',
      who: { handle: 'ada' },
      state: 'left',
      version,
      actor: 'curfew_directory',
    }),
  );
  expect(left).toMatchObject({ change: 'applied', confirmed: true });
  expect(left.requests).toContain(requestId);
  await eventually('the close', async () => (await stateOf(use, requestId)).kind === 'closed');
  expect(await stateOf(use, requestId)).toMatchObject({ outcome: 'revoked', cause: 'the person left' });
});
