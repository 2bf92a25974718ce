/** A policy of several files: one text that is hashed, stored and parsed again, and reads as one policy. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bundle, isPolicyFileName, unbundle, type PolicyFile } from '../policy/bundle.ts';
import { policyHash } from '../policy/digest.ts';
import { formatIssue } from '../policy/issue.ts';
import { policyJsonSchemaText } from '../policy/json-schema.ts';
import { parsePolicy } from '../policy/parse.ts';

const company = readFileSync(new URL('../dev/company/policy.yaml', import.meta.url), 'utf8');

/** The sample policy, each of its sections in a file of its own. */
const sections = (): readonly PolicyFile[] => {
  const [, ...parts] = company.split(/^(?=(?:targets|deny|rules|breakGlass|powers|conflicts|policyChange):)/m);
  return parts.map((text, index) => ({ name: `${index}0-part.yaml`, text: `version: 1\n${text}` }));
};

/** A policy without its places, hash and functions: what it says. */
const sense = (text: string): string => {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.issues.map(formatIssue).join('\n'));
  const { hash: _, ...said } = parsed.policy;
  return JSON.stringify(said, (key, value: unknown) =>
    key === 'at' ? undefined : value instanceof Map ? [...value] : value,
  );
};

describe('a folder of policy files', () => {
  test('says what one file of the same sections says, under a hash of all that is in it', () => {
    const text = bundle(sections());
    expect(sections().length).toBeGreaterThan(5);
    expect(sense(text)).toBe(sense(company));
    const parsed = parsePolicy(text);
    expect(parsed.ok && parsed.policy.hash).toBe(policyHash(text));
    expect(text).not.toBe(bundle(sections().map(({ name, text: body }) => ({ name, text: `${body}# a word\n` }))));
  });

  test('is joined in the order of names, whatever the order in which a folder is read', () => {
    expect(bundle(sections().toReversed())).toBe(bundle(sections()));
    const [first, ...rest] = sections();
    if (!first) throw new Error('the sample has sections');
    expect(bundle([{ ...first, name: 'zz.yaml' }, ...rest])).not.toBe(bundle(sections()));
  });

  test('tells each mistake in the file where it stands, with the folder before its name', () => {
    const files = sections().map((file) => ({
      ...file,
      text: file.text.replace('[owner, on-call:payments]', '[ownr]'),
    }));
    const said = (file?: string): string => {
      const parsed = parsePolicy(bundle(files), file);
      return parsed.ok ? '' : parsed.issues.map(formatIssue).join('\n');
    };
    const line = 1 + (files[2]?.text.split('\n').findIndex((each) => each.includes('[ownr]')) ?? 0);
    expect(said('company')).toMatch(new RegExp(`^company/20-part\\.yaml:${line}:43: error: "ownr" is not a selector`));
    expect(said()).toMatch(new RegExp(`^20-part\\.yaml:${line}:43: error: `));
  });

  test('places its rules in their own files, for explanations', () => {
    const parsed = parsePolicy(bundle(sections()), 'company');
    const role = parsed.ok ? parsed.policy.targets.get('orders-prod')?.roles.get('read') : undefined;
    expect(role?.rules[0]?.at).toEqual({ file: 'company/20-part.yaml', line: 3, column: 5 });
    expect(role?.deny[0]?.condition.at.file).toBe('company/10-part.yaml');
  });

  test('is no policy where its text was cut, its counts were changed, or two parts have one name', () => {
    const text = bundle(sections());
    const lines = text.split('\n');
    const changed = [
      text.slice(0, -1),
      lines.slice(0, -3).join('\n'),
      text.replace(/(#curfew-policy-file 00-part.yaml) \d+/, '$1 3'),
      text.replace('10-part.yaml', '00-part.yaml'),
      text.replace('10-part.yaml', '../part.yaml'),
      `${text}rules: []\n`,
    ];
    for (const one of changed) {
      const parsed = parsePolicy(one);
      expect(parsed.ok ? [] : parsed.issues.map(({ code }) => code)).toEqual(['bad-bundle']);
    }
  });

  test('cannot hide a file in another one, whatever the files hold', () => {
    const line = fc.constantFrom(
      '#curfew-policy-file a.yaml 1',
      '#curfew-policy-file b.yaml 0',
      'x: |',
      '',
      '  y',
      '\r',
    );
    const body = fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n'));
    const names = fc.uniqueArray(fc.constantFrom('a.yaml', 'b.yaml', 'c.yml'), { minLength: 1 });
    fc.assert(
      fc.property(names, fc.array(body, { minLength: 3, maxLength: 3 }), (all, bodies) => {
        const files = all.toSorted().map((name, index) => ({ name, text: bodies[index] ?? '' }));
        const ended = files.map(({ name, text }) => ({
          name,
          text: text === '' || text.endsWith('\n') ? text : `${text}\n`,
        }));
        expect(unbundle(bundle(files))).toEqual(ended);
        expect(bundle(ended)).toBe(bundle(files));
      }),
    );
  });

  test('has only names that no path and no header can be made of; cases for tests are none of it', () => {
    const names = [
      'a.yaml',
      '10-b.yml',
      'policy.test.yaml',
      '.hidden.yaml',
      'a/b.yaml',
      '..',
      'a.yaml 3',
      'a.json',
      '',
    ];
    expect(names.filter(isPolicyFileName)).toEqual(['a.yaml', '10-b.yml']);
    expect(() => bundle([{ name: 'a\n.yaml', text: '' }])).toThrow(/no name/);
  });

  test('is bounded as a whole', () => {
    const files = Array.from({ length: 6 }, (_, i) => ({ name: `${i}.yaml`, text: `# ${'x'.repeat(200 * 1024)}\n` }));
    const parsed = parsePolicy(bundle(files));
    expect(parsed.ok ? [] : parsed.issues.map(({ code }) => code)).toEqual(['too-large']);
  });
});

test('the JSON Schema that editors use is that of this version, and the sample points to it', () => {
  const kept = readFileSync(new URL('../policy/policy.schema.json', import.meta.url), 'utf8');
  expect(kept).toBe(policyJsonSchemaText());
  const [, path = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(company) ?? [];
  expect(readFileSync(new URL(`../dev/company/${path}`, import.meta.url), 'utf8')).toBe(kept);
});
