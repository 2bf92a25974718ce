/** Check 5, of a later end: it is the one that was asked for, and whoever had to say yes to it did. */
import type { ExtensionReceipt } from '../../domain/grant.ts';
import { roleOf, type RequestId } from '../../domain/ids.ts';
import { stagesOf } from '../../domain/plan.ts';
import { unmet } from './approved.ts';
import type { Case, ExtensionMadeBody } from './case.ts';

/** @returns why the end of a grant cannot have moved so; nothing of an extension that nobody asked for, which check 2 finds */
export function whyNotExtended({ extensions, endAt }: Case, made: ExtensionMadeBody): readonly string[] {
  const extension = extensions.get(made.extension);
  if (!extension) return [];
  const { asked, words } = extension;
  const denied = words.some(({ decision }) => decision.verdict === 'deny');
  // NB. What does not say that it goes by itself has to be approved, whatever else it says.
  const bySomebody = asked.kind !== 'automatic';
  const without = bySomebody && stagesOf(asked.plan).length === 0;
  return [
    ...(made.endAt === asked.endAt ? [] : ['It has another end than was asked for.']),
    ...(made.fromAt === asked.fromAt ? [] : ['It begins at another instant than was asked for.']),
    ...(asked.fromAt === endAt ? [] : ['It begins at another instant than that at which the grant would have ended.']),
    ...(asked.endAt - asked.fromAt <= asked.judgedMs ? [] : ['It adds more than was judged.']),
    ...(denied ? ['Somebody had denied it.'] : []),
    ...(without ? ['Nobody was to approve it, and it was not one that goes by itself.'] : []),
    ...(bySomebody ? unmet(asked.plan, words).map((lacks) => `It was made with ${lacks}.`) : []),
  ];
}

/** @returns why the receipt does not say that the target moved this end of this grant */
export function whyNotMoved(
  receipt: ExtensionReceipt,
  request: string,
  made: ExtensionMadeBody,
  one: Case | undefined,
): readonly string[] {
  const target = one?.opened.target ?? receipt.target;
  return [
    ...(receipt.extension === made.extension ? [] : ['Its receipt is of another extension.']),
    ...(receipt.role === roleOf(request as RequestId) ? [] : ['Its receipt is of another login.']),
    ...(receipt.target === target ? [] : ['Its receipt is of another target.']),
    ...(receipt.endAt === made.endAt ? [] : ['Its receipt has another end.']),
    ...(receipt.canLogin && receipt.validUntilAt <= receipt.endAt
      ? []
      : ['Its login takes sessions past its end, or none.']),
  ];
}
