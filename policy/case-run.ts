/** Runs the cases of a `*.test.yaml` against a policy and a directory. */
import type { PersonId, RoleName, TargetName } from '../domain/ids.ts';
import type { Delegator, PersonFacts } from '../domain/person.ts';
import { formatSpan } from '../domain/time.ts';
import type { Case, PersonChanges } from './cases.ts';
import { explainAsk, type Explained, type ExplainedStage } from './explain-ask.ts';
import type { Place } from './issue.ts';
import type { LoadedPolicy } from './policy.ts';

/** One thing that is otherwise than a case expects. */
export type Failure = {
  readonly case: string;
  readonly at: Place;
  readonly what: string;
  readonly expected: string;
  readonly got: string;
};

export type Directory = {
  readonly people: readonly PersonFacts[];
  /** The id behind a handle; undefined where nobody has it. */
  readonly idOf: (handle: string) => PersonId | undefined;
  readonly handleOf: (id: PersonId) => string;
};

/** `policy.test.yaml:12:15: "a name": verdict: expected approvals, got denied`. */
export const formatFailure = ({ case: name, at, what, expected, got }: Failure): string =>
  `${at.file}:${at.line}:${at.column}: "${name}": ${what}:\n  expected  ${expected}\n  got       ${got}`;

/**
 * @param now epoch ms, for a case that does not say when
 * @returns what is otherwise than expected; empty where the case holds
 */
export function runCase(policy: LoadedPolicy, given: Case, directory: Directory, now: number): readonly Failure[] {
  const fail = (path: readonly (string | number)[], what: string, expected: string, got: string): Failure => ({
    case: given.name,
    at: given.placeOf(path),
    what,
    expected,
    got,
  });
  const known = peopleOf(given, directory);
  if (!known.ok)
    return [fail(known.path, 'people', 'somebody whom the directory knows', `nobody is called ${known.handle}`)];
  const { people, requester } = known;
  const explained = explainAsk(
    policy,
    {
      kind: given.kind,
      requester,
      target: given.target as TargetName,
      role: given.role as RoleName,
      durationMs: given.for,
      ticket: given.ticket ?? null,
      startAt: given.start ?? null,
    },
    people,
    given.at ?? now,
  );
  return compareCase(given, explained, directory, fail);
}

type Fail = (path: readonly (string | number)[], what: string, expected: string, got: string) => Failure;

function compareCase(given: Case, explained: Explained, directory: Directory, fail: Fail): readonly Failure[] {
  const { expect } = given;
  const { plan } = explained;
  const differs = (field: keyof typeof expect, expected: string | undefined, got: string): readonly Failure[] =>
    expected === undefined || expected === got ? [] : [fail(['expect', field], field, expected, got)];
  const limits = plan.verdict === 'denied' ? undefined : plan.limits;
  const until = plan.verdict === 'denied' ? 'denied' : (plan.until?.kind ?? 'none');
  const reasons = plan.verdict === 'denied' ? plan.reasons : [];
  const wanted = [expect.reason ?? []].flat();
  return [
    ...(expect.verdict === undefined || expect.verdict === plan.verdict
      ? []
      : [fail(['expect', 'verdict'], 'verdict', expect.verdict, `${plan.verdict} (${explained.says})`)]),
    ...differs('rule', expect.rule, plan.rule ?? 'no rule'),
    ...differs('max', span(expect.max), limits ? formatSpan(limits.maxMs) : 'denied'),
    ...differs('until', expect.until, until),
    ...differs('extensions', expect.extensions?.toString(), String(limits?.extensions ?? 0)),
    ...differs('grace', span(expect.grace), limits?.graceMs === undefined ? 'none' : formatSpan(limits.graceMs)),
    ...wanted
      .filter((part) => !reasons.some((reason) => reason.includes(part)))
      .map((part) =>
        fail(['expect', 'reason'], 'reason', `... ${part} ...`, reasons.join(' ') || `none: ${plan.verdict}`),
      ),
    ...compareStages(expect.stages, explained.stages, directory, fail),
  ];
}

const span = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : formatSpan(ms));

const names = (stages: readonly { readonly name?: string | undefined }[]): string =>
  stages.map(({ name }) => name ?? '(any)').join(', ') || 'none';

function compareStages(
  expected: Case['expect']['stages'],
  got: readonly ExplainedStage[],
  { idOf, handleOf }: Directory,
  fail: Fail,
): readonly Failure[] {
  if (!expected) return [];
  if (expected.length !== got.length)
    return [
      fail(['expect', 'stages'], 'stages', `${expected.length}: ${names(expected)}`, `${got.length}: ${names(got)}`),
    ];
  return expected.flatMap(({ name, need, includes = [], excludes = [] }, index) => {
    const stage = got[index];
    if (!stage) return [];
    const at = (field: string) => ['expect', 'stages', index, field];
    const able = stage.able.map(({ person }) => person);
    const who = able.map(handleOf).join(', ') || 'nobody';
    const isAble = (handle: string): boolean => able.some((person) => person === idOf(handle));
    return [
      ...(name === undefined || name === stage.name ? [] : [fail(at('name'), 'stage', name, stage.name)]),
      ...(need === undefined || need === stage.need
        ? []
        : [fail(at('need'), `need of "${stage.name}"`, String(need), String(stage.need))]),
      ...includes
        .filter((handle) => !isAble(handle))
        .map((handle) => fail(at('includes'), `who decides "${stage.name}"`, `${handle} among them`, who)),
      ...excludes
        .filter(isAble)
        .map((handle) => fail(at('excludes'), `who decides "${stage.name}"`, `${handle} not among them`, who)),
    ];
  });
}

type Found =
  | { readonly ok: true; readonly people: readonly PersonFacts[]; readonly requester: PersonFacts }
  | { readonly ok: false; readonly path: readonly string[]; readonly handle: string };

/** The directory as this case has it. */
function peopleOf(given: Case, { people, idOf }: Directory): Found {
  const changes = new Map<PersonId, PersonChanges>();
  const own = given.facts ? { [given.as]: { ...given.people[given.as], ...given.facts } } : {};
  const all = { ...given.people, ...own };
  for (const [handle, change] of Object.entries(all)) {
    const named = [change.manager, change.managersManager, change.aliases, change.reciprocal, change.standsInFor];
    const missing = [handle, ...named.flat().filter((one) => one !== undefined)].find((one) => idOf(one) === undefined);
    const id = idOf(handle);
    if (missing !== undefined || id === undefined) return { ok: false, path: [], handle: missing ?? handle };
    changes.set(id, change);
  }
  const changed = people.map((person) => withChanges(person, changes.get(person.id), idOf));
  const there = changed.map((person) => withDelegators(person, changes.get(person.id), changed, idOf));
  const requester = there.find(({ id }) => id === idOf(given.as));
  return requester ? { ok: true, people: there, requester } : { ok: false, path: ['as'], handle: given.as };
}

function withChanges(person: PersonFacts, change: PersonChanges | undefined, idOf: Directory['idOf']): PersonFacts {
  if (!change) return person;
  const ids = (handles: readonly string[]): readonly PersonId[] => handles.flatMap((handle) => idOf(handle) ?? []);
  const { groups, manager, managersManager, onCall, away, kind, state, aliases, reciprocal } = change;
  return {
    ...person,
    ...(groups ? { groups: groups.toSorted(), addedBy: [] } : {}),
    ...(manager === undefined ? {} : { manager: idOf(manager) ?? null }),
    ...(managersManager === undefined ? {} : { managersManager: idOf(managersManager) ?? null }),
    ...(onCall ? { onCall: onCall.toSorted() } : {}),
    ...(away === undefined ? {} : { away }),
    ...(kind ? { kind } : {}),
    ...(state ? { state } : {}),
    ...(aliases ? { aliases: ids(aliases) } : {}),
    ...(reciprocal ? { reciprocal: ids(reciprocal) } : {}),
  };
}

/** Delegations come last: they carry what their people are by then. */
function withDelegators(
  person: PersonFacts,
  change: PersonChanges | undefined,
  people: readonly PersonFacts[],
  idOf: Directory['idOf'],
): PersonFacts {
  if (!change?.standsInFor) return person;
  const standsInFor = change.standsInFor.flatMap((handle): readonly Delegator[] => {
    const delegator = people.find(({ id }) => id === idOf(handle));
    return delegator ? [{ ...delegator, by: delegator.id }] : [];
  });
  return { ...person, standsInFor };
}
