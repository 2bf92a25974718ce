import { randomUUID } from 'node:crypto';
import { endAsked } from '../domain/events/grant.ts';
import type { RequestId } from '../domain/ids.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import { append } from '../store/audit.ts';
import * as intents from '../store/intents.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Db } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';

export type EndMessages = {
  readonly revoke: (of: {
    readonly requestId: RequestId;
    readonly actor: string;
    readonly cause: string;
  }) => NewMessage;
};

/** What the policy does not give any more. */
export type Verdict = {
  readonly cause: 'policy' | 'moved';
  /** What comes before the reasons where a person reads them, without names. */
  readonly says: string;
  readonly policy: LoadedPolicy;
  readonly reasons: readonly string[];
};

const actor = 'curfew_worker';
/** Shown on the card, to the holder and to those who decided: as much as fits there. */
const longestCause = 250;

/** In the request's turn: the intent, its entry, and the word to its Workflow. */
export async function askTheEnd(
  { revoke }: EndMessages,
  tx: Db,
  { id: requestId, target }: RequestRow,
  { cause, says, policy, reasons }: Verdict,
): Promise<void> {
  await intents.insert(tx, { id: randomUUID(), scope: { kind: 'grant', requestId, target }, actor, cause });
  await append(tx, endAsked(actor, requestId, { cause, policy: policy.hash, reasons }));
  // Whoever shows a cause ends the sentence.
  const why = reasons.join(' ').slice(0, longestCause).replace(/\.$/, '');
  await enqueue(tx, revoke({ requestId, actor, cause: `${says}: ${why}` }));
}
