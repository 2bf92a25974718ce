/**
 * Was this request approved as its plan wants? Written anew from the rules of the design and not shared with
 * `policy/eligibility`: a checker that asks the code it checks would find nothing that this code gets wrong.
 */
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import { stagesOf, type Selector, type Stage } from '../domain/plan.ts';
import type { DecisionRecord, GrantRecord } from './records.ts';

/** Why a decision counts for nothing, by the facts that were recorded with it; undefined: it counts. */
export function whyNotCounted(record: GrantRecord, decision: DecisionRecord): string | undefined {
  const { person, account } = decision.facts;
  if (person.id !== decision.person) return 'the recorded facts are of somebody else';
  if (isRequester(record, person)) return 'it is the requester, or an alias';
  if (person.state !== 'active') return `the person was ${person.state}`;
  if (person.kind === 'service') return 'a service account';
  if (account.deleted || account.bot || account.restricted || account.stranger)
    return 'not a full member of the workspace';
  const stage = stagesOf(record.plan)[decision.stage];
  if (!stage || !stage.from.some((selector) => selects(selector, person, record)))
    return 'not one of those whom the plan names';
  return undefined;
}

export const isRequester = (record: GrantRecord, person: Pick<PersonFacts, 'id' | 'aliases'>): boolean =>
  person.id === record.person ||
  record.aliases.some((alias) => alias === person.id) ||
  person.aliases.some((alias) => alias === record.person);

const selects = (selector: Selector, person: PersonFacts, record: GrantRecord): boolean =>
  selector.kind !== 'group'
    ? selector.kind === 'person'
      ? selector.person === person.id
      : person.onCall?.includes(selector.schedule) === true
    : person.groups.includes(selector.group) &&
      !person.addedBy.some(
        (added) => added.group === selector.group && (added.by === record.person || record.aliases.includes(added.by)),
      );

/**
 * The stages that lack approvals of distinct humans who count, of the request's digest, not void.
 * @param at decisions that were void by then do not count; absent: those that are void now
 */
export function unmetStages(record: GrantRecord, at = Number.POSITIVE_INFINITY): readonly Stage[] {
  if (record.plan.verdict !== 'approvals') return [];
  const counted = record.decisions.filter(
    (decision) =>
      decision.verdict === 'approve' &&
      decision.digest === record.digest &&
      decision.madeAt <= at &&
      !(decision.voidedAt !== null && decision.voidedAt <= at) &&
      whyNotCounted(record, decision) === undefined,
  );
  return record.plan.stages.filter(
    (stage, index) => humans(counted.filter((decision) => decision.stage === index)) < stage.need,
  );
}

/** How many humans these decisions are of. */
export function humans(decisions: readonly DecisionRecord[]): number {
  const known: PersonFacts[] = [];
  for (const { facts } of decisions) if (!known.some((one) => sameHuman(one, facts.person))) known.push(facts.person);
  return known.length;
}

/** A plan and its request's kind must fit: only break-glass goes without anybody's word, or a rule that says so. */
export const mayBeGranted = (record: GrantRecord, at?: number): boolean =>
  record.kind === 'break-glass'
    ? record.plan.verdict === 'break-glass'
    : record.plan.verdict === 'automatic' ||
      (record.plan.verdict === 'approvals' && unmetStages(record, at).length === 0);
