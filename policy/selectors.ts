/**
 * Who is meant: `group:data-owners`, `person:ada`, `on-call:payments`; where approvers are named also `owner`, `manager`
 * and `managers-manager`, which a plan resolves to the target's owners and to people.
 */
import { isUuid, type PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { Selector } from '../domain/plan.ts';
import { personIdFrom } from './digest.ts';
import type { RuleSelector } from './policy.ts';

export type StageSelector = RuleSelector | { readonly kind: 'owner' };

export const groupPattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
export const handlePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const schedulePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const asWords = ['owner', 'manager', 'managers-manager'] as const;

/**
 * Reads a selector. A person is named by the handle of the people file, or by the UUID where that file gives one.
 * @returns undefined for what is none of the forms
 */
export function parseSelector(text: string): StageSelector | undefined {
  const word = asWords.find((one) => one === text);
  if (word) return { kind: word };
  const [, kind, name] = /^(group|person|on-call):(.+)$/.exec(text) ?? [];
  if (kind === undefined || name === undefined) return undefined;
  if (kind === 'group') return groupPattern.test(name) ? { kind: 'group', group: name } : undefined;
  if (kind === 'on-call') return schedulePattern.test(name) ? { kind: 'on-call', schedule: name } : undefined;
  if (!handlePattern.test(name)) return undefined;
  return { kind: 'person', person: isUuid(name) ? (name as PersonId) : personIdFrom(name) };
}

/** Does it name the same people whoever asks, and on whatever target? */
export const isFixed = (selector: StageSelector): selector is Selector =>
  !asWords.some((word) => word === selector.kind);

/** One text a selector, for comparing them. */
export const selectorKey = (selector: StageSelector): string => {
  switch (selector.kind) {
    case 'group':
      return `group:${selector.group}`;
    case 'person':
      return `person:${selector.person}`;
    case 'on-call':
      return `on-call:${selector.schedule}`;
    default:
      return selector.kind;
  }
};

/** Each selector once, in the order given. */
export const distinct = <One extends StageSelector>(selectors: readonly One[]): readonly One[] => [
  ...new Map(selectors.map((selector) => [selectorKey(selector), selector])).values(),
];

/** Does any of them name this person? Whether the person may act is another question. */
export function namesPerson(
  selectors: readonly Selector[],
  person: Pick<PersonFacts, 'id' | 'groups' | 'onCall'>,
): boolean {
  for (const selector of selectors) if (isNamed(selector, person)) return true;
  return false;
}

function isNamed(selector: Selector, { id, groups, onCall }: Pick<PersonFacts, 'id' | 'groups' | 'onCall'>): boolean {
  if (selector.kind === 'group') return groups.includes(selector.group);
  return selector.kind === 'person' ? selector.person === id : onCall?.includes(selector.schedule) === true;
}

/**
 * `the group a`, `the groups a and b`, `whoever is on call for c`, `a named person`: names of people are not the
 * policy's to tell.
 */
export function describeSelectors(selectors: readonly Selector[], or = 'or'): string {
  const groups = selectors.flatMap((selector) => (selector.kind === 'group' ? [selector.group] : []));
  const schedules = selectors.flatMap((selector) => (selector.kind === 'on-call' ? [selector.schedule] : []));
  const people = selectors.length - groups.length - schedules.length;
  const parts = groups.length === 0 ? [] : [`the group${groups.length > 1 ? 's' : ''} ${listed(groups, or)}`];
  if (schedules.length > 0) parts.push(`whoever is on call for ${listed(schedules, or)}`);
  if (people > 0) parts.push(people > 1 ? 'named people' : 'a named person');
  return parts.join(` ${or} `);
}

/** `a`, `a or b`, `a, b or c`. */
export const listed = (words: readonly string[], or: string): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${or} ${words.at(-1)}`;
