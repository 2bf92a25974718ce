/**
 * May this person's word on this request count? Pure, without clock or I/O, and without any policy file: these rules
 * hold whatever a policy says (I6, I7, I8). The same function judges in the service (at the click), in the Workflow
 * (in its handler) and inside the grant; it is all of `policy/` that goes into the Workflow bundle.
 */
import type { ApproverFacts, Verdict } from '../domain/decision.ts';
import { refuse, type Refusal } from '../domain/errors.ts';
import type { Digest } from '../domain/ids.ts';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import type { Selector, Stage } from '../domain/plan.ts';
import { minuteMs } from '../domain/time.ts';

/** What Slack said of the account may be this old when a decision is made; older is not known. */
export const accountMaxAgeMs = minuteMs;

/** The parts of a request that eligibility looks at. */
export type Judged = {
  readonly requester: Pick<PersonFacts, 'id' | 'aliases'>;
  readonly digest: Digest;
  readonly stages: readonly Stage[];
};

export type Click = {
  readonly verdict: Verdict;
  readonly digest: Digest;
  readonly stage: number;
  readonly facts: ApproverFacts;
  readonly madeAt: number;
};

/**
 * @param counted the people whose approvals of this request count already
 * @returns undefined if the decision counts, else why not
 */
export function judge(
  request: Judged,
  click: Click,
  counted: readonly Pick<PersonFacts, 'id' | 'aliases'>[],
): Refusal | undefined {
  const { person, account } = click.facts;
  if (sameHuman(person, request.requester)) {
    return refuse('SelfApproval', 'You asked for this yourself: somebody else has to decide.');
  }
  if (click.digest !== request.digest) {
    return refuse(
      'StaleView',
      'What you were shown is not this request. Open Review again and decide on what it shows.',
    );
  }
  if (!(Math.abs(click.madeAt - account.readAt) <= accountMaxAgeMs)) {
    return refuse('NotRecorded', 'Your Slack account could not be checked just now. Not recorded: press again.');
  }
  if (account.deleted || account.bot || account.restricted || account.stranger) {
    return refuse('ApproverNotEligible', 'Only full members of this workspace may decide.');
  }
  const stage = request.stages[click.stage];
  if (!stage) return refuse('NotPending', 'This request has no such step.');
  const seat = maySit(person, stage, request.requester);
  if (seat) return seat;
  if (click.verdict === 'approve' && counted.some((other) => sameHuman(person, other))) {
    return refuse('ApproverNotEligible', 'You already approved this request: one person counts once.');
  }
  return undefined;
}

/** May this person fill a seat of this stage, now? Also asked of every counted approver inside the grant (I8). */
export function maySit(person: PersonFacts, stage: Stage, requester: Judged['requester']): Refusal | undefined {
  if (sameHuman(person, requester)) return refuse('SelfApproval', 'Nobody decides on their own request.');
  if (person.state !== 'active')
    return refuse('ApproverNotEligible', `The directory says that this person is ${person.state}.`);
  if (person.kind === 'service') return refuse('ApproverNotEligible', 'A service account cannot decide.');
  if (!stage.from.some((selector) => selects(selector, person, requester))) {
    return refuse('ApproverNotEligible', `This step is decided by ${stage.from.map(describe).join(' or ')}.`);
  }
  return undefined;
}

/** NB. A group into which the requester put the approver is no group for this request: one makes no seats for oneself. */
const selects = (selector: Selector, person: PersonFacts, requester: Judged['requester']): boolean =>
  selector.kind === 'person'
    ? selector.person === person.id
    : person.groups.includes(selector.group) &&
      !person.addedBy.some(
        (added) =>
          added.group === selector.group && (added.by === requester.id || requester.aliases.includes(added.by)),
      );

const describe = (selector: Selector): string =>
  selector.kind === 'group' ? `the group ${selector.group}` : 'a named person';
