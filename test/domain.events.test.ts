/** Every kind of audit entry has its constructor and its sentence, and every append takes what a constructor made. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auditKinds, type AuditEntry } from '../domain/events.ts';
import { sentenceOf } from '../domain/events/sentence.ts';
import { entrySamples } from './support/entry-samples.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const kinds = Object.keys(auditKinds).toSorted();
const said = (kind: string, body: unknown): string => sentenceOf({ kind, actor: 'ada', subject: 'S', body });
const isSentence = /^\S.*[^.]\.$/;
const holes = /undefined|\[object|NaN|null|\s{2}/;

type Constructor = (actor: string, subject: string, body: unknown) => AuditEntry;

/** What the files of the events export that makes entries, by the kind that it makes. */
async function constructors(): Promise<ReadonlyMap<string, Constructor>> {
  const found = new Map<string, Constructor>();
  for (const file of readdirSync(`${root}domain/events`)) {
    if (file === 'entry.ts' || file === 'sentence.ts') continue;
    const name = file.replace(/\.ts$/, '');
    const exported = (await import(`../domain/events/${name}.ts`)) as Record<string, unknown>;
    for (const made of Object.values(exported)) {
      if (typeof made !== 'function') continue;
      const { kind } = (made as Constructor)('', '', {});
      expect(found.has(kind), `${kind} has two constructors`).toBe(false);
      found.set(kind, made as Constructor);
    }
  }
  return found;
}

describe('every kind of entry', () => {
  test('has one constructor, which adds nothing and leaves nothing out', async () => {
    const made = await constructors();
    expect([...made.keys()].toSorted()).toEqual(kinds);
    for (const [kind, body] of Object.entries(entrySamples))
      expect(made.get(kind)?.('ada', 'S', body)).toEqual({ kind, actor: 'ada', subject: 'S', body });
  });

  test.each(Object.entries(entrySamples))('says in a sentence what happened: %s', (kind, body) => {
    const text = said(kind, body);
    expect(text).toMatch(isSentence);
    expect(text).not.toMatch(holes);
    // The sentence of its own kind, and not the one of an entry that nobody understands.
    expect(text).not.toContain(`wrote "${kind}"`);
  });

  test('says different things of different kinds, with the names that the reader has', () => {
    expect(new Set(Object.entries(entrySamples).map(([kind, body]) => said(kind, body))).size).toBe(kinds.length);
    const entry = { kind: 'taint.found', actor: 'curfew_worker', subject: 'S', body: entrySamples['taint.found'] };
    expect(sentenceOf(entry, (id) => (id === 'olga' ? 'Olga Marsh' : id))).toBe(
      'It rests on the approval of Olga Marsh, who has left.',
    );
    const decided = { kind: 'decision.made', actor: 'olga', subject: 'S', body: entrySamples['decision.made'] };
    expect(sentenceOf(decided)).toBe('olga approved step 1.');
    expect(said('request.opened', { ...entrySamples['request.opened'], kind: 'break-glass' })).toBe(
      'ada broke glass for write on orders-prod, for 1 h.',
    );
    expect(sentenceOf({ ...decided, actor: 'curfew_worker' }, () => 'nobody')).toBe("Curfew's worker approved step 1.");
  });

  test.each(kinds)('has a sentence also where its body is not what it should be: %s', (kind) => {
    for (const body of [undefined, null, {}, [], 'text', 7, { code: null }, { cause: undefined, verdict: {} }])
      expect(said(kind, body)).toMatch(isSentence);
    expect(said(kind, {})).not.toMatch(/undefined|\[object|NaN/);
  });
});

test('a sentence is one line without control characters, whatever is in the entry', () => {
  // oxlint-disable-next-line no-control-regex
  const printed = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/;
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds, 'made.up', 'toString', '__proto__'),
      fc.json(),
      fc.string(),
      (kind, json, any) => {
        const text = sentenceOf({ kind, actor: `a\u001b[2J${any}`, subject: `${any}\n`, body: JSON.parse(json) });
        expect(text).not.toMatch(printed);
        expect(text.length).toBeGreaterThan(1);
      },
    ),
    { numRuns: 2_000 },
  );
  expect(said('request.closed', { outcome: 'denied', cause: 'x\u001b[31m\n\u202eevil' })).toBe(
    'The request was closed as denied: x [31m  evil.',
  );
});

test('nothing is appended that no constructor made', () => {
  const folders = 'activities api cli conditions dev directory doctor service slack store temporal workers'.split(' ');
  const files = folders.flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${folder}/${file}`),
  );
  expect(files.length).toBeGreaterThan(200);
  const literal = /\b(?:append|appendAll|audit|refused)\(\s*[^;]{0,200}?\bkind:\s*'[a-z-]+\.[a-z-]+'/;
  const byHand = /audit\.append\(\s*'/;
  const wrong = files.filter((file) => {
    const text = readFileSync(`${root}${file}`, 'utf8');
    return literal.test(text) || byHand.test(text);
  });
  expect(wrong).toEqual([]);
  expect(literal.test(`await append(tx, { kind: 'grant.made', actor })`)).toBe(true);
});
