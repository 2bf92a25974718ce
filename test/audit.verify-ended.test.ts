/** A lie that its writer made whole: the end's entry and its receipt agree, and neither is about this grant, or says enough. */
import { expect, test } from 'vitest';
import type { RevokeReceipt } from '../domain/grant.ts';
import { evidenceHash } from '../policy/digest.ts';
import { canonical } from './support/evidence.ts';
import { held, verdictOn, wrongIn } from './support/verified.ts';

type Lie = (receipt: RevokeReceipt) => object;

/** What does not hold of a grant whose end is told so, and where. */
async function told(lie: Lie): Promise<readonly string[]> {
  const { log, id } = held();
  const index = log.end(id);
  const receipt = JSON.parse(String(log.receipts.at(-1))) as RevokeReceipt;
  const other = { ...receipt, ...lie(receipt) };
  log.receipts[log.receipts.length - 1] = canonical(other);
  const line = String(log.lines[index])
    .replace(evidenceHash(receipt), evidenceHash(other))
    .replace(`"target":"${receipt.target}"`, `"target":"${other.target}"`);
  log.lines[index] = Buffer.from(line);
  const verdict = await verdictOn(log);
  for (const one of verdict.checks[4]?.first ?? []) expect(one.index).toBe(index);
  return wrongIn(verdict);
}

test('an end that says nothing else than was seen holds', async () => {
  expect(await told(() => ({}))).toEqual([]);
});

test('an end on another target than the grant was on is none (I16)', async () => {
  expect(await told(() => ({ target: 'models-prod' }))).toEqual(['5: It ended on another target than it was for.']);
});

const left = '5: a:5432 had something left of it.';
test.each<[string, string]>([
  ['whether anybody can log in', 'canLogin'],
  ['whether a session is left', 'sessionsLeft'],
  ['whether it has ended there', 'ended'],
])('a node that does not say %s has not said that nothing is left (I16)', async (_, field) => {
  const without = ({ nodes }: RevokeReceipt) => nodes.map((node) => ({ ...node, [field]: undefined }));
  expect(await told((receipt) => ({ nodes: without(receipt) }))).toContain(left);
});

const inWords: Lie = ({ nodes }) => ({ nodes: nodes.map((node) => ({ ...node, sessionsLeft: 'none' })) });
test('and one that says it in words has not either', async () => {
  expect(await told(inWords)).toContain(left);
});

test('an end that says how many sessions it closed says what its receipt says', async () => {
  const { log, id } = held();
  const index = log.end(id);
  log.lines[index] = Buffer.from(String(log.lines[index]).replace('"sessionsClosed":1', '"sessionsClosed":0'));
  expect(wrongIn(await verdictOn(log))).toEqual(['5: Its receipt closed another number of sessions.']);
});

/** In a log in which a request is claimed until an instant, it is granted so many milliseconds after that. */
async function grantedAfter(afterMs: number, limits = '') {
  const { log, id, endAt } = held();
  log.lines.pop();
  log.receipts.pop();
  for (const [index, line] of log.lines.entries())
    log.lines[index] = Buffer.from(String(line).replace('"limits":{', `"limits":{${limits}`));
  log.at = endAt + afterMs;
  log.grant(id);
  return wrongIn(await verdictOn(log)).filter((why) => why.startsWith('5'));
}

test('a grant in its last second holds where the clock of the worker is two seconds ahead of that of the target', async () => {
  expect(await grantedAfter(1_900)).toEqual([]);
});

test('one of which an attempt said so whose answer was lost, and the next one as its grace had begun, holds too', async () => {
  expect(await grantedAfter(-60_000, '"graceMs":600000,')).toEqual([]);
});

test('a grant from after its end is none', async () => {
  expect(await grantedAfter(3_000)).toEqual(['5: It was granted after its end.']);
});
