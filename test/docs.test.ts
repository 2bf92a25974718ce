/** What the documents tell is tried here: the example policy with its cases, the commands with their options, the links. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { curfew } from './support/terminal.ts';

const root = join(import.meta.dirname, '..');
const documents = ['README.md', 'docs/policy.md', 'docs/operations.md', 'docs/security-model.md', 'docs/decisions.md'];
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
      [...block.matchAll(/^(?:npm run curfew -- |curfew )([^#\n]*)/gm)].map(([, line]) => line?.trim() ?? ''),
    ),
  );
  expect(lines.length).toBeGreaterThan(10);
  for (const line of new Set(lines)) {
    const { out } = await curfew([...line.split(/\s+/).slice(0, 2), '--help']);
    const usage = /^Usage: curfew ([a-z- ]+?) \[options\]/m.exec(out)?.[1] ?? '';
    expect(line.startsWith(usage) && usage !== '', line).toBe(true);
    for (const [option] of line.matchAll(/--[a-z-]+/g)) expect(out, line).toContain(option);
  }
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
