/**
 * Broken policies, each beside what is to be said of it: `NAME.yaml` or a folder `NAME`, and `NAME.issues` with one
 * `file:line:column code` a line, in the order in which they are told.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundle, isPolicyFileName } from '../policy/bundle.ts';
import type { Issue } from '../policy/issue.ts';
import { parsePolicy } from '../policy/parse.ts';

const folder = join(import.meta.dirname, 'policy.broken');
const known = {
  groups: new Set(['engineers', 'owners', 'controllers', 'responders']),
  people: new Set(['ada', 'ben']),
  schedules: new Set(['payments']),
};

const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

function issuesOf(name: string): readonly Issue[] {
  const isFolder = statSync(join(folder, name)).isDirectory();
  const files = isFolder ? readdirSync(join(folder, name)).filter(isPolicyFileName) : [];
  const text = isFolder ? bundle(files.map((file) => ({ name: file, text: read(join(name, file)) }))) : read(name);
  const parsed = parsePolicy(text, name, known);
  return parsed.ok ? parsed.warnings : parsed.issues;
}

const broken = readdirSync(folder).filter((name) => !name.endsWith('.issues'));

describe('a broken policy is told whole, each mistake at its place', () => {
  test.each(broken)('%s', (name) => {
    const issues = issuesOf(name);
    const told = issues.map(({ file, line, column, code }) => `${file}:${line}:${column} ${code}`);
    expect(told).toEqual(
      read(`${name.replace(/\.yaml$/, '')}.issues`)
        .trimEnd()
        .split('\n'),
    );
    for (const { message } of issues) expect(message).toMatch(/^[^\n]{3,300}$/);
  });

  test('there are more than thirty, of every kind of mistake', () => {
    expect(broken.length).toBeGreaterThan(30);
    const codes =
      'bad-condition bad-conflict bad-days bad-literal bad-name bad-selector bad-span bad-template bad-time bad-value ' +
      'bad-window bad-yaml bad-zone both duplicate duplicate-key duplicate-name empty empty-match extend-at-max ' +
      'forbidden-key grace-too-long half-escalation missing-field missing-label never-approves never-equal never-matches no-owner ' +
      'no-schedule nobody-changes-policy not-a-condition one-changes-policy several-documents together-first too-deep ' +
      'too-few too-late too-many-values unknown-field unknown-function unknown-group unknown-name unknown-person ' +
      'unknown-role unknown-schedule unknown-target unreachable-rule unused-limit wrong-form wrong-type';
    const told = new Set(broken.flatMap((name) => issuesOf(name).map(({ code }) => code)));
    expect([...told].toSorted()).toEqual(codes.split(' '));
  });
});
