/** What the documents tell is tried here: the example policy with its cases, the commands with their options, the links. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { alarmCodes, severityOf } from '../domain/alarms.ts';
import { curfew } from './support/terminal.ts';

const root = join(import.meta.dirname, '..');
const documents = [
  'README.md',
  ...['policy', 'people', 'operations', 'audit', 'security-model', 'controls', 'decisions'].map(
    (name) => `docs/${name}.md`,
  ),
];
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

/** The fenced blocks of a document in one language. */
const blocks = (text: string, language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(([, block]) => block ?? '');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-docs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the example of docs/policy.md is a policy without a warning, and its cases hold', async () => {
  const [policy, cases, ...more] = blocks(read('docs/policy.md'), 'yaml');
  expect(more).toEqual([]);
  const path = join(folder, 'policy.yaml');
  writeFileSync(path, policy ?? '');
  writeFileSync(join(folder, 'policy.test.yaml'), cases ?? '');
  const people = ['--people', join(root, 'dev/company/people.yaml')];
  expect(await curfew(['policy', 'lint', ...people, path])).toMatchObject({
    code: 0,
    out: `${path} is a policy.\n`,
    err: '',
  });
  const tested = await curfew(['policy', 'test', ...people, path]);
  expect(tested).toMatchObject({ code: 0, err: '' });
  expect(tested.out).toMatch(/^All \d+ cases hold\.\n$/);
});

test('every command of the documents is one, with the options that are given', async () => {
  const lines = documents.flatMap((name) =>
    blocks(read(name), 'sh').flatMap((block) =>
      [...block.matchAll(/^ *(?:[A-Z_]+=\S+ )*(?:npm run curfew -- |curfew )([^#\n]*)/gm)].map(
        ([, line]) => line?.trim() ?? '',
      ),
    ),
  );
  expect(lines.length).toBeGreaterThan(10);
  for (const line of new Set(lines)) {
    const words = line.split(/\s+/).slice(0, 3);
    const { out } = await curfew([...words.filter((word) => !word.startsWith('-')), '--help']);
    const usage = /^Usage: curfew ([a-z- ]+?) \[options\]/m.exec(out)?.[1] ?? '';
    expect(`${line} `.startsWith(`${usage} `) && usage !== '', line).toBe(true);
    for (const [option] of line.matchAll(/--[a-z-]+/g)) expect(out, line).toContain(option);
  }
});

test('the suites that the documents start are there, with the options that are given', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const lines = documents.flatMap((name) =>
    [...read(name).matchAll(/npm run (faults|bench|tour)\b([^#`\n]*)/g)].map(([, suite, rest]) => ({
      suite: suite ?? '',
      options: [...(rest ?? '').matchAll(/(?<= )--[a-z]+/g)].map(([option]) => option),
    })),
  );
  expect(lines.length).toBeGreaterThan(6);
  for (const [suite, all] of Map.groupBy(lines, ({ suite: name }) => name)) {
    const script = /launch\.mjs (\S+)$/.exec(scripts[suite] ?? '')?.[1] ?? '';
    expect(script, suite).not.toBe('');
    // Its usage stands in its own file.
    const usage = read(script);
    for (const option of all.flatMap(({ options }) => options)) expect(usage, `${suite} ${option}`).toContain(option);
  }
});

/** The rows of a page's tables: cells as they are written. */
const rowsOf = (name: string): readonly (readonly string[])[] =>
  read(name)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

test('docs/operations.md has every alarm and every finding, and says how urgent each is', () => {
  const told = rowsOf('docs/operations.md').flatMap(([codes = '', severity = '']) =>
    ['page', 'notice'].includes(severity)
      ? [...codes.matchAll(/`([a-z-]+)`/g)].map(([, code]) => [code ?? '', severity] as const)
      : [],
  );
  const found = [
    ...read('doctor/reconcile/found.ts').matchAll(/^    case '([a-z-]+)':\n      return (?:high|low)\(/gm),
  ];
  const kinds = found.map(([, kind]) => kind ?? '');
  expect(kinds.length).toBeGreaterThan(20);
  const codes = [...new Set([...Object.keys(alarmCodes), ...kinds])].toSorted();
  expect(told.map(([code]) => code).toSorted()).toEqual(codes);
  for (const [code, severity] of told) expect([code, severity]).toEqual([code, severityOf(code)]);
});

/** As GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');

test('every link of the documents leads somewhere', () => {
  for (const name of documents) {
    const text = read(name);
    const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(
      ([, link, src]) => link ?? src ?? '',
    );
    for (const link of links.filter((one) => !/^https?:/.test(one))) {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? name : join(dirname(name), path);
      expect(existsSync(join(root, file)), `${name}: ${link}`).toBe(true);
      if (anchor === undefined) continue;
      const headings = [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading ?? ''));
      expect(headings, `${name}: ${link}`).toContain(anchor);
    }
  }
});
