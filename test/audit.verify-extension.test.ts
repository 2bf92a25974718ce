/** An extension moves an end for as long as was asked for and approved, and for nothing else. */
import { describe, expect, test } from 'vitest';
import { extensionFailed } from '../domain/events/extension.ts';
import type { ExtensionReceipt } from '../domain/grant.ts';
import type { ExtensionId, RequestId, TargetName } from '../domain/ids.ts';
import { people, uuid, type SampleLog } from './support/evidence.ts';
import { askMore, decideMore, moreMade } from './support/extending.ts';
import { countsOf, held, verdictOn, wrongIn } from './support/verified.ts';

const minute = 60_000;

/** The grant ends a second after this instant. */
function endsAt(log: SampleLog, id: RequestId, endAt: number): void {
  log.at = endAt;
  log.end(id);
}

describe('a later end', () => {
  test('holds where it was asked for, approved and moved', async () => {
    const { log, id } = held();
    const asked = askMore(log, id);
    decideMore(log, id, asked, 'approve');
    moreMade(log, id, asked);
    endsAt(log, id, asked.endAt);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds where one that nothing came of went before', async () => {
    const { log, id } = held();
    const { extension, number } = askMore(log, id);
    log.append(extensionFailed(people.requester.id, id, { extension, number, cause: 'refused' }), 'curfew_worker');
    const asked = askMore(log, id, 2);
    decideMore(log, id, asked, 'approve');
    moreMade(log, id, asked);
    endsAt(log, id, asked.endAt);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds where one that was denied went before', async () => {
    const { log, id } = held();
    decideMore(log, id, askMore(log, id), 'deny');
    const asked = askMore(log, id, 2);
    decideMore(log, id, asked, 'approve');
    moreMade(log, id, asked);
    endsAt(log, id, asked.endAt);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds where it was asked for in the second in which the grant ended, and is counted (F37)', async () => {
    const { log, id } = held();
    log.release(id);
    log.end(id, { outcome: 'released' });
    askMore(log, id);
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'extensions that were asked for as the grant ended': 1 });
  });

  test('does not hold where it was asked for, or made, once the grant was over', async () => {
    const { log, id } = held();
    log.release(id);
    log.end(id, { outcome: 'released' });
    const asked = askMore(log, id);
    moreMade(log, id, asked);
    log.at += 2 * minute;
    askMore(log, id, 2);
    const over = '2: The request was over by then.';
    expect(wrongIn(await verdictOn(log)).filter((why) => why.startsWith('2'))).toEqual([over, over]);
  });

  type Story = (log: SampleLog, id: RequestId, endAt: number) => number;
  const lies: readonly [string, number, RegExp, Story][] = [
    [
      'one that nobody asked for',
      2,
      /Nobody asked for this extension/,
      (log, id, endAt) => {
        const one = { extension: uuid(0x7777) as ExtensionId, number: 1, fromAt: endAt, endAt: endAt + 600 * minute };
        const index = moreMade(log, id, one);
        endsAt(log, id, one.endAt);
        return index;
      },
    ],
    [
      'one that nobody approved',
      5,
      /0 of 1 approvals/,
      (log, id) => {
        const asked = askMore(log, id);
        const index = moreMade(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that was denied',
      2,
      /was over, or had come to nothing/,
      (log, id) => {
        const asked = askMore(log, id);
        decideMore(log, id, asked, 'deny');
        const index = moreMade(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that is made twice',
      2,
      /was over, or had come to nothing/,
      (log, id) => {
        const asked = askMore(log, id);
        decideMore(log, id, asked, 'approve');
        moreMade(log, id, asked);
        const index = moreMade(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that lasts longer than was asked for',
      5,
      /another end than was asked for/,
      (log, id) => {
        const asked = askMore(log, id);
        decideMore(log, id, asked, 'approve');
        const index = moreMade(log, id, { ...asked, endAt: asked.endAt + 600 * minute });
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that adds more than was judged',
      5,
      /adds more than was judged/,
      (log, id, endAt) => {
        const asked = askMore(log, id, 1, { endAt: endAt + 600 * minute });
        decideMore(log, id, asked, 'approve');
        const index = moreMade(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that does not begin where the grant ends',
      5,
      /begins at another instant/,
      (log, id, endAt) => {
        const asked = askMore(log, id, 1, { fromAt: endAt + 600 * minute });
        decideMore(log, id, asked, 'approve');
        const index = moreMade(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
  ];
  test.each(lies)('does not hold: %s is found by check %i', async (_, check, why, happen) => {
    const { log, id, endAt } = held();
    const index = happen(log, id, endAt);
    const verdict = await verdictOn(log);
    expect(verdict.holds).toBe(false);
    const found = verdict.checks[check - 1]?.first.find((one) => one.index === index);
    expect(found?.why, wrongIn(verdict).join('\n')).toMatch(why);
  });

  test('of one that nobody asked for moves nothing: the grant is held too long', async () => {
    const { log, id, endAt } = held();
    moreMade(log, id, {
      extension: uuid(0x7777) as ExtensionId,
      number: 1,
      fromAt: endAt,
      endAt: endAt + 600 * minute,
    });
    endsAt(log, id, endAt + 540 * minute);
    expect(wrongIn(await verdictOn(log)).join()).toMatch(/It ended 32400 s after it should have/);
  });
});

/** One grant with two later ends. @returns where their entries are */
function twice(more: Partial<ExtensionReceipt> = {}) {
  const { log, id } = held();
  const one = askMore(log, id);
  decideMore(log, id, one, 'approve');
  const first = moreMade(log, id, one, more);
  const other = askMore(log, id, 2, { fromAt: one.endAt, endAt: one.endAt + 30 * minute });
  decideMore(log, id, other, 'approve');
  const second = moreMade(log, id, other);
  endsAt(log, id, other.endAt);
  return { log, first, second };
}
const foundIn = async (log: Parameters<typeof verdictOn>[0]) => (await verdictOn(log)).checks[4]?.first;

/** With a word that takes its receipt's place in the entry; the receipt is not in the file. */
function instead(word: string) {
  const { log, first } = twice();
  log.lines[first] = Buffer.from(String(log.lines[first]).replace(/,"receipt":"([0-9a-f]{64})"/, word));
  return { first, written: { ...log.written(), receipts: log.receipts.filter((_, at) => at !== 1) } };
}

describe('the receipt of a later end', () => {
  test('is in the file, and counted', async () => {
    const verdict = await verdictOn(twice().log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ extensions: 2, receipts: 4 });
    expect(countsOf(verdict)).not.toHaveProperty('extensions without a receipt');
  });

  test('is missed where it was left out, and its entry is named', async () => {
    const { log, first, second } = twice();
    const without = (place: number) => ({ ...log.written(), receipts: log.receipts.filter((_, at) => at !== place) });
    expect((await foundIn(without(1)))?.[0]).toMatchObject({ index: first });
    expect(await foundIn(without(2))).toMatchObject([{ index: second, why: 'Its receipt is not in receipts.jsonl.' }]);
  });

  test('is another one where two were swapped, and both entries are named', async () => {
    const { log, first, second } = twice();
    const [grant, one, other, end] = log.receipts;
    if (!grant || !one || !other || !end) throw new Error('four receipts');
    expect(await foundIn({ ...log.written(), receipts: [grant, other, one, end] })).toMatchObject([
      { index: first, why: 'Its receipt in receipts.jsonl is another one than it says.' },
      { index: second, why: 'Its receipt in receipts.jsonl is another one than it says.' },
    ]);
  });

  test('of another request is not taken for its own', async () => {
    const { log, first } = twice();
    const receipts = log.receipts.with(
      1,
      Buffer.from(String(log.receipts[1]).replace('-000000001001"', '-000000001009"')),
    );
    expect((await foundIn({ ...log.written(), receipts }))?.[0]).toMatchObject({
      index: first,
      why: 'Its receipt is not in receipts.jsonl.',
    });
  });

  const otherwise: readonly [string, Partial<ExtensionReceipt>, string][] = [
    ['of another extension', { extension: uuid(0x7777) as ExtensionId }, 'Its receipt is of another extension.'],
    ['of another login', { role: 'cfw_other' }, 'Its receipt is of another login.'],
    ['of another target', { target: 'models-prod' as TargetName }, 'Its receipt is of another target.'],
    ['with another end', { endAt: 1, validUntilAt: 1 }, 'Its receipt has another end.'],
    ['of a login that goes on', { validUntilAt: 8e15 }, 'Its login takes sessions past its end, or none.'],
  ];
  test.each(otherwise)('does not hold %s, whatever its hash', async (_, more, why) => {
    const { log, first } = twice(more);
    expect(await foundIn(log)).toMatchObject([{ index: first, why }]);
  });

  test('is not asked of an older entry, which has the hash of what was read back: it is counted', async () => {
    const verdict = await verdictOn(instead(',"evidence":"$1"').written);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ receipts: 3, 'extensions without a receipt': 1 });
  });

  test.each([
    ['neither', ''],
    ['no hash', ',"evidence":"none"'],
    ['no text', ',"evidence":{"hash":"$1"}'],
  ])('is asked of an entry that names %s of the two', async (_, word) => {
    const { written, first } = instead(word);
    expect(await foundIn(written)).toMatchObject([{ index: first, why: 'It names no receipt.' }]);
  });
});
