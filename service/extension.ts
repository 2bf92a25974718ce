/** What asking for an extension, deciding on one and showing one have in common: the rules of a later end. */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { extensionFailed } from '../domain/events/extension.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import { givenToWhomever, type Ask, type Gives, type Planned } from '../policy/plan.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { boundAnew, stricter } from '../policy/stricter.ts';
import { append } from '../store/audit.ts';
import * as extensions from '../store/extensions.ts';
import type { ExtensionRow, ExtensionTicket } from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import type { StoredGrant } from '../store/grants.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import type { ExtendInput } from '../workflows/contract.ts';
import { closingOf, conditionStands, type AskedBefore } from './bounds.ts';
import type { Context } from './context.ts';
import { activePerson, planNow } from './planning.ts';
import { notPending, takeTurn, type Standing } from './standing.ts';

/** The grant, where it is held and nobody has asked for its end. */
export async function heldNow(db: Db, standing: Standing, now: number): Promise<StoredGrant | Refusal> {
  const { row, state, intents } = standing;
  if (state.kind !== 'active' && state.kind !== 'granting') return notPending(state);
  if (intents.length > 0) return refuse('NotPending', 'This is being ended.');
  const grant = await grants.byId(db, row.id);
  if (!grant) return notPending({ ...state, kind: 'granting' } as typeof state);
  return grant.endedAt !== null || now >= grant.endAt ? refuse('NotPending', 'This is over already.') : grant;
}

/** `short`: too few people could decide on it just now. */
export type PlanNow = {
  readonly plan: GrantablePlan;
  readonly short: Refusal | undefined;
  /** What the policy judged, and everybody whom it could have asked. */
  readonly ask: Ask;
  readonly people: readonly PersonFacts[];
};

/**
 * What the policy of this moment says of the same ask: its stages decide on an extension. Whoever asks is still active,
 * it still gives the very same thing, and what it is bound to still holds.
 * @param addedMs what the extension adds. Where that is longer than what was asked for first, it is what is judged:
 *   nobody asks for minutes, by a rule for minutes, and adds hours by it
 */
export async function planOfNow(
  ctx: Context,
  db: Db,
  { policy, condition }: AskedBefore,
  { row }: Standing,
  now: number,
  addedMs = 0,
): Promise<PlanNow | Refusal> {
  const requester = await activePerson(db, row.person);
  if (isRefusal(requester)) return requester;
  const bound = conditionStands(row.plan.until, condition);
  if (bound) return bound;
  const { kind, target, role, ticket } = row;
  const durationMs = Math.max(row.durationMs, addedMs);
  const ask: Ask = { kind, requester, target, role, durationMs, ticket, startAt: null };
  const planned = await planNow(db, policy, ask, now);
  const said = inPrinciple(planned);
  if (isRefusal(said)) return said;
  const [anew] = boundAnew(row.plan, said.plan);
  if (anew !== undefined) return refuse('PolicyDenied', `${anew} Ask anew when this has ended.`);
  const same = said.gives.template === row.template && isSuperset(said.gives.databases, row.databases);
  if (!same) return refuse('PolicyDenied', 'The policy gives something else under this name now. Ask anew.');
  if (!ctx.targets.some(({ name }) => name === target)) {
    return refuse('UnknownTarget', 'This installation does not serve that target any more.');
  }
  const { plan, short } = said;
  return { plan, short, ask, people: planned.people };
}

/** NB. That too few people are there to decide is no reason to refuse what nobody has to decide. */
function inPrinciple(planned: Planned): (Pick<PlanNow, 'plan' | 'short'> & { gives: Gives }) | Refusal {
  const said = givenToWhomever(planned);
  const { plan } = planned;
  const short = plan.verdict === 'denied' ? refuse('PolicyDenied', plan.reasons.join(' ')) : undefined;
  return said ? { ...said, short } : (short ?? nothingGiven);
}

const nothingGiven = refuse('PolicyDenied', 'The policy gives nothing now.');

const isSuperset = (all: readonly string[], some: readonly string[]): boolean => some.every((one) => all.includes(one));

/** Not past what the role may be held for from its grant on, nor past the window that is open now. */
export function latestEnd(
  policy: LoadedPolicy,
  { target, role }: Pick<RequestRow, 'target' | 'role'>,
  plan: GrantablePlan,
  { grantedAt }: Pick<StoredGrant, 'grantedAt'>,
  now: number,
): number {
  const maxMs = policy.targets.get(target)?.roles.get(role)?.maxMs ?? 0;
  const closesAt = closingOf(plan.limits.windows, now);
  return Math.min(grantedAt + maxMs, isRefusal(closesAt) ? 0 : closesAt);
}

/** Is what was asked still what the policy would give, no later than it may last? Before a ticket is signed for it. */
export function stillFits(
  policy: LoadedPolicy,
  row: RequestRow,
  extension: ExtensionRow,
  plan: GrantablePlan,
  grant: StoredGrant,
  now: number,
): Refusal | undefined {
  const { template, databases } = row;
  const reasons = stricter({ plan: extension.plan, template, databases }, { plan, gives: { template, databases } });
  if (reasons.length > 0) {
    return refuse('PolicyDenied', `The policy has become stricter since this was asked. ${reasons.join(' ')}`);
  }
  return extension.endAt <= latestEnd(policy, row, plan, grant, now)
    ? undefined
    : refuse('PolicyDenied', 'The policy does not let it last that long any more.');
}

/** The ticket for the new end, or why this process can make none. */
export function signed(
  ctx: Context,
  { person, template, target }: RequestRow,
  { id, requestId, endAt }: ExtensionRow,
): ExtensionTicket | Refusal {
  const place = ctx.targets.find(({ name }) => name === target);
  const ticket = place && ctx.tickets.extend(place.cluster, { requestId, person, template, endAt });
  if (!ticket) return refuse('TargetNotReady', 'This process holds no ticket key for that target: tell an operator.');
  return { extensionId: id, ticket: ticket.mac, ticketKey: ticket.keyId, madeAt: ctx.clock() };
}

/** The Workflow's message; by itself the one that begins it. */
export const stepOf = (
  { id: extensionId, requestId, endAt, kind }: ExtensionRow,
  step: ExtendInput['step'] = kind === 'automatic' ? 'approved' : 'asked',
) => ({ kind: 'extend', payload: { requestId, input: { extensionId, step, endAt } } }) as const;

/** The Workflow's no: the grant is over, or being ended. Nothing was moved, and nothing will be; with its entry (I11). */
export const notMoved = (ctx: Context, { id, number, requestId }: ExtensionRow, { code }: Refusal): Promise<void> =>
  ctx.store.transaction(async (tx) => {
    await takeTurn(tx, requestId);
    const cause = `refused: ${code}`;
    if (!(await extensions.saveOutcome(tx, { extensionId: id, kind: 'failed', cause, evidence: null }))) return;
    await append(tx, extensionFailed('curfew_api', requestId, { extension: id, number, cause }));
  });
