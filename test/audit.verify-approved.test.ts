/**
 * Words between two steps: an approval that becomes void while its grant is on the way (I8, F38), which is legal as long as
 * the grant then ends; and one that nothing waited for any more, which its Workflow takes back (F37).
 */
import { expect, test } from 'vitest';
import { endAsked } from '../domain/events/grant.ts';
import { decisionVoided } from '../domain/events/request.ts';
import type { DecisionId, RequestId } from '../domain/ids.ts';
import { people, SampleLog } from './support/evidence.ts';
import { countsOf, verdictOn, wrongIn } from './support/verified.ts';

const minute = 60_000;
const hour = 60 * minute;
const notAsked = [
  expect.stringMatching(/^5: It was granted with 0 of 1 approvals for "[^"]+", and its end was not asked for\.$/),
];

/** Its approver leaves so long before it is granted. */
function crossed(beforeMs = 0): { log: SampleLog; id: RequestId; decision: DecisionId } {
  const log = new SampleLog();
  log.applyPolicy();
  const { id } = log.ask();
  const line = String(log.lines[log.decide(id)]);
  const { decision } = (JSON.parse(line) as { body: { decision: DecisionId } }).body;
  log.claim(id);
  log.append(decisionVoided('curfew_directory', id, { decision, cause: 'left' }), 'curfew_directory');
  log.at += beforeMs;
  log.grant(id);
  return { log, id, decision };
}
const tainted = (log: SampleLog, id: RequestId, decision: DecisionId): number =>
  log.append(endAsked('curfew_worker', id, { cause: 'tainted', decision }), 'curfew_worker');

test('a grant whose approver left on its way holds once its end was asked for, though that took hours', async () => {
  for (const laterMs of [0, 40 * minute]) {
    const { log, id, decision } = crossed();
    log.at += laterMs;
    tainted(log, id, decision);
    log.end(id, { outcome: 'revoked' as 'released' });
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'grants that ended because an approval became void on their way': 1 });
  }
});

test('it holds where its holder was done a moment later, for nobody asks for an end twice', async () => {
  const { log, id } = crossed();
  log.release(id);
  log.end(id, { outcome: 'released' });
  expect(wrongIn(await verdictOn(log))).toEqual([]);
});

test('it holds as long as it is there for moments only, and nobody can have seen it', async () => {
  const { log } = crossed();
  log.at += minute;
  expect(wrongIn(await verdictOn(log))).toEqual([]);
});

test('it does not hold where it went on, or ran its time, or was given back an hour later', async () => {
  const goes = crossed();
  goes.log.at += 6 * minute;
  goes.log.ask();
  expect(wrongIn(await verdictOn(goes.log))).toEqual(notAsked);
  const ran = crossed();
  ran.log.end(ran.id);
  expect(wrongIn(await verdictOn(ran.log))).toEqual(notAsked);
  const back = crossed();
  back.log.at += 40 * minute;
  back.log.append(endAsked(people.requester.id, back.id, { cause: 'released' }));
  back.log.end(back.id, { outcome: 'released' });
  expect(wrongIn(await verdictOn(back.log))).toEqual(notAsked);
});

test('another decision that is tainted does not excuse it', async () => {
  const { log, id } = crossed();
  log.at += 40 * minute;
  tainted(log, id, '0'.repeat(64) as DecisionId);
  log.end(id, { outcome: 'revoked' as 'released' });
  expect(wrongIn(await verdictOn(log))).toEqual(notAsked);
});

test('an approval that was void longer before than an attempt takes is none, whatever was asked for later', async () => {
  const { log, id, decision } = crossed(31_000);
  tainted(log, id, decision);
  log.end(id, { outcome: 'revoked' as 'released' });
  expect(wrongIn(await verdictOn(log)).join()).toMatch(/^5: It was granted with 0 of 1 approvals for "[^"]+"\.$/);
});

test('an approval that was void an hour before is none, whenever its worker says that it granted', async () => {
  const { log, id, decision } = crossed(hour);
  const index = log.lines.length - 1;
  log.lines[index] = Buffer.from(
    String(log.lines[index]).replace(/"grantedAt":(\d+)/, (_, at: string) => `"grantedAt":${Number(at) - hour}`),
  );
  tainted(log, id, decision);
  log.end(id, { outcome: 'revoked' as 'released' });
  expect(wrongIn(await verdictOn(log)).join()).toMatch(/5: It was granted with 0 of 1 approvals for "[^"]+"\.(?:,|$)/);
});

test('when a worker says that it granted is held against the store, as every instant by which it judges', async () => {
  const { log } = crossed();
  const index = log.lines.length - 1;
  log.lines[index] = Buffer.from(
    String(log.lines[index]).replace(/"grantedAt":(\d+)/, (_, at: string) => `"grantedAt":${Number(at) - hour}`),
  );
  expect(wrongIn(await verdictOn(log)).join()).toMatch(
    /3: It was judged as of .*, and that is not when it was written/,
  );
});

/** Two approve at once where one is enough. @returns the place of the word that came too late */
function twice(): { log: SampleLog; id: RequestId; index: number } {
  const log = new SampleLog();
  log.applyPolicy();
  const { id } = log.ask();
  log.decide(id);
  return { log, id, index: log.decide(id, 'approve', people.other) };
}

test('a file that ends between a word that came too late and its void holds, and counts it', async () => {
  const { log } = twice();
  const verdict = await verdictOn(log);
  expect(wrongIn(verdict)).toEqual([]);
  expect(countsOf(verdict)).toMatchObject({ 'words that came too late and are not taken back yet': 1 });
});

test('a word that came too late may wait for as long as its request is open, and not beyond that', async () => {
  const { log, id, index } = twice();
  log.at += 2 * hour;
  log.ask();
  expect(wrongIn(await verdictOn(log))).toEqual([]);
  log.append(endAsked(people.requester.id, id, { cause: 'withdrawn' }));
  log.append({
    kind: 'request.closed',
    actor: 'curfew_worker',
    subject: id,
    body: { outcome: 'withdrawn', cause: 'x' },
  });
  const verdict = await verdictOn(log);
  expect(verdict.checks[1]?.first).toMatchObject([
    { index, why: expect.stringContaining('nobody took it back') as string },
  ]);
});
