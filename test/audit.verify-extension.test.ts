/** An extension moves an end for as long as was asked for and approved, and for nothing else. */
import { describe, expect, test } from 'vitest';
import { extensionAsked, extensionDecided, extensionFailed, extensionMade } from '../domain/events/extension.ts';
import type { ExtensionReceipt } from '../domain/grant.ts';
import { roleOf, type ExtensionId, type RequestId, type TargetName } from '../domain/ids.ts';
import { decisionId, evidenceHash, extensionDigestOf } from '../policy/digest.ts';
import { planFor } from '../policy/plan.ts';
import { canonical, people, policy, type SampleLog, uuid } from './support/evidence.ts';
import { account } from './support/people.ts';
import { countsOf, held, verdictOn, wrongIn } from './support/verified.ts';

const minute = 60_000;

type Asked = ReturnType<typeof ask>;

/** Half an hour more, for each that was asked for. */
function ask(log: SampleLog, id: RequestId, number = 1, more: { fromAt?: number; endAt?: number } = {}) {
  const { kind, target, role, durationMs, ticket, digest: request } = log.opened(id);
  const askedAt = log.at;
  const { fromAt = log.claimed(id).endAt, endAt = fromAt + 30 * minute * number } = more;
  const all = [people.owner, people.other];
  const { plan } = planFor(
    policy,
    { kind, requester: people.requester, target, role, durationMs, ticket, startAt: null },
    all,
    askedAt,
  );
  if (plan.verdict === 'denied') throw new Error('the sample policy denies it');
  const extension = uuid(0x7000 + number) as ExtensionId;
  const digest = extensionDigestOf({ extensionId: extension, request, endAt, reasonHash: null, plan });
  const facts = { requester: people.requester, people: all };
  const said = { extension, number, kind: 'asked' as const, fromAt, endAt, askedAt, judgedMs: durationMs };
  log.append(extensionAsked(people.requester.id, id, { ...said, digest, reason: null, plan, facts }));
  return { extension, number, fromAt, endAt, digest };
}

function decide(log: SampleLog, id: RequestId, { extension, digest }: Asked, verdict: 'approve' | 'deny'): number {
  const madeAt = log.at;
  const said = { digest, stage: 0, verdict };
  const decision = decisionId({ requestId: id, ...said, person: people.owner.id, voidsBefore: 0 });
  const facts = { person: people.owner, account: account(madeAt) };
  const requester = { id: people.requester.id, aliases: [] };
  return log.append(
    extensionDecided(people.owner.id, id, { extension, decision, ...said, madeAt, denial: null, facts, requester }),
  );
}

/** @param more what its receipt says otherwise */
function made(
  log: SampleLog,
  id: RequestId,
  asked: Omit<Asked, 'digest'>,
  more: Partial<ExtensionReceipt> = {},
): number {
  const { extension, number, fromAt, endAt } = asked;
  const seen = { target: 'orders-prod' as TargetName, role: roleOf(id), endAt, validUntilAt: endAt, canLogin: true };
  const receipt: ExtensionReceipt = { kind: 'extension', requestId: id, extension, ...seen, readAt: log.at, ...more };
  log.receipts.push(canonical(receipt));
  const body = { extension, number, fromAt, endAt, receipt: evidenceHash(receipt) };
  return log.append(extensionMade(people.requester.id, id, body), 'curfew_worker');
}

/** The grant ends a second after this instant. */
function endsAt(log: SampleLog, id: RequestId, endAt: number): void {
  log.at = endAt;
  log.end(id);
}

describe('a later end', () => {
  test('holds where it was asked for, approved and moved', async () => {
    const { log, id } = held();
    const asked = ask(log, id);
    decide(log, id, asked, 'approve');
    made(log, id, asked);
    endsAt(log, id, asked.endAt);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds where one that nothing came of went before', async () => {
    const { log, id } = held();
    const { extension, number } = ask(log, id);
    log.append(extensionFailed(people.requester.id, id, { extension, number, cause: 'refused' }), 'curfew_worker');
    const asked = ask(log, id, 2);
    decide(log, id, asked, 'approve');
    made(log, id, asked);
    endsAt(log, id, asked.endAt);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds where one that was denied went before', async () => {
    const { log, id } = held();
    decide(log, id, ask(log, id), 'deny');
    const asked = ask(log, id, 2);
    decide(log, id, asked, 'approve');
    made(log, id, asked);
    endsAt(log, id, asked.endAt);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  type Story = (log: SampleLog, id: RequestId, endAt: number) => number;
  const lies: readonly [string, number, RegExp, Story][] = [
    [
      'one that nobody asked for',
      2,
      /Nobody asked for this extension/,
      (log, id, endAt) => {
        const one = { extension: uuid(0x7777) as ExtensionId, number: 1, fromAt: endAt, endAt: endAt + 600 * minute };
        const index = made(log, id, one);
        endsAt(log, id, one.endAt);
        return index;
      },
    ],
    [
      'one that nobody approved',
      5,
      /0 of 1 approvals/,
      (log, id) => {
        const asked = ask(log, id);
        const index = made(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that was denied',
      2,
      /was over, or had come to nothing/,
      (log, id) => {
        const asked = ask(log, id);
        decide(log, id, asked, 'deny');
        const index = made(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that is made twice',
      2,
      /was over, or had come to nothing/,
      (log, id) => {
        const asked = ask(log, id);
        decide(log, id, asked, 'approve');
        made(log, id, asked);
        const index = made(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that lasts longer than was asked for',
      5,
      /another end than was asked for/,
      (log, id) => {
        const asked = ask(log, id);
        decide(log, id, asked, 'approve');
        const index = made(log, id, { ...asked, endAt: asked.endAt + 600 * minute });
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that adds more than was judged',
      5,
      /adds more than was judged/,
      (log, id, endAt) => {
        const asked = ask(log, id, 1, { endAt: endAt + 600 * minute });
        decide(log, id, asked, 'approve');
        const index = made(log, id, asked);
        endsAt(log, id, asked.endAt);
        return index;
      },
    ],
    [
      'one that does not begin where the grant ends',
      5,
      /begins at another instant/,
      (log, id, endAt) => {
        const asked = ask(log, id, 1, { fromAt: endAt + 600 * minute });
        decide(log, id, asked, 'approve');
        const index = made(log, id, asked);
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
    made(log, id, { extension: uuid(0x7777) as ExtensionId, number: 1, fromAt: endAt, endAt: endAt + 600 * minute });
    endsAt(log, id, endAt + 540 * minute);
    expect(wrongIn(await verdictOn(log)).join()).toMatch(/It ended 32400 s after it should have/);
  });
});

describe('the receipt of a later end', () => {
  /** One grant with two later ends. @returns where their entries are */
  function twice(more: Partial<ExtensionReceipt> = {}) {
    const { log, id } = held();
    const one = ask(log, id);
    decide(log, id, one, 'approve');
    const first = made(log, id, one, more);
    const other = ask(log, id, 2, { fromAt: one.endAt, endAt: one.endAt + 30 * minute });
    decide(log, id, other, 'approve');
    const second = made(log, id, other);
    endsAt(log, id, other.endAt);
    return { log, first, second };
  }
  const foundIn = async (log: Parameters<typeof verdictOn>[0]) => (await verdictOn(log)).checks[4]?.first;

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

  test('is not asked of an older entry that names none: it is counted', async () => {
    const { log, first } = twice();
    const line = String(log.lines[first]).replace(/,"receipt":"[0-9a-f]{64}"/, '');
    log.lines[first] = Buffer.from(line);
    const verdict = await verdictOn({ ...log.written(), receipts: log.receipts.filter((_, at) => at !== 1) });
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ receipts: 3, 'extensions without a receipt': 1 });
  });
});
