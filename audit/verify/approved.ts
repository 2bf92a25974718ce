/**
 * Did as many people approve as a plan wants?
 *
 * An approver may leave while the grant is on its way to the target, and no lock holds up the one for the other (I8).
 * Then the approval is void by a moment before the grant is there, and whatever has to end for that is asked to end only
 * when somebody has seen that it is there: a grant like that is judged once its end was asked for, or is over.
 */
import { stagesOf, type GrantablePlan } from '../../domain/plan.ts';
import { minuteMs, secondMs } from '../../domain/units.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { counted, textIn, type Case, type Word } from './case.ts';
import type { Tally } from './report.ts';

/**
 * So long before the grant was written down an approval may have become void that had counted when it was judged: an
 * attempt has ten seconds, and the store a quarter of a minute for a statement. By the store's clock alone: whoever grants
 * could name any instant.
 */
const crossedWithinMs = 30 * secondMs;
/** Whoever looks at what a leaver approved does so every few seconds; it may have been down meanwhile. */
const overWithinMs = 5 * minuteMs;

export type ApprovedCheck = {
  granted(entry: PlacedEntry, one: Case): void;
  /** Its end was asked for, or nothing is left of it. */
  over(entry: PlacedEntry, one: Case): void;
  /** @param at epoch ms: what was granted long before that, and nobody has asked the end of, is bad */
  finish(at: number): void;
};

/** Granted on words that had just become void. */
type Crossed = { readonly entry: PlacedEntry; readonly lacks: readonly string[]; readonly words: readonly Word[] };

export function checkApproved(tally: Tally): ApprovedCheck {
  /** By request. */
  const crossed = new Map<string, Crossed>();

  const bad = ({ entry, lacks }: Crossed): void => {
    for (const lack of lacks) tally.bad(entry, `It was granted with ${lack}, and its end was not asked for.`);
  };

  return {
    granted(entry, one) {
      const { plan, kind } = one.opened;
      if (!one.claim) return tally.bad(entry, 'Nobody claimed it.');
      if ((plan.verdict === 'break-glass') !== (kind === 'break-glass'))
        return tally.bad(entry, 'Its plan is not for what was asked.');
      const words = [...one.words.values()];
      const lacks = unmet(plan, words);
      if (lacks.length === 0) return undefined;
      const judged = words.map(({ voided, ...word }): Word =>
        voided && entry.atMs - voided.atMs > crossedWithinMs ? { ...word, voided } : word,
      );
      if (unmet(plan, judged).length === 0) crossed.set(one.id, { entry, lacks, words });
      else for (const lack of lacks) tally.bad(entry, `It was granted with ${lack}.`);
      return undefined;
    },
    over(entry, one) {
      const made = crossed.get(one.id);
      if (!made) return;
      const forIt =
        textIn(entry, 'cause') === 'tainted' &&
        made.words.some(({ voided, decision }) => voided && decision.id === textIn(entry, 'decision'));
      if (forIt || entry.atMs - made.entry.atMs <= overWithinMs)
        tally.count('grants that ended because an approval became void on their way');
      else if (entry.kind === 'grant.ended') bad(made);
      else return;
      crossed.delete(one.id);
    },
    finish(at) {
      for (const made of crossed.values()) if (at - made.entry.atMs > overWithinMs) bad(made);
    },
  };
}

/** @returns of each stage that lacks approvals of different people how many it had, e.g. `0 of 1 approvals for "owner"` */
export function unmet(plan: GrantablePlan, words: Iterable<Word>): readonly string[] {
  const live = counted(words);
  return stagesOf(plan).flatMap(({ need, name }, stage) => {
    const have = new Set(live.filter(({ decision }) => decision.stage === stage).map(({ decision }) => decision.person))
      .size;
    return have >= need ? [] : [`${have} of ${need} approvals for "${name}"`];
  });
}
