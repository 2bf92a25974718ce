/** Requests as their status is told, for App Home and the words behind the command. */
import * as fc from 'fast-check';
import type { DecisionId, Digest, ExtensionId, PersonId, RequestId, RoleName, TargetName } from '../../domain/ids.ts';
import type { RequestState } from '../../domain/request.ts';
import type { ExtensionModel, Overview, RequestStatus } from '../../service/contract.ts';
import { anyReview, anyText } from './slack-models.ts';

export const statusAt = 1_700_000_000_000;

export const ids = {
  grant: '1a2b3c4d-0000-4000-8000-000000000001' as RequestId,
  open: '2a2b3c4d-0000-4000-8000-000000000002' as RequestId,
  approved: '3a2b3c4d-0000-4000-8000-000000000003' as RequestId,
  waiting: '4a2b3c4d-0000-4000-8000-000000000004' as RequestId,
  longer: '5a2b3c4d-0000-4000-8000-000000000005' as RequestId,
  closed: '6a2b3c4d-0000-4000-8000-000000000006' as RequestId,
  glass: '8a2b3c4d-0000-4000-8000-000000000008' as RequestId,
  extension: '7a2b3c4d-0000-4000-8000-000000000007' as ExtensionId,
};

export const states = {
  awaiting: { kind: 'awaiting', needs: [1], stage: 0, approvals: [] },
  approved: { kind: 'approved', needs: [1], approvals: [] },
  active: { kind: 'active', approvals: [], endAt: statusAt + 3_600_000 },
  longer: {
    kind: 'active',
    approvals: [{ decisionId: 'a'.repeat(64) as DecisionId, person: 'p' as PersonId, stage: 0 }],
    endAt: statusAt + 3_600_000,
    extension: { id: ids.extension, kind: 'asked', endAt: statusAt + 7_200_000 },
  },
  closed: { kind: 'closed', outcome: 'expired', cause: 'its time was over' },
} as const satisfies Record<string, RequestState>;

export const statusOf = (requestId: RequestId, requester: PersonId, state: RequestState): RequestStatus => ({
  requestId,
  kind: 'access',
  requester,
  target: 'orders-prod' as TargetName,
  role: 'read' as RoleName,
  durationMs: 3_600_000,
  startAt: null,
  openedAt: statusAt,
  state: state.kind,
  view: { version: 1, state, decideByAt: statusAt + 1_800_000, useByAt: null, noticed: false },
  lapsesAt: statusAt + 1_800_000,
  endAt: state.kind === 'active' ? state.endAt : null,
  loginsStopAt: state.kind === 'active' ? state.endAt - 300_000 : null,
});

/** Somebody with one of everything; `other` asks for what waits. */
export const overviewOf = (person: PersonId, other: PersonId, more: Partial<Overview> = {}): Overview => ({
  person,
  grants: [statusOf(ids.grant, person, states.active)],
  requests: [statusOf(ids.approved, person, states.approved), statusOf(ids.open, person, states.awaiting)],
  recent: [statusOf(ids.closed, person, states.closed)],
  waiting: [statusOf(ids.waiting, other, states.awaiting), statusOf(ids.longer, other, states.longer)],
  toReview: [
    {
      requestId: ids.glass,
      requester: other,
      target: 'orders-prod',
      role: 'write',
      incident: 'INC-12',
      overAt: statusAt,
      owed: false,
    },
  ],
  away: null,
  ...more,
});

/** A request of any shape as its status is told, with texts that mean harm. */
export const anyStatus: fc.Arbitrary<RequestStatus> = anyReview.map((model) => ({
  requestId: model.requestId,
  kind: model.kind,
  requester: model.requester,
  target: model.target,
  role: model.role,
  durationMs: model.durationMs,
  startAt: model.startAt,
  openedAt: model.openedAt,
  state: model.view.state.kind,
  view: model.view,
  lapsesAt: model.view.decideByAt,
  endAt: model.startAt,
  loginsStopAt: model.startAt,
}));

const statuses = fc.array(anyStatus, { maxLength: 25 });
export const anyOverview: fc.Arbitrary<Overview> = fc.record({
  person: fc.constant('00000000-0000-4000-8000-000000000001' as PersonId),
  grants: statuses,
  requests: statuses,
  recent: statuses,
  waiting: statuses,
  toReview: fc.array(
    anyReview.map(({ requestId, requester, target, role, ticket }) => ({
      requestId,
      requester,
      target,
      role,
      incident: ticket,
      overAt: statusAt,
      owed: ticket === null,
    })),
    { maxLength: 25 },
  ),
  away: fc.option(
    fc.record({
      fromAt: fc.nat(),
      untilAt: fc.integer({ min: 1_600_000_000_000, max: 4_100_000_000_000 }),
      delegate: fc.option(
        fc.constantFrom(...['2', '6'].map((n) => `00000000-0000-4000-8000-00000000000${n}` as PersonId)),
      ),
    }),
  ),
});

export const anyExtension: fc.Arbitrary<ExtensionModel> = fc.record({
  extensionId: fc.uuid().map((id) => id as ExtensionId),
  request: anyReview,
  endAt: fc.integer({ min: 1_600_000_000_000, max: 4_100_000_000_000 }),
  fromAt: fc.integer({ min: 1_600_000_000_000, max: 4_100_000_000_000 }),
  reason: fc.option(anyText),
  digest: fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => text as Digest),
  plan: anyReview.map(({ plan }) => plan),
  open: fc.uniqueArray(fc.nat({ max: 9 }), { maxLength: 8 }),
  you: anyReview.map(({ you }) => you),
});
