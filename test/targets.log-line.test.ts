/** Lines of the JSON log and of pgaudit, in the documented formats of the supported versions. */
import { describe, expect, test } from 'vitest';
import { parseAudited } from '../targets/postgres/log/pgaudit.ts';
import { parseCutLine, parseLine } from '../targets/postgres/log/line.ts';

const line = (fields: Readonly<Record<string, unknown>>): Buffer =>
  Buffer.from(
    JSON.stringify({
      timestamp: '2026-11-21 10:00:00.123 UTC',
      user: 'cfw_0123456789abcdef0123456789abcdef',
      dbname: 'orders',
      pid: 4711,
      session_id: '6740f0a1.1267',
      line_num: 3,
      error_severity: 'LOG',
      backend_type: 'client backend',
      ...fields,
    }),
  );
const eventOf = (fields: Readonly<Record<string, unknown>>) => parseLine(line(fields))?.event;

describe('a line of the log', () => {
  test('names the grant by its login, the session and its place in it', () => {
    expect(parseLine(line({ message: 'disconnection: session time: 0:00:01.2 user=x database=y host=z' }))).toEqual({
      session: '6740f0a1.1267',
      line: 3,
      grantId: '01234567-89ab-cdef-0123-456789abcdef',
      database: 'orders',
      event: { kind: 'closed' },
      ends: true,
    });
  });

  test.each([
    ['connection authorized: user=cfw_0 database=orders application_name=psql SSL enabled (protocol=TLSv1.3)', 'psql'],
    ['connection authorized: user=cfw_0 database=orders application_name=a b=c', 'a b=c'],
    ['connection authorized: user=cfw_0 database=orders', null],
    ['connection authorized: user=cfw_0 database=orders SSL enabled (protocol=TLSv1.3)', null],
  ])('%s opens a session', (message, application) => {
    expect(eventOf({ message })).toEqual({ kind: 'opened', application });
  });

  test.each([
    ['statement: select 1', { via: 'statement', text: 'select 1', durationUs: null }],
    ['duration: 12.345 ms  statement: select\n1', { via: 'statement', text: 'select\n1', durationUs: 12_345 }],
    ['execute <unnamed>: select 1', { via: 'execute', text: 'select 1' }],
    ['execute s1/p1: select 1', { via: 'execute', text: 'select 1' }],
    ['execute fetch from s1/p1: select 1', { via: 'execute', text: 'select 1' }],
    ['duration: 0.5 ms  execute <unnamed>: select 1', { via: 'execute', text: 'select 1', durationUs: 500 }],
    ['execute a:b: select 1', { via: 'execute', text: 'select 1' }],
    ['fastpath function call: "query_to_xml" (OID 2923)', { via: 'statement', text: '"query_to_xml" (OID 2923)' }],
    [`duration: ${'9'.repeat(40)}.000 ms  statement: select 1`, { via: 'statement', durationUs: 1e15 }],
  ])('%s is a statement', (message, told) => {
    expect(eventOf({ message })).toMatchObject({ kind: 'statement', ...told });
  });

  test.each([
    'disconnection: session time: 0:00:01',
    'statement: select 1',
    'duration: 1 ms',
    'AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<none>',
  ])('a grantee who raises "%s" says nothing of the session', (message) => {
    const context = 'PL/pgSQL function inline_code_block line 1 at RAISE';
    expect(eventOf({ message, context })).toBeUndefined();
    const warned = { message, context, error_severity: 'WARNING', state_code: '42501' };
    expect(eventOf({ ...warned, statement: 'do $$ $$' })).toBeUndefined();
  });

  test.each(['Parameters', 'parameters'])('the detail’s %s are the statement’s', (word) => {
    const told = { message: 'execute <unnamed>: select $1', detail: `${word}: $1 = 'x'` };
    expect(eventOf(told)).toMatchObject({ parameters: "$1 = 'x'" });
  });

  test('what parsing and binding took is nobody’s', () => {
    expect(eventOf({ message: 'duration: 0.5 ms  parse <unnamed>: select 1' })).toBeUndefined();
    expect(eventOf({ message: 'duration: 0.5 ms  bind <unnamed>: select 1' })).toBeUndefined();
    expect(eventOf({ message: 'duration: 0.512 ms' })).toEqual({ kind: 'took', durationUs: 512 });
  });

  test('a failure is its code, and its message is not looked at', () => {
    const message = 'duplicate key value';
    const statement = 'insert into t values (1)';
    const failed = { message, error_severity: 'ERROR', state_code: '23505' };
    expect(eventOf({ ...failed, statement })).toMatchObject({ via: 'error', error: '23505' });
    expect(eventOf(failed)).toEqual({ kind: 'failed', error: '23505' });
    // Whatever code it was raised with, and whatever it says.
    const quoting = eventOf({ ...failed, message: 'disconnection: x', state_code: '01000', context: 'at RAISE' });
    expect(quoting).toEqual({ kind: 'failed', error: '01000' });
  });

  test('who is ended, or refused after the login, has no session any more', () => {
    expect(parseLine(line({ message: 'x', state_code: '57P01', error_severity: 'FATAL' }))).toMatchObject({
      event: { kind: 'failed', error: '57P01' },
      ends: true,
    });
    expect(parseLine(line({ message: 'x', state_code: '42P01', error_severity: 'ERROR' }))?.ends).toBe(false);
  });

  test.each([
    ['another login', { user: 'app' }],
    ['a login that only looks like one', { user: 'cfw_0123' }],
    ['a login that was refused', { error_severity: 'FATAL', state_code: '28P01', message: 'no password' }],
    ['a parallel worker', { backend_type: 'parallel worker', message: 'statement: select 1' }],
    ['a notice', { state_code: '00000', message: 'statement was quick' }],
    ['a session id that is none', { session_id: 'x; drop', message: 'statement: select 1' }],
  ])('%s tells of no session', (_name, fields) => {
    expect(parseLine(line(fields))).toBeUndefined();
  });

  test('what is no JSON, or not in UTF-8, breaks nothing', () => {
    expect(parseLine(Buffer.from('{"timestamp":'))).toBeUndefined();
    const latin = Buffer.from(
      line({ message: 'statement: select ~' }).toString('latin1').replace('~', '\u00e9'),
      'latin1',
    );
    expect(parseLine(latin)?.event).toMatchObject({ text: 'select \ufffd' });
  });

  test('the beginning of one that is too long tells that a statement came', () => {
    const cut = line({ message: `statement: ${'x'.repeat(2_000)}` }).subarray(0, 1_024);
    expect(parseCutLine(cut)).toMatchObject({
      session: '6740f0a1.1267',
      line: 3,
      event: { kind: 'statement', text: null },
    });
    expect(parseCutLine(Buffer.from('"user":"cfw_'))).toBeUndefined();
  });
});

describe('a line of pgaudit', () => {
  test.each([
    [
      'AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<not logged>',
      { what: 'READ SELECT', text: 'select 1', parameters: null },
    ],
    [
      'AUDIT: SESSION,33,1,DDL,CREATE TABLE,TABLE,public.account,"create table account\n(\n id int, ""Name"" text\n)",<none>',
      { what: 'DDL CREATE TABLE', text: 'create table account\n(\n id int, "Name" text\n)', parameters: null },
    ],
    [
      'AUDIT: OBJECT,2,1,WRITE,INSERT,TABLE,public.t,"insert into t values ($1, $2)","1,""a b"""',
      { what: 'WRITE INSERT', text: 'insert into t values ($1, $2)', parameters: '1,"a b"' },
    ],
    [
      'AUDIT: SESSION,1,2,READ,SELECT,TABLE,public.t,<previously logged>,<previously logged>',
      { text: null, parameters: null },
    ],
    ['AUDIT: SESSION,5,1,READ,SELECT,,,select 1,<not logged>,1', { what: 'READ SELECT', text: 'select 1' }],
  ])('%s', (message, told) => {
    expect(parseAudited(message)).toMatchObject(told);
    expect(eventOf({ message })).toMatchObject({ kind: 'statement', via: 'audit', ...told });
  });

  test('is told from what only mentions it', () => {
    expect(parseAudited('statement: select 1 -- AUDIT: SESSION,1,1')).toBeUndefined();
    expect(parseAudited('AUDIT: nothing')).toBeUndefined();
  });
});
