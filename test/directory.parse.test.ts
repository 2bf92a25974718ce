import { expect, test } from 'vitest';
import { parseSources } from '../directory/parse.ts';
import { sourcesOf, sourcesText } from './support/sources.ts';

const issuesOf = (text: string): readonly string[] => {
  const parsed = parseSources(text, 'sources.yaml');
  return parsed.ok ? [] : parsed.issues.map(({ line, column, code }) => `${line}:${column} ${code}`);
};
const secret = 'a-canary-of-a-secret';

test('a file of sources is read with its presets, and what a source says itself comes first', () => {
  const [acme, bamboo, bob, hub, okta] = sourcesOf(sourcesText);
  expect(acme?.hook?.signature.kind).toBe('standard');
  expect(bamboo).toMatchObject({
    name: 'bamboo',
    domain: 'acme.example',
    hook: { signature: { content: '{body}{timestamp}', timestamp: { unit: 's', toleranceMs: 300_000 } } },
  });
  expect(bob?.hook?.signature).toMatchObject({ algorithm: 'sha512', encoding: 'base64' });
  expect(hub?.hook?.signature).toMatchObject({ content: '{id}.{body}', id: 'x-hub-delivery', prefix: 'sha256=' });
  expect(okta?.okta?.types.get('user.lifecycle.deactivate')).toBe('left');
});

test('how a source is asked has its defaults', () => {
  const [one, other] = sourcesOf(`sources:
  one: { ask: { url: 'https://hr.example/people', token: ${secret} }, pull: {} }
  other: { ask: { file: /etc/curfew/people.yaml }, pull: { every: 1h, missing: 30 } }
`);
  expect(one).toMatchObject({
    ask: { kind: 'http', list: '', handle: '/handle', state: '/state', timeoutMs: 2_000 },
    pull: { everyMs: 86_400_000, missingPercent: 10 },
  });
  expect(other).toMatchObject({ ask: { kind: 'file' }, pull: { everyMs: 3_600_000, missingPercent: 30 } });
});

test('every mistake is told at once, each with its place, and no secret in any of them', () => {
  const text = `sources:
  hr: { okta: { authorization: [${secret}] } }
  Upper: { okta: { authorization: [short-canary] } }
  empty: {}
  pulled: { pull: { every: soon } }
  asked: { ask: { file: people.yaml, url: 'http://hr.example' } }
  signed:
    hook:
      preset: github
      secrets: [12345678901234567890]
      signature: { content: '{timestamp}', algorithm: md5 }
      event: { handle: login, id: /id, types: { gone: away } }
  replayed:
    hook:
      preset: github
      secrets: [${secret}-2]
      event: { handle: /login, types: { gone: left } }
  unsigned:
    hook:
      preset: github
      secrets: [${secret}-3]
      signature: { timestamp: { header: X-Time } }
      event: { handle: /login, types: { gone: left } }
  twins: { okta: { authorization: [${secret}-4] } }
  twin: { okta: { authorization: [${secret}-4] }, colour: red }
  plain: { hook: { secrets: [whsec_c2hvcnQ=-canary] } }
`;
  expect(issuesOf(text)).toEqual([
    '2:3 bad-source',
    '3:3 bad-source',
    '3:36 bad-secret',
    '4:10 empty-source',
    '5:28 bad-span',
    '6:25 bad-path',
    '6:43 bad-url',
    '10:17 bad-secret',
    '11:55 bad-value',
    '12:24 bad-pointer',
    '12:55 bad-value',
    '15:7 replayable',
    '22:31 unsigned',
    '25:62 unknown-field',
    '26:30 bad-secret',
  ]);
  const parsed = parseSources(text, 'sources.yaml');
  expect(JSON.stringify(parsed)).not.toMatch(/canary|1234567890/);
});

const one = (name: string): string => `  ${name}: { okta: { authorization: [${secret}] } }\n`;

test('two sources with one secret would believe each other, and are refused', () => {
  expect(issuesOf(`sources:\n${one('one')}${one('other')}`)).toEqual(['3:3 shared-secret']);
});

test.each([
  ['', 'empty'],
  ['sources: {}', 'no-source'],
  ['sources: []', 'wrong-type'],
  ['version: 2\nsources: {}', 'bad-value'],
  ['sources: { a: &a { b: *a } }', 'too-deep'],
  ['sources: { __proto__: {} }', 'forbidden-key'],
  ['x: 1', 'unknown-field'],
])('%j is refused', (text, code) => {
  expect(issuesOf(text).join(' ')).toContain(code);
});
