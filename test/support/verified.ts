/** What `verifyEvidence` says of a sample log: written into a file, read back, and gone again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEvidence } from '../../audit/evidence/read.ts';
import { verifyEvidence, type Verdict, type VerifyInput } from '../../audit/verify/verify.ts';
import { isRefusal } from '../../domain/errors.ts';
import type { RequestId } from '../../domain/ids.ts';
import { keysOf, SampleLog, writeSample, type Written } from './evidence.ts';

/** By which samples are signed. */
export const keys = keysOf();

/** A log in which one request is held, and until when, epoch ms. */
export function held(): { readonly log: SampleLog; readonly id: RequestId; readonly endAt: number } {
  const log = new SampleLog();
  log.applyPolicy();
  const { id } = log.ask();
  log.decide(id);
  log.claim(id);
  log.grant(id);
  return { log, id, endAt: log.claimed(id).endAt };
}

/** @param input what else there is than the key; without it nothing is replayed */
export async function verdictOn(log: Written, input: Partial<VerifyInput> = {}): Promise<Verdict> {
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
        ...input,
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
