/**
 * Rows of a store as the product would have written them, each by the login that may: a person, a request with its
 * decisions, a claim, a grant with its receipt. What the tests of reaper, doctor and commands stand on.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Decision } from '../../domain/decision.ts';
import type { GrantReceipt, RevokeReceipt } from '../../domain/grant.ts';
import {
  roleOf,
  type CredentialId,
  type DecisionId,
  type Digest,
  type ExtensionId,
  type PersonId,
  type PolicyHash,
  type RequestId,
  type RoleName,
  type TargetName,
  type TemplateName,
} from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import type { GrantablePlan } from '../../domain/plan.ts';
import type { RequestState } from '../../domain/request.ts';
import * as announcements from '../../store/announcements.ts';
import { append } from '../../store/audit.ts';
import * as claims from '../../store/claims.ts';
import * as decisions from '../../store/decisions.ts';
import * as extensionDecisions from '../../store/extension-decisions.ts';
import * as extensions from '../../store/extensions.ts';
import type { ExtensionRow } from '../../store/extensions.ts';
import * as grants from '../../store/grants.ts';
import { save } from '../../store/projections.ts';
import * as requests from '../../store/requests.ts';
import type { RequestRow } from '../../store/requests.ts';
import { oddEntry } from './entries.ts';
import { makeVerifier } from '../../targets/postgres/verifier.ts';
import type { TestStore } from './store.ts';

const hash = (...parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const plantedPolicy = hash('planted policy') as PolicyHash;

/** A person in the directory with groups. */
export async function plantPerson(
  store: TestStore,
  fields: Partial<PersonFacts> & { readonly handle?: string } = {},
): Promise<PersonFacts> {
  const id = fields.id ?? (randomUUID() as PersonId);
  const facts: PersonFacts = {
    state: 'active',
    kind: 'employee',
    manager: null,
    groups: ['data-owners'],
    aliases: [],
    addedBy: [],
    ...fields,
    id,
  };
  await store.admin.query(
    'insert into curfew.person (id, handle, state, kind, manager, version, changed_at) values ($1, $2, $3, $4, $5, 1, clock_timestamp())',
    [id, fields.handle ?? `p-${id.slice(0, 8)}`, facts.state, facts.kind, facts.manager],
  );
  for (const name of facts.groups) {
    await store.admin.query('insert into curfew.person_group (person, name) values ($1, $2)', [id, name]);
  }
  for (const alias of facts.aliases) {
    await store.admin.query('insert into curfew.person_alias (person, alias) values ($1, $2)', [id, alias]);
  }
  return facts;
}

export const approvalsPlan = (need = 1): GrantablePlan => ({
  verdict: 'approvals',
  policy: plantedPolicy,
  rule: 'planted',
  limits: { maxMs: 28_800_000, decideWithinMs: 28_800_000, useWithinMs: 28_800_000 },
  stages: [{ name: 'data owners', need, from: [{ kind: 'group', group: 'data-owners' }] }],
});

export const breakGlassPlan = (incident: 'required' | 'flagged' = 'required'): GrantablePlan => ({
  verdict: 'break-glass',
  policy: plantedPolicy,
  rule: 'planted',
  limits: { maxMs: 3_600_000, decideWithinMs: 3_600_000, useWithinMs: 3_600_000 },
  until: { kind: 'incident', key: 'INC-12' },
  review: { from: [{ kind: 'group', group: 'data-owners' }], withinMs: 86_400_000 },
  incident,
});

/** That it is announced, as its opening commits it. */
export const plantAnnouncement = (store: TestStore, request: RequestRow): Promise<void> =>
  store.as.curfew_api.transaction(async (tx) => {
    const body = { incident: request.ticket };
    const entry = await append(
      tx,
      oddEntry({
        kind: 'breakglass.announced',
        actor: request.person,
        subject: request.id,
        body,
      }),
    );
    await announcements.commit(tx, request.id, entry, 'holds');
  });

/** A request with its entry and its first view. */
export async function plantRequest(
  store: TestStore,
  person: PersonId,
  fields: Partial<RequestRow> = {},
): Promise<RequestRow> {
  const id = fields.id ?? (randomUUID() as RequestId);
  const salt = randomBytes(16);
  const text = 'a reason';
  const row: RequestRow = {
    id,
    kind: 'access',
    person,
    target: 'orders-prod' as TargetName,
    databases: ['orders'],
    role: 'read' as RoleName,
    template: 'orders_read' as TemplateName,
    durationMs: 600_000,
    ticket: null,
    startAt: null,
    reasonHash: createHash('sha256').update(salt).update(text).digest('hex'),
    plan: approvalsPlan(),
    policyHash: plantedPolicy,
    digest: hash('digest', id) as Digest,
    openedAt: Date.now() - 60_000,
    decideByAt: Date.now() + 3_600_000,
    ...fields,
  };
  await store.as.curfew_api.transaction(async (tx) => {
    await requests.insert(tx, row, { text, salt });
    await append(tx, oddEntry({ kind: 'request.opened', actor: person, subject: id, body: { digest: row.digest } }));
  });
  await plantView(store, row, { kind: 'awaiting', needs: [1], stage: 0, approvals: [] }, 1);
  return row;
}

export const plantView = (
  store: TestStore,
  request: RequestRow,
  state: RequestState,
  version: number,
): Promise<boolean> =>
  save(
    store.as.curfew_worker,
    request.id,
    { version, state, decideByAt: request.decideByAt, useByAt: null, noticed: false },
    Date.now(),
  );

/** An approval (or denial) of the first stage, with its entry. */
export async function plantDecision(
  store: TestStore,
  request: RequestRow,
  by: PersonFacts,
  fields: Partial<Decision> = {},
): Promise<Decision> {
  const madeAt = fields.madeAt ?? Date.now();
  const decision: Decision = {
    id: hash(request.id, by.id, fields.verdict ?? 'approve') as DecisionId,
    requestId: request.id,
    digest: request.digest,
    stage: 0,
    person: by.id,
    verdict: 'approve',
    facts: { person: by, account: { deleted: false, bot: false, restricted: false, stranger: false, readAt: madeAt } },
    madeAt,
    ...fields,
  };
  await store.as.curfew_api.transaction(async (tx) => {
    await decisions.insert(tx, decision, 0);
    await append(
      tx,
      oddEntry({ kind: 'decision.made', actor: by.id, subject: request.id, body: { decision: decision.id } }),
    );
  });
  return decision;
}

export type PlantedClaim = {
  readonly credentialId: CredentialId;
  readonly verifier: string;
  readonly password: string;
  readonly endAt: number;
};

/** An accepted claim, with its entry; the ticket is not one that a target takes. */
export async function plantClaim(store: TestStore, request: RequestRow, endAt: number): Promise<PlantedClaim> {
  const password = randomBytes(24).toString('base64url');
  const claim = { credentialId: randomUUID() as CredentialId, verifier: makeVerifier(password), endAt };
  await store.as.curfew_api.transaction(async (tx) => {
    await claims.insert(tx, {
      requestId: request.id,
      ...claim,
      ticket: randomBytes(32),
      ticketKey: 'key-1',
      acceptedAt: Date.now(),
    });
    await append(
      tx,
      oddEntry({
        kind: 'claim.accepted',
        actor: request.person,
        subject: request.id,
        body: { endAt, credential: claim.credentialId },
      }),
    );
  });
  return { ...claim, password };
}

/** The record of a grant, with its entry and receipt. */
export async function plantGrant(
  store: TestStore,
  request: RequestRow,
  endAt: number,
  grantedAt = Date.now(),
): Promise<void> {
  const receipt: GrantReceipt = {
    kind: 'grant',
    requestId: request.id,
    target: request.target,
    role: roleOf(request.id),
    template: request.template,
    endAt,
    grantedAt,
    readAt: grantedAt,
    canLogin: true,
    memberships: 1,
    attestations: [],
  };
  await store.as.curfew_worker.transaction(async (tx) => {
    await grants.insert(
      tx,
      {
        requestId: request.id,
        target: request.target,
        person: request.person,
        template: request.template,
        role: roleOf(request.id),
        grantedAt,
        endAt,
      },
      receipt,
      oddEntry({
        kind: 'grant.made',
        actor: 'curfew_worker',
        subject: request.id,
        body: { endAt, role: roleOf(request.id) },
      }),
    );
  });
  await plantView(store, request, { kind: 'active', approvals: [], endAt }, 5);
}

/**
 * An extension as the API and the worker record it, with its decisions and its ticket; the target's own end is the
 * test's to move. `outcome`: `extended` moves the store's end too.
 */
export async function plantExtension(
  store: TestStore,
  request: RequestRow,
  fields: Partial<ExtensionRow> & {
    readonly approvers?: readonly PersonFacts[];
    readonly outcome?: 'extended' | 'failed';
  },
): Promise<ExtensionRow> {
  const { approvers = [], outcome, ...own } = fields;
  const askedAt = own.askedAt ?? Date.now();
  const row: ExtensionRow = {
    id: randomUUID() as ExtensionId,
    requestId: request.id,
    requester: request.person,
    number: 1,
    kind: 'asked',
    fromAt: askedAt + 600_000,
    endAt: askedAt + 1_200_000,
    plan: request.plan,
    reasonHash: null,
    digest: hash('extension', request.id, own.number ?? 1) as Digest,
    askedAt,
    ...own,
  };
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: askedAt };
  const api = store.as.curfew_api;
  await api.transaction(async (tx) => {
    await extensions.insert(tx, row);
    await append(
      tx,
      oddEntry({
        kind: 'extension.asked',
        actor: row.requester,
        subject: request.id,
        body: { extension: row.id },
      }),
    );
  });
  for (const person of approvers) {
    const id = hash('extension', row.id, person.id) as DecisionId;
    const said = { kind: 'extension.decided', actor: person.id, subject: request.id, body: { decision: id } } as const;
    await append(api, oddEntry(said));
    await extensionDecisions.insert(api, {
      id,
      extensionId: row.id,
      requestId: request.id,
      digest: row.digest,
      stage: 0,
      person: person.id,
      verdict: 'approve',
      facts: { person, account },
      madeAt: askedAt,
    });
  }
  const ticket = { ticket: randomBytes(32), ticketKey: 'key-1', madeAt: askedAt };
  await extensions.insertTicket(api, { extensionId: row.id, ...ticket });
  if (outcome) {
    await store.as.curfew_worker.transaction(async (tx) => {
      await extensions.saveOutcome(tx, { extensionId: row.id, kind: outcome, cause: null, evidence: null });
      const body = { extension: row.id, endAt: row.endAt };
      if (outcome === 'failed') {
        const failed = { kind: 'extension.failed', actor: row.requester, subject: request.id, body } as const;
        return void (await append(tx, oddEntry(failed)));
      }
      await extensions.moveEnd(tx, request.id, row.endAt);
      await append(tx, oddEntry({ kind: 'extension.made', actor: row.requester, subject: request.id, body }));
    });
  }
  return row;
}

/** The record of an end, with its entry and receipt. */
export async function plantEnd(
  store: TestStore,
  request: RequestRow,
  fields: Partial<RevokeReceipt> = {},
): Promise<RevokeReceipt> {
  const verifiedAt = fields.verifiedAt ?? Date.now();
  const receipt: RevokeReceipt = {
    kind: 'revoke',
    requestId: request.id,
    target: request.target,
    role: roleOf(request.id),
    startedAt: verifiedAt - 100,
    verifiedAt,
    rounds: 1,
    nodes: [
      { node: 'primary', standby: false, sessionsFound: 1, sessionsLeft: 0, canLogin: false, ended: true, verifiedAt },
    ],
    attestations: [],
    ...fields,
  };
  await store.as.curfew_worker.transaction(async (tx) => {
    await grants.end(tx, request.id, receipt);
    await append(
      tx,
      oddEntry({
        kind: 'grant.ended',
        actor: 'curfew_worker',
        subject: request.id,
        body: { verifiedAt, role: receipt.role },
      }),
    );
  });
  await plantView(store, request, { kind: 'closed', outcome: 'expired', cause: 'time is up' }, 9);
  return receipt;
}
