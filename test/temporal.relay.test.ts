import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CurfewError } from '../domain/errors.ts';
import { roleOf, type CredentialId, type Digest, type ExtensionId, type RequestId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import * as alarms from '../store/alarms.ts';
import { entriesOf } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import * as grants from '../store/grants.ts';
import * as extensions from '../store/extensions.ts';
import * as intents from '../store/intents.ts';
import * as outbox from '../store/outbox.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import { toRow, type Channels, type OutboxMessage } from '../temporal/messages.ts';
import { relayOnce, runRelay, type RelayOptions } from '../temporal/relay.ts';
import { reviewId, status, type AccessRequestInput } from '../workflows/contract.ts';
import { lives } from './support/life.ts';
import { approvals, automatic, decision, person, request, stage } from './support/requests.ts';
import { running } from './support/running.ts';
import { startStore, type TestStore } from './support/store.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { eventually } from './support/eventually.ts';

const world = lives();
let stored: TestStore;
beforeAll(async () => {
  stored = await startStore();
});
afterAll(() => stored.end());

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const noChannels: Channels = {
  announce: async () => undefined,
  announceWebhook: async () => undefined,
  reviewed: async () => undefined,
  proposal: async () => undefined,
  link: async () => undefined,
  repaint: async () => undefined,
  left: async () => undefined,
  leftBehind: async () => undefined,
  taint: async () => undefined,
};

const withoutSlack: Channels = {
  ...noChannels,
  announce: () => Promise.reject(new CurfewError('SlackGone', 'no such channel')),
};

const relay = (more: Partial<RelayOptions> = {}): RelayOptions => ({
  store: stored.as.curfew_worker,
  temporal: world.place.temporal,
  channels: noChannels,
  clock: Date.now,
  log: quiet,
  signal: new AbortController().signal,
  everyMs: 50,
  ...more,
});

/** As a use case does: in the transaction of its change, for the relay at once. */
const write = (message: OutboxMessage, delayMs = 0): Promise<number> =>
  stored.as.curfew_api.transaction((tx) => outbox.enqueue(tx, { ...toRow(message), delayMs }));

const isDone = async (id: number): Promise<boolean> =>
  (await stored.admin.query('select 1 from curfew.outbox where id = $1 and done_at is not null', [id])).length === 1;

const seen = (input: AccessRequestInput): Promise<RequestView> =>
  running(world.real, world.place.temporal, input).handle.query(status);

/** A request that the store knows, so that its projection can be kept. */
async function known(need = 1) {
  const requester = await addPerson(stored.as.curfew_directory, randomUUID());
  const row = await openRequest(stored.as.curfew_api, requester);
  return request(world.place.zone, {
    requestId: row.id,
    requester: { id: requester, aliases: [] },
    digest: row.digest,
    plan: approvals([stage(need)]),
  });
}

test('a process that died between its commit and the start loses nothing: it is started once (F8, I10)', async () => {
  await world.serve();
  const input = await known();
  const id = await write({ kind: 'start', payload: input });
  // Two relays at once, and again: one start.
  await Promise.all([relayOnce(relay()), relayOnce(relay())]);
  await relayOnce(relay());
  expect(await isDone(id)).toBe(true);
  const it = running(world.real, world.place.temporal, input);
  const { runId } = await it.handle.describe();
  expect((await it.approve()).state.kind).toBe('approved');
  expect((await it.handle.describe()).runId).toBe(runId);
});

test('whoever is told to end what has its receipt already hears that too, and revokes nothing', async () => {
  const { calls } = await world.serve({ holdMs: 60_000 });
  const input = { ...(await known()), plan: automatic() };
  await world.place.temporal.startRequest(input);
  const it = running(world.real, world.place.temporal, input);
  await it.claim();
  await it.is('active');
  const { requestId, target } = input;
  const at = Date.now();
  const receipt = {
    kind: 'revoke',
    requestId,
    target,
    role: roleOf(requestId),
    startedAt: at,
    verifiedAt: at,
  } as const;
  await stored.as.curfew_worker.transaction((tx) =>
    grants.end(tx, requestId, { ...receipt, rounds: 1, nodes: [], attestations: [] }),
  );
  await write({ kind: 'revoke', payload: { requestId, input: { actor: 'curfew_api', cause: 'the person left' } } });
  await relayOnce(relay());
  expect(await it.outcome()).toBe('revoked');
  expect(calls.revokes).toEqual([]);
});

test('the review of a break-glass is asked for until somebody gives it, by one Workflow however often it is sent', async () => {
  let looks = 0;
  await world.serve({ reviewStep: async () => ({ nextAt: (looks += 1) > 2 ? null : Date.now() + 100 }) });
  const requestId = randomUUID() as RequestId;
  const id = await write({ kind: 'review', payload: { requestId } });
  await Promise.all([relayOnce(relay()), relayOnce(relay())]);
  expect(await isDone(id)).toBe(true);
  await world.real.client.workflow.getHandle(reviewId(requestId)).result();
  expect(looks).toBe(3);
  expect(await world.place.temporal.startReview({ requestId }), 'and it is not asked for again').toBe('already-there');
});

test('once somebody has reviewed it, its Workflow is over at once; where none asks yet, or any more, nobody waits', async () => {
  let given = false;
  let looks = 0;
  const reviewStep = async () => {
    looks += 1;
    return { nextAt: given ? null : Date.now() + 86_400_000 };
  };
  await world.serve({ reviewStep });
  const requestId = randomUUID() as RequestId;
  const early = await write({ kind: 'review-over', payload: { requestId: randomUUID() as RequestId } });
  await write({ kind: 'review', payload: { requestId } });
  await relayOnce(relay());
  expect(await isDone(early), 'none was ever started').toBe(true);
  await eventually('it waits for a day', () => looks === 1);
  given = true;
  const over = await write({ kind: 'review-over', payload: { requestId } });
  await relayOnce(relay());
  expect(await isDone(over)).toBe(true);
  await world.real.client.workflow.getHandle(reviewId(requestId)).result();
  expect(looks).toBe(2);
  await expect(world.place.temporal.reviewed(requestId)).rejects.toMatchObject({ code: 'NotPending' });
});

test('what is sent together is ticked off together: as many statements for eighty messages as for a few', async () => {
  const store = stored.as.curfew_worker;
  let statements = 0;
  const counting: typeof store = {
    ...store,
    query: (text, values) => {
      statements += 1;
      return store.query(text, values);
    },
  };
  const ids = await Promise.all(
    Array.from({ length: 80 }, () => write({ kind: 'alarm', payload: { id: randomUUID() } })),
  );
  expect(await relayOnce(relay({ store: counting }))).toBeGreaterThanOrEqual(80);
  for (const id of ids) expect(await isDone(id)).toBe(true);
  expect(statements).toBeLessThan(20);
});

test('what its writer sent meanwhile is not sent again, and what is not due is left alone', async () => {
  const input = await known();
  const sent = await write({ kind: 'start', payload: input });
  await outbox.done(stored.as.curfew_api, sent);
  const later = await write({ kind: 'start', payload: await known() }, 60_000);
  await relayOnce(relay());
  expect(await isDone(later)).toBe(false);
  await expect(running(world.real, world.place.temporal, input).handle.describe()).rejects.toThrow();
});

test('start, decision and claim go in the order in which they were written, and the views are kept', async () => {
  await world.serve({ holdMs: 60_000 });
  const input = await known();
  const approver = decision(input, person());
  const requestId = input.requestId;
  const credentialId = randomUUID() as never;
  const ids = [
    await write({ kind: 'start', payload: input }),
    await write({ kind: 'decide', payload: { requestId, input: approver } }),
    await write({ kind: 'claim', payload: { requestId, input: { credentialId } } }),
  ];
  await relayOnce(relay());
  expect(await Promise.all(ids.map(isDone))).toEqual([true, true, true]);
  const kept = await projections.viewOf(stored.admin, requestId);
  expect(kept?.state.kind).toBe('granting');
});

test('what cannot be sent now waits, and what was written after it about the same request waits behind it', async () => {
  const input = await known();
  const requestId = input.requestId;
  const decided = await write({ kind: 'decide', payload: { requestId, input: decision(input, person()) } });
  const withdrawal = { kind: 'withdraw', payload: { requestId, input: { actor: input.requester.id } } } as const;
  const withdrawn = await write(withdrawal);
  const sent: string[] = [];
  const { temporal } = world.place;
  const counting = {
    ...temporal,
    withdraw: (...args: Parameters<typeof temporal.withdraw>) => (sent.push('withdraw'), temporal.withdraw(...args)),
  };
  await relayOnce(relay({ temporal: counting }));
  // In the next round too, when only the later one is due.
  await stored.admin.query('update curfew.outbox set next_at = now() where id = $1', [withdrawn]);
  await relayOnce(relay({ temporal: counting }));
  expect(sent).toEqual([]);
  expect([await isDone(decided), await isDone(withdrawn)]).toEqual([false, false]);
  const [row] = await stored.admin.query<{ error: string; late: boolean }>(
    'select last_error as error, next_at > clock_timestamp() as late from curfew.outbox where id = $1',
    [decided],
  );
  expect(row).toEqual({ error: 'NotConfirmed', late: true });
});

test('a Workflow’s no is an answer: it is not asked again', async () => {
  await world.serve();
  const input = await known();
  const requestId = input.requestId;
  await world.place.temporal.startRequest(input);
  const own = await write({
    kind: 'decide',
    payload: { requestId, input: decision(input, person({ id: input.requester.id })) },
  });
  await relayOnce(relay());
  expect(await isDone(own)).toBe(true);
  const it = running(world.real, world.place.temporal, input);
  await it.deny();
  await it.outcome();
  const late = await write({ kind: 'withdraw', payload: { requestId, input: { actor: input.requester.id } } });
  await relayOnce(relay());
  expect(await isDone(late)).toBe(true);
});

test('a close is left to whoever writes its audit entry', async () => {
  await world.serve();
  const input = await known();
  const requestId = input.requestId;
  await write({ kind: 'start', payload: input });
  await write({ kind: 'decide', payload: { requestId, input: decision(input, person(), { verdict: 'deny' }) } });
  await relayOnce(relay());
  expect(await projections.viewOf(stored.admin, requestId)).toBeUndefined();
});

test('what people must hear is tried again whatever the channel says, and is late after a minute: an alarm', async () => {
  const requestId = (await known()).requestId;
  const id = await write({ kind: 'announce', payload: { requestId } });
  await relayOnce(relay({ channels: withoutSlack }));
  expect(await isDone(id)).toBe(false);
  await relayOnce(relay({ channels: withoutSlack, clock: () => Date.now() + 61_000 }));
  expect((await alarms.open(stored.admin)).map(({ key }) => key)).toContain('outbox/late');

  await stored.admin.query('update curfew.outbox set next_at = now(), created_at = now() where done_at is null');
  const heard: string[] = [];
  const mended: Channels = {
    ...noChannels,
    announce: async (message) => void heard.push(message.requestId),
  };
  await eventually('all is said', async () => {
    await relayOnce(relay({ channels: mended }));
    return heard.length >= 1;
  });
  expect(heard).toEqual([requestId]);
});

test('it goes on while the store is away, and stops when it is told to', async () => {
  const stopping = new AbortController();
  const lost = stored.open('curfew_worker', { url: 'postgres://curfew_worker:wrong@127.0.0.1:1/curfew' });
  const away = runRelay(relay({ store: lost, signal: stopping.signal }));
  const input = await known();
  await world.serve();
  const here = runRelay(relay({ signal: stopping.signal }));
  const id = await write({ kind: 'start', payload: input });
  await eventually('it is sent', () => isDone(id));
  stopping.abort();
  await Promise.all([away, here]);
});

test('a row that means nothing is kept, alarmed, and holds up no other', async () => {
  await world.serve();
  const broken = await Promise.all(
    [null, 7, {}, { requestId: 'x' }, { requestId: randomUUID(), input: null }].map((payload, index) =>
      stored.as.curfew_directory.transaction((tx) =>
        outbox.enqueue(tx, { kind: 'decide', key: `broken-${index}`, payload }),
      ),
    ),
  );
  const well = await write({ kind: 'start', payload: await known() });
  await relayOnce(relay());
  expect(await isDone(well)).toBe(true);
  expect(await Promise.all(broken.map(isDone))).toEqual(broken.map(() => false));
  expect((await alarms.open(stored.admin)).map(({ key }) => key)).toContain('outbox/malformed');
  for (const id of broken) await outbox.done(stored.as.curfew_worker, id);
  await relayOnce(relay());
  expect((await alarms.open(stored.admin)).map(({ key }) => key)).not.toContain('outbox/malformed');
});

test('the backlog is watched although a round failed', async () => {
  const late = await write({ kind: 'announce', payload: { requestId: (await known()).requestId } }, 60_000);
  const store: Store = {
    ...stored.as.curfew_worker,
    query: (text, values) =>
      text.startsWith('update curfew.outbox o set attempts = o.attempts + 1')
        ? Promise.reject(new Error('no rows today'))
        : stored.as.curfew_worker.query(text, values),
  };
  await alarms.resolve(stored.as.curfew_worker, 'outbox/late');
  await expect(relayOnce(relay({ store, clock: () => Date.now() + 61_000 }))).rejects.toThrow('no rows today');
  expect((await alarms.open(stored.admin)).map(({ key }) => key)).toContain('outbox/late');
  await outbox.done(stored.as.curfew_worker, late);
});

test('an end waits for nothing that was written before it', async () => {
  await world.serve();
  const input = await known();
  const { requestId } = input;
  await world.place.temporal.startRequest(input);
  await write({ kind: 'announce', payload: { requestId } });
  const stuck = await write({ kind: 'decide', payload: { requestId, input: decision(input, person()) } });
  const revoked = await write({ kind: 'revoke', payload: { requestId, input: { actor: 'x', cause: 'y' } } });
  const temporal = {
    ...world.place.temporal,
    decide: () => Promise.reject(new CurfewError('NotConfirmed', 'not now')),
  };
  await relayOnce(relay({ temporal, channels: withoutSlack }));
  expect([await isDone(stuck), await isDone(revoked)]).toEqual([false, true]);
});

test('a decision that the Workflow refuses is void in the store too, with its entry', async () => {
  await world.serve();
  const input = await known();
  const { requestId, digest } = input;
  const approver = await addPerson(stored.as.curfew_directory, randomUUID());
  const refused = decision(input, person({ id: approver }));
  const kept = { id: refused.decisionId, requestId, digest, stage: 0, person: approver, verdict: 'approve' } as const;
  const { facts, madeAt } = refused;
  await stored.as.curfew_api.transaction((tx) => decisions.insert(tx, { ...kept, facts, madeAt }, 0));
  await world.place.temporal.startRequest(input);
  const id = await write({
    kind: 'decide',
    payload: { requestId, input: { ...refused, digest: 'f'.repeat(64) as Digest } },
  });
  await relayOnce(relay());
  expect(await isDone(id)).toBe(true);
  expect(await decisions.of(stored.admin, requestId)).toMatchObject([{ id: kept.id, voidedAt: expect.any(Number) }]);
  expect(await entriesOf(stored.admin, requestId)).toMatchObject([
    { kind: 'decision.voided', login: 'curfew_worker', body: { decision: kept.id, cause: 'refused: StaleView' } },
  ]);
});

test('of a claim that the Workflow refuses the end is asked for, once', async () => {
  await world.serve();
  const input = await known();
  const { requestId } = input;
  await world.place.temporal.startRequest(input);
  const claim = {
    kind: 'claim',
    payload: { requestId, input: { credentialId: randomUUID() as CredentialId } },
  } as const;
  const id = await write(claim);
  await relayOnce(relay());
  await stored.admin.query('update curfew.outbox set done_at = null, next_at = now() where id = $1', [id]);
  await relayOnce(relay());
  expect(await isDone(id)).toBe(true);
  expect(await intents.ofRequest(stored.admin, requestId)).toMatchObject([
    { id: claim.payload.input.credentialId, cause: 'revoked', scope: { kind: 'grant', requestId } },
  ]);
  expect((await entriesOf(stored.admin, requestId)).map(({ kind }) => kind)).toEqual(['end.asked']);
});

test('an extension that the Workflow refuses has failed in the store too, with its entry, once', async () => {
  await world.serve();
  const input = await known();
  const { requestId, plan } = input;
  await world.place.temporal.startRequest(input);
  const now = Date.now();
  const row = {
    id: randomUUID() as ExtensionId,
    requestId,
    requester: input.requester.id,
    number: 1,
    kind: 'automatic',
    fromAt: now,
    endAt: now + 60_000,
    plan,
    reasonHash: null,
    digest: 'e'.repeat(64) as Digest,
    askedAt: now,
  } as const;
  await stored.as.curfew_api.transaction((tx) => extensions.insert(tx, row));
  const step = { extensionId: row.id, step: 'approved', endAt: row.endAt } as const;
  const id = await write({ kind: 'extend', payload: { requestId, input: step } });
  await relayOnce(relay());
  await stored.admin.query('update curfew.outbox set done_at = null, next_at = now() where id = $1', [id]);
  await relayOnce(relay());
  expect(await isDone(id)).toBe(true);
  expect(await extensions.outcomeOf(stored.admin, row.id)).toMatchObject({
    kind: 'failed',
    cause: 'refused: NotPending',
  });
  expect((await entriesOf(stored.admin, requestId)).map(({ kind }) => kind)).toEqual(['extension.failed']);
});

test('the steps of an extension are messages of their own', () => {
  const extensionId = randomUUID() as ExtensionId;
  const requestId = randomUUID() as RequestId;
  const keys = (['asked', 'approved', 'over'] as const).map(
    (step) => toRow({ kind: 'extend', payload: { requestId, input: { extensionId, step, endAt: 1 } } }).key,
  );
  expect(new Set(keys).size).toBe(3);
});

test('a void that comes late takes only the decision that it is about', async () => {
  await world.serve();
  const input = await known();
  const { requestId } = input;
  const { temporal } = world.place;
  await temporal.startRequest(input);
  const approver = person();
  const first = decision(input, approver);
  await temporal.decide(requestId, first);
  const gone = {
    kind: 'void',
    payload: { requestId, decisionId: first.decisionId, input: { personId: approver.id } },
  } as const;
  await temporal.voidDecisions(requestId, { personId: approver.id });
  await temporal.decide(requestId, decision(input, approver));
  await write(gone);
  await relayOnce(relay());
  expect((await seen(input)).state.kind).toBe('approved');
});
