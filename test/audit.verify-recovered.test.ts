/** A log that came back from a backup, and lost what was signed: no file of it holds that keeps silent about that. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signOpening } from '../audit/epoch.ts';
import { openEvidence } from '../audit/evidence/read.ts';
import { leafHash } from '../audit/merkle.ts';
import { verifyEvidence, type Verdict } from '../audit/verify/verify.ts';
import { isRefusal } from '../domain/errors.ts';
import { keysOf, SampleLog, uuid, writeSample, type Written } from './support/evidence.ts';

const keys = keysOf();
let folder = '';
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const openReplay = (): never => {
  throw new Error('nothing is replayed here');
};

async function verified(log: Written): Promise<Verdict> {
  const path = join(folder, `${(files += 1)}.zip`);
  await writeSample(path, log, keys);
  const evidence = await openEvidence(path);
  if (isRefusal(evidence)) throw new Error(evidence.message);
  try {
    return await verifyEvidence(evidence, { keys: [keys.verifier], openReplay });
  } finally {
    evidence.close();
  }
}
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
  expect(wrong(await verified({ ...log.written(), ...third }))).toEqual([silent]);
  expect(wrong(await verified({ ...log.written(), ...third, openings: [opening(2, 1, 9)] }))).toEqual([silent]);
});

test('a file with it holds, and says what was lost each time', async () => {
  const { log, third } = sample();
  const openings = [opening(2, 1, 9), opening(3, 2, 12)];
  const verdict = await verified({ ...log.written(), ...third, openings });
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
  const verdict = await verified({ ...log.written(), ...third, sizes: [3, 7] });
  expect(wrong(verdict)).toEqual([]);
  expect(verdict.recoveries).toEqual([{ origin: 'curfew/3', began: null, lost: null }]);
});
