/** Every entry is looked at twice, and what the second look did not come to is not said to hold. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEvidence, type Evidence } from '../audit/evidence/read.ts';
import { verifyEvidence, type Verdict } from '../audit/verify/verify.ts';
import { isRefusal } from '../domain/errors.ts';
import { keysOf, SampleLog, writeSample } from './support/evidence.ts';

const keys = keysOf();
let folder = '';
let evidence: Evidence;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  const log = new SampleLog();
  log.applyPolicy();
  log.whole();
  await writeSample(join(folder, 'one.zip'), log, keys);
  const opened = await openEvidence(join(folder, 'one.zip'));
  if (isRefusal(opened)) throw new Error(opened.message);
  evidence = opened;
});
afterAll(async () => {
  evidence?.close();
  await rm(folder, { recursive: true, force: true });
});

const noReplay = (): never => {
  throw new Error('nothing is replayed here');
};

/** Verifies a file that is another one from the second look at its entries on. */
function lookedAt(second: (lines: AsyncGenerator<readonly Buffer[]>) => AsyncGenerator<readonly Buffer[]>) {
  let looks = 0;
  const lines: Evidence['lines'] = (name, longest) => {
    const given = evidence.lines(name, longest);
    return name === 'entries.jsonl' && (looks += 1) > 1 ? second(given) : given;
  };
  return verifyEvidence({ ...evidence, lines }, { keys: [keys.verifier], openReplay: noReplay });
}
const said = ({ checks }: Verdict) => checks[1]?.first.map(({ what, why }) => `${what}: ${why}`);

test('a file that can be read once and no more is not said to hold', async () => {
  const verdict = await lookedAt(async function* () {
    yield [];
    throw new Error('EIO: i/o error, read');
  });
  expect(verdict.holds).toBe(false);
  expect(said(verdict)?.[0]).toBe('entries.jsonl: It could not be read to its end: EIO: i/o error, read.');
});

test('a progress bar that fails leaves nothing unjudged that is said to hold', async () => {
  const verdict = await verifyEvidence(evidence, {
    keys: [keys.verifier],
    openReplay: noReplay,
    onProgress: (done) => {
      if (done > 6) throw new Error('EPIPE');
    },
  });
  expect(verdict.holds).toBe(false);
});

test('and it holds where both looks see the same', async () => {
  const verdict = await lookedAt((lines) => lines);
  expect(verdict).toMatchObject({ holds: true });
});
