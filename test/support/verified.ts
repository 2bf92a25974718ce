/** What `verifyEvidence` says of a sample log: written into a file, read back, and gone again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEvidence } from '../../audit/evidence/read.ts';
import { verifyEvidence, type Verdict } from '../../audit/verify/verify.ts';
import { isRefusal } from '../../domain/errors.ts';
import { keysOf, writeSample, type Written } from './evidence.ts';

/** By which samples are signed. */
export const keys = keysOf();

export async function verdictOn(log: Written): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  try {
    const path = join(folder, 'sample.zip');
    await writeSample(path, log, keys);
    const evidence = await openEvidence(path);
    if (isRefusal(evidence)) throw new Error(evidence.message);
    try {
      return await verifyEvidence(evidence, {
        keys: [keys.verifier],
        openReplay: () => Promise.reject(new Error('nothing is replayed here')),
      });
    } finally {
      evidence.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All that does not hold, as `check: why`. */
export const wrongIn = ({ checks, damaged }: Verdict): readonly string[] => [
  ...damaged,
  ...checks.flatMap(({ check, first }) => first.map(({ why }) => `${check}: ${why}`)),
];

/** What was counted, of all checks together. */
export const countsOf = ({ checks }: Verdict): Readonly<Record<string, number>> =>
  Object.assign({}, ...checks.map(({ counts }) => counts)) as Record<string, number>;
