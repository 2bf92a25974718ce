import type { ConditionState } from '../domain/condition.ts';
import { CurfewError } from '../domain/errors.ts';
import type { ExtensionId, PersonId, RequestId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { planFor, type Planned } from '../policy/plan.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import type { ExtensionDecision } from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import * as targetChecks from '../store/target-checks.ts';
import { askOf, conditionOf, readPeople, requestOf, type Sources } from './grant-case.ts';

/** Everything that the store and the policy say of an extension at this moment: what a later end is judged by. */
export type ExtensionCase = {
  readonly request: RequestRow;
  readonly grant: grants.StoredGrant | undefined;
  readonly extension: extensions.ExtensionRow;
  readonly ticket: extensions.ExtensionTicket | undefined;
  /** Automatic ones of the same request that came before and did not fail. */
  readonly automaticBefore: number;
  /** On the extension, oldest first. */
  readonly decisions: readonly ExtensionDecision[];
  /** As the directory has them now: the requester and whoever decided. */
  readonly facts: ReadonlyMap<PersonId, PersonFacts>;
  /** What the policy of this moment says of the same ask, made now. */
  readonly planned: Planned;
  /** How long the policy of this moment lets the role be held, from the grant on; 0: it does not know it. */
  readonly longestMs: number;
  /** Something has asked for the grant's end already. */
  readonly endAsked: boolean;
  readonly check: targetChecks.TargetCheck | undefined;
  readonly condition: ConditionState;
};

/**
 * @throws CurfewError `UnknownRequest`, `PolicyDenied` without a policy, `NotRecorded` without a store
 */
export async function readExtensionCase(
  db: Db,
  sources: Sources,
  { requestId, extensionId }: { readonly requestId: RequestId; readonly extensionId: ExtensionId },
  now: number,
): Promise<ExtensionCase> {
  const request = await requestOf(db, requestId);
  const [policy, all, ticket, decisions, grant, asked, check] = await Promise.all([
    sources.policyOf(db),
    extensions.ofRequest(db, requestId),
    extensions.ticketOf(db, extensionId),
    extensionDecisions.of(db, extensionId),
    grants.byId(db, requestId),
    intents.ofRequest(db, requestId),
    targetChecks.latest(db, request.target),
  ]);
  const extension = all.find(({ id }) => id === extensionId);
  if (!extension) throw new CurfewError('UnknownRequest', 'The store has no such extension of this request.');
  const automaticBefore = all.filter(
    ({ number, kind, outcome }) => number < extension.number && kind === 'automatic' && outcome !== 'failed',
  ).length;
  const people = await readPeople(db, policy, request, decisions);
  const condition = await conditionOf(sources, request, people.requester);
  // What is added is judged as if it were asked for, where that is longer than what was asked for first.
  const durationMs = Math.max(request.durationMs, extension.endAt - extension.fromAt);
  const ask = { ...askOf(request, people.requester), durationMs, startAt: null };
  const planned = planFor(policy, ask, people.all, now);
  const longestMs = policy.targets.get(request.target)?.roles.get(request.role)?.maxMs ?? 0;
  const { facts } = people;
  const read = { request, grant, extension, ticket, automaticBefore, decisions, facts, planned, longestMs };
  return { ...read, endAsked: asked.length > 0, check, condition };
}
