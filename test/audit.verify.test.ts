/** Evidence of a log that is as it should be holds, in every form; and what each check looks at is counted. */
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../audit/verify/verify.ts';
import { openCheckpoint, type SignedCheckpoint } from '../audit/checkpoint.ts';
import { signOpening } from '../audit/epoch.ts';
import { leafHash } from '../audit/merkle.ts';
import { checkpointOf, keysOf, people, SampleLog, uuid, type Written } from './support/evidence.ts';
import { keys, verdictOn } from './support/verified.ts';

const verified = (log: Written, checkpoint?: string, by = [keys.verifier]): Promise<Verdict> =>
  verdictOn(log, { keys: by, ...(checkpoint === undefined ? {} : { checkpoint }) });
const wrong = (verdict: Verdict): readonly unknown[] => [
  ...verdict.damaged,
  ...verdict.checks.flatMap(({ first }) => first),
];

/** Without the first request, whose receipts are its first two. */
const pick = ({ lines, receipts, at }: SampleLog): Written => ({
  lines,
  at,
  receipts: receipts.slice(2),
  histories: [],
  bundles: new Map(),
});

function sample(): SampleLog {
  const log = new SampleLog();
  log.applyPolicy();
  for (let one = 0; one < 3; one += 1) log.whole();
  return log;
}

describe('evidence of a log that nobody changed', () => {
  test('holds, and says what it looked at', async () => {
    const verdict = await verified(sample());
    expect(wrong(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ holds: true, log: { origin: 'curfew/1', size: 16 }, open: [] });
    expect(verdict.checks.map(({ counts }) => counts)).toEqual([
      { checkpoints: 2, 'entries without a gap': 16 },
      { entries: 16, requests: 3, steps: 12 },
      { 'plans made again': 3, 'decisions judged again': 3, 'claims judged again': 3, 'policies taken into force': 1 },
      {},
      { grants: 3, receipts: 6, ends: 3, 'ended within 30 s': 3, open: 0 },
    ]);
  });

  test('holds for a span that begins in the middle, with what came before it picked', async () => {
    const log = sample();
    expect(
      wrong(
        await verified({ ...pick(log), receipts: log.receipts, span: { from: 5, to: 16 }, picked: [0, 1, 2, 3, 4] }),
      ),
    ).toEqual([]);
  });

  test('holds for entries that were picked one by one, with no span at all', async () => {
    const log = sample();
    const verdict = await verified({
      ...pick(log),
      receipts: log.receipts.slice(2, 4),
      span: { from: 0, to: 0 },
      picked: [0, 6, 7, 8, 9, 10],
    });
    expect(wrong(verdict)).toEqual([]);
    expect(verdict.checks[0]?.counts).toMatchObject({ 'entries with a proof of their own': 6 });
  });

  test('holds where a checkpoint is older than the one before it, whose clock was ahead, and counts it (F33)', async () => {
    const log = sample();
    const verdict = await verified({
      ...pick(log),
      receipts: log.receipts,
      signedAts: [log.at + 31_536_000_000, log.at + 1],
    });
    expect(wrong(verdict)).toEqual([]);
    expect(verdict.checks[0]?.counts).toMatchObject({ checkpoints: 2, 'checkpoints older than the one before': 1 });
  });

  test('lists a grant that goes on as open, and not as bad', async () => {
    const log = sample();
    const { id } = log.ask();
    log.decide(id);
    log.claim(id);
    log.grant(id);
    const verdict = await verified(log);
    expect(wrong(verdict)).toEqual([]);
    expect(verdict.open).toMatchObject([{ request: id, target: 'orders-prod' }]);
  });

  test('holds for one that was released, one that was denied, and one whose word came too late', async () => {
    const log = sample();
    const released = log.ask().id;
    log.decide(released);
    log.claim(released);
    log.grant(released);
    log.release(released);
    log.end(released, { outcome: 'released' });
    const denied = log.ask().id;
    log.decide(denied, 'deny');
    log.append({
      kind: 'request.closed',
      actor: 'curfew_worker',
      subject: denied,
      body: { outcome: 'denied', cause: 'an approver said no' },
    });
    const late = log.ask().id;
    log.append({
      kind: 'request.closed',
      actor: 'curfew_worker',
      subject: late,
      body: { outcome: 'lapsed', cause: 'nobody decided in time' },
    });
    log.decide(late);
    const { decision } = (JSON.parse(String(log.lines.at(-1))) as { body: { decision: string } }).body;
    log.append({
      kind: 'decision.voided',
      actor: 'curfew_api',
      subject: late,
      body: { decision, cause: 'refused: NotPending' },
    });
    const verdict = await verified(log);
    expect(wrong(verdict)).toEqual([]);
    expect(verdict.checks[1]?.counts).toMatchObject({ 'words that came too late and were taken back': 1 });
  });

  test('agrees with what a witness kept, at each size', async () => {
    const log = sample();
    for (const size of [1, 5, 8, 16]) {
      expect(wrong(await verified(log, await checkpointOf(log.lines, size, keys, log.at)))).toEqual([]);
    }
  });

  test('holds while one key replaces another, for whoever has either', async () => {
    const other = keysOf();
    expect(wrong(await verified(sample(), undefined, [other.verifier, keys.verifier]))).toEqual([]);
    const stranger = await verified(sample(), undefined, [other.verifier]);
    expect(stranger.holds).toBe(false);
    expect(stranger.checks[0]?.first[0]).toMatchObject({ what: 'checkpoints.jsonl' });
  });
});

describe('what is not as it should be, though it was signed', () => {
  const cases: readonly [string, number, RegExp, (log: SampleLog) => number][] = [
    [
      'an approval by the requester',
      3,
      /asked for this yourself/,
      (log) => log.decide(log.ask().id, 'approve', people.requester),
    ],
    [
      'an approval by somebody whom the plan does not name',
      3,
      /decided by/,
      (log) => log.decide(log.ask().id, 'approve', { ...people.owner, groups: ['engineers'] }),
    ],
    [
      'an approval by somebody who had left',
      3,
      /is left/,
      (log) => log.decide(log.ask().id, 'approve', { ...people.owner, state: 'left' }),
    ],
    [
      'a grant that nobody approved',
      5,
      /0 of 1 approvals/,
      (log) => {
        const { id } = log.ask();
        log.claim(id);
        return log.grant(id);
      },
    ],
    ['a claim that nobody approved', 2, /This request is awaiting/, (log) => log.claim(log.ask().id)],
    [
      'a kind that its login may not write',
      2,
      /curfew_worker may not write/,
      (log) => {
        const { id } = log.ask();
        const index = log.decide(id);
        log.lines[index] = Buffer.from(
          String(log.lines[index]).replace('"login":"curfew_api"', '"login":"curfew_worker"'),
        );
        return index;
      },
    ],
    [
      'an end that came late and that nobody was told of',
      5,
      /nobody was told/,
      (log) => {
        const { id } = log.ask();
        log.decide(id);
        log.claim(id);
        log.grant(id);
        return log.end(id, { lateMs: 31_000 });
      },
    ],
    [
      'a grant that never ended',
      5,
      /no entry says that nothing is left/,
      (log) => {
        const { id } = log.ask();
        log.decide(id);
        log.claim(id);
        const index = log.grant(id);
        log.at += 2 * 3_600_000;
        log.whole();
        return index;
      },
    ],
    [
      'a release that nobody asked for',
      2,
      /never asked for its end/,
      (log) => {
        const { id } = log.ask();
        log.decide(id);
        log.claim(id);
        log.grant(id);
        return log.end(id, { outcome: 'released' });
      },
    ],
  ];
  test.each(cases)('%s is found by check %i', async (_, check, why, happen) => {
    const log = sample();
    const index = happen(log);
    const verdict = await verified(log);
    expect(verdict.holds).toBe(false);
    expect(verdict.checks[check - 1]?.first[0]).toMatchObject({ index, why: expect.stringMatching(why) as string });
  });
});

const opening = (began: number, lost: number, root = leafHash(Buffer.of(9))): string =>
  signOpening({ origin: 'curfew/2', began, lost: { size: lost, root }, recovery: uuid(7) }, [keys.signer]);

const two = (log: SampleLog, more: Partial<Written> = {}): Written => ({
  ...pick(log),
  receipts: log.receipts,
  sizes: [6, 16],
  epochs: [1, 2],
  openings: [opening(8, 12)],
  ...more,
});

describe('a log that came back from a backup and went on', () => {
  test('holds where somebody signed that it did, and says how much is lost', async () => {
    const log = sample();
    expect(wrong(await verified(two(log)))).toEqual([]);
    const other = sample();
    other.at += 1;
    other.ask();
    const kept = await checkpointOf(other.lines, 12, keys, log.at);
    const { root } = openCheckpoint(kept, [keys.verifier]) as SignedCheckpoint;
    const verdict = await verified(two(log, { openings: [opening(8, 12, root)] }), kept);
    expect(wrong(verdict)).toEqual([]);
    expect(verdict.checks[0]?.counts).toMatchObject({ 'entries that a recovery says are lost': 4 });
  });

  test('does not hold where nobody signed it, or where more is lost than was signed', async () => {
    const log = sample();
    expect((await verified(two(log, { openings: [] }))).checks[0]?.first[0]?.why).toContain('is of another log');
    expect((await verified(two(log, { sizes: [10, 16] }))).checks[0]?.first[0]?.why).toContain('of what was lost');
    const longer = await checkpointOf(log.lines, 14, keys, log.at);
    expect((await verified(two(log), longer)).checks[0]?.first[0]?.why).toContain('nobody signed that');
    const fork = await verified(two(log), await checkpointOf(log.lines, 12, keys, log.at));
    expect(fork.checks[0]?.first[0]?.why).toContain('this log is a fork');
    expect((await verified(two(log), await checkpointOf(log.lines, 16, keys, log.at, 'curfew/3'))).holds).toBe(false);
  });
});

describe('a file whose index says something else', () => {
  test.each([
    ['a span that is longer', { span: { from: 0, to: 99 } }],
    ['a span that begins later', { span: { from: 3, to: 16 } }],
    ['a span that is shorter', { span: { from: 0, to: 9 } }],
    ['no span', { span: { from: 0, to: 0 } }],
    ['an edge that is none', { edge: ['AAAA'] }],
    ['an edge of nothing', { edge: [Buffer.alloc(32).toString('base64')] }],
  ])('does not hold: %s', async (_, index) => {
    const verdict = await verified({ ...pick(sample()), receipts: sample().receipts, index });
    expect(verdict.checks[0]?.holds).toBe(false);
  });

  test.each([
    ['another format', { format: 'evidence-9' as never }],
    ['a span that is none', { span: { from: -1, to: 4 } }],
    ['no counts', { counts: undefined as never }],
  ])('is not read at all: %s', async (_, index) => {
    await expect(verified({ ...pick(sample()), index })).rejects.toThrow('none that this version knows');
  });

  test.each(['curfew-evidence-1', 'curfew-evidence-9'])(
    'is not read as a file of another version: %s',
    async (format) => {
      const index = { format: format as never };
      await expect(verified({ ...pick(sample()), index })).rejects.toThrow('another version wrote it');
    },
  );
});
