/** The one short screen after `npm start`: the one address to open, who is who, and where the rest is. */
import { powersOf } from '../company/powers.ts';
import type { DevJson } from './describe.ts';

export function screen(dev: DevJson): string {
  const width = Math.max(...dev.people.map((person) => person.handle.length));
  const names = Math.max(...dev.people.map((person) => person.name.length));
  const people = dev.people.map(
    (person) => `  ${person.handle.padEnd(width)}  ${person.name.padEnd(names)}  ${powersOf(person)}`,
  );
  return [
    '',
    'Curfew is up.',
    '',
    `  Open this:  ${dev.playground}`,
    '',
    '  Slack as the sample people see it, two side by side; it says what to do next.',
    '',
    'Juniper & Finch, whose Slack is emulated here:',
    ...people,
    '',
    'The same on a terminal:  npm run as -- amara "orders-prod read 15m because INC-12 slow checkout"',
    `Targets:                 ${dev.targets.map((target) => target.name).join(', ')} at ${dev.targets[0]?.host}:${dev.targets[0]?.port}`,
    'Alarms, besides Slack:   .curfew/logs/inbox.log',
    'Everything else:         .curfew/dev.json',
    '',
    'Ctrl-C stops everything; the state stays in .curfew/ (start over: npm start -- --fresh).',
    '',
  ].join('\n');
}
