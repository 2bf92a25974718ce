/**
 * Was this approved as its plan wants? Written anew from the rules of the design and not shared with
 * `policy/eligibility`: a checker that asks the code it checks would find nothing that this code gets wrong. It reads
 * recorded facts and instants only.
 */
import { sameHuman, type Delegator, type PersonFacts } from '../domain/person.ts';
import { stagesOf, stepsOf, type GrantablePlan, type Selector, type Stage } from '../domain/plan.ts';
import type { DecisionRecord, ExtensionRecord, GrantRecord } from './records.ts';

/** What people were asked: a request, or an extension of its grant. */
export type Question = {
  readonly person: string;
  /** The requester's other accounts, now. */
  readonly aliases: readonly string[];
  readonly plan: GrantablePlan;
  readonly digest: string;
  readonly openedAt: number;
  readonly decisions: readonly DecisionRecord[];
};

/** An extension asks the same person's question anew, under its own plan and digest. */
export const questionOf = (record: GrantRecord, { plan, digest, askedAt, decisions }: ExtensionRecord): Question => ({
  ...record,
  plan,
  digest,
  openedAt: askedAt,
  decisions,
});

/** As long as a leaving takes to be committed, and the worker until it looks at what a leaver approved. */
export const crossedWithinMs = 5_000;

/**
 * The request as it was judged for its grant. NB. Leaving is written into the store while the grant runs on the target,
 * and no lock holds up the one for the other: an approval may be void by a moment before the grant is there. What was
 * asked to end at once for that very reason is as the design wants it.
 */
export const asJudged = (record: GrantRecord): GrantRecord => {
  const [at, taintedAt] = [record.grant?.grantedAt, record.taintedAt ?? null];
  if (at === undefined || taintedAt === null) return record;
  const crossed = ({ voidedAt }: DecisionRecord): boolean =>
    voidedAt !== null && voidedAt <= at && at - voidedAt <= crossedWithinMs && taintedAt - at <= crossedWithinMs;
  return { ...record, decisions: record.decisions.map((one) => (crossed(one) ? { ...one, voidedAt: null } : one)) };
};

type Human = Pick<PersonFacts, 'id' | 'aliases'>;

/** One approval, and the humans who sat by it; `no`: why it counts for nothing. */
export type Word = {
  readonly decision: DecisionRecord;
  readonly humans: readonly Human[];
  readonly no?: { readonly code: 'self' | 'unfit' | 'twice'; readonly why: string };
};

/**
 * Every approval that was made and not void, oldest first, each judged by who had sat before it.
 * @param at decisions that were void by then do not count; absent: those that are void now
 */
export function words(question: Question, at = Number.POSITIVE_INFINITY): readonly Word[] {
  const judged: Word[] = [];
  const approvals = question.decisions.filter(
    ({ verdict, madeAt, voidedAt }) => verdict === 'approve' && madeAt <= at && !(voidedAt !== null && voidedAt <= at),
  );
  for (const decision of approvals.toSorted((a, b) => a.madeAt - b.madeAt))
    judged.push(judge(question, decision, judged));
  return judged;
}

function judge(question: Question, decision: DecisionRecord, before: readonly Word[]): Word {
  const { person, account } = decision.facts;
  const no = (code: 'self' | 'unfit' | 'twice', why: string): Word => ({ decision, humans: [], no: { code, why } });
  if (isRequester(question, person) || decision.person === question.person)
    return no('self', 'it is the requester, or an alias');
  if (person.standsInFor?.some((one) => isRequester(question, one)) === true)
    return no('self', 'it is the delegate of the requester');
  if (person.id !== decision.person) return no('unfit', 'the recorded facts are of somebody else');
  if (decision.digest !== question.digest) return no('unfit', 'it is on another digest');
  if (account.deleted || account.bot || account.restricted || account.stranger)
    return no('unfit', 'not a full member of the workspace');
  if (account.fresh === true) return no('unfit', 'the account was linked less than a day before');
  const stage = stagesOf(question.plan)[decision.stage];
  if (!stage) return no('unfit', 'its plan has no such step');
  const unfit = whyUnfit(question, person, stage);
  if (unfit !== undefined) return no('unfit', unfit);
  const seated = before.flatMap(({ humans }) => humans);
  const sat = (one: Human): boolean => seated.some((other) => sameHuman(one, other));
  if (sat(person)) return no('twice', 'the same person sits already');
  const from = namedAt(question, decision, before);
  if (isNamed(question, person, from)) return { decision, humans: [person] };
  const places = (person.standsInFor ?? []).filter(
    (one) =>
      !isRequester(question, { id: one.by, aliases: [] }) &&
      whyUnfit(question, one, stage) === undefined &&
      isNamed(question, one, from),
  );
  const place = places.find((one) => !sat(one));
  if (place) return { decision, humans: [person, place] };
  return places.length > 0
    ? no('twice', 'those in whose place it is given sit already')
    : no('unfit', 'not one of those whom the plan names');
}

/** Of the approver and of whoever they stand in for alike. */
function whyUnfit(question: Question, person: Delegator | PersonFacts, stage: Stage): string | undefined {
  if (person.state !== 'active') return `the person was ${person.state}`;
  if (person.kind === 'service') return 'a service account';
  if (person.reviewDebt === true) return 'a break-glass of theirs was not reviewed in time';
  const conflict = stage.never?.find(({ groups, all }) => {
    const hats = [...person.groups, ...(person.otherGroups ?? [])];
    const has = groups.filter((group) => hats.includes(group));
    return all ? has.length === groups.length : has.length > 0;
  });
  if (conflict) return `the conflict "${conflict.name}"`;
  const pair = person.reciprocal?.some((id) => id === question.person || question.aliases.includes(id)) === true;
  return stage.outsidePair === true && pair ? 'the other one of a pair' : undefined;
}

/** Whom the plan named when this was decided: with those to whom the stage had escalated by then. */
function namedAt(question: Question, { stage, madeAt }: DecisionRecord, before: readonly Word[]): readonly Selector[] {
  const stages = stagesOf(question.plan);
  const { from, escalate } = stages[stage] ?? { from: [] };
  if (!escalate) return from;
  const steps = stepsOf(stages);
  const earlier = before.filter(({ no, decision }) => !no && (steps[decision.stage] ?? 0) < (steps[stage] ?? 0));
  const sinceAt = Math.max(question.openedAt, ...earlier.map(({ decision }) => decision.madeAt));
  return madeAt >= sinceAt + escalate.afterMs ? [...from, ...escalate.to] : from;
}

const isRequester = ({ person, aliases }: Pick<Question, 'person' | 'aliases'>, other: Human): boolean =>
  other.id === person ||
  aliases.some((alias) => alias === other.id) ||
  other.aliases.some((alias) => alias === person || aliases.includes(alias));

const isNamed = (
  question: Question,
  person: Pick<PersonFacts, 'id' | 'groups' | 'addedBy' | 'onCall'>,
  from: readonly Selector[],
): boolean => from.some((selector) => selects(selector, person, question));

function selects(
  selector: Selector,
  { id, groups, addedBy, onCall }: Pick<PersonFacts, 'id' | 'groups' | 'addedBy' | 'onCall'>,
  { person, aliases }: Question,
): boolean {
  if (selector.kind === 'person') return selector.person === id;
  if (selector.kind === 'on-call') return onCall?.includes(selector.schedule) === true;
  const bySelf = addedBy.some(({ group, by }) => group === selector.group && (by === person || aliases.includes(by)));
  return groups.includes(selector.group) && !bySelf;
}

/**
 * The stages that lack approvals of distinct humans who count.
 * @param at as of `words`
 */
export function unmetStages(question: Question, at?: number): readonly Stage[] {
  const counted = words(question, at).filter(({ no }) => !no);
  return stagesOf(question.plan).filter(
    (stage, index) => counted.filter(({ decision }) => decision.stage === index).length < stage.need,
  );
}

/** A plan and its request's kind must fit: only break-glass goes without anybody's word, or a rule that says so. */
export const mayBeGranted = (record: GrantRecord, at?: number): boolean =>
  record.kind === 'break-glass'
    ? record.plan.verdict === 'break-glass'
    : record.plan.verdict === 'automatic' ||
      (record.plan.verdict === 'approvals' && unmetStages(record, at).length === 0);

/** As many as the pinned plan allows go by themselves; each other one takes people, and nobody may have said no. */
export function mayBeExtended(record: GrantRecord, extension: ExtensionRecord, at?: number): boolean {
  if (extension.signedAt === null) return false;
  if (extension.kind === 'automatic') {
    const before = record.extensions.filter(
      ({ kind, number, outcome }) => kind === 'automatic' && number < extension.number && outcome !== 'failed',
    );
    return before.length < (record.plan.limits.extensions ?? 0);
  }
  const question = questionOf(record, extension);
  return (
    extension.plan.verdict === 'approvals' &&
    !extension.decisions.some(({ verdict }) => verdict === 'deny') &&
    unmetStages(question, at).length === 0
  );
}

/** The latest end that anybody has approved, epoch ms: the claim's, or a later one of an extension. */
export const approvedEndOf = (record: GrantRecord): number | undefined =>
  record.claim
    ? Math.max(
        record.claim.endAt,
        ...record.extensions.filter((one) => mayBeExtended(record, one)).map(({ endAt }) => endAt),
      )
    : undefined;
