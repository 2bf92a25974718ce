/** A small company on a real store, and the use cases bound to it: what tests of service and HTTP stand on. */
import { randomBytes } from 'node:crypto';
import type { PersonId, RequestId, TargetName } from '../../domain/ids.ts';
import type { ConditionState } from '../../domain/condition.ts';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import { minuteMs } from '../../domain/time.ts';
import { personIdFrom } from '../../policy/digest.ts';
import type { Context } from '../../service/context.ts';
import type { Claimed, Decided, Minted, Opened, OpenInput, UseCases } from '../../service/contract.ts';
import { policyInForce } from '../../service/policy-in-force.ts';
import { bindUseCases } from '../../service/use-cases.ts';
import type { PersonChange } from '../../store/people.ts';
import * as checks from '../../store/target-checks.ts';
import { entriesOf, type StoredEntry } from '../../store/audit.ts';
import * as grants from '../../store/grants.ts';
import * as projections from '../../store/projections.ts';
import { makeTicket } from '../../targets/postgres/ticket.ts';
import { isVerifier, makeVerifier } from '../../targets/postgres/verifier.ts';
import { roleOf } from '../../domain/ids.ts';
import { grantEntry } from './entries.ts';
import { fakeTemporal, type FakeTemporal } from './fake-temporal.ts';
import { holdPolicy } from './policies.ts';
import { addPerson } from './store-sample.ts';
import { startStore, type TestStore } from './store.ts';

export const policyText = (change: (text: string) => string = (text) => text): string =>
  change(`version: 1
targets:
  orders-prod:
    kind: postgres
    labels: { env: prod }
    owners: [group:owners]
    databases: [orders]
    roles:
      read: { template: orders_read, max: 8h }
      write: { template: orders_write, max: 2h }
  models-prod:
    kind: postgres
    labels: { env: prod }
    owners: [group:owners]
    databases: [models]
    roles:
      read: { template: models_read, max: 8h }
rules:
  - { name: read, match: { target: orders-prod, role: read }, requesters: [group:engineers], limits: { max: 4h, decideWithin: 1h, useWithin: 1h }, approvals: [{ name: owners, from: [group:owners], need: 1 }] }
  - { name: write, match: { target: orders-prod, role: write }, requesters: [group:engineers], approvals: [{ name: owners, from: [group:owners], need: 2 }] }
  - { name: models, match: { target: models-prod, role: read }, requesters: [group:engineers], approvals: automatic }
breakGlass:
  - { name: incident, match: { labels: { env: prod } }, roles: [write, read], who: [group:responders], max: 1h, review: { from: [owner, group:controllers], within: 24h } }
powers:
  endAnyGrant: [group:controllers]
`);

/** The same, but logins to read stop five minutes before the end. */
export const withGrace = (): string =>
  policyText((text) => text.replace('useWithin: 1h }', 'useWithin: 1h, grace: 5m }'));

/** Handles and groups; `ada-admin` is another account of `ada`. */
const staff = {
  ada: { groups: ['engineers', 'responders'] },
  'ada-admin': { groups: ['owners'] },
  ben: { groups: ['engineers', 'owners'] },
  eve: { groups: ['engineers'] },
  olga: { groups: ['owners'] },
  omar: { groups: ['owners'] },
  otto: { groups: ['owners'] },
  carl: { groups: ['controllers'] },
  nina: { groups: [] },
} as const satisfies Record<string, { groups: readonly string[] }>;
export type Handle = keyof typeof staff;

export const ticketKey = randomBytes(32);
export const verifier = (): string => makeVerifier(randomBytes(24).toString('base64url'));

export type Company = {
  readonly store: TestStore;
  readonly temporal: FakeTemporal;
  readonly ctx: Context;
  readonly use: UseCases;
  /** Epoch ms of the use cases' clock; the store's own stamps are real time. */
  now: number;
  /** What is known of every incident, ticket and shift. */
  condition: ConditionState;
  id(handle: Handle): PersonId;
  /** Changes somebody as an import would. */
  change(handle: Handle, change: Partial<PersonChange>): Promise<void>;
  /** A version of the people's source that is newer than all before. */
  nextVersion(): number;
  /** Everybody, the policy, the checks, Temporal and the clock as they were at the start. */
  restore(): Promise<void>;
  applyPolicy(text: string): Promise<void>;
  checkTargets(well?: boolean): Promise<void>;
  /** Kinds and bodies of the entries about a subject, oldest first. */
  audit(subject: string): Promise<readonly StoredEntry[]>;
  outbox(): Promise<readonly { readonly kind: string; readonly done: boolean }[]>;
  /** A context like this one's with something else in its place. */
  with(change: Partial<Context>): UseCases;
  end(): Promise<void>;
};

const id = (handle: Handle): PersonId => personIdFrom(handle);

/** @param policy holds from the start, as the first version of all */
export async function startCompany(policy = policyText()): Promise<Company> {
  const store = await startStore();
  const temporal = fakeTemporal();
  let version = 1;
  for (const handle of Object.keys(staff) as Handle[]) {
    const groups = staff[handle].groups.map((name) => ({ name }));
    await addPerson(store.as.curfew_directory, handle, { id: id(handle), groups, name: `Name of ${handle}` });
  }
  const company: Company = {
    store,
    temporal,
    now: Date.now(),
    condition: 'holds',
    ctx: {
      store: store.as.curfew_api,
      directory: store.as.curfew_directory,
      temporal,
      clock: () => company.now,
      policy: policyInForce(store.as.curfew_api, silent),
      targets: ['orders-prod', 'models-prod'].map((name) => ({
        name: name as TargetName,
        cluster: 'main',
        zone: 'default',
        host: '127.0.0.1',
        port: 5432,
      })),
      tickets: {
        accepts: isVerifier,
        make: (cluster, { requestId, person, ...order }) =>
          cluster === 'main'
            ? {
                keyId: 'k1',
                mac: makeTicket({ ...order, op: 'grant', grantId: requestId, personId: person, key: ticketKey }),
              }
            : undefined,
        extend: (cluster, { requestId, person, ...order }) =>
          cluster === 'main'
            ? {
                keyId: 'k1',
                mac: makeTicket({ ...order, op: 'extend', grantId: requestId, personId: person, key: ticketKey }),
              }
            : undefined,
      },
      conditions: () => Promise.resolve(company.condition),
      publicUrl: 'http://127.0.0.1:9999',
      slackEnabled: false,
      noticeMs: 15 * minuteMs,
      log: silent,
    },
    get use() {
      return bindUseCases(company.ctx);
    },
    id,
    async change(handle, change) {
      await addPerson(store.as.curfew_directory, handle, { version: company.nextVersion(), ...change });
    },
    nextVersion: () => (version += 1),
    async restore() {
      for (const handle of Object.keys(staff) as Handle[]) {
        const groups = staff[handle].groups.map((name) => ({ name }));
        const aliases = handle === 'ada-admin' ? [id('ada')] : [];
        await company.change(handle, { source: 'hr', state: 'active' });
        await company.change(handle, { state: 'active', groups, aliases });
      }
      await company.applyPolicy(policy);
      await company.checkTargets();
      Object.assign(temporal, { dead: false, mute: false, refusal: undefined });
      company.now = Date.now();
      company.condition = 'holds';
    },
    async applyPolicy(text) {
      await holdPolicy(store, text);
    },
    async checkTargets(well = true) {
      for (const { name } of company.ctx.targets) {
        await store.as.curfew_admin.transaction((tx) =>
          checks.insert(tx, { target: name, ok: well, result: sampleCheck }, 'curfew_admin'),
        );
      }
    },
    audit: (subject) => entriesOf(store.admin, subject),
    outbox: () => store.admin.query('select kind, done_at is not null as done from curfew.outbox order by id'),
    with: (change) => bindUseCases({ ...company.ctx, ...change }),
    end: () => store.end(),
  };
  await company.restore();
  return company;
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

const sampleCheck = {
  preview: [
    { template: 'orders_read', database: 'orders', relation: 'sales.orders', kind: 'table', privileges: ['SELECT'] },
    { template: 'orders_write', database: 'orders', relation: 'sales.orders', kind: 'table', privileges: ['UPDATE'] },
  ],
};

/** The result, where a refusal would be news. */
export function ok<T>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(`${result.code}: ${result.message}`);
  return result;
}

export const code = (result: unknown): string => (isRefusal(result) ? result.code : 'no refusal');

let keys = 0;
export const ask = (company: Company, change: Partial<OpenInput> = {}): OpenInput => ({
  person: company.id('ada'),
  kind: 'access',
  target: 'orders-prod',
  role: 'read',
  durationMs: 60 * minuteMs,
  reason: 'a slow query',
  key: `view-${(keys += 1)}`,
  ...change,
});

/** A click of somebody whose Slack account is in order. */
export const click = async (
  company: Company,
  requestId: RequestId,
  handle: Handle,
  change: Partial<Parameters<UseCases['decide']>[0]> = {},
): Promise<Decided | Refusal> => {
  const model = ok(await company.use.reviewModel({ requestId, person: company.id(handle) }));
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  const digest = model.digest;
  return company.use.decide({ requestId, person: company.id(handle), account, digest, verdict: 'approve', ...change });
};

export const opened = async (company: Company, change: Partial<OpenInput> = {}): Promise<Opened> =>
  ok(await company.use.open(ask(company, change)));

/** Opened and approved by olga. */
export async function approved(company: Company, change: Partial<OpenInput> = {}): Promise<RequestId> {
  const { requestId } = await opened(company, change);
  ok(await click(company, requestId, 'olga'));
  return requestId;
}

export const minted = async (company: Company, requestId: RequestId, handle: Handle = 'ada'): Promise<Minted> =>
  ok(await company.use.mintCode({ requestId, person: company.id(handle) }));

export const claimed = async (
  company: Company,
  requestId: RequestId,
  handle: Handle = 'ada',
): Promise<Claimed & { readonly code: string }> => {
  const { code: shown } = await minted(company, requestId, handle);
  return { ...ok(await company.use.claim({ code: shown, verifier: verifier(), address: '192.0.2.7' })), code: shown };
};

/** What the worker does after a claim, as it stands in the store: the grant's row and receipt, the newer view. */
export async function workerGrants(company: Company, requestId: RequestId, endAt: number): Promise<void> {
  const worker = company.store.as.curfew_worker;
  const model = ok(await company.use.reviewModel({ requestId, person: company.id('olga') }));
  const { target, template, requester: person } = model;
  const view = company.temporal.happens(requestId, { kind: 'granted', endAt });
  await worker.transaction(async (tx) => {
    const grantedAt = company.now;
    const row = { requestId, target, template, role: roleOf(requestId), grantedAt, endAt };
    const receipt = {
      ...row,
      kind: 'grant',
      readAt: grantedAt,
      canLogin: true,
      memberships: 1,
      attestations: [],
    } as const;
    await grants.insert(tx, { ...row, person }, receipt, grantEntry(requestId));
    await projections.save(tx, requestId, view, company.now);
  });
}

/** And after its end was verified. */
export async function workerEnds(company: Company, requestId: RequestId): Promise<void> {
  const worker = company.store.as.curfew_worker;
  if (company.temporal.view(requestId).state.kind === 'active')
    company.temporal.happens(requestId, { kind: 'expired' });
  const view = company.temporal.happens(requestId, { kind: 'verified' });
  const at = company.now;
  await worker.transaction(async (tx) => {
    const receipt = {
      kind: 'revoke',
      requestId,
      target: 'orders-prod' as TargetName,
      role: roleOf(requestId),
    } as const;
    await grants.end(tx, requestId, {
      ...receipt,
      startedAt: at,
      verifiedAt: at,
      rounds: 1,
      nodes: [],
      attestations: [],
    });
    await projections.save(tx, requestId, view, at);
  });
}

/** What the worker does when a request closed without a grant. */
export async function workerCloses(company: Company, requestId: RequestId): Promise<void> {
  const view = company.temporal.view(requestId);
  if (view.state.kind !== 'closed') throw new Error(`it is ${view.state.kind}`);
  await projections.save(company.store.as.curfew_worker, requestId, view, company.now);
}

/**
 * A window that is open now and closes in half an hour, as the policy writes it, in whichever zone it is between nine and
 * eleven there: the fake of Temporal goes by real time, and a test runs at any hour.
 */
export function closingSoon(now: number): { readonly window: string; readonly closesAt: number } {
  const closesAt = Math.floor(now / minuteMs) * minuteMs + 30 * minuteMs;
  const hour = new Date(closesAt).getUTCHours();
  const ahead = hour <= 22 ? 10 - hour : 11;
  // The signs of these names are those of POSIX: west is positive.
  const zone = ahead === 0 ? 'UTC' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
  const local = new Date(closesAt + ahead * 60 * minuteMs).toISOString().slice(11, 16);
  return { window: `{ days: mon-sun, from: 08:00, to: ${local}, zone: ${zone} }`, closesAt };
}
