/** The policies of an evidence file, by the hash that entries name. */
import { policyMember } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { policyHash } from '../../policy/digest.ts';
import { parsePolicy, type LoadedPolicy } from '../../policy/parse.ts';

/** @returns the policy, or why there is none to judge by */
export type Policies = (hash: string) => Promise<LoadedPolicy | string>;

const foreign = 'is no policy that this version understands.';

/** Is that why there is none: not that the file lacks it, but that it is written in another version's language? */
export const isForeign = (why: string): boolean => why.endsWith(foreign);

const mostKept = 8;

/** A policy is compiled once for all requests that follow one another under it. */
export function policiesOf(evidence: Pick<Evidence, 'bytes' | 'names'>): Policies {
  const kept = new Map<string, LoadedPolicy | string>();
  return async (hash) => {
    const known = kept.get(hash);
    if (known !== undefined) return known;
    const read = /^[0-9a-f]{64}$/.test(hash) ? await readPolicy(evidence, hash) : 'That is no hash of a policy.';
    if (kept.size >= mostKept) kept.clear();
    kept.set(hash, read);
    return read;
  };
}

async function readPolicy(evidence: Pick<Evidence, 'bytes' | 'names'>, hash: string): Promise<LoadedPolicy | string> {
  const member = policyMember(hash);
  const bytes = await evidence.bytes(member).catch(() => undefined);
  if (!bytes) return evidence.names.has(member) ? `${member} is damaged.` : `${member} is not in this file.`;
  const text = bytes.toString('utf8');
  if (policyHash(text) !== hash) return `${member} is another text than the one of that hash.`;
  const parsed = parsePolicy(text);
  return parsed.ok ? parsed.policy : `${member} ${foreign}`;
}
