import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { variablesTable } from '../config/variables.ts';

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

/** The table's rows, cell by cell: how wide the columns are does not matter. */
const cells = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

test('the README lists every environment variable as the code reads it', () => {
  const table = /<!-- variables -->\n([\s\S]*?)<!-- \/variables -->/.exec(read('README.md'))?.[1] ?? '';
  expect(cells(table)).toEqual(cells(variablesTable()));
});

test('the commands that the README names are scripts of the package', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...read('README.md').matchAll(/npm run ([a-z]+)/g)].map(([, name]) => name ?? '');
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
