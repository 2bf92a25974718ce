import { CurfewError } from '../domain/errors.ts';
import type { PolicyHash } from '../domain/ids.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import * as policies from '../store/policies.ts';
import type { Db } from '../store/pool.ts';
import type { Log } from './context.ts';

/**
 * Reads the policy that holds now. Its hash is asked for each time, its text only when that has changed.
 * @returns a function that throws `CurfewError`: `PolicyDenied` where no policy holds, or one that this version does
 *   not understand (unknown policy, no grant: I18); `NotRecorded` where the store does not answer
 */
export function policyInForce(store: Db, log: Log): () => Promise<LoadedPolicy> {
  const kept = new Map<PolicyHash, LoadedPolicy>();
  return async () => {
    const hash = await policies.currentHash(store);
    const known = hash === undefined ? undefined : kept.get(hash);
    if (known) return known;
    const version = hash === undefined ? undefined : await policies.byHash(store, hash);
    if (!version) throw new CurfewError('PolicyDenied', 'No policy holds yet: an administrator applies one first.');
    const policy = understood(version);
    if (!policy) {
      log.error({ policy: version.hash, number: version.number }, 'the policy that holds is not understood');
      throw new CurfewError('PolicyDenied', 'The policy that holds is not understood: tell an administrator.');
    }
    kept.clear();
    kept.set(version.hash, policy);
    return policy;
  };
}

/** How many versions are read back, at most, for one that is understood. */
const longestLook = 50;

/**
 * The newest policy that this version of Curfew understands, whether it holds or not. For the question who may end a
 * grant, and for nothing that gives any.
 * @returns undefined where there is none among the newest fifty
 */
export async function lastUnderstood(store: Db): Promise<LoadedPolicy | undefined> {
  let version = await policies.current(store);
  for (let looked = 0; version && looked < longestLook; looked += 1) {
    const policy = understood(version);
    if (policy) return policy;
    version = await policies.before(store, version.number);
  }
  return undefined;
}

function understood({ text, hash }: policies.PolicyVersion): LoadedPolicy | undefined {
  const parsed = parsePolicy(text);
  return parsed.ok && parsed.policy.hash === hash ? parsed.policy : undefined;
}
