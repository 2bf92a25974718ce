import { formatIssue } from '../../policy/issue.ts';
import { compare } from '../../policy/compare.ts';
import { parsePolicy, type LoadedPolicy } from '../../policy/parse.ts';
import type { Db } from '../../store/pool.ts';
import { companyIn } from './company.ts';

/**
 * What a new policy would change for whom in the directory of this store, one line each.
 * @param held the text that holds; undefined where nothing does: then nobody loses anything
 */
export async function changesAgainst(
  db: Db,
  held: string | undefined,
  wanted: LoadedPolicy,
  now: number,
): Promise<readonly string[]> {
  if (held === undefined) return [];
  const before = parsePolicy(held, 'the policy that holds');
  // A version that this Curfew cannot read is one that it grants nothing by.
  if (!before.ok)
    return before.issues.slice(0, 1).map((issue) => `The policy that holds cannot be read: ${formatIssue(issue)}`);
  const { people, handleOf } = await companyIn(db);
  return compare(before.policy, wanted, people, { now, nameOf: handleOf }).lines;
}
