import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLine, type Line } from '../slack/parse-line.ts';
import { anyText } from './support/slack-models.ts';

const hour = 3_600_000;
const ask = (more: object = {}) => ({
  kind: 'ask',
  target: 'orders-prod',
  role: 'read',
  durationMs: 2 * hour,
  ...more,
});
const glass = (more: object = {}) => ({
  kind: 'break-glass',
  target: 'orders-prod',
  role: 'write',
  incident: 'INC-12',
  reason: 'checkout down',
  ...more,
});

describe('lines that are whole', () => {
  const lines: readonly [line: string, read: object][] = [
    ['orders-prod read 2h because INC-12 slow query', ask({ reason: 'INC-12 slow query', ticket: 'INC-12' })],
    ['orders-prod read 2h because slow query', ask({ reason: 'slow query' })],
    ['orders-prod read for 2h because slow query', ask({ reason: 'slow query' })],
    ['  orders-prod\tread  2h  BECAUSE  slow query ', ask({ reason: 'slow query' })],
    ['orders-prod read 2h "slow query"', ask({ reason: 'slow query' })],
    ['orders-prod read 2h “slow query”', ask({ reason: 'slow query' })],
    ['orders-prod read 2h because "slow query"', ask({ reason: 'slow query' })],
    ['orders-prod read 2h because it said "no" twice', ask({ reason: 'it said "no" twice' })],
    ['orders-prod read 2h ticket PAY#9 because slow query', ask({ reason: 'slow query', ticket: 'PAY#9' })],
    ['orders-prod read 2h ticket PAY-9 because INC-12 slow', ask({ reason: 'INC-12 slow', ticket: 'PAY-9' })],
    ['orders-prod read 1h30m because slow', ask({ durationMs: 1.5 * hour, reason: 'slow' })],
    ['orders-prod read 2h because a &lt; b &amp;&amp; c', ask({ reason: 'a < b && c' })],
    ['orders-prod read 2h because this is because of that', ask({ reason: 'this is because of that' })],
    ['breakglass orders-prod write INC-12 "checkout down"', glass()],
    ['BreakGlass orders-prod write INC-12 checkout down', glass()],
    ['break-glass orders-prod write INC-12 because “checkout down”', glass()],
    ['breakglass orders-prod write 5m INC-12 "checkout down"', glass({ durationMs: 300_000 })],
    ['help', { kind: 'help' }],
    ['?', { kind: 'help' }],
    ['', { kind: 'form', prefill: {} }],
    ['   ', { kind: 'form', prefill: {} }],
  ];
  test.each(lines)('%j', (line, read) => expect(parseLine(line)).toEqual(read));
});

describe('words', () => {
  const id = '1a2b3c4d-0000-4000-8000-000000000000';
  const words: readonly [line: string, read: object][] = [
    ['mine', { kind: 'mine' }],
    ['MINE', { kind: 'mine' }],
    ['status', { kind: 'status' }],
    ['status 1A2B3C4D', { kind: 'status', request: '1a2b3c4d' }],
    [`status ${id}`, { kind: 'status', request: id }],
    ['end', { kind: 'end' }],
    ['end 1a2b3c4d', { kind: 'end', request: '1a2b3c4d' }],
    ['code', { kind: 'code' }],
    ['link ABCD-EFGH', { kind: 'link', code: 'ABCD-EFGH' }],
    ['away off', { kind: 'back' }],
    ['away back', { kind: 'back' }],
    ['away until monday', { kind: 'away', until: 'monday' }],
    ['away until 2026-12-24 14:00', { kind: 'away', until: '2026-12-24 14:00' }],
    ['away until monday delegate <@U0BEN|ben>', { kind: 'away', until: 'monday', delegate: 'U0BEN' }],
    ['away until next monday delegate to <@W0BEN>', { kind: 'away', until: 'next monday', delegate: 'W0BEN' }],
  ];
  test.each(words)('%j', (line, read) => expect(parseLine(line)).toEqual(read));

  const unclear: readonly [line: string, problem: RegExp][] = [
    ['away', /until when/],
    ['away monday', /until when/],
    ['away until', /Until when/],
    ['away until delegate <@U0BEN>', /Until when/],
    ['away until monday delegate', /Choose the delegate/],
    ['away until monday delegate @ben', /Choose the delegate/],
    ['away until monday delegate ben', /Choose the delegate/],
    ['away until monday delegate <@U0BEN> <@U0ANA>', /Choose the delegate/],
    ['status orders-prod', /first eight characters/],
    ['end orders-prod', /first eight characters/],
    ['link', /code is missing/],
  ];
  test.each(unclear)('%j is said to be unclear', (line, problem) =>
    expect(parseLine(line)).toEqual({ kind: 'unclear', problem: expect.stringMatching(problem) }),
  );

  test('a target may be named like a word', () => {
    const named = { kind: 'ask', role: 'read', durationMs: 2 * hour, reason: 'x' };
    expect(parseLine('mine read 2h because x')).toEqual({ ...named, target: 'mine' });
    expect(parseLine('status read 2h because x')).toEqual({ ...named, target: 'status' });
    expect(parseLine('away read 2h because x')).toEqual({ ...named, target: 'away' });
    expect(parseLine('request read 2h because x')).toEqual({ ...named, target: 'request' });
  });

  const meant: readonly [line: string, problem: RegExp][] = [
    ['staus', /^Did you mean \/curfew status\? The role is missing/],
    ['hlep', /^Did you mean \/curfew help\?/],
    ['awya until monday', /^Did you mean \/curfew away\?/],
    ['release', /^Did you mean \/curfew end\?$/],
    ['list', /^Did you mean \/curfew mine\?$/],
    ['approve 1a2b3c4d', /^Press Review/],
    ['extend 1h', /^Press Extend/],
    ['constructor', /^The role is missing/],
  ];
  test.each(meant)('%j gets a hint', (line, problem) =>
    expect(parseLine(line)).toMatchObject({ kind: 'form', problem: expect.stringMatching(problem) }),
  );

  test('the command line’s own word before a request is passed over', () => {
    expect(parseLine('request orders-prod read 2h because slow query')).toEqual(ask({ reason: 'slow query' }));
    expect(parseLine('request orders-prod read 2h because &amp;lt; is')).toEqual(ask({ reason: '&lt; is' }));
    expect(parseLine('ask')).toEqual({ kind: 'form', prefill: {} });
    expect(parseLine(`${'request '.repeat(1_200)}orders-prod`).kind).toBe('form');
  });

  test("what Slack makes of a reason is undone, and nobody's id stays in it", () => {
    expect(
      parseLine('orders-prod read 2h because <@U0BEN|ben> asks in <#C0OPS|ops>, <https://status.example/1|see>'),
    ).toEqual(ask({ reason: '@ben asks in #ops, https://status.example/1' }));
    expect(parseLine('orders-prod read 2h because <@U0BEN> asks')).toEqual(ask({ reason: '@somebody asks' }));
  });
});

describe('lines that lack something open the form with what was read', () => {
  const lines: readonly [line: string, prefill: object, problem: RegExp][] = [
    ['orders-prod', { target: 'orders-prod' }, /role/],
    ['orders-prod read', { target: 'orders-prod', role: 'read' }, /How long/],
    ['orders-prod read forever because x', { target: 'orders-prod', role: 'read', reason: 'x' }, /How long/],
    ['orders-prod read 0h because x', { target: 'orders-prod', role: 'read', reason: 'x' }, /How long/],
    ['orders-prod read -2h because x', { target: 'orders-prod', role: 'read', reason: 'x' }, /How long/],
    ['orders-prod read 2h', { target: 'orders-prod', role: 'read', durationMs: 2 * hour }, /reason/],
    [
      'orders-prod read 2h because',
      { target: 'orders-prod', role: 'read', durationMs: 2 * hour, reason: '' },
      /reason/,
    ],
    [
      'orders-prod read 2h and more because x',
      { target: 'orders-prod', role: 'read', durationMs: 2 * hour, reason: 'x' },
      /because/,
    ],
    ['<!channel> read 2h because x', { role: 'read', durationMs: 2 * hour, reason: 'x' }, /target/],
    ['__proto__ read 2h because x', { role: 'read', durationMs: 2 * hour, reason: 'x' }, /target/],
    ['help me', { target: 'help', role: 'me' }, /Did you mean .*help\? How long/],
  ];
  test.each(lines)('%j', (line, prefill, problem) => {
    expect(parseLine(line)).toEqual({ kind: 'form', prefill, problem: expect.stringMatching(problem) });
  });

  test('a reason of 100,000 characters is cut in the form and said to be too long', () => {
    const read = parseLine(`orders-prod read 2h because ${'x'.repeat(100_000)}`);
    expect(read).toMatchObject({ kind: 'form', problem: expect.stringContaining('longer') });
    expect((read as Extract<Line, { kind: 'form' }>).prefill.reason).toHaveLength(2_000);
  });
});

describe('break-glass never opens a form: there is no time', () => {
  const lines: readonly [line: string, problem: RegExp][] = [
    ['breakglass', /target/],
    ['breakglass orders-prod', /role/],
    ['breakglass orders-prod write', /incident/],
    ['breakglass orders-prod write "checkout down"', /incident/],
    ['breakglass orders-prod write INC-12', /what is wrong/],
    ['breakglass orders-prod write INC-12 ""', /what is wrong/],
  ];
  test.each(lines)('%j', (line, problem) => {
    expect(parseLine(line)).toEqual({ kind: 'break-glass-help', problem: expect.stringMatching(problem) });
  });
});

test('nothing that can be typed breaks it, and what it asks for is always whole', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(anyText, fc.constantFrom('orders-prod', 'read', '2h', 'because', 'breakglass', 'ticket', 'for', '"')),
        { maxLength: 9 },
      ),
      (words) => {
        const read = parseLine(words.join(' '));
        if (read.kind !== 'ask' && read.kind !== 'break-glass') return;
        expect([read.target, read.role, read.reason].every((text) => text !== '' && text.length <= 2_000)).toBe(true);
        expect(read.durationMs ?? 1).toBeGreaterThan(0);
      },
    ),
  );
});
