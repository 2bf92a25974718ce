/** A log that came back from a backup, and lost what was signed: no file of it holds that keeps silent about that. */
import { expect, test } from 'vitest';
import { signOpening } from '../audit/epoch.ts';
import { leafHash } from '../audit/merkle.ts';
import type { Verdict } from '../audit/verify/verify.ts';
import { SampleLog, uuid, type Written } from './support/evidence.ts';
import { keys, verdictOn } from './support/verified.ts';

const wrong = ({ checks }: Verdict) => checks.flatMap(({ first }) => first.map(({ what, why }) => `${what}: ${why}`));

/** A log in its third epoch, of which every checkpoint in the file is. */
function sample(): { readonly log: SampleLog; readonly third: Pick<Written, 'sizes' | 'epochs'> } {
  const log = new SampleLog();
  log.applyPolicy();
  log.whole();
  return { log, third: { sizes: [3, 6], epochs: [3, 3] } };
}
const opening = (epoch: number, began: number, lost: number): string =>
  signOpening(
    { origin: `curfew/${epoch}`, began, lost: { size: lost, root: leafHash(Buffer.of(epoch)) }, recovery: uuid(epoch) },
    [keys.signer],
  );
/** What a recovery says of itself in the log; `lostSize`: null where nobody had signed anything. */
const recover = (log: SampleLog, epoch: number): number =>
  log.append(
    {
      kind: 'store.recovered',
      actor: 'curfew_admin',
      subject: uuid(epoch),
      body: { closed: 0, people: 'company', epoch, lostSize: null, lostRoot: null, faults: [], found: [] },
    },
    'curfew_admin',
  );

test('a file without what was signed about the last recovery does not hold', async () => {
  const { log, third } = sample();
  const silent = 'epochs.jsonl: Nobody signed how curfew/3 began, and what was lost before.';
  expect(wrong(await verdictOn({ ...log.written(), ...third }))).toEqual([silent]);
  expect(wrong(await verdictOn({ ...log.written(), ...third, openings: [opening(2, 1, 9)] }))).toEqual([silent]);
});

test('a checkpoint of fewer entries than its epoch began with, or of more than a later one did, counts for nothing', async () => {
  const { log } = sample();
  const later = { sizes: [3, 6], epochs: [1, 2], openings: [opening(2, 7, 9)] };
  expect(wrong(await verdictOn({ ...log.written(), ...later }))).toEqual([
    'checkpoints.jsonl: The checkpoint of 6 entries is of curfew/2, which began with 7.',
  ]);
  const lost = { sizes: [3, 6], epochs: [1, 1], openings: [opening(2, 5, 9)] };
  expect(wrong(await verdictOn({ ...log.written(), ...lost }))).toEqual([
    'checkpoints.jsonl: The checkpoint of 6 entries is of what was lost.',
  ]);
});

test('one epoch has one beginning', async () => {
  const { log } = sample();
  const second = { ...log.written(), sizes: [3, 6], epochs: [2, 2] };
  const twice = 'epochs.jsonl: It is signed more than once how curfew/2 began.';
  expect(wrong(await verdictOn({ ...second, openings: [opening(2, 1, 9), opening(2, 2, 12)] }))).toEqual([twice]);
});

test('a file with it holds, and says what was lost each time', async () => {
  const { log, third } = sample();
  const openings = [opening(2, 1, 9), opening(3, 2, 12)];
  const verdict = await verdictOn({ ...log.written(), ...third, openings });
  expect(wrong(verdict)).toEqual([]);
  expect(verdict.checks[0]?.counts).toMatchObject({ recoveries: 2 });
  expect(verdict.recoveries).toEqual([
    { origin: 'curfew/2', began: 1, lost: 9 },
    { origin: 'curfew/3', began: 2, lost: 12 },
  ]);
});

test('a log that nobody had signed before it came back holds by its own word', async () => {
  const { log, third } = sample();
  recover(log, 3);
  const verdict = await verdictOn({ ...log.written(), ...third, sizes: [3, 7] });
  expect(wrong(verdict)).toEqual([]);
  expect(verdict.recoveries).toEqual([{ origin: 'curfew/3', began: null, lost: null }]);
});
