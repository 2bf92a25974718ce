/**
 * Check 3: judged again, by the real policy, from the facts that were written down when it was judged first. What the
 * directory said then is the writer's word; that the verdict follows from it is not.
 */
import { isRefusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import type { ReviewBodies } from '../../domain/events/review.ts';
import { stagesOf, type ReviewRule } from '../../domain/plan.ts';
import { asOf, lapsesAt } from '../../domain/progress.ts';
import { decisionId, digestOf, planHash } from '../../policy/digest.ts';
import { mayReview } from '../../policy/powers.ts';
import { judge, type Human } from '../../policy/eligibility.ts';
import { planFor, type Ask } from '../../policy/plan.ts';
import { stricter } from '../../policy/stricter.ts';
import { tally as tallyWords } from '../../policy/tally.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { whyNotAnswer } from './answered.ts';
import {
  approvalOf,
  counted,
  textIn,
  type Case,
  type Cases,
  type ClaimBody,
  type DecisionBody,
  type ExtensionAskedBody,
  type ExtensionDecidedBody,
  type OpenedBody,
  type Word,
} from './case.ts';
import { checkGoverned } from './governed.ts';
import { createInForce } from './in-force.ts';
import { isOff, whyNotThen } from './instants.ts';
import { judgeExtension, whyNotInHours } from './longer.ts';
import type { Policies } from './policies.ts';
import type { Tally } from './report.ts';

/** Nothing to wait for where there is nothing to judge: a million entries that are no decisions cost no promises. */
export type JudgedCheck = {
  see(entry: PlacedEntry): Promise<void> | undefined;
  finish(): void;
};

export function checkJudged(cases: Cases, policies: Policies, tally: Tally): JudgedCheck {
  /** Who may review a break-glass, kept beyond its end: it is reviewed after that. */
  const reviews = new Map<string, { readonly rule: ReviewRule; readonly responder: string }>();

  const inForce = createInForce(tally);
  const governed = checkGoverned(policies, inForce, tally);

  const again = async (entry: PlacedEntry, one: Case): Promise<void> => {
    tally.count(counts[entry.kind] ?? entry.kind);
    const { plan } = one.opened;
    if (plan.verdict === 'break-glass') reviews.set(one.id, { rule: plan.review, responder: one.entry.actor });
    const policy = policyOf(entry);
    if (policy !== undefined) inForce.judgedBy(entry, policy);
    for (const why of await judgeEntry(entry, one, policies)) tally.bad(entry, why);
  };

  function review(entry: PlacedEntry): void {
    const known = reviews.get(entry.subject);
    const { facts, overMs } = entry.body as unknown as ReviewBodies['review.recorded'];
    if (!known) return tally.bad(entry, 'Nobody broke glass for what it reviews.');
    tally.count('reviews judged again');
    const wrong = mayReview(known.rule, facts.person, facts.responder, overMs);
    if (wrong) tally.bad(entry, `It does not count: ${wrong.message}`);
    if (facts.person.id !== (entry.actor as PersonId) || facts.responder.id !== (known.responder as PersonId))
      tally.bad(entry, 'The facts are of somebody else than who reviewed, or whom.');
  }

  return {
    see(entry) {
      const wrong = whyNotThen(entry);
      if (wrong !== undefined) tally.bad(entry, wrong);
      else if (isOff(entry)) tally.count('judged by a clock that was more than a minute off');
      const governing = governed.see(entry);
      inForce.see(entry);
      if (governing) return governing;
      if (entry.kind === 'review.recorded') review(entry);
      const one = judgedKinds.has(entry.kind) ? cases.of(entry.subject) : undefined;
      return one && typeof one !== 'number' ? again(entry, one) : undefined;
    },
    finish() {
      governed.finish();
      inForce.finish();
    },
  };
}

/** The policy that an entry says it was judged by, by its hash; undefined for what was judged by a plan alone. */
function policyOf(entry: PlacedEntry): string | undefined {
  const { kind } = entry;
  if (kind === 'extension.asked') return (entry.body as unknown as ExtensionAskedBody).plan.policy;
  return kind === 'request.opened' || kind === 'claim.accepted' ? textIn(entry, 'policy') : undefined;
}

const counts: Readonly<Record<string, string>> = {
  'request.opened': 'plans made again',
  'decision.made': 'decisions judged again',
  'claim.accepted': 'claims judged again',
  'extension.asked': 'extensions planned again',
  'extension.decided': 'decisions judged again',
  'taint.answered': 'answers judged again',
};
const judgedKinds = new Set(Object.keys(counts));

async function judgeEntry(entry: PlacedEntry, one: Case, policies: Policies): Promise<readonly string[]> {
  switch (entry.kind) {
    case 'request.opened':
      return one.entry === entry ? judgeOpened(entry, one.opened, policies) : [];
    case 'decision.made':
      return judgeDecision(entry, one);
    case 'claim.accepted':
      return judgeClaim(entry, one, policies);
    case 'extension.asked':
      return judgeExtension(entry, one, policies);
    case 'taint.answered':
      return whyNotAnswer(entry, one);
    default:
      return judgeExtensionWord(entry, one);
  }
}

async function judgeOpened(entry: PlacedEntry, body: OpenedBody, policies: Policies): Promise<readonly string[]> {
  const policy = await policies(body.policy);
  const { kind, target, role, durationMs, ticket, startAt, plan, facts, openedAt, template, databases } = body;
  const fields = { requestId: entry.subject, requester: entry.actor, target, databases, role, template, durationMs };
  const digest = digestOf({ ...fields, reasonHash: body.reason, ticket, startAt, plan } as Parameters<
    typeof digestOf
  >[0]);
  const wrong = [
    ...(digest === body.digest ? [] : ['Its digest is not that of what was asked.']),
    ...(facts.requester.id === (entry.actor as PersonId) ? [] : ['The facts are of somebody else than who asked.']),
    ...(plan.policy === body.policy ? [] : ['Its plan is of another policy.']),
    ...(plan.verdict === body.verdict && plan.rule === body.rule ? [] : ['It says something else than its plan.']),
    ...((kind === 'break-glass') === (plan.verdict === 'break-glass') ? [] : ['Its plan is not for what was asked.']),
    ...(body.decideByAt === openedAt + plan.limits.decideWithinMs
      ? []
      : ['It is open for longer, or less, than its plan.']),
  ];
  if (typeof policy === 'string') return [...wrong, policy];
  const ask: Ask = { kind, requester: facts.requester, target, role, durationMs, ticket, startAt };
  const again = planFor(policy, ask, facts.people, openedAt);
  if (planHash(again.plan) !== planHash(plan))
    wrong.push(`The policy says something else of this: ${again.plan.verdict}.`);
  else if (again.gives?.template !== template || again.gives.databases.join() !== databases.join())
    wrong.push('The policy gives something else for this.');
  return wrong;
}

function judgeDecision(entry: PlacedEntry, one: Case): readonly string[] {
  const body = entry.body as unknown as DecisionBody;
  const word = one.words.get(body.decision);
  if (!word) return ['It cannot be read.'];
  if (word.entry !== entry) return [];
  const { opened } = one;
  const live = counted(one.words.values());
  const approvals = live.map(approvalOf);
  const stages = asOf(stagesOf(opened.plan), approvals, opened.openedAt, body.madeAt);
  const lapseAt = lapsesAt(stagesOf(opened.plan), approvals, opened.openedAt, opened.decideByAt);
  const asked = { requester: body.requester, digest: opened.digest, stages };
  const voids = [...one.words.values()].filter(
    ({ decision, voided }) => decision.person === body.facts.person.id && voided,
  );
  return [
    ...sameHuman(body.requester.id, one.entry.actor),
    ...(body.madeAt < lapseAt ? [] : ['The time to decide was over.']),
    ...(voids.length === body.voidsBefore ? [] : ['It counts other decisions as void than were.']),
    ...seat(entry, word, asked, body, live),
    ...idOf(word, one.id, body.voidsBefore),
  ];
}

const sameHuman = (id: string, requester: string): readonly string[] =>
  id === requester ? [] : ['It was judged as a word on somebody else.'];

/** Fills the word's seat where it may have one. */
function seat(
  entry: PlacedEntry,
  word: Word,
  asked: Parameters<typeof judge>[0],
  { verdict, digest, stage, facts, madeAt }: DecisionBody | ExtensionDecidedBody,
  live: readonly Word[],
): readonly string[] {
  const humans: readonly Human[] = live.flatMap((other) => other.humans);
  const sat = judge(asked, { verdict, digest, stage, facts, madeAt }, humans);
  if (!isRefusal(sat)) word.humans = sat.humans;
  return [
    ...(isRefusal(sat) ? [`It does not count: ${sat.message}`] : []),
    ...(facts.person.id === (entry.actor as PersonId) ? [] : ['The facts are of somebody else than who decided.']),
  ];
}

function idOf({ decision }: Word, requestId: Case['id'], voidsBefore: number): readonly string[] {
  const { digest, stage, person, verdict } = decision;
  return decisionId({ requestId, digest, stage, person, verdict, voidsBefore }) === decision.id
    ? []
    : ['Its id is not that of this word on this request.'];
}

/** As the API judged it before it signed: who decided may still do so, and the policy of that moment is no stricter. */
async function judgeClaim(entry: PlacedEntry, one: Case, policies: Policies): Promise<readonly string[]> {
  const { facts, policy: hash, acceptedAt, endAt } = entry.body as unknown as ClaimBody;
  const { opened } = one;
  const made = [...one.words.values()].filter(({ voided }) => !voided).map(({ decision }) => decision);
  const known = new Map(facts.approvers.map((person) => [person.id, person]));
  const asked = { requester: facts.requester, digest: opened.digest, stages: stagesOf(opened.plan) };
  const { open, denied } = tallyWords({ ...asked, openedAt: opened.openedAt }, made, known);
  const wrong = [
    ...sameHuman(facts.requester.id, one.entry.actor),
    ...byRequester(entry, one),
    ...(acceptedAt < useByOf(one) ? [] : ['The time to claim it was over.']),
    ...(open.length > 0 ? ['It lacked approvals that counted when it was claimed.'] : []),
    ...(denied ? ['Somebody had denied it.'] : []),
    ...(opened.startAt !== null && acceptedAt < opened.startAt ? ['It was claimed before its start.'] : []),
    ...(endAt - acceptedAt <= opened.durationMs ? [] : ['It lasts longer than was approved.']),
    ...whyNotInHours(opened.plan.limits, acceptedAt, endAt),
  ];
  const policy = await policies(hash);
  if (typeof policy === 'string') return [...wrong, policy];
  const { kind, target, role, durationMs, ticket, startAt } = opened;
  const ask: Ask = { kind, requester: facts.requester, target, role, durationMs, ticket, startAt };
  const reasons = stricter(opened, planFor(policy, ask, facts.approvers, acceptedAt));
  return [...wrong, ...reasons.map((why) => `The policy had become stricter. ${why}`)];
}

const byRequester = ({ actor }: PlacedEntry, one: Case): readonly string[] =>
  actor === one.entry.actor ? [] : ['It was somebody else who asked for it.'];

/** By when it had to be claimed, epoch ms: from its last approval on, or from its opening, and not before its start. */
function useByOf({ opened: { plan, openedAt, startAt }, words }: Case): number {
  const approvedAt = Math.max(openedAt, ...counted(words.values()).map(({ decision }) => decision.madeAt));
  return Math.max(approvedAt, startAt ?? 0) + plan.limits.useWithinMs;
}

function judgeExtensionWord(entry: PlacedEntry, one: Case): readonly string[] {
  const body = entry.body as unknown as ExtensionDecidedBody;
  const extension = one.extensions.get(body.extension);
  const word = extension?.words.at(-1);
  if (!extension || word?.entry !== entry) return ['Nobody asked for this extension.'];
  const { plan, digest, askedAt } = extension.asked;
  const live = counted(extension.words);
  const stages = asOf(stagesOf(plan), live.map(approvalOf), askedAt, body.madeAt);
  return [
    ...sameHuman(body.requester.id, one.entry.actor),
    ...seat(entry, word, { requester: body.requester, digest, stages }, body, live),
    ...idOf(word, one.id, 0),
  ];
}
