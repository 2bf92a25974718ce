/**
 * F38: the requester, an approver, a delegate, an owner and the only member of a group leave at each state of a request,
 * on real servers, with a worker and a reaper as they are deployed. Afterwards the checker must find nothing (I8, I9).
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isRefusal } from '../domain/errors.ts';
import type { ExtensionId, PersonId, RequestId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { minuteMs } from '../domain/time.ts';
import * as absences from '../store/absences.ts';
import * as decisions from '../store/decisions.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as taints from '../store/taints.ts';
import { startArena, type Arena } from './support/arena.ts';
import { ask, ok, policyText, verifier } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { wrongInStore } from './support/proof.ts';
import { addPerson } from './support/store-sample.ts';

const states = ['waiting', 'half', 'approved', 'granting', 'active', 'extending', 'ending'] as const;
type State = (typeof states)[number];
const leavers = ['requester', 'approver', 'delegate', 'owner', 'only member'] as const;
type Leaver = (typeof leavers)[number];

/** Two steps; of `sole-...` the first one is decided by a group of one. */
const stagesOf = (group: string): string =>
  `approvals: [{ name: leads, from: [group:${group}], need: 1 }, { name: owners, from: [group:owners], need: 1 }]`;
const policy = policyText((text) =>
  text
    .replace(
      '      write: { template: orders_write, max: 2h }\n',
      (line) =>
        `${line}      both: { template: orders_read, max: 2h }\n${states.map((state) => `      sole-${state}: { template: orders_read, max: 2h }\n`).join('')}`,
    )
    .replace(
      'rules:\n',
      (line) =>
        `${line}  - { name: both, match: { target: orders-prod, role: both }, requesters: [group:engineers], ${stagesOf('leads')} }\n${states
          .map(
            (state) =>
              `  - { name: sole ${state}, match: { target: orders-prod, role: sole-${state} }, requesters: [group:engineers], ${stagesOf(`sole-${state}`)} }\n`,
          )
          .join('')}`,
    ),
);

let arena: Arena;
const backup = new Map<'lead' | 'owner', PersonId>();
beforeAll(async () => {
  arena = await startArena(policy);
  backup.set('lead', await person('backup-lead', ['leads']));
  backup.set('owner', await person('backup-owner', ['owners']));
});
afterAll(() => arena?.end());

const person = (handle: string, groups: readonly string[]): Promise<PersonId> =>
  addPerson(arena.company.store.as.curfew_directory, handle, { groups: groups.map((name) => ({ name })) });
let versions = 1;
const says = async (handle: string, state: PersonState, version = (versions += 1)) =>
  ok(
    await arena.use.prompt.leave({
      source: 'hr',
      event: randomUUID(),
      who: { handle },
      state,
      version,
      actor: 'curfew_directory',
    }),
  );
const account = () => ({ deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() });
const approves = async (requestId: RequestId, who: PersonId): Promise<unknown> =>
  arena.use.prompt.decide({
    requestId,
    digest: await arena.digestOf(requestId),
    person: who,
    account: account(),
    verdict: 'approve',
  });
const viewOf = async (requestId: RequestId) => ok(await arena.use.prompt.status({ requestId })).view;
const patience = { withinMs: 120_000, everyMs: 100 };
const comes = (requestId: RequestId, kinds: readonly string[]) =>
  eventually(`it is ${kinds.join(' or ')}`, async () => kinds.includes((await viewOf(requestId)).state.kind), patience);

type Case = {
  readonly name: string;
  readonly handles: Readonly<Record<'requester' | 'lead' | 'delegate' | 'owner' | 'bystander', string>>;
  readonly ids: Readonly<Record<'requester' | 'lead' | 'delegate' | 'owner' | 'bystander', PersonId>>;
  readonly requestId: RequestId;
  readonly extensionId: ExtensionId | null;
};

/** Whose word fills the first step: the lead's own, or that of whom they named to decide in their place. */
async function brought(leaver: Leaver, state: State): Promise<Case> {
  const name = `${leaver.replaceAll(' ', '-')}-${state}`;
  const sole = leaver === 'only member';
  const handles = {
    requester: `req-${name}`,
    lead: `lead-${name}`,
    delegate: `dele-${name}`,
    owner: `own-${name}`,
    bystander: `by-${name}`,
  };
  const ids = {
    requester: await person(handles.requester, ['engineers']),
    lead: await person(handles.lead, [sole ? `sole-${state}` : 'leads']),
    delegate: await person(handles.delegate, []),
    owner: await person(handles.owner, ['owners']),
    bystander: await person(handles.bystander, ['owners']),
  };
  const { use } = arena;
  const role = sole ? `sole-${state}` : 'both';
  const { requestId } = ok(
    await use.prompt.open(ask(arena.company, { person: ids.requester, role, durationMs: 30 * minuteMs, key: name })),
  );
  if (leaver === 'delegate') {
    const span = { fromAt: Date.now() - 1_000, untilAt: Date.now() + 60 * minuteMs };
    ok(await use.prompt.away({ person: ids.lead, delegate: ids.delegate, account: account(), ...span }));
  }
  const first = leaver === 'delegate' ? ids.delegate : ids.lead;
  const base = { name, handles, ids, requestId, extensionId: null };
  if (state === 'waiting') return base;
  expect(isRefusal(await approves(requestId, first)), name).toBe(false);
  if (state === 'half') return base;
  expect(isRefusal(await approves(requestId, ids.owner)), name).toBe(false);
  await comes(requestId, ['approved']);
  if (state === 'approved') return base;
  const { code } = ok(await use.prompt.mintCode({ requestId, person: ids.requester }));
  ok(await use.prompt.claim({ code, verifier: verifier(), address: '192.0.2.7' }));
  if (state === 'granting') return base;
  await comes(requestId, ['active']);
  if (state === 'extending') {
    const asked = ok(await use.prompt.extend({ requestId, person: ids.requester, reason: 'longer', key: name }));
    const decided = await saysOfExtension(asked.extensionId, first);
    expect(isRefusal(decided), `${name}: ${JSON.stringify(decided)}`).toBe(false);
    return { ...base, extensionId: asked.extensionId };
  }
  if (state === 'ending') ok(await use.prompt.release({ requestId, person: ids.requester }));
  return base;
}

async function saysOfExtension(extensionId: ExtensionId, who: PersonId) {
  const model = ok(await arena.use.prompt.extensionModel({ extensionId, person: who }));
  return arena.use.prompt.decideExtension({
    extensionId,
    person: who,
    account: account(),
    digest: model.digest,
    verdict: 'approve',
  });
}

const goneOf = (leaver: Leaver): keyof Case['handles'] =>
  ({ requester: 'requester', approver: 'lead', delegate: 'delegate', owner: 'bystander', 'only member': 'lead' })[
    leaver
  ] as keyof Case['handles'];

const loginsOf = async (requestId: RequestId): Promise<boolean> => {
  const record = (await arena.records()).get(requestId);
  return record?.ledger?.canLogin === true;
};

async function leavesAt(leaver: Leaver, state: State): Promise<void> {
  const one = await brought(leaver, state);
  await says(one.handles[goneOf(leaver)], 'left');
  if (leaver === 'requester' || state === 'ending') return ended(one);
  if (leaver === 'owner') return unchanged(one, state);
  if (leaver === 'delegate') {
    expect(await absences.of(arena.company.store.admin, one.ids.lead, Date.now()), one.name).toEqual([]);
  }
  if (state === 'waiting' || state === 'half' || state === 'approved') return opensAgain(one, leaver);
  if (state === 'granting') {
    await comes(one.requestId, ['active', 'revoking', 'closed']);
    // Their word was void before it was granted, or it was granted before: whichever was first in the store.
    const said = await decisions.of(arena.company.store.admin, one.requestId);
    if (said.some(({ stage, voidedAt }) => stage === 0 && voidedAt !== undefined)) return ended(one);
  }
  await isListed(one);
  if (state === 'extending') await asksAgain(one, leaver);
}

async function ended({ requestId, name }: Case): Promise<void> {
  await comes(requestId, ['closed']);
  expect(await loginsOf(requestId), name).toBe(false);
}

async function unchanged({ requestId, name }: Case, state: State): Promise<void> {
  const expected = {
    waiting: 'awaiting',
    half: 'awaiting',
    approved: 'approved',
    granting: 'active',
    active: 'active',
  };
  await comes(requestId, [expected[state as keyof typeof expected] ?? 'active']);
  expect(await taintsOf(requestId), name).toEqual([]);
}

/** Their word is void, and somebody else's fills the step; where there is nobody else, somebody is told of it. */
async function opensAgain({ requestId, name }: Case, leaver: Leaver): Promise<void> {
  await eventually(
    `${name}: the first step waits, and nobody sits in it`,
    async () => {
      const { state } = ok(await arena.use.prompt.status({ requestId }));
      const live = await decisions.liveOf(arena.company.store.admin, [requestId]);
      return state === 'awaiting' && (live.get(requestId) ?? []).every(({ stage }) => stage !== 0);
    },
    patience,
  );
  if (leaver === 'only member') {
    const key = `nobody-decides/${requestId}`;
    await eventually(
      `${name}: nobody is left, and somebody is told`,
      async () => (await arena.company.store.admin.query('select from curfew.alarm where key = $1', [key])).length > 0,
      patience,
    );
    return;
  }
  const again = await approves(requestId, backup.get('lead') ?? expect.fail('no backup'));
  expect(isRefusal(again), `${name}: ${JSON.stringify(again)}`).toBe(false);
}

const taintsOf = async (requestId: RequestId) =>
  (await taints.list(arena.company.store.admin, { openOnly: false, limit: 1_000 })).filter(
    (one) => one.requestId === requestId,
  );

/** What lives on their approval stays, as the policy says, and is listed. */
async function isListed({ requestId, name }: Case): Promise<void> {
  await eventually(
    `${name}: it is listed and kept`,
    async () => (await taintsOf(requestId)).some(({ outcome }) => outcome === 'kept'),
    patience,
  );
  expect((await viewOf(requestId)).state.kind, name).toBe('active');
}

async function asksAgain({ extensionId, name }: Case, leaver: Leaver): Promise<void> {
  if (extensionId === null) expect.fail(name);
  expect(await extensionDecisions.of(arena.company.store.admin, extensionId), name).toEqual([]);
  if (leaver === 'only member') return;
  for (const who of ['lead', 'owner'] as const) {
    const decided = await saysOfExtension(extensionId, backup.get(who) ?? expect.fail('no backup'));
    expect(isRefusal(decided), `${name}: ${JSON.stringify(decided)}`).toBe(false);
  }
}

const lanes = 5;

test('whoever leaves, and at whichever state of a request, nothing of them is left and nothing else is lost (F38, I8, I9)', async () => {
  const queue = leavers.flatMap((leaver) => states.map((state) => ({ leaver, state }))).values();
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    for (const { leaver, state } of queue) {
      await leavesAt(leaver, state).catch((error: unknown) => failures.push(`${leaver} at ${state}: ${String(error)}`));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(failures).toEqual([]);
}, 600_000);

test('a rehire that overtakes the termination changes nothing, and one that follows it brings nothing back (F38)', async () => {
  const id = await person('req-overtaken', ['engineers']);
  const { requestId } = ok(
    await arena.use.prompt.open(ask(arena.company, { person: id, role: 'both', key: 'overtaken' })),
  );
  await comes(requestId, ['awaiting']);
  const [left, back] = [(versions += 1), (versions += 1)];
  await says('req-overtaken', 'active', back);
  expect(await says('req-overtaken', 'left', left)).toMatchObject({ state: 'left' });
  await comes(requestId, ['closed']);
  await says('req-overtaken', 'active');
  expect((await viewOf(requestId)).state.kind).toBe('closed');
  expect(isRefusal(await arena.use.prompt.open(ask(arena.company, { person: id, role: 'both', key: 'again' })))).toBe(
    true,
  );
});

test('in the end everybody has left, nothing is live, and the checker finds nothing', async () => {
  const everybody = await arena.company.store.admin.query<{ handle: string }>(
    `select handle from curfew.person where handle like 'req-%' and state = 'active'`,
  );
  for (const { handle } of everybody) await says(handle, 'left');
  await arena.settled();
  for (const [id, record] of await arena.records()) expect([id, record.ledger?.canLogin ?? false]).toEqual([id, false]);
  expect(await arena.findings()).toEqual([]);
  for (const { handle } of everybody) await says(handle, 'active');
  expect(await arena.findings()).toEqual([]);
  expect(arena.errors).toEqual([]);
}, 600_000);

test('after all of it the whole log holds: every step, every judgement, every approval and every end (I11)', async () => {
  expect(await wrongInStore(arena.company.store)).toEqual([]);
}, 600_000);
