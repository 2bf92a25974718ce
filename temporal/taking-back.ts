import type { ErrorCode } from '../domain/errors.ts';
import { endAsked } from '../domain/events/grant.ts';
import { extensionFailed } from '../domain/events/extension.ts';
import { append } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as requests from '../store/requests.ts';
import type { OutboxMessage, Payloads } from './messages.ts';

const actor = 'curfew_worker';

/**
 * What follows in the store from a Workflow's final no that the relay heard, its writer being gone: the store may not
 * go on believing what the Workflow refused. A refused decision never counted, so it is void and its seat is free. Of a
 * refused claim nothing may come any more although its ticket is good, so its end is asked for. A refused extension has
 * failed. Each may be done again.
 * @param code why the Workflow refused
 */
export async function takeBack(store: Store, message: OutboxMessage, code: ErrorCode | 'unexpected'): Promise<void> {
  if (message.kind === 'decide') await voidDecision(store, message.payload, `refused: ${code}`);
  if (message.kind === 'claim') await endClaim(store, message.payload, code);
  if (message.kind === 'extend') await failExtension(store, message.payload, code);
}

const failExtension = (store: Store, { requestId, input }: Payloads['extend'], code: string): Promise<void> =>
  store.transaction(async (tx) => {
    const { extensionId, step } = input;
    const cause = `refused: ${code}`;
    const extension = await extensions.byId(tx, extensionId);
    if (step === 'over' || extension?.requestId !== requestId) return;
    if (!(await extensions.saveOutcome(tx, { extensionId, kind: 'failed', cause, evidence: null }))) return;
    await append(tx, extensionFailed(actor, requestId, { extension: extensionId, number: extension.number, cause }));
  });

/** NB. A decision that is known to have counted stays: a run that the server lost may be what counted it. */
const voidDecision = (store: Store, { requestId, input }: Payloads['decide'], cause: string): Promise<void> =>
  store.transaction(async (tx) => {
    const { decisionId: id } = input;
    const made = (await decisions.of(tx, requestId)).some((decision) => decision.id === id);
    const state = (await projections.viewOf(tx, requestId))?.state;
    const counted = state && 'approvals' in state && state.approvals.some((approval) => approval.decisionId === id);
    if (!made || counted || (await grants.byId(tx, requestId))) return;
    await decisions.voidOne(tx, { id, requestId }, cause, actor);
  });

/** The credential's id is the intent's too: however often the refusal is heard, it is one. */
const endClaim = (store: Store, { requestId, input }: Payloads['claim'], code: string): Promise<void> =>
  store.transaction(async (tx) => {
    const request = await requests.byId(tx, requestId);
    if (!request) return;
    const scope = { kind: 'grant', requestId, target: request.target } as const;
    const cause = 'revoked';
    if (!(await intents.insert(tx, { id: input.credentialId, scope, actor, cause }))) return;
    await append(tx, endAsked(actor, requestId, { cause, refused: code }));
  });
