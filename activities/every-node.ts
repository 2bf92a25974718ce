import { greatestBatch, type Target } from '../targets/postgres/accessor.ts';
import type { Live } from '../targets/postgres/calls.ts';

/**
 * Sessions live on standbys too, and the primary does not know of them: those of what has ended are counted on every
 * node. A cluster of one node is asked nothing.
 * @param nodes those that answer, the primary left out
 * @throws TargetError where one of them does not answer this
 */
export async function withSessionsOf(
  target: Pick<Target, 'openWork'>,
  nodes: readonly string[],
  live: readonly Live[],
): Promise<readonly Live[]> {
  const ended = live.flatMap(({ grantId, state }) => (grantId !== null && state === 'revoked' ? [grantId] : []));
  const more = new Map<string, number>();
  for (const node of nodes)
    for (let from = 0; from < ended.length; from += greatestBatch)
      for (const { grantId, sessions } of await target.openWork(node, ended.slice(from, from + greatestBatch)))
        more.set(grantId, (more.get(grantId) ?? 0) + sessions);
  return live.map((row) => ({ ...row, sessions: row.sessions + (more.get(row.grantId ?? '') ?? 0) }));
}
