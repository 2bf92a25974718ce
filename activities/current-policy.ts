import { CurfewError } from '../domain/errors.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import * as policies from '../store/policies.ts';
import type { Db } from '../store/pool.ts';

export type CurrentPolicy = (db: Db) => Promise<LoadedPolicy>;

/**
 * The policy that holds, parsed once for each version.
 * @throws CurfewError `PolicyDenied` where there is none, or none that can be read: then nothing is granted (I18);
 *   `NotRecorded` where the store does not answer
 */
export function currentPolicy(): CurrentPolicy {
  let kept: LoadedPolicy | undefined;
  return async (db) => {
    const hash = await policies.currentHash(db);
    if (kept && kept.hash === hash) return kept;
    const version = await policies.current(db);
    if (!version) throw new CurfewError('PolicyDenied', 'There is no policy yet, so nothing is granted.');
    const parsed = parsePolicy(version.text);
    if (!parsed.ok || parsed.policy.hash !== version.hash) {
      throw new CurfewError('PolicyDenied', 'The policy in the store cannot be read, so nothing is granted.');
    }
    kept = parsed.policy;
    return kept;
  };
}
