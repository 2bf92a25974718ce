/** Part of check 3: whether something stays that rests on a leaver's approval was for somebody else to say (I6). */
import type { TaintAnswered } from '../../domain/events/review.ts';
import { isRefusal } from '../../domain/errors.ts';
import type { GrantablePlan } from '../../domain/plan.ts';
import { judge } from '../../policy/eligibility.ts';
import { stageToAnswer } from '../../policy/taint.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { counted, type Case, type Word } from './case.ts';

/** @returns why the answer does not count, by the facts that stand in it */
export function whyNotAnswer(entry: PlacedEntry, one: Case): readonly string[] {
  const body = entry.body as unknown as TaintAnswered;
  const { facts, madeAt, requester, counted: others } = body;
  const rests = restsOn(one, body.decision);
  const stage = rests && stageToAnswer(rests.plan, rests.word.decision.stage);
  if (!rests || !stage) return ['It is about the approval of nobody.'];
  const { digest } = one.opened;
  const click = { verdict: 'approve', digest, stage: 0, facts, madeAt } as const;
  const seat = judge({ requester, digest, stages: [stage] }, click, others);
  const named = new Set<string>(others.map(({ id }) => id));
  const unnamed = [...counted(rests.words), rests.word].filter(({ decision }) => !named.has(decision.person));
  return [
    ...(isRefusal(seat) ? [`It does not count: ${seat.message}`] : []),
    ...(requester.id === one.entry.actor ? [] : ['It was judged as a word on somebody else.']),
    ...(facts.person.id === entry.actor ? [] : ['The facts are of somebody else than who answered.']),
    ...(unnamed.length === 0 ? [] : ['It was judged without all who had approved it.']),
  ];
}

type Rests = { readonly plan: GrantablePlan; readonly word: Word; readonly words: readonly Word[] };

/** The approval that somebody has left behind, of the request or of an extension, with those beside it. */
function restsOn({ opened, words, extensions }: Case, id: string): Rests | undefined {
  const asked = [
    { plan: opened.plan, words: [...words.values()] },
    ...[...extensions.values()].map((one) => ({ plan: one.asked.plan, words: one.words })),
  ];
  return asked.flatMap((of) =>
    of.words.filter(({ decision }) => decision.id === id).map((word) => ({ ...of, word })),
  )[0];
}
