/** The one short screen after `npm start`: where everything is, who is who, and three lines to try. */
import type { DevJson, Person } from './describe.ts';

/** What a group lets people do. Of one list the first that fits is said, for it holds what follows. */
const powers: readonly (readonly (readonly [group: string, what: string])[])[] = [
  [['incident-responders', 'may break glass']],
  [['access-controllers', 'ends any grant, reviews break-glass']],
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

export function screen(dev: DevJson): string {
  const width = Math.max(...dev.people.map((person) => person.handle.length));
  const names = Math.max(...dev.people.map((person) => person.name.length));
  const people = dev.people.map(
    (person) => `  ${person.handle.padEnd(width)}  ${person.name.padEnd(names)}  ${powersOf(person)}`,
  );
  return [
    '',
    'Curfew is up.',
    `  API and claim page   ${dev.api}`,
    `  Temporal             ${dev.temporal.address}, namespace ${dev.temporal.namespace}`,
    `  targets              ${dev.targets.map((target) => `${target.name} (${target.databases.join(', ')})`).join(', ')} at ${dev.targets[0]?.host}:${dev.targets[0]?.port}`,
    '  everything else      .curfew/dev.json',
    '',
    'Juniper & Finch, whose Slack is emulated here:',
    ...people,
    '',
    'Try, in another terminal:',
    '  npm run as -- amara "orders-prod read 15m because INC-12 slow checkout"',
    '  npm run as -- priya approve',
    '  npm run as -- amara claim',
    '',
    'Ctrl-C stops everything; the state stays in .curfew/ (start over: npm start -- --fresh).',
    '',
  ].join('\n');
}

const powersOf = (person: Person): string => {
  const own = powers.flatMap((list) => list.find(([group]) => person.groups.includes(group))?.[1] ?? []);
  return own.length > 0 ? own.join('; ') : 'nothing in particular';
};
