/** Requests that have no Workflow any more to end them: how they are closed, by whoever finds them. */
import { randomUUID } from 'node:crypto';
import { requestClosed } from '../domain/events/request.ts';
import { endAsked } from '../domain/events/grant.ts';
import type { RequestId, TargetName } from '../domain/ids.ts';
import type { End } from '../domain/request.ts';
import type { RequestView } from '../domain/view.ts';
import { append } from '../store/audit.ts';
import { dropMessages } from '../store/compared.ts';
import * as intents from '../store/intents.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Db } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import type { Gone } from '../doctor/reconcile/found.ts';

const actor = 'curfew_worker';

/** The row by which the outbox paints a request once more; absent where there is no Slack. */
export type Repaint = (requestId: RequestId, version: number) => NewMessage;

/** How a request ends whose Workflow is gone: an operator's word, or nobody's. */
export const endOf = (how: Gone): End =>
  how === 'terminated'
    ? { outcome: 'cancelled', cause: 'an operator terminated its Workflow' }
    : { outcome: 'failed', cause: how === 'lost' ? 'its Workflow was lost' : 'its Workflow failed' };

/**
 * Asks for the end of one grant, unless that is asked for already: the reaper does it within a second. Entry `end.asked`.
 * @param finding the kind of what was found, for the entry
 */
export async function askEnd(
  tx: Db,
  {
    requestId,
    target,
    finding,
  }: { readonly requestId: RequestId; readonly target: TargetName; readonly finding: string },
): Promise<void> {
  const [owed] = await tx.query(
    `select from curfew.revoke_intent i where i.request_id = $1 and i.target = $2
       and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = i.target) limit 1`,
    [requestId, target],
  );
  if (owed) return;
  const scope = { kind: 'grant', requestId, target } as const;
  await intents.insert(tx, { id: randomUUID(), scope, actor, cause: 'revoked' });
  await append(tx, endAsked(actor, requestId, { cause: 'revoked', finding }));
}

/** What the store last heard of a request; of one that never said a word, that it was opened. */
export async function lastView(tx: Db, requestId: RequestId): Promise<RequestView | undefined> {
  const view = await projections.viewOf(tx, requestId);
  if (view) return view;
  const request = await requests.byId(tx, requestId);
  if (!request) return undefined;
  const { decideByAt } = request;
  return { version: 0, state: { kind: 'requested', needs: [] }, decideByAt, useByAt: null, noticed: false };
}

/** The same request on its way out, as its Workflow would have had it. */
export function revokingView(view: RequestView, end: End): RequestView {
  const { state } = view;
  if (state.kind === 'revoking') return view;
  const approvals = 'approvals' in state ? state.approvals : [];
  const endAt = state.kind === 'active' ? { endAt: state.endAt } : {};
  return { ...view, state: { kind: 'revoking', approvals, end, ...endAt } };
}

/**
 * Closes a request of which nothing was claimed. In its turn: whoever claims it meanwhile is seen, or finds it closed.
 * @returns false where there is something to revoke first, or it is closed
 */
export async function closeUnheld(
  tx: Db,
  requestId: RequestId,
  { outcome, cause }: End,
  now: number,
  repaint?: Repaint,
): Promise<boolean> {
  await requests.takeTurn(tx, requestId);
  const [claimed] = await tx.query('select from curfew.claim where request_id = $1', [requestId]);
  const view = claimed ? undefined : await lastView(tx, requestId);
  if (!view || view.state.kind === 'closed') return false;
  const version = view.version + 1;
  if (!(await projections.save(tx, requestId, { ...view, version, state: { kind: 'closed', outcome, cause } }, now)))
    return false;
  await append(tx, requestClosed(actor, requestId, { outcome, cause }));
  // What waited for the Workflow waits for nobody any more, and people see that it is over.
  await dropMessages(tx, requestId);
  if (repaint) await enqueue(tx, repaint(requestId, version));
  return true;
}
