/**
 * What a new policy would change for whom: everybody asks for every role of every target, of the policy that holds and
 * of the new one. Roles of which neither file says anything else are not asked for.
 */
import type { PersonId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { secondMs } from '../domain/time.ts';
import { changedDuties } from './compare-duties.ts';
import { differences, outcomeOf, type Outcome } from './compare-outcomes.ts';
import { whoText } from './compare-people.ts';
import { planFor, type Ask } from './plan.ts';
import type { LoadedPolicy, RolePolicy, TargetPolicy } from './policy.ts';
import { listed, selectorKey } from './selectors.ts';

export type Comparison = {
  /** `engineers (12 people): orders-prod write: 2 approvals instead of 1`. Empty: nothing changes for anybody. */
  readonly lines: readonly string[];
  readonly changes: readonly Change[];
  /** How many plans were made and compared. */
  readonly judged: number;
  /** There was more to compare than is done in one go: `lines` ends with a line that says so. */
  readonly cut: boolean;
};

/** One change, for everybody for whom it is the same, and everywhere. */
export type Change = {
  readonly places: readonly string[];
  readonly people: readonly PersonId[];
  readonly what: string;
};

export type CompareOptions = {
  readonly now: number;
  /** What a person is called; their id where absent. */
  readonly nameOf?: (id: PersonId) => string;
  /** So many plans at most. */
  readonly most?: number;
  /** So many lines at most. */
  readonly mostLines?: number;
};

/** A request at a keyboard may take this long; a policy of a thousand people and targets is compared in it. */
const mostJudged = 400_000;
const manyLines = 60;

/** @param people everybody in the directory, with facts of now */
export function compare(
  before: LoadedPolicy,
  after: LoadedPolicy,
  people: readonly PersonFacts[],
  { now, nameOf = (id) => id, most = mostJudged, mostLines = manyLines }: CompareOptions,
): Comparison {
  const active = people.filter(({ state }) => state === 'active');
  const found = new Map<string, { what: string; place: string; people: PersonId[] }>();
  let judged = 0;
  const places = changedPlaces(before, after);
  walk: for (const place of places) {
    for (const requester of active) {
      if (judged >= most) break walk;
      judged += 1;
      const what = changeFor([before, after], place, requester, people, now);
      if (what === undefined) continue;
      const key = JSON.stringify([place.text, what]);
      const known = found.get(key) ?? { what, place: place.text, people: [] };
      known.people.push(requester.id);
      found.set(key, known);
    }
  }
  const cut = judged < places.length * active.length;
  const changes = merged([...found.values()]);
  const all = [
    ...changedDuties(before, after),
    ...changes.map(
      ({ people: who, places: where, what }) => `${whoText(who, active, nameOf)}: ${listed(where, 'and')}: ${what}`,
    ),
  ];
  const shown = all.slice(0, mostLines);
  if (all.length > shown.length) shown.push(`and ${all.length - shown.length} more`);
  if (cut) shown.push(`Compared for the first ${judged} of ${places.length * active.length} pairs of person and role.`);
  return { lines: shown, changes, judged, cut };
}

type AskedPlace = Pick<Ask, 'kind' | 'target' | 'role'> & { readonly text: string };

/** Every role that either policy knows and of which they do not say the same. */
function changedPlaces(before: LoadedPolicy, after: LoadedPolicy): readonly AskedPlace[] {
  const conflicts = JSON.stringify(before.conflicts) !== JSON.stringify(after.conflicts);
  return [...new Set([...before.targets.keys(), ...after.targets.keys()])].flatMap((name) => {
    const [old, fresh] = [before.targets.get(name), after.targets.get(name)];
    const target = fresh ?? old;
    const roles = [...new Set([...(old?.roles.keys() ?? []), ...(fresh?.roles.keys() ?? [])])];
    return roles.flatMap((role) => {
      const [oldRole, freshRole] = [old?.roles.get(role), fresh?.roles.get(role)];
      const known = freshRole ?? oldRole;
      if (!target || !known) return [];
      if (!conflicts && wordsOf(old, oldRole) === wordsOf(fresh, freshRole)) return [];
      const place = { target: target.name, role: known.name };
      const breakGlass = (oldRole?.breakGlass.length ?? 0) + (freshRole?.breakGlass.length ?? 0) > 0;
      return [
        { ...place, kind: 'access' as const, text: `${name} ${role}` },
        ...(breakGlass ? [{ ...place, kind: 'break-glass' as const, text: `${name} ${role} (break-glass)` }] : []),
      ];
    });
  });
}

/** Everything that decides on a role, as one text; where it stands in the file is no part of it. */
function wordsOf(target: TargetPolicy | undefined, role: RolePolicy | undefined): string {
  if (!target || !role) return '';
  const { labels, owners, databases } = target;
  const said = { ...role, labels: [...labels], owners: owners.map(selectorKey), databases };
  return JSON.stringify(said, (key, value: unknown) =>
    key === 'at' || key === 'evaluate' || key === 'clauses' ? undefined : value,
  );
}

const ticket = 'ANY-1';

/** What would change for one person at one place, without a ticket or, where that changes nothing, with one. */
function changeFor(
  policies: readonly [LoadedPolicy, LoadedPolicy],
  { kind, target, role }: AskedPlace,
  requester: PersonFacts,
  people: readonly PersonFacts[],
  now: number,
): string | undefined {
  const asked = (given: string | null): readonly [Outcome, Outcome] => {
    const ask: Ask = { kind, target, role, requester, durationMs: secondMs, ticket: given, startAt: null };
    const [old, fresh] = policies.map((policy) => outcomeOf(planFor(policy, ask, people, now)));
    if (!old || !fresh) throw new Error('two policies make two plans');
    return [old, fresh];
  };
  const bare = differences(...asked(null));
  if (bare !== undefined) return bare;
  const ticketed = differences(...asked(ticket));
  return ticketed === undefined ? undefined : `with a ticket or incident: ${ticketed}`;
}

/** The same change for the same people in several places is one line. */
function merged(
  found: readonly { readonly what: string; readonly place: string; readonly people: readonly PersonId[] }[],
): readonly Change[] {
  const lines = new Map<string, { places: string[]; people: readonly PersonId[]; what: string }>();
  for (const { what, place, people } of found) {
    const key = JSON.stringify([what, people]);
    const line = lines.get(key) ?? { places: [], people, what };
    line.places.push(place);
    lines.set(key, line);
  }
  return [...lines.values()];
}
