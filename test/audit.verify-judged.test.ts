/** What was judged, judged again: by whom, as of when, and by which policy. */
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../audit/verify/verify.ts';
import { people, SampleLog } from './support/evidence.ts';
import { verdictOn } from './support/verified.ts';

/** What check 3 says, each with its place. */
const wrong = ({ checks }: Verdict) => checks[2]?.first.map(({ index, why }) => `${index}: ${why}`);
const counts = ({ checks }: Verdict) => checks[2]?.counts;

function sample(): SampleLog {
  const log = new SampleLog();
  log.applyPolicy();
  return log;
}
const minute = 60_000;

/** An entry was written so much later, by the store's stamp. */
const moved = (log: SampleLog, index: number, ms: number): void => {
  log.lines[index] = Buffer.from(
    String(log.lines[index]).replace(/"at":"([^"]{23})/, (_, at: string) => {
      return `"at":"${new Date(Date.parse(`${at}Z`) + ms).toISOString().slice(0, -1)}`;
    }),
  );
};

describe('as of when it was judged', () => {
  test.each([
    ['a request', 0],
    ['an approval', 1],
    ['a claim', 2],
  ])('%s that was judged by another hour than it was written in is found, and named', async (_, which) => {
    const log = sample();
    const { id, index } = log.ask();
    log.decide(id);
    log.claim(id);
    moved(log, index + which, -16 * minute);
    expect(wrong(await verdictOn(log.written()))).toEqual([
      expect.stringMatching(`^${index + which}: It was judged as of .* and that is not when it was written`) as string,
    ]);
  });

  test('two clocks that are ten minutes apart are told, and nobody is blamed for them (F33)', async () => {
    const log = sample();
    const { id, index } = log.ask();
    log.decide(id);
    moved(log, index, -10 * minute);
    const verdict = await verdictOn(log.written());
    expect(wrong(verdict)).toEqual([]);
    expect(counts(verdict)).toMatchObject({ 'judged by a clock that was more than a minute off': 1 });
  });

  test('an approval after the time to decide, and a claim after the time to claim, are found', async () => {
    const late = sample();
    const first = late.ask();
    late.at += 30 * 24 * 60 * minute;
    late.decide(first.id);
    expect(wrong(await verdictOn(late.written()))).toEqual(['2: The time to decide was over.']);
    const later = sample();
    const second = later.ask();
    later.decide(second.id);
    later.at += 30 * 24 * 60 * minute;
    later.claim(second.id);
    expect(wrong(await verdictOn(later.written()))).toEqual(['3: The time to claim it was over.']);
  });

  test('a request that is open for longer than its plan says is found', async () => {
    const log = sample();
    const { index } = log.ask();
    log.lines[index] = Buffer.from(
      String(log.lines[index]).replace(/"decideByAt":(\d+)/, (_, at: string) => `"decideByAt":${Number(at) + 1}`),
    );
    expect(wrong(await verdictOn(log.written()))).toEqual([`${index}: It is open for longer, or less, than its plan.`]);
  });
});

test('a claim by somebody else than who asked is found (I6)', async () => {
  const log = sample();
  const { id } = log.ask();
  log.decide(id);
  const index = log.claim(id);
  log.lines[index] = Buffer.from(
    String(log.lines[index]).replace(`{"actor":"${people.requester.id}"`, `{"actor":"${people.other.id}"`),
  );
  expect(wrong(await verdictOn(log.written()))).toEqual([`${index}: It was somebody else who asked for it.`]);
});
