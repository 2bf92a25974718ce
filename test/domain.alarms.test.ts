import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alarmCodes, severityOf, tellable, toldOneByOne } from '../domain/alarms.ts';

const root = join(import.meta.dirname, '..');

test('every code that an alarm is raised with says how urgent it is', () => {
  const files = globSync('{activities,directory,service,store,temporal,workers}/**/*.ts', { cwd: root });
  const raised = files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    if (!/store\/alarms\.ts'|from '\.\/alarms\.ts'/.test(text)) return [];
    return [...text.matchAll(/[cC]ode(?:: | = )'([a-z]+(?:-[a-z]+)+)'/g)].flatMap(([, code]) => code ?? []);
  });
  expect(raised.length).toBeGreaterThan(10);
  // A surprise's code gets `reaper-` before it.
  const unknown = raised.filter((code) => ![code, `reaper-${code}`].some((one) => Object.hasOwn(alarmCodes, one)));
  expect(unknown).toEqual([]);
});

test('what nobody has thought of is a notice, and whatever goes on for long enough pages', () => {
  expect(severityOf('revoke-late')).toBe('page');
  expect(severityOf('nobody-has-heard-of-it')).toBe('notice');
  expect(severityOf('nobody-has-heard-of-it', 1)).toBe('page');
  expect(severityOf('constructor')).toBe('notice');
});

const calm = { open: 0, untold: 0, recent: 0, flooding: false };

test('so many are told one by one, and then none until few are open and a while has passed', () => {
  expect(tellable({ ...calm, open: 3, untold: 3 })).toEqual({ tell: 3, flooding: false });
  expect(tellable({ ...calm, open: toldOneByOne, untold: toldOneByOne })).toEqual({
    tell: toldOneByOne,
    flooding: false,
  });
  expect(tellable({ ...calm, open: 500, untold: 500 })).toEqual({ tell: toldOneByOne, flooding: true });
  // One after another, each over before the next: no more of those either.
  expect(tellable({ ...calm, open: 1, untold: 1, recent: toldOneByOne })).toEqual({ tell: 0, flooding: true });
  expect(tellable({ open: 200, untold: 190, recent: 0, flooding: true })).toEqual({ tell: 0, flooding: true });
  expect(tellable({ open: 2, untold: 2, recent: toldOneByOne, flooding: true })).toEqual({ tell: 0, flooding: true });
  expect(tellable({ open: 2, untold: 2, recent: 0, flooding: true })).toEqual({ tell: 2, flooding: false });
  expect(tellable({ open: 0, untold: 0, recent: 0, flooding: true })).toEqual({ tell: 0, flooding: false });
});
