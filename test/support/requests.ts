/** Requests, people and decisions as tests need them, and activities that remember what they were asked. */
import { createHash, randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type {
  CredentialId,
  DecisionId,
  Digest,
  ExtensionId,
  PersonId,
  PolicyHash,
  RequestId,
  TargetName,
} from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import type { GrantablePlan, Stage } from '../../domain/plan.ts';
import type { AccessRequestInput, DecideInput, LeaveInput, RequestView } from '../../workflows/contract.ts';
import type { Activities } from './temporal.ts';

export const newRequestId = (): RequestId => randomUUID() as RequestId;
export const newCredentialId = (): CredentialId => randomUUID() as CredentialId;
export const newExtensionId = (): ExtensionId => randomUUID() as ExtensionId;
export const newPersonId = (): PersonId => randomUUID() as PersonId;

const hex = (...parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
const policyHash = hex('policy') as PolicyHash;

export const person = (fields: Partial<PersonFacts> = {}): PersonFacts => ({
  id: newPersonId(),
  state: 'active',
  kind: 'employee',
  manager: null,
  groups: ['data-owners'],
  aliases: [],
  addedBy: [],
  ...fields,
});

export const stage = (need = 1, group = 'data-owners', more: Partial<Stage> = {}): Stage => ({
  name: group,
  need,
  from: [{ kind: 'group', group }],
  ...more,
});

const limits = { maxMs: 3_600_000, decideWithinMs: 3_600_000, useWithinMs: 3_600_000 };

export const approvals = (stages: readonly Stage[] = [stage()], useWithinMs = limits.useWithinMs): GrantablePlan => ({
  verdict: 'approvals',
  policy: policyHash,
  rule: 'test',
  limits: { ...limits, useWithinMs },
  stages,
});
export const automatic = (useWithinMs = limits.useWithinMs): GrantablePlan => ({
  verdict: 'automatic',
  policy: policyHash,
  rule: 'test',
  limits: { ...limits, useWithinMs },
});

export function request(zone: string, fields: Partial<AccessRequestInput> = {}): AccessRequestInput {
  const requestId = newRequestId();
  return {
    requestId,
    requester: { id: newPersonId(), aliases: [] },
    target: 'orders-prod' as TargetName,
    zone,
    digest: hex('digest', requestId) as Digest,
    plan: approvals(),
    decideByAt: Date.now() + 3_600_000,
    slack: false,
    noticeMs: 0,
    endsByRecord: true,
    ...fields,
  };
}

export function decision(of: AccessRequestInput, by: PersonFacts, fields: Partial<DecideInput> = {}): DecideInput {
  const verdict = fields.verdict ?? 'approve';
  const madeAt = Date.now();
  return {
    decisionId: hex(of.requestId, by.id, verdict, fields.stage ?? 0, randomUUID()) as DecisionId,
    verdict,
    digest: of.digest,
    stage: 0,
    facts: { person: by, account: { deleted: false, bot: false, restricted: false, stranger: false, readAt: madeAt } },
    madeAt,
    ...fields,
  };
}

export type Calls = {
  readonly tells: RequestView[];
  readonly grants: number;
  readonly revokes: RequestView[];
  readonly left: LeaveInput[];
};

export type FakeActivities = Activities & {
  readonly calls: {
    tells: RequestView[];
    grants: RequestView[];
    extends: Parameters<Activities['extend']>[0][];
    revokes: RequestView[];
    left: LeaveInput[];
  };
};

/**
 * Activities that succeed at once: a grant holds for `holdMs`. What a test gives replaces that, and is counted too.
 */
export function fakeActivities({
  holdMs = 600,
  ...own
}: Partial<Activities> & { readonly holdMs?: number } = {}): FakeActivities {
  const calls: FakeActivities['calls'] = { tells: [], grants: [], extends: [], revokes: [], left: [] };
  return {
    calls,
    tell: async (input) => {
      calls.tells.push(input.view);
      await own.tell?.(input);
    },
    grant: async (input) => {
      calls.grants.push(input.view);
      return own.grant ? own.grant(input) : { endAt: Date.now() + holdMs };
    },
    extend: async (input) => {
      calls.extends.push(input);
      if (own.extend) return own.extend(input);
      const { state } = input.view;
      return { endAt: state.kind === 'active' && state.extension ? state.extension.endAt : 0 };
    },
    revoke: async (input) => {
      calls.revokes.push(input.view);
      await own.revoke?.(input);
    },
    reviewStep: async (input) => own.reviewStep?.(input) ?? { nextAt: null },
    untilSettled: async (input) => own.untilSettled?.(input) ?? 'applied',
    reconcileRequests: async () => own.reconcileRequests?.() ?? { zones: [] },
    reconcileTargets: async () => own.reconcileTargets?.(),
    zonesServed: async () => own.zonesServed?.() ?? { zones: [] },
    endTogether: async (input) => own.endTogether?.(input) ?? { ended: 0 },
    closeRequestsOf: async (input) => {
      calls.left.push(input);
      return own.closeRequestsOf ? own.closeRequestsOf(input) : { closed: [], voided: [], safeAfterMs: 0 };
    },
  };
}

export const refused = (type: string, message = 'refused by the test'): ApplicationFailure =>
  ApplicationFailure.create({ type, message, nonRetryable: true });
