/**
 * May this person's word on this request count? Pure, without clock or I/O, and without any policy file: these rules
 * hold whatever a policy says (I6, I7, I8). The same function judges in the service (at the click), in the Workflow
 * (in its handler) and inside the grant; it is all of `policy/` that goes into the Workflow bundle.
 */
import type { ApproverFacts, Verdict } from '../domain/decision.ts';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { Digest, PersonId } from '../domain/ids.ts';
import { groupsOfHuman, sameHuman, type AccountFacts, type Delegator, type PersonFacts } from '../domain/person.ts';
import type { Conflict, Selector, Stage } from '../domain/plan.ts';
import { minuteMs } from '../domain/units.ts';

/** What Slack said of the account may be this old when a decision is made; older is not known. */
export const accountMaxAgeMs = minuteMs;

/** As much of somebody as it takes to tell humans apart. */
export type Human = Pick<PersonFacts, 'id' | 'aliases'>;

/** The parts of a request that eligibility looks at. */
export type Judged = {
  readonly requester: Human;
  readonly digest: Digest;
  readonly stages: readonly Stage[];
};

/** `stage.from` of the judged request is who may decide at `madeAt`: escalation is the caller's to add (`fromNow`). */
export type Click = {
  readonly verdict: Verdict;
  readonly digest: Digest;
  readonly stage: number;
  readonly facts: ApproverFacts;
  readonly madeAt: number;
};

/** A seat taken: by oneself, or in the place of somebody who is away. Both count as having sat. */
export type Seat = { readonly standsInFor?: PersonId; readonly humans: readonly Human[] };

/**
 * @param counted everybody whose approval of this request counts already, and those in whose place one was given
 * @returns the seat that the decision fills, or why it does not count
 */
export function judge(request: Judged, click: Click, counted: readonly Human[]): Seat | Refusal {
  const { person } = click.facts;
  const own = selfDealing(person, request.requester);
  if (own) return own;
  if (click.digest !== request.digest) {
    return refuse(
      'StaleView',
      'What you were shown is not this request. Open Review again and decide on what it shows.',
    );
  }
  const account = unfitAccount(click.facts.account, click.madeAt);
  if (account) return account;
  const stage = request.stages[click.stage];
  if (!stage) return refuse('NotPending', 'This request has no such step.');
  return seatOf(person, stage, request.requester, click.verdict === 'approve' ? counted : []);
}

/**
 * Why the word of a Slack account does not count at `at` (epoch ms), whosever it is: for a decision, and for naming
 * somebody who decides instead.
 */
export function unfitAccount(account: AccountFacts, at: number): Refusal | undefined {
  if (!(Math.abs(at - account.readAt) <= accountMaxAgeMs)) {
    return refuse('NotRecorded', 'Your Slack account could not be checked just now. Not recorded: press again.');
  }
  if (account.deleted || account.bot || account.restricted || account.stranger) {
    return refuse('ApproverNotEligible', 'Only full members of this workspace may decide.');
  }
  if (account.fresh === true) {
    return refuse(
      'ApproverNotEligible',
      'This Slack account was linked to you less than a day ago, in place of another one: confirm it from that one, or wait.',
    );
  }
  return undefined;
}

/**
 * The seat that this person would fill now: their own, or else that of the first whom they stand in for.
 * Also asked of every counted approver inside the grant (I8).
 */
export function seatOf(
  person: PersonFacts,
  stage: Stage,
  requester: Human,
  counted: readonly Human[] = [],
): Seat | Refusal {
  const own = selfDealing(person, requester) ?? unfit(person, stage, requester);
  if (own) return own;
  if (counted.some((other) => sameHuman(person, other))) {
    return refuse('ApproverNotEligible', 'You already approved this request: one person counts once.');
  }
  const alone = isSelected(person, stage, requester);
  if (!isRefusal(alone)) return { humans: [person] };
  const delegator = person.standsInFor?.find(
    (one) =>
      !sameHuman(one, requester) &&
      !sameHuman(one, person) &&
      !counted.some((other) => sameHuman(one, other)) &&
      !unfit(one, stage, requester) &&
      !isRefusal(isSelected(one, stage, requester)),
  );
  return delegator ? { standsInFor: delegator.id, humans: [person, delegator] } : alone;
}

/** @returns undefined where this person may fill a seat of this stage, else why not */
export function maySit(person: PersonFacts, stage: Stage, requester: Human): Refusal | undefined {
  const seat = seatOf(person, stage, requester);
  return isRefusal(seat) ? seat : undefined;
}

/** Nobody decides for themselves, nor through whom they named to decide in their place, nor by a delegation they made. */
function selfDealing(person: PersonFacts, requester: Human): Refusal | undefined {
  if (sameHuman(person, requester)) {
    return refuse('SelfApproval', 'You asked for this yourself: somebody else has to decide.');
  }
  const delegate = person.standsInFor?.some((one) => sameHuman(one, requester)) === true;
  return delegate ? refuse('SelfApproval', 'You stand in for whoever asks: somebody else has to decide.') : undefined;
}

type Fit = Pick<Delegator, 'id' | 'state' | 'kind' | 'groups' | 'otherGroups' | 'reviewDebt'> &
  Pick<PersonFacts, 'reciprocal'>;

function unfit(person: Fit, stage: Stage, requester: Human): Refusal | undefined {
  if (person.state !== 'active')
    return refuse('ApproverNotEligible', `The directory says that this person is ${person.state}.`);
  if (person.kind === 'service') return refuse('ApproverNotEligible', 'A service account cannot decide.');
  if (person.reviewDebt === true)
    return refuse(
      'ApproverNotEligible',
      'A break-glass of this person was not reviewed in time: they decide nothing until somebody has reviewed it.',
    );
  const conflict = stage.never?.find((one) => inConflict(one, groupsOfHuman(person)));
  if (conflict) return refuse('ApproverNotEligible', `The policy forbids it: "${conflict.name}".`);
  const paired = stage.outsidePair === true && person.reciprocal?.some((other) => isOf(other, requester)) === true;
  return paired
    ? refuse('ApproverNotEligible', 'You and whoever asks mostly approve each other: somebody else has to decide.')
    : undefined;
}

/** Does a conflict of the policy hold for somebody with these groups, those of all their accounts? */
export const inConflict = ({ groups: of, all }: Conflict, groups: readonly string[]): boolean =>
  all ? of.every((group) => groups.includes(group)) : of.some((group) => groups.includes(group));

function isSelected(person: PersonFacts | Delegator, stage: Stage, requester: Human): true | Refusal {
  // NB. A delegation that the requester made, or had made for somebody else, is none.
  if ('by' in person && isOf(person.by, requester)) return notNamed(stage);
  return stage.from.some((selector) => selects(selector, person, requester)) ? true : notNamed(stage);
}

const notNamed = (stage: Stage): Refusal =>
  refuse('ApproverNotEligible', `This step is decided by ${stage.from.map(describe).join(' or ')}.`);

const isOf = (id: PersonId, human: Human): boolean => id === human.id || human.aliases.includes(id);

/** NB. A group into which the requester put the approver is no group for this request: one makes no seats for oneself. */
function selects(selector: Selector, person: PersonFacts | Delegator, requester: Human): boolean {
  switch (selector.kind) {
    case 'person':
      return selector.person === person.id;
    case 'on-call':
      return person.onCall?.includes(selector.schedule) === true;
    case 'group':
      return (
        person.groups.includes(selector.group) &&
        !person.addedBy.some((added) => added.group === selector.group && isOf(added.by, requester))
      );
  }
}

function describe(selector: Selector): string {
  if (selector.kind === 'person') return 'a named person';
  return selector.kind === 'group' ? `the group ${selector.group}` : `whoever is on call for ${selector.schedule}`;
}
