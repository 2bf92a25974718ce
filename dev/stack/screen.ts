/** The one short screen after `npm start`: where everything is, who is who, and three lines to try. */
import type { DevJson, Person } from './describe.ts';

const powers: readonly (readonly [group: string, what: string])[] = [
  ['access-controllers', 'ends any grant, reviews break-glass'],
  ['data-owners-payments', 'approves orders (read and write)'],
  ['data-owners', 'approves reading orders'],
  ['model-maintainers', 'approves models'],
  ['incident-responders', 'may break glass'],
  ['compliance-auditors', 'reads everything, does nothing else'],
  ['ml-engineers', 'asks for models'],
  ['managers', 'manages; asks to read'],
  ['engineers', 'asks for orders and models'],
];

export function screen(dev: DevJson): string {
  const width = Math.max(...dev.people.map((person) => person.handle.length));
  const people = dev.people.map((person) => `  ${person.handle.padEnd(width)}  ${person.name}: ${powersOf(person)}`);
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
  const own = powers.filter(([group]) => person.groups.includes(group)).map(([, what]) => what);
  return own.length > 0 ? own.join('; ') : 'nothing in particular';
};
