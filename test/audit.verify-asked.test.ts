/** A file that holds is about what it says that it is about, and about all of it: what it says of that nobody signed. */
import { describe, expect, test } from 'vitest';
import { leafHash } from '../audit/merkle.ts';
import type { Verdict } from '../audit/verify/verify.ts';
import { SampleLog, uuid } from './support/evidence.ts';
import { verdictOn } from './support/verified.ts';

const wrong = ({ checks }: Verdict) => checks.flatMap(({ first }) => first.map(({ what, why }) => `${what}: ${why}`));

/** A policy and three requests of five entries each, a day apart. */
function sample(): SampleLog {
  const log = new SampleLog();
  log.applyPolicy();
  for (let one = 0; one < 3; one += 1) {
    log.whole();
    log.at += 86_400_000;
  }
  return log;
}
/** The instant of an entry, to the millisecond. */
const instantOf = ({ lines }: SampleLog, index: number): string =>
  `${/"at":"([^"]{23})/.exec(String(lines[index]))?.[1] ?? ''}Z`;
const asked = (fromAt: string, toAt: string) => ({ index: { asked: { kind: 'span', fromAt, toAt } } }) as const;
const nothing = { lines: [], receipts: [], histories: [], bundles: new Map<string, Buffer>() };

describe('a file about a period', () => {
  test('says what it is about, and from when until when it has entries', async () => {
    const log = sample();
    const verdict = await verdictOn(log);
    expect(wrong(verdict)).toEqual([]);
    expect(verdict.about).toMatchObject({
      asked: { kind: 'span' },
      first: instantOf(log, 0).replace('Z', '421Z'),
      last: instantOf(log, 15).replace('Z', '421Z'),
    });
  });

  test('holds where it begins in the middle of the log and ends in it, with an entry from before and one from after', async () => {
    const log = sample();
    const whole = {
      ...log.written(),
      sizes: [12, 16],
      span: { from: 5, to: 12 },
      picked: [0, 1, 2, 3, 4, 12, 13, 14, 15],
    };
    const verdict = await verdictOn({ ...whole, ...asked(instantOf(log, 6), instantOf(log, 11)) });
    expect(wrong(verdict)).toEqual([]);
  });

  test.each([
    ['words that JavaScript passes over', '2 Mar 2026 09:00 UTC (all since 2020-01-01)'],
    ['another order of day and month', '01/02/2026'],
    ['an hour that hangs on where it is read', '2026-03-02 09:00'],
  ])('is not read where its instant is told in %s', async (_, fromAt) => {
    const log = sample();
    await expect(verdictOn({ ...log.written(), ...asked(fromAt, instantOf(log, 15)) })).rejects.toThrow(
      'none that this version knows',
    );
  });

  test('does not hold where it has not a single entry (I11)', async () => {
    const log = sample();
    const empty = { ...nothing, at: log.at, signed: log.lines.map(leafHash), leaves: [], sizes: [16] };
    const period = asked(instantOf(log, 0), instantOf(log, 15));
    expect(wrong(await verdictOn({ ...empty, span: { from: 0, to: 0 }, ...period }))).toEqual([
      'entries.jsonl: It has not a single entry.',
      expect.stringContaining('Nothing shows that it goes on') as string,
    ]);
  });

  test('does not hold where it says that it is about a longer one than it has the entries of (I11)', async () => {
    const log = sample();
    const month = '2026-04-02T09:00:00.000Z';
    expect(wrong(await verdictOn({ ...log.written(), ...asked(instantOf(log, 0), month) }))).toEqual([
      `evidence.json: Nothing shows that it goes on to where the log came to ${month}.`,
    ]);
    const later = { ...log.written(), sizes: [11, 16], span: { from: 0, to: 11 }, receipts: log.receipts.slice(0, 4) };
    expect(wrong(await verdictOn({ ...later, ...asked(instantOf(log, 0), instantOf(log, 14)) }))).toEqual([
      `evidence.json: Nothing shows that it goes on to where the log came to ${instantOf(log, 14)}.`,
    ]);
    const middle = { ...log.written(), span: { from: 5, to: 16 }, picked: [0, 1, 2, 3, 4] };
    expect(wrong(await verdictOn({ ...middle, ...asked(instantOf(log, 3), instantOf(log, 15)) }))).toEqual([
      `evidence.json: Nothing shows that it begins where the log came to ${instantOf(log, 3)}.`,
    ]);
  });

  test('holds where what came before it was retired, and the log says so', async () => {
    const log = sample();
    const body = { before: instantOf(log, 6), firstId: 1, lastId: 6, from: 0, to: 6, entries: 6 };
    const rest = { span: { from: 6, to: 17 }, picked: [], receipts: log.receipts.slice(2) };
    const period = asked(instantOf(log, 6), instantOf(log, 15));
    log.append({ kind: 'log.retired', actor: 'curfew_admin', subject: 'log', body }, 'curfew_admin');
    const [begun] = wrong(await verdictOn({ ...log.written(), ...rest, ...period })).filter((one) =>
      one.includes('begins'),
    );
    expect(begun).toBeUndefined();
  });
});

describe('a file about a request', () => {
  test('does not hold where that request is not in it', async () => {
    const log = sample();
    const own = {
      ...log.written(),
      span: { from: 0, to: 0 },
      picked: [0, 1, 2, 3, 4, 5],
      receipts: log.receipts.slice(0, 2),
    };
    expect(wrong(await verdictOn(own))).toEqual([]);
    const other = { index: { asked: { kind: 'request', request: uuid(0x1002) } } } as const;
    expect(wrong(await verdictOn({ ...own, ...other }))).toEqual([
      `evidence.json: It says that it is about the request ${uuid(0x1002)}, which is not opened in it.`,
    ]);
  });
});

test.each([
  ['nothing', undefined],
  ['a request that is none', { kind: 'request', request: 'x' }],
  ['a period without an end', { kind: 'span', fromAt: '2026-03-02T09:00:00.000Z' }],
])('a file that says that it is about %s is not read at all', async (_, index) => {
  const about = { index: { asked: index as never } };
  await expect(verdictOn({ ...sample().written(), ...about })).rejects.toThrow('none that this version knows');
});
