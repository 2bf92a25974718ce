/** What changes besides asking: targets, powers, conflicts, and how the policy itself is changed. */
import type { Selector } from '../domain/plan.ts';
import type { LoadedPolicy } from './policy.ts';
import { describeSelectors, selectorKey } from './selectors.ts';

/** One line a change, the targets first. */
export function changedDuties(before: LoadedPolicy, after: LoadedPolicy): readonly string[] {
  const powers = ['endAnyGrant', 'changePolicy', 'readEverything'] as const;
  return [
    ...[...after.targets.keys()].filter((name) => !before.targets.has(name)).map((name) => `${name}: a new target`),
    ...[...before.targets.keys()]
      .filter((name) => !after.targets.has(name))
      .map((name) => `${name}: no target any more`),
    ...[...after.targets.values()].flatMap(({ name, owners }) =>
      changed(`owners of ${name}`, before.targets.get(name)?.owners, owners),
    ),
    ...powers.flatMap((power) => changed(powerNames[power], before.powers[power], after.powers[power])),
    ...changedConflicts(before, after),
    ...flag('one person may change the policy alone', before.onePersonChanges, after.onePersonChanges),
    ...changedLeavers(before, after),
    ...flag('requests may be approved from the command line', before.approveByCommand, after.approveByCommand),
  ];
}

const powerNames = {
  endAnyGrant: 'end any grant',
  changePolicy: 'change the policy',
  readEverything: 'read everything',
} as const;

const words = (selectors: readonly Selector[]): string => describeSelectors(selectors, 'and') || 'nobody';

function changed(what: string, before: readonly Selector[] | undefined, after: readonly Selector[]): readonly string[] {
  if (!before) return [];
  const [old, fresh] = [before, after].map((selectors) => selectors.map(selectorKey).toSorted().join());
  return old === fresh ? [] : [`${what}: ${words(after)} instead of ${words(before)}`];
}

const conflictText = ({ name, groups, never }: LoadedPolicy['conflicts'][number]): string =>
  `"${name}" (${groups.join(', ')}: never ${typeof never === 'string' ? never : never.join(', ')})`;

function changedConflicts(before: LoadedPolicy, after: LoadedPolicy): readonly string[] {
  const [old, fresh] = [before, after].map(({ conflicts }) => new Set(conflicts.map(conflictText)));
  return [
    ...[...(fresh ?? [])].filter((one) => !old?.has(one)).map((one) => `a new conflict: ${one}`),
    ...[...(old ?? [])].filter((one) => !fresh?.has(one)).map((one) => `no conflict any more: ${one}`),
  ];
}

const changedLeavers = ({ leaverApprovals: old }: LoadedPolicy, { leaverApprovals: fresh }: LoadedPolicy) =>
  old === fresh ? [] : [`what rests on the approval of a leaver: ${fresh} instead of ${old}`];

const flag = (what: string, before: boolean, after: boolean): readonly string[] =>
  before === after ? [] : [`${after ? 'from now on' : 'no longer:'} ${what}`];
