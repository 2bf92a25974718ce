import type { PersonId } from '../domain/ids.ts';
import { stagesOf, type Selector } from '../domain/plan.ts';
import type { RequestModel } from '../slack/views/model.ts';
import { peopleMatching } from '../store/people.ts';
import type { Db } from '../store/pool.ts';

/**
 * Everybody whose App Home may look different after a change of this request: its requester, whoever had a word, and
 * all whom its stages or its review name, with those to whom they escalate: also for those who cannot decide any more it
 * changes.
 */
export async function concernedBy(db: Db, model: RequestModel): Promise<readonly PersonId[]> {
  const asked = model.plan.verdict === 'break-glass' ? [model.plan.review] : stagesOf(model.plan);
  const selectors = asked.flatMap(({ from, escalate }): readonly Selector[] => [...from, ...(escalate?.to ?? [])]);
  const named = selectors.length > 0 ? await peopleMatching(db, selectors) : [];
  const spoke = model.decisions.map(({ person }) => person);
  return [...new Set([model.requester, ...spoke, ...model.eligible, ...named])];
}
