/** What each of the sample people may do, in a few words: for the start screen and the playground. */

/** What a group lets people do. Of one list the first that fits is said, for it holds what follows. */
const powers: readonly (readonly (readonly [group: string, what: string])[])[] = [
  [['incident-responders', 'may break glass']],
  [['access-controllers', 'ends any grant, approves policies, reviews break-glass']],
  [
    ['data-owners-payments', 'approves orders: read, write, maintain'],
    ['data-owners', 'approves orders: read'],
  ],
  [['model-maintainers', 'approves models']],
  [
    ['ml-engineers', 'asks for orders and models, reads models without approval'],
    ['engineers', 'asks for orders and models'],
    ['managers', 'asks to read orders and models'],
  ],
  [['compliance-auditors', 'looks on: no rule gives auditors access']],
];

export const powersOf = ({ groups }: { readonly groups: readonly string[] }): string => {
  const own = powers.flatMap((list) => list.find(([group]) => groups.includes(group))?.[1] ?? []);
  return own.length > 0 ? own.join('; ') : 'nothing in particular';
};
