/** Requests as Slack is told of them, of every shape, with texts that mean harm. */
import * as fc from 'fast-check';
import type { RevokeReceipt } from '../../domain/grant.ts';
import type {
  CredentialId,
  DecisionId,
  Digest,
  ExtensionId,
  PersonId,
  PolicyHash,
  RequestId,
  RoleName,
  TargetName,
  TemplateName,
} from '../../domain/ids.ts';
import type { Condition, GrantablePlan, Stage } from '../../domain/plan.ts';
import { outcomes, type RequestState } from '../../domain/request.ts';
import type { ReviewModel } from '../../service/contract.ts';
import type { ExtensionLine, Profile, RequestModel } from '../../slack/views/model.ts';

export const workspace = { team: 'T0HOME', approvals: 'C0APPROVE', announcements: 'C0ANNOUNCE' } as const;

/** Stands around everything that a person could have written, so that a test can find it again. */
const hostile = fc.constantFrom(
  '<!channel>',
  '<!here|all is well>',
  '<https://evil.example|Approve>',
  '<@U0BOSS> & <#C0FINANCE>',
  '*bold* _it_ ~gone~ `code` ```block```',
  '\u202Eevorppa\u202C',
  'שלום ابدأ',
  '\u0000\u0007\u001B[31m',
  '\uD83D half a pair',
  'a\r\nb\u2028c',
  '',
  ' ',
  '&lt;!channel&gt;',
  ':rotating_light:',
  'x'.repeat(100_000),
  '<'.repeat(5_000),
  '&'.repeat(5_000),
  '👩‍👩‍👧‍👦'.repeat(2_000),
);
export const anyText = fc.oneof(
  { weight: 3, arbitrary: hostile },
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string(),
);
const instant = fc.integer({ min: 1_600_000_000_000, max: 4_100_000_000_000 });
const uuid = fc.uuid();
const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const span = fc.integer({ min: 1_000, max: 604_800_000 });

const persons = ['1', '2', '3', '4', '5', '6'].map((n) => `00000000-0000-4000-8000-00000000000${n}` as PersonId);
const person = fc.constantFrom(...persons);
const profile: fc.Arbitrary<Profile> = fc.record(
  {
    name: fc.option(anyText),
    slackTeam: fc.constantFrom('T0HOME', 'T0HOME', 'T0OTHER'),
    slackUser: fc.constantFrom('U0A', 'U0B', 'U0C'),
  },
  { requiredKeys: ['name'] },
);
const stage: fc.Arbitrary<Stage> = fc.record(
  {
    name: anyText,
    need: fc.integer({ min: 1, max: 9 }),
    from: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('group' as const), group: anyText }),
        fc.record({ kind: fc.constant('person' as const), person }),
        fc.record({ kind: fc.constant('on-call' as const), schedule: anyText }),
      ),
      { maxLength: 8 },
    ),
    together: fc.boolean(),
    remindAfterMs: span,
    decideWithinMs: span,
    escalate: span.map((afterMs) => ({ afterMs, to: [] })),
  },
  { requiredKeys: ['name', 'need', 'from'] },
);
const limits = fc
  .record({ maxMs: span, decideWithinMs: span, useWithinMs: span, graceMs: fc.option(span, { nil: undefined }) })
  .map(({ graceMs, ...rest }) => ({ ...rest, ...(graceMs === undefined ? {} : { graceMs }) }));
const until = fc
  .constantFrom('incident' as const, 'ticket' as const, 'shift' as const)
  .chain((kind) => anyText.map((key): Condition => ({ kind, key })));
const policy = hex.map((text) => text as PolicyHash);
const plan: fc.Arbitrary<GrantablePlan> = fc.oneof(
  fc.record({ verdict: fc.constant('automatic' as const), policy, rule: anyText, limits }),
  fc.record({ verdict: fc.constant('automatic' as const), policy, rule: anyText, limits, until }),
  fc.record({
    verdict: fc.constant('approvals' as const),
    policy,
    rule: anyText,
    limits,
    stages: fc.array(stage, { minLength: 1, maxLength: 7 }),
  }),
  fc.record({
    verdict: fc.constant('break-glass' as const),
    policy,
    rule: anyText,
    limits,
    review: fc.record({ from: stage.map((one) => one.from), withinMs: span }),
  }),
);
const approval = fc.record(
  {
    decisionId: hex.map((id) => id as DecisionId),
    person,
    stage: fc.nat({ max: 6 }),
    at: instant,
    standsInFor: person,
  },
  { requiredKeys: ['decisionId', 'person', 'stage'] },
);
const extensionId = uuid.map((id) => id as ExtensionId);
const extension = fc.record({
  id: extensionId,
  kind: fc.constantFrom('asked' as const, 'moving' as const),
  endAt: instant,
});
const approvals = fc.array(approval, { maxLength: 12 });
const needs = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const cause = anyText;
const end = fc.record({ outcome: fc.constantFrom(...outcomes), cause });
const credentialId = uuid.map((id) => id as CredentialId);
export const anyState: fc.Arbitrary<RequestState> = fc.oneof(
  fc.record({ kind: fc.constant('requested' as const), needs }),
  fc.record({ kind: fc.constant('awaiting' as const), needs, stage: fc.nat({ max: 6 }), approvals }),
  fc.record({ kind: fc.constant('approved' as const), needs, approvals }),
  fc.record({ kind: fc.constant('granting' as const), approvals, credentialId }),
  fc.record({ kind: fc.constant('granting' as const), approvals, credentialId, ending: end }),
  fc.record({ kind: fc.constant('active' as const), approvals, endAt: instant }),
  fc.record({ kind: fc.constant('active' as const), approvals, endAt: instant, extension }),
  fc.record({ kind: fc.constant('revoking' as const), approvals, end, endAt: instant }),
  fc.record({ kind: fc.constant('closed' as const), outcome: fc.constantFrom(...outcomes), cause }),
);
const decision = fc.record({
  id: hex.map((id) => id as DecisionId),
  person,
  verdict: fc.constantFrom('approve' as const, 'deny' as const),
  stage: fc.nat({ max: 6 }),
  madeAt: instant,
  voidedAt: fc.option(instant),
  reason: fc.option(anyText),
  cause: fc.option(anyText),
  standsInFor: fc.option(person),
});
const extensionLine: fc.Arbitrary<ExtensionLine> = fc.record({
  id: extensionId,
  kind: fc.constantFrom('automatic', 'asked'),
  fromAt: instant,
  endAt: instant,
  askedAt: instant,
  reason: fc.option(anyText),
  decisions: fc.array(decision, { maxLength: 3 }),
  outcome: fc.option(fc.record({ kind: fc.constantFrom('extended', 'denied', 'failed'), cause: fc.option(anyText) })),
});
const receipt: fc.Arbitrary<RevokeReceipt> = fc.record({
  kind: fc.constant('revoke' as const),
  requestId: uuid.map((id) => id as RequestId),
  target: anyText.map((text) => text as TargetName),
  role: anyText,
  startedAt: instant,
  verifiedAt: instant,
  rounds: fc.nat({ max: 9 }),
  nodes: fc.array(
    fc.record({
      node: anyText,
      standby: fc.boolean(),
      sessionsFound: fc.nat({ max: 500 }),
      sessionsLeft: fc.constant(0),
      canLogin: fc.constant(false),
      ended: fc.constant(true),
      verifiedAt: instant,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  attestations: fc.array(fc.record({ code: anyText, says: anyText, operator: anyText, at: instant }), { maxLength: 6 }),
});

const asked = {
  requestId: uuid.map((id) => id as RequestId),
  kind: fc.constantFrom('access' as const, 'break-glass' as const),
  requester: person,
  databases: fc.array(anyText, { maxLength: 12 }),
  durationMs: span,
  ticket: fc.option(anyText),
  reason: fc.option(anyText),
  openedAt: instant,
  digest: hex.map((text) => text as Digest),
  plan,
  view: fc.record({
    version: fc.nat(),
    state: anyState,
    decideByAt: instant,
    useByAt: fc.option(instant),
    noticed: fc.boolean(),
    started: fc.boolean(),
    reminded: fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 3 }),
    escalated: fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 3 }),
  }),
  startAt: fc.option(instant),
};

export const anyPeople = fc
  .array(profile, { minLength: persons.length, maxLength: persons.length })
  // The last one is not known: somebody who was erased, or named by nothing that was read.
  .map((profiles) => new Map(persons.slice(0, -1).map((id, index) => [id, profiles[index] ?? { name: null }])));

const openWork = fc.option(fc.record({ transactions: fc.nat(200), oldestSinceAt: fc.option(instant) }));
export const anyModel: fc.Arbitrary<RequestModel> = fc.record({
  ...asked,
  target: anyText,
  role: anyText,
  template: anyText,
  workspace: fc.constant(workspace),
  decisions: fc.uniqueArray(decision, { maxLength: 9, selector: (one) => one.id }),
  eligible: fc.array(person, { maxLength: 30 }),
  reciprocal: fc.array(person, { maxLength: 5 }),
  nudges: fc.uniqueArray(
    fc.record({
      kind: fc.constantFrom('reminder' as const, 'escalation' as const),
      stage: fc.nat({ max: 6 }),
      person,
      due: fc.boolean(),
    }),
    { maxLength: 6, selector: ({ kind, stage: of, person: who }) => `${kind} ${of} ${who}` },
  ),
  extensions: fc.uniqueArray(extensionLine, { maxLength: 4, selector: (one) => one.id }),
  people: anyPeople,
  claim: fc.option(fc.record({ acceptedAt: instant, endAt: instant, address: fc.option(anyText) })),
  openWork,
  stuck: fc.boolean(),
  grantReceipt: fc.constant(null),
  revokeReceipt: fc.option(receipt),
  review: fc.option(
    fc.record({
      person,
      verdict: fc.constantFrom('justified', 'not-justified', 'follow-up'),
      note: fc.option(anyText),
      reviewedAt: instant,
    }),
  ),
  incident: fc.constantFrom('holds' as const, 'unknown' as const, null),
  reviewSteps: fc.uniqueArray(
    fc.record({ step: fc.constantFrom('reminded' as const, 'escalated' as const, 'owed' as const, 'owed-2' as const) }),
    { maxLength: 4, selector: ({ step }) => step },
  ),
  reviewers: fc.uniqueArray(person, { maxLength: 5 }),
});

export const anyReview: fc.Arbitrary<ReviewModel> = fc.record({
  ...asked,
  target: anyText.map((text) => text as TargetName),
  role: anyText.map((text) => text as RoleName),
  template: anyText.map((text) => text as TemplateName),
  decisions: fc.array(
    fc.record({ person, stage: fc.nat({ max: 6 }), verdict: fc.constantFrom('approve', 'deny'), madeAt: instant }),
    {
      maxLength: 30,
    },
  ),
  held: fc.array(
    fc.record({
      requestId: uuid.map((id) => id as RequestId),
      target: anyText.map((text) => text as TargetName),
      role: anyText.map((text) => text as RoleName),
      endAt: instant,
    }),
    { maxLength: 30 },
  ),
  privileges: fc.option(fc.record({ checkedAt: instant, lines: fc.array(anyText, { maxLength: 60 }) })),
  adds: fc.array(anyText, { maxLength: 60 }),
  reciprocal: fc.array(person, { maxLength: 5 }),
  standsInFor: fc.array(fc.tuple(person, person), { maxLength: 3 }).map((pairs) => new Map(pairs)),
  you: fc.option(
    fc.record({
      kind: fc.constant('refusal' as const),
      code: fc.constantFrom('SelfApproval', 'ApproverNotEligible'),
      message: anyText,
    }),
  ),
});
