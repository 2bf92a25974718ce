/**
 * What must reach Temporal or Slack although a process may die in between. Whoever changes the store writes one of
 * these into the outbox, in the same transaction, and sends it at once; the relay sends what was not done by then.
 */
import type { CredentialId, DecisionId, PersonId, RequestId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import type { OpenAlarm } from '../store/alarms.ts';
import type { NewMessage } from '../store/outbox.ts';
import {
  accessRequestId,
  leaveId,
  type AccessRequestInput,
  type DecideInput,
  type LeaveInput,
} from '../workflows/contract.ts';
import type { Temporal } from './connection.ts';

type About<Input> = { readonly requestId: RequestId; readonly input: Input };

/** Ids, rules and instants: no names, no reason, no verifier. */
export type Payloads = {
  readonly start: AccessRequestInput;
  readonly decide: About<DecideInput>;
  readonly claim: About<{ readonly credentialId: CredentialId }>;
  readonly release: About<{ readonly actor: PersonId }>;
  readonly withdraw: About<{ readonly actor: PersonId }>;
  readonly revoke: About<{ readonly actor: string; readonly cause: string }>;
  /** One for each decision that was voided: a person may decide again, and be voided again. */
  readonly void: About<{ readonly personId: PersonId }> & { readonly decisionId: DecisionId };
  readonly leave: LeaveInput;
  /** A break-glass request, before there is any credential (I13). */
  readonly announce: { readonly requestId: RequestId };
  readonly alarm: OpenAlarm;
};

export type OutboxKind = keyof Payloads;
export type OutboxMessage = {
  [Kind in OutboxKind]: { readonly kind: Kind; readonly payload: Payloads[Kind] };
}[OutboxKind];

/** Where messages to people go: Slack in the worker, the log alone where there is no Slack. Both may be sent twice. */
export type Channels = {
  announce(message: Payloads['announce']): Promise<void>;
  alarm(message: Payloads['alarm']): Promise<void>;
};

/** The row for the outbox. Its key is the id of what it starts or updates, so that sending twice is harmless. */
export const toRow = (message: OutboxMessage): NewMessage => ({
  kind: message.kind,
  key: keyOf(message),
  payload: message.payload,
});

function keyOf(message: OutboxMessage): string {
  switch (message.kind) {
    case 'start':
      return accessRequestId(message.payload.requestId);
    case 'decide':
      return message.payload.input.decisionId;
    case 'claim':
      return `claim:${message.payload.input.credentialId}`;
    case 'release':
    case 'withdraw':
    case 'revoke':
    case 'announce':
      return `${message.kind}:${message.payload.requestId}`;
    case 'void':
      return `void:${message.payload.decisionId}`;
    case 'leave':
      return leaveId(message.payload.personId, message.payload.event);
    case 'alarm':
      return message.payload.id;
  }
}

const kinds: Readonly<Record<OutboxKind, true>> = {
  start: true,
  decide: true,
  claim: true,
  release: true,
  withdraw: true,
  revoke: true,
  void: true,
  leave: true,
  announce: true,
  alarm: true,
};

/** @returns undefined for a kind that this version does not know: it is a newer one's to send */
export const fromRow = (row: { readonly kind: string; readonly payload: unknown }): OutboxMessage | undefined =>
  Object.hasOwn(kinds, row.kind) ? ({ kind: row.kind, payload: row.payload } as OutboxMessage) : undefined;

/** The request that a message is about; undefined for a leaver and an alarm. */
export function requestOf(message: OutboxMessage): RequestId | undefined {
  return message.kind === 'leave' || message.kind === 'alarm' ? undefined : message.payload.requestId;
}

/**
 * Sends one message, however often.
 * @returns the view that an Update answered with: whoever gets one keeps it in the store's projection
 * @throws CurfewError as `Temporal` does; for people's messages whatever the channel throws
 */
export async function send(
  temporal: Temporal,
  channels: Channels,
  message: OutboxMessage,
): Promise<RequestView | undefined> {
  switch (message.kind) {
    case 'start':
      await temporal.startRequest(message.payload);
      return undefined;
    case 'decide':
      return temporal.decide(message.payload.requestId, message.payload.input);
    case 'claim':
      return temporal.claim(message.payload.requestId, message.payload.input);
    case 'release':
      return temporal.release(message.payload.requestId, message.payload.input);
    case 'withdraw':
      return temporal.withdraw(message.payload.requestId, message.payload.input);
    case 'revoke':
      await temporal.revoke(message.payload.requestId, message.payload.input);
      return undefined;
    case 'void':
      await temporal.voidDecisions(message.payload.requestId, message.payload.input);
      return undefined;
    case 'leave':
      await temporal.startLeave(message.payload);
      return undefined;
    case 'announce':
      await channels.announce(message.payload);
      return undefined;
    case 'alarm':
      await channels.alarm(message.payload);
      return undefined;
  }
}
