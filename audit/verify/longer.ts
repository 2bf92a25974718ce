/**
 * Part of check 3: for how long, and in which hours. An end is what was asked for, or earlier: where the hours close in
 * which the policy gives it, and for a later end where the role may not be held any longer (`service/bounds.ts`).
 */
import type { Limits } from '../../domain/plan.ts';
import { extensionDigestOf, planHash } from '../../policy/digest.ts';
import { givenToWhomever, planFor, type Ask } from '../../policy/plan.ts';
import { asksForMore, boundAnew } from '../../policy/stricter.ts';
import { windowAt } from '../../policy/windows.ts';
import type { PlacedEntry } from '../entry-line.ts';
import type { Case, ExtensionAskedBody } from './case.ts';
import type { Policies } from './policies.ts';

/** @returns why something that is given at `at` cannot last until `endAt`, both epoch ms */
export function whyNotInHours({ windows }: Limits, at: number, endAt: number): readonly string[] {
  if (!windows) return [];
  const open = windowAt(windows, at);
  if (!open) return ['The policy gives this in certain hours only, and it was none of them.'];
  return endAt <= open.closesAt ? [] : ['It lasts beyond the hours in which the policy gives this.'];
}

/** A later end, as the API judged it when it was asked for: by the policy of that moment. */
export async function judgeExtension(entry: PlacedEntry, one: Case, policies: Policies): Promise<readonly string[]> {
  const body = entry.body as unknown as ExtensionAskedBody;
  const { extension: extensionId, endAt, reason, plan, facts, askedAt, judgedMs } = body;
  const { opened, grant } = one;
  const { kind, target, role, ticket, digest: request } = opened;
  const digest = extensionDigestOf({ extensionId, request, endAt, reasonHash: reason, plan });
  const wrong = [
    ...(entry.actor === one.entry.actor ? [] : ['It was somebody else who asked for it.']),
    ...(facts.requester.id === entry.actor ? [] : ['The facts are of somebody else than who asked.']),
    ...(digest === body.digest ? [] : ['Its digest is not that of what was asked.']),
    ...whyNotInHours(plan.limits, askedAt, endAt),
  ];
  const policy = await policies(plan.policy);
  if (typeof policy === 'string') return [...wrong, policy];
  const mostMs = policy.targets.get(target)?.roles.get(role)?.maxMs ?? 0;
  if (grant && !(endAt <= grant.body.grantedAt + mostMs)) wrong.push('It lasts longer than this role may be held.');
  const ask: Ask = { kind, requester: facts.requester, target, role, durationMs: judgedMs, ticket, startAt: null };
  const planned = planFor(policy, ask, facts.people, askedAt);
  // NB. What nobody has to approve goes ahead though too few people are there who could.
  const given = givenToWhomever(planned);
  const again = body.kind === 'automatic' ? given?.plan : planned.plan;
  if (!again || planHash(again) !== planHash(plan)) wrong.push('The policy says something else of this.');
  const { template, databases = [] } = given?.gives ?? {};
  if (template !== opened.template || !opened.databases.every((name) => databases.includes(name)))
    wrong.push('The policy gives something else under this name.');
  return [...wrong, ...boundAnew(opened.plan, plan), ...(body.kind === 'automatic' ? whyNotByItself(one, plan) : [])];
}

/** What nobody has to approve rests on what was approved, and goes as often as that allowed and the policy still does. */
function whyNotByItself({ opened, extensions }: Case, plan: ExtensionAskedBody['plan']): readonly string[] {
  const allowed = Math.min(opened.plan.limits.extensions ?? 0, plan.limits.extensions ?? 0);
  const went = [...extensions.values()].filter(
    ({ asked, came }) => asked.kind === 'automatic' && came?.kind !== 'extension.failed',
  ).length;
  return [
    ...(went <= allowed ? [] : [`Only ${allowed} go by themselves, and this one took nobody's word.`]),
    ...(asksForMore(opened.plan, plan) ? ['The policy asked for more people by then, and it took nobody’s word.'] : []),
  ];
}
