/** What a writer could have had signed: an entry that says one thing of its kind otherwise, or does not say it at all. */
import { describe, expect, test } from 'vitest';
import type { GrantReceipt } from '../domain/grant.ts';
import { evidenceHash } from '../policy/digest.ts';
import { canonical, people, SampleLog, uuid } from './support/evidence.ts';
import { held, verdictOn, wrongIn } from './support/verified.ts';

const hour = 3_600_000;

/** The line at a place says it otherwise. */
function lie(log: SampleLog, index: number, said: RegExp | string, instead: string): void {
  const line = String(log.lines[index]);
  expect(line).toMatch(said);
  log.lines[index] = Buffer.from(line.replace(said, instead));
}
const indexOf = (log: SampleLog, kind: string): number =>
  log.lines.findIndex((line) => line.includes(`"kind":"${kind}"`));

describe('a claim', () => {
  test.each([
    ['that does not say until when', '', 'It lasts longer than was approved.'],
    ['until no instant at all', '"endAt":"later",', 'It lasts longer than was approved.'],
    ['until for ever', '"endAt":1e999,', 'It lasts longer than was approved.'],
  ])('%s lets no grant last for as long as its worker likes', async (_, instead, why) => {
    const { log, id, endAt } = held();
    const claim = indexOf(log, 'claim.accepted');
    lie(log, claim, /"endAt":\d+,/, instead);
    const receipt = JSON.parse(String(log.receipts[0])) as GrantReceipt;
    const longer = { ...receipt, endAt: endAt + 100 * hour };
    log.receipts[0] = canonical(longer);
    const grant = indexOf(log, 'grant.made');
    lie(log, grant, `"endAt":${endAt}`, `"endAt":${longer.endAt}`);
    lie(log, grant, evidenceHash(receipt), evidenceHash(longer));
    expect(await verdictOn(log)).toMatchObject({ holds: false });
    const { checks } = await verdictOn(log);
    expect(checks[2]?.first[0]).toMatchObject({ index: claim, why });
    expect(checks[4]?.first.map((one) => one.index)).toContain(grant);
    expect(log.opened(id).durationMs).toBe(hour);
  });
});

test('a claim counts once: whoever says it again with a later end moves no end', async () => {
  const log = new SampleLog();
  log.applyPolicy();
  const { id } = log.ask();
  log.decide(id);
  const first = log.claim(id);
  log.at += 10 * 60_000;
  const index = log.claim(id);
  // What the grant and its end go by is the second one.
  const [line] = log.lines.splice(first, 1);
  log.grant(id);
  log.end(id);
  if (line) log.lines.splice(first, 0, line);
  const [, legal, , , ended] = (await verdictOn(log)).checks;
  expect(legal?.first[0]).toMatchObject({ index, why: 'It was claimed before.' });
  expect(ended?.first[0]).toMatchObject({ index: index + 1 });
});

test('a grant is that of whoever asked for it, and of nobody else', async () => {
  const { log } = held();
  const index = indexOf(log, 'grant.made');
  lie(log, index, people.requester.id, people.other.id);
  const { checks } = await verdictOn(log);
  expect(checks[4]?.first).toMatchObject([{ index, why: 'It names somebody else than who asked for it.' }]);
});

test.each([
  ['another verdict', /"verdict":"approvals"\}$|"verdict":"approvals"(?=\},"id")/, '"verdict":"automatic"'],
  ['another rule', /"rule":"[^"]+","startAt"/, '"rule":"whoever asks","startAt"'],
])('a request that says of itself %s than its plan is named', async (_, said, instead) => {
  const log = new SampleLog();
  log.applyPolicy();
  const { index } = log.ask();
  lie(log, index, said, instead);
  expect(wrongIn(await verdictOn(log))).toEqual(['3: It says something else than its plan.']);
});

test.each(['long ago', null, '', true, 0.5, '1e3', undefined])(
  'a session that does not say when it began (%s) is named, while its grant is held and when that is over',
  async (openedAt) => {
    for (const over of [false, true]) {
      const { log, id } = held();
      if (over) log.end(id);
      const body = { cluster: 'main', node: 'a:5432', session: uuid(9), database: 'orders', openedAt };
      const session = { kind: 'session.opened', actor: 'curfew_collector', subject: id, body };
      const index = log.append(session, 'curfew_collector');
      const why = 'It does not say when it began.';
      expect((await verdictOn(log)).checks[4]?.first).toMatchObject([{ index, why }]);
    }
  },
);

test.each([
  ['a request without a plan', 'request.opened', /"plan":/, '"plans":'],
  ['a claim without its instants', 'claim.accepted', /"acceptedAt":\d+/, '"acceptedAt":8640000000000001'],
  ['an end whose nodes are a number', 'grant.ended', /"receipt":"[^"]+"/, '"receipt":7'],
  ['a decision without facts', 'decision.made', /"facts":/, '"fact":'],
])('of %s it is said what is wrong in words of this file, and not of a program', async (_, kind, said, instead) => {
  const { log, id } = held();
  log.end(id);
  lie(log, indexOf(log, kind), said, instead);
  const found = wrongIn(await verdictOn(log));
  expect(found).not.toEqual([]);
  for (const why of found) expect(why).not.toMatch(/undefined|null|propert|function|Invalid|iterable|NaN|object/);
});
