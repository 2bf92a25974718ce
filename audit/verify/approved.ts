/** Did as many people approve as a plan wants? */
import { stagesOf, type GrantablePlan } from '../../domain/plan.ts';
import { counted, type Word } from './case.ts';

/** @returns of each stage that lacks approvals of different people how many it had, e.g. `0 of 1 approvals for "owner"` */
export function unmet(plan: GrantablePlan, words: Iterable<Word>): readonly string[] {
  const live = counted(words);
  return stagesOf(plan).flatMap(({ need, name }, stage) => {
    const have = new Set(live.filter(({ decision }) => decision.stage === stage).map(({ decision }) => decision.person))
      .size;
    return have >= need ? [] : [`${have} of ${need} approvals for "${name}"`];
  });
}
