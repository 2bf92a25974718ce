/** A later end in a sample log: asked for, decided on, and made, with its receipt. */
import { extensionAsked, extensionDecided, extensionMade } from '../../domain/events/extension.ts';
import type { ExtensionReceipt } from '../../domain/grant.ts';
import { roleOf, type ExtensionId, type RequestId, type TargetName } from '../../domain/ids.ts';
import { minuteMs } from '../../domain/time.ts';
import { decisionId, evidenceHash, extensionDigestOf } from '../../policy/digest.ts';
import { planFor } from '../../policy/plan.ts';
import { canonical, people, policy, uuid, type SampleLog } from './evidence.ts';
import { account } from './people.ts';

type Asked = ReturnType<typeof askMore>;

/** Half an hour more, for each that was asked for. */
export function askMore(log: SampleLog, id: RequestId, number = 1, more: { fromAt?: number; endAt?: number } = {}) {
  const { kind, target, role, durationMs, ticket, digest: request } = log.opened(id);
  const askedAt = log.at;
  const { fromAt = log.claimed(id).endAt, endAt = fromAt + 30 * minuteMs * number } = more;
  const all = [people.owner, people.other];
  const { plan } = planFor(
    policy,
    { kind, requester: people.requester, target, role, durationMs, ticket, startAt: null },
    all,
    askedAt,
  );
  if (plan.verdict === 'denied') throw new Error('the sample policy denies it');
  const extension = uuid(0x7000 + number) as ExtensionId;
  const digest = extensionDigestOf({ extensionId: extension, request, endAt, reasonHash: null, plan });
  const facts = { requester: people.requester, people: all };
  const said = { extension, number, kind: 'asked' as const, fromAt, endAt, askedAt, judgedMs: durationMs };
  log.append(extensionAsked(people.requester.id, id, { ...said, digest, reason: null, plan, facts }));
  return { extension, number, fromAt, endAt, digest };
}

export function decideMore(
  log: SampleLog,
  id: RequestId,
  { extension, digest }: Asked,
  verdict: 'approve' | 'deny',
): number {
  const madeAt = log.at;
  const said = { digest, stage: 0, verdict };
  const decision = decisionId({ requestId: id, ...said, person: people.owner.id, voidsBefore: 0 });
  const facts = { person: people.owner, account: account(madeAt) };
  const requester = { id: people.requester.id, aliases: [] };
  return log.append(
    extensionDecided(people.owner.id, id, { extension, decision, ...said, madeAt, denial: null, facts, requester }),
  );
}

/** @param more what its receipt says otherwise */
export function moreMade(
  log: SampleLog,
  id: RequestId,
  asked: Omit<Asked, 'digest'>,
  more: Partial<ExtensionReceipt> = {},
): number {
  const { extension, number, fromAt, endAt } = asked;
  const seen = { target: 'orders-prod' as TargetName, role: roleOf(id), endAt, validUntilAt: endAt, canLogin: true };
  const receipt: ExtensionReceipt = { kind: 'extension', requestId: id, extension, ...seen, readAt: log.at, ...more };
  log.receipts.push(canonical(receipt));
  const body = { extension, number, fromAt, endAt, receipt: evidenceHash(receipt) };
  return log.append(extensionMade(people.requester.id, id, body), 'curfew_worker');
}
