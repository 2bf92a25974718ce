/** What is left of a statement: everything but what could hold somebody's data. */
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keptParameters, keptText, redact } from '../targets/postgres/log/redaction.ts';

describe('redacting', () => {
  test.each([
    ['plain literals', "select 'Ada', name from people where id = 'x''y'", 'select ?, name from people where id = ?'],
    ['numbers of every form', 'select 1, -2.5, .5e-3, 1e10, 0x1F, 1_000, 1..10', 'select ?, -?, ?, ?, ?, ?, ??'],
    ['numbers that letters hang on', 'select 12abc', 'select ?'],
    ['names with digits stay', 'select t1.c2 from s3.t4', 'select t1.c2 from s3.t4'],
    ['parameters stay', 'select $1, $22', 'select $1, $22'],
    ['escapes', String.raw`select E'a\'b', e'\\', 'c'`, 'select ?, ?, ?'],
    ['bits, hex and unicode', "select B'101', X'1F', U&'d\\0061t' uescape '!'", 'select B?, X?, U&? uescape ?'],
    ['dollar quotes, with and without a tag', 'do $$ begin secret; end $$; select $a$ $$ $b$ x $a$', 'do ?; select ?'],
    ['a dollar inside a name is no quote', 'select a$b$c from t$1', 'select a$b$c from t$1'],
    ['comments', "select 1 -- for Ada's flat\n, 2 /* and /* nested */ Bob */ from t", 'select ? , ? from t'],
    ['a comment’s mark inside a literal', "select '--', '/*', 'x'", 'select ?, ?, ?'],
    ['a minus before a comment', 'select 5---2\n', 'select ?'],
    ['quoted names stay', 'select "a ""b"" c", "d"', 'select "a ""b"" c", "d"'],
    ['white space', 'select\n\t 1 ,\r\n 2', 'select ? , ?'],
    ['a literal that goes on in the next line', "select 'a'\n'b'", 'select ? ?'],
  ])('takes away %s', (_name, sql, kept) => {
    expect(redact(sql)).toBe(kept);
  });

  test.each([
    ['a literal that does not end', "select 'Ada and so on", 'select ?…'],
    ['an escaped literal that does not end', String.raw`select E'Ada\'`, 'select ?…'],
    ['a dollar quote that does not end', 'do $x$ secret', 'do ?…'],
    ['a comment that does not end', 'select 1 /* secret /* x */', 'select ? …'],
    ['a name that does not end', 'select "secret', 'select …'],
    // With standard_conforming_strings off the first literal goes on, and `secret` would be inside it.
    ['a backslash before a quote, which ends a literal or not', String.raw`select 'a\' secret, 'b'`, 'select ?…'],
    ['a backslash before a doubled quote', String.raw`select 'a\'' secret, 'b'`, 'select ?…'],
  ])('keeps nothing after %s', (_name, sql, kept) => {
    expect(redact(sql)).toBe(kept);
  });

  test('two backslashes before the quote end a literal under either setting', () => {
    expect(redact(String.raw`select 'a\\', b`)).toBe('select ?, b');
  });

  test('no literal’s content is ever left, whatever stands in it and around it', () => {
    const inside = string({ unit: constantFrom('S', "'", '"', '$', '\\', '-', '/', '*', ' ', '\n', '$$', '--') });
    const quoted = inside.map((text) => `'${text.replaceAll("'", "''")}'`);
    const escaped = inside.map((text) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`);
    const dollars = inside.filter((text) => !text.includes('$')).map((text) => `$q$${text}$q$`);
    const comment = inside.map((text) => `--${text.replaceAll('\n', '')}\n`);
    const nothing = constantFrom('select ', ', ', 'x', '(', ')', ' from t', '::text', '||', '"n"');
    const parts = array(oneof(quoted, escaped, dollars, comment, nothing), { maxLength: 12 });
    assert(
      property(parts, (list) => {
        expect(redact(list.join(' '))).not.toContain('S');
      }),
      { numRuns: 3_000 },
    );
  });

  test('whatever it is given, it ends and never throws', () => {
    assert(
      property(string({ unit: 'binary', maxLength: 100 }), (text) => {
        expect(redact(text).length).toBeLessThanOrEqual(text.length + 1);
      }),
      { numRuns: 1_000 },
    );
  });

  test('a megabyte keeps nobody waiting, although a grantee may send one in each statement', () => {
    const startedAt = performance.now();
    redact("insert into t values ('x', 1, $$y$$), ".repeat(27_000));
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

describe('what is kept', () => {
  test('is nothing where nothing is to be kept', () => {
    expect(keptText('select 1', 'none')).toBeNull();
    expect(keptParameters("$1 = '2'", 'select $1', 'none')).toBeNull();
  });

  test('is the statement as written where the whole of it is wanted', () => {
    expect(keptText("select 'Ada'", 'whole')).toBe("select 'Ada'");
    expect(keptParameters("$1 = 'Ada'", 'select $1', 'whole')).toBe("$1 = 'Ada'");
  });

  test('never holds a password, even where the whole statement is wanted', () => {
    const canary = 'canary-7h3';
    for (const sql of [
      `alter role current_user password '${canary}'`,
      `ALTER ROLE x WITH ENCRYPTED PassWord E'${canary}'`,
      `do $$ begin execute 'alter role x password ''${canary}'''; end $$`,
      `select dblink_connect('host=db password=${canary}')`,
      `create user mapping for x server s options (user 'x', password $p$${canary}$p$)`,
    ])
      expect(keptText(sql, 'whole')).not.toContain(canary);
    expect(keptParameters(`$1 = '${canary}'`, 'alter role x password $1', 'whole')).toBe('$1 = ?');
  });

  test('is nothing of what cannot be parsed: a password may have been typed there', () => {
    expect(keptText('canary-7h3', 'redacted', '42601')).toBeNull();
    expect(keptText('my password is canary', 'whole', '42601')).toBeNull();
  });

  test('is redacted values of parameters', () => {
    expect(keptParameters("$1 = 'Ada''s', $2 = NULL, $3 = '42'", 'select', 'redacted')).toBe(
      '$1 = ?, $2 = NULL, $3 = ?',
    );
  });

  test('is not more than anybody would read', () => {
    expect(keptText(`select ${'a,'.repeat(20_000)}`, 'redacted')?.length).toBe(16_385);
  });
});
