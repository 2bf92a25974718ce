/**
 * One look at an evidence file in a process of its own, so that memory and processor time are this look's alone:
 * `verify-child.ts LOOK FILE KEY FROM TO`. Prints one line of JSON.
 */
import { openEvidence } from '../../audit/evidence/read.ts';
import { readVerifier } from '../../audit/signed-note.ts';
import { verifyEvidence } from '../../audit/verify/verify.ts';
import { proveLog } from '../../audit/verify/walk.ts';
import { isRefusal } from '../../domain/errors.ts';
import { hashAsOne, hashLeafByLeaf } from './floor.ts';

/** `log`: check 1 alone; `whole`: all five; the rest are floors. */
export type Look = 'log' | 'whole' | 'leaves' | 'stream';
export type Looked = {
  /** Of the processor, in all threads, without the start of the process. */
  readonly cpuMs: number;
  readonly ms: number;
  readonly rssBytes: number;
  /** Hex; of `leaves`: the root. */
  readonly root: string;
};

const openReplay = () => Promise.reject(new Error('the bench has no histories'));
const [look = '', path = '', key = '', from = '', to = ''] = process.argv.slice(2);
const looks: Readonly<Record<string, () => Promise<string>>> = {
  log: () => verified(false),
  whole: () => verified(true),
  leaves: async () => (await hashLeafByLeaf({ path, from: Number(from), to: Number(to) })).toString('hex'),
  stream: async () => (await hashAsOne({ path, from: Number(from), to: Number(to) })).toString('hex'),
};
const run = looks[look];
if (!run) throw new Error(`no such look: ${look}`);
const [cpu, startedAt] = [process.cpuUsage(), performance.now()];
const root = await run();
const { user, system } = process.cpuUsage(cpu);
const looked: Looked = {
  cpuMs: (user + system) / 1_000,
  ms: performance.now() - startedAt,
  rssBytes: process.resourceUsage().maxRSS * 1_024,
  root,
};
process.stdout.write(`${JSON.stringify(looked)}\n`);

/** @throws Error where the evidence does not hold: then nothing was measured */
async function verified(whole: boolean): Promise<string> {
  const verifier = readVerifier(key);
  if (isRefusal(verifier)) throw new Error(verifier.message);
  const evidence = await openEvidence(path);
  if (isRefusal(evidence)) throw new Error(evidence.message);
  try {
    if (!whole) {
      const { holds, first } = await proveLog(evidence, [verifier]);
      if (!holds || (await evidence.damage(holds)).length > 0) throw new Error(`it does not hold: ${first[0]?.why}`);
      return '';
    }
    const { holds, checks } = await verifyEvidence(evidence, { keys: [verifier], openReplay });
    if (!holds) throw new Error(`the evidence does not hold: ${JSON.stringify(checks.map(({ first }) => first[0]))}`);
    return '';
  } finally {
    evidence.close();
  }
}
