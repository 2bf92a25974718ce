/** On-call shifts as a file says them, whatever its form; people are found and shifts cut to what lies ahead here. */
import type { PersonId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { dayMs } from '../domain/time.ts';
import { hint, inFileOrder, quote, type Issue } from '../policy/issue.ts';
import type { Shift } from '../store/on-call.ts';

/** Later shifts are left out: rosters change, and the next import brings them. */
export const horizonMs = 90 * dayMs;
export const mostShifts = 5_000;

/** One shift with whom it names, not yet found in the directory; `issue` points at that in the file. */
export type NamedShift = {
  readonly schedule: string;
  /** A handle or an e-mail address. */
  readonly who: string;
  readonly fromAt: number;
  readonly untilAt: number;
  readonly issue: (code: string, message: string, warning?: boolean) => Issue;
};

/** `schedules`: all that the file speaks of, also those on which nobody is. */
export type ParsedShifts =
  | { readonly ok: true; readonly schedules: readonly string[]; readonly shifts: readonly NamedShift[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export type KnownPerson = {
  readonly id: PersonId;
  readonly handle: string;
  readonly email: string | null;
  readonly state: PersonState;
};

/** `warnings`: of people who are not active; their shifts are left out. `past` and `later`: how many were left out. */
export type FoundShifts =
  | {
      readonly ok: true;
      readonly shifts: readonly Shift[];
      readonly warnings: readonly Issue[];
      readonly past: number;
      readonly later: number;
    }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Finds everybody, and keeps what is not over and begins within the horizon. A shift that is said twice is one.
 * @param now epoch ms
 */
export function findPeople(shifts: readonly NamedShift[], people: readonly KnownPerson[], now: number): FoundShifts {
  const personOf = lookup(people);
  const handles = people.map(({ handle }) => handle);
  const issues: Issue[] = [];
  const warnings = new Map<string, Issue>();
  const kept = new Map<string, Shift>();
  let [past, later] = [0, 0];
  for (const { schedule, who, fromAt, untilAt, issue } of shifts) {
    const found = personOf(who);
    if (found === undefined) {
      issues.push(
        issue('unknown-person', `nobody has the handle or e-mail address ${quote(who)}${hint(who, handles)}`),
      );
    } else if (found === 'several') {
      issues.push(issue('ambiguous-person', `several people have the e-mail address ${quote(who)}: name a handle`));
    } else if (untilAt <= now) past += 1;
    else if (fromAt > now + horizonMs) later += 1;
    else if (found.state !== 'active') {
      warnings.set(found.id, issue('not-active', `${found.handle} is ${found.state}: their shifts are left out`, true));
    } else {
      const key = JSON.stringify([schedule, found.id, fromAt]);
      const shift = { schedule, person: found.id, fromAt, untilAt };
      if (untilAt > (kept.get(key)?.untilAt ?? 0)) kept.set(key, shift);
    }
  }
  if (issues.length > 0) return { ok: false, issues: inFileOrder(issues) };
  return { ok: true, shifts: [...kept.values()], warnings: inFileOrder([...warnings.values()]), past, later };
}

function lookup(people: readonly KnownPerson[]): (who: string) => KnownPerson | 'several' | undefined {
  const byHandle = new Map(people.map((person) => [person.handle, person]));
  const byEmail = Map.groupBy(people, ({ email }) => email?.toLowerCase());
  return (who) => {
    const handled = byHandle.get(who);
    if (handled) return handled;
    const [first, second] = byEmail.get(who.toLowerCase()) ?? [];
    return second ? 'several' : first;
  };
}
