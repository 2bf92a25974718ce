/**
 * What must reach Temporal or Slack although a process may die in between. Whoever changes the store writes one of
 * these into the outbox, in the same transaction, and sends it at once; the relay sends what was not done by then.
 */
import {
  isUuid,
  type CredentialId,
  type DecisionId,
  type LinkId,
  type PersonId,
  type ProposalId,
  type RequestId,
  type TaintId,
} from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import type { NewMessage } from '../store/outbox.ts';
import {
  accessRequestId,
  effectiveId,
  leaveId,
  reviewId,
  type AccessRequestInput,
  type DecideInput,
  type EffectiveInput,
  type ExtendInput,
  type LeaveInput,
  type ReviewStart,
  type RevokeInput,
} from '../workflows/contract.ts';
import { extendKey, type Temporal } from './connection.ts';

type About<Input> = { readonly requestId: RequestId; readonly input: Input };

/** Ids, rules and instants: no names, no reason, no verifier. */
export type Payloads = {
  readonly start: AccessRequestInput;
  readonly decide: About<DecideInput>;
  readonly claim: About<{ readonly credentialId: CredentialId }>;
  /** One for each step of an extension: asked, then approved or over. */
  readonly extend: About<ExtendInput>;
  readonly release: About<{ readonly actor: PersonId }>;
  readonly withdraw: About<{ readonly actor: PersonId }>;
  readonly revoke: About<RevokeInput>;
  /** One for each decision that was voided: a person may decide again, and be voided again. */
  readonly void: About<{ readonly personId: PersonId }> & { readonly decisionId: DecisionId };
  readonly leave: LeaveInput;
  /** Word on a person that takes effect later. */
  readonly effective: EffectiveInput;
  /** A break-glass request, before there is any credential (I13). */
  readonly announce: { readonly requestId: RequestId };
  /** The same through the second kind of channel. */
  readonly 'announce-webhook': { readonly requestId: RequestId };
  /** A break-glass that was granted is over: its review is asked for until somebody gives it. */
  readonly review: ReviewStart;
  /** Somebody reviewed a break-glass: its messages are painted once more, long after its Workflow closed. */
  readonly reviewed: { readonly requestId: RequestId };
  /** The same, said to the Workflow that asks for it. Where that was not started yet, it will see by itself. */
  readonly 'review-over': { readonly requestId: RequestId };
  /** What Slack could not be shown in time: its messages are painted once more, until it takes them. */
  readonly repaint: { readonly requestId: RequestId; readonly version: number };
  /** Everything of somebody who left or was suspended has ended. */
  readonly left: {
    readonly personId: PersonId;
    readonly event: string;
    readonly cause: 'left' | 'suspended';
    readonly closed: number;
    readonly voided: number;
    readonly safeAfterMs: number;
    readonly tainted?: number;
  };
  /** Of an older version: alarms have deliveries of their own by now. */
  readonly alarm: { readonly id: string };
  /** A step of a proposed policy (`store/proposals.ts`): its card is painted as it is by then. */
  readonly proposal: { readonly proposalId: ProposalId; readonly step: string };
  /** What rests on a leaver's approval: somebody is asked whether it stays, or that is settled. */
  readonly taint: { readonly taintId: TaintId; readonly step: string };
  /** What somebody made whose access is over, listed for the owners of the target. */
  readonly 'left-behind': { readonly leftId: string };
  /** A Slack account was linked in place of another, which may confirm it; or that was settled. */
  readonly link: { readonly linkId: LinkId; readonly step: string };
};

export type OutboxKind = keyof Payloads;
export type OutboxMessage = {
  [Kind in OutboxKind]: { readonly kind: Kind; readonly payload: Payloads[Kind] };
}[OutboxKind];

/** Where messages to people go: Slack in the worker, the log alone where there is no Slack. Both may be sent twice. */
export type Channels = {
  announce(message: Payloads['announce']): Promise<void>;
  announceWebhook(message: Payloads['announce-webhook']): Promise<void>;
  reviewed(message: Payloads['reviewed']): Promise<void>;
  repaint(message: Payloads['repaint']): Promise<void>;
  left(message: Payloads['left']): Promise<void>;
  proposal(message: Payloads['proposal']): Promise<void>;
  link(message: Payloads['link']): Promise<void>;
  taint(message: Payloads['taint']): Promise<void>;
  leftBehind(message: Payloads['left-behind']): Promise<void>;
};

type To = { readonly temporal: Temporal; readonly channels: Channels };
type Way<Payload> = {
  /** The id of what it starts or updates, so that sending twice is harmless. */
  readonly key: (payload: Payload) => string;
  /** Where its ids stand: a row without one of them is malformed, and nothing can be sent of it. */
  readonly ids: readonly string[];
  /** Answers with a view where there is one. */
  readonly send: (to: To, payload: Payload) => Promise<RequestView | string | void>;
};

const ways: { readonly [Kind in OutboxKind]: Way<Payloads[Kind]> } = {
  start: {
    key: ({ requestId }) => accessRequestId(requestId),
    ids: ['requestId', 'requester.id', 'target', 'digest'],
    send: ({ temporal }, payload) => temporal.startRequest(payload),
  },
  decide: {
    key: ({ input }) => input.decisionId,
    ids: ['requestId', 'input.decisionId', 'input.facts.person.id'],
    send: ({ temporal }, { requestId, input }) => temporal.decide(requestId, input),
  },
  claim: {
    key: ({ input }) => `claim:${input.credentialId}`,
    ids: ['requestId', 'input.credentialId'],
    send: ({ temporal }, { requestId, input }) => temporal.claim(requestId, input),
  },
  extend: {
    key: ({ input }) => extendKey(input),
    ids: ['requestId', 'input.extensionId', 'input.step'],
    send: ({ temporal }, { requestId, input }) => temporal.extend(requestId, input),
  },
  release: {
    key: ({ requestId }) => `release:${requestId}`,
    ids: ['requestId', 'input.actor'],
    send: ({ temporal }, { requestId, input }) => temporal.release(requestId, input),
  },
  withdraw: {
    key: ({ requestId }) => `withdraw:${requestId}`,
    ids: ['requestId', 'input.actor'],
    send: ({ temporal }, { requestId, input }) => temporal.withdraw(requestId, input),
  },
  revoke: {
    key: ({ requestId }) => `revoke:${requestId}`,
    ids: ['requestId', 'input.actor', 'input.cause'],
    send: ({ temporal }, { requestId, input }) => temporal.revoke(requestId, input),
  },
  void: {
    key: ({ decisionId }) => `void:${decisionId}`,
    ids: ['requestId', 'decisionId', 'input.personId'],
    send: ({ temporal }, { requestId, decisionId, input }) =>
      temporal.voidDecisions(requestId, { ...input, decisionId }),
  },
  leave: {
    key: ({ personId, event }) => leaveId(personId, event),
    ids: ['personId', 'event', 'cause'],
    send: ({ temporal }, payload) => temporal.startLeave(payload),
  },
  effective: {
    key: ({ source, event }) => effectiveId(source, event),
    ids: ['source', 'event'],
    send: ({ temporal }, payload) => temporal.startEffective(payload),
  },
  announce: {
    key: ({ requestId }) => `announce:${requestId}`,
    ids: ['requestId'],
    send: ({ channels }, payload) => channels.announce(payload),
  },
  'announce-webhook': {
    key: ({ requestId }) => `announce-webhook:${requestId}`,
    ids: ['requestId'],
    send: ({ channels }, payload) => channels.announceWebhook(payload),
  },
  review: {
    key: ({ requestId }) => reviewId(requestId),
    ids: ['requestId'],
    send: ({ temporal }, payload) => temporal.startReview(payload),
  },
  reviewed: {
    key: ({ requestId }) => `reviewed:${requestId}`,
    ids: ['requestId'],
    send: ({ channels }, payload) => channels.reviewed(payload),
  },
  'review-over': {
    key: ({ requestId }) => `review-over:${requestId}`,
    ids: ['requestId'],
    send: ({ temporal }, { requestId }) => temporal.reviewed(requestId),
  },
  repaint: {
    key: ({ requestId, version }) => `repaint:${requestId}:${version}`,
    ids: ['requestId'],
    send: ({ channels }, payload) => channels.repaint(payload),
  },
  left: {
    key: ({ personId, event }) => leaveId(personId, event),
    ids: ['personId', 'event', 'cause'],
    send: ({ channels }, payload) => channels.left(payload),
  },
  alarm: {
    key: ({ id }) => id,
    ids: ['id'],
    send: () => Promise.resolve(),
  },
  proposal: {
    key: ({ proposalId, step }) => `${proposalId}:${step}`,
    ids: ['proposalId', 'step'],
    send: ({ channels }, payload) => channels.proposal(payload),
  },
  taint: {
    key: ({ taintId, step }) => `${taintId}:${step}`,
    ids: ['taintId', 'step'],
    send: ({ channels }, payload) => channels.taint(payload),
  },
  'left-behind': {
    key: ({ leftId }) => leftId,
    ids: ['leftId'],
    send: ({ channels }, payload) => channels.leftBehind(payload),
  },
  link: {
    key: ({ linkId, step }) => `${linkId}:${step}`,
    ids: ['linkId', 'step'],
    send: ({ channels }, payload) => channels.link(payload),
  },
};

type MessageOf<Kind extends OutboxKind> = { readonly kind: Kind; readonly payload: Payloads[Kind] };

/** The row for the outbox; its key is unique for its kind. */
export const toRow = <Kind extends OutboxKind>({ kind, payload }: MessageOf<Kind>): NewMessage => ({
  kind,
  key: ways[kind].key(payload),
  payload,
});

/**
 * Reads one row. What a row holds was written by several logins, and one that means nothing must not hold up the rest.
 * @returns `unknown` for a kind that this version does not know: it is a newer one's to send; `malformed` where ids are
 *   missing that its kind cannot do without
 */
export function fromRow(row: { readonly kind: string; readonly payload: unknown }): OutboxMessage | NotReadable {
  if (!Object.hasOwn(ways, row.kind)) return 'unknown';
  const { ids } = ways[row.kind as OutboxKind];
  const whole = ids.every((path) => {
    const id = at(row.payload, path.split('.'));
    return typeof id === 'string' && id !== '' && (path !== 'requestId' || isUuid(id));
  });
  return whole ? ({ kind: row.kind, payload: row.payload } as OutboxMessage) : 'malformed';
}

export type NotReadable = 'unknown' | 'malformed';

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );

/** The request that a message is about; undefined for a leaver and an alarm. */
export const requestOf = ({ payload }: OutboxMessage): RequestId | undefined =>
  'requestId' in payload ? payload.requestId : undefined;

/** What people see of one request. */
const painted = ['announce', 'announce-webhook', 'reviewed', 'repaint'] as const;

/**
 * Kinds that wait for nothing else of their request: what people must hear waits for no Workflow, no Workflow waits for
 * a channel, and an end waits for nobody.
 */
export const besideOthers: readonly OutboxKind[] = [...painted, 'review', 'review-over', 'revoke'];

/** To be said to people, and not to a Workflow: whoever writes such a message leaves the sending to the worker. */
export const isForPeople = ({ kind }: OutboxMessage): boolean => forPeople.includes(kind);
const forPeople: readonly OutboxKind[] = [...painted, 'left', 'alarm', 'proposal', 'link', 'taint', 'left-behind'];

/**
 * Sends one message, however often.
 * @returns the view that an Update answered with: whoever gets one keeps it in the store's projection
 * @throws CurfewError as `Temporal` does; for people's messages whatever the channel throws
 */
export async function send<Kind extends OutboxKind>(
  temporal: Temporal,
  channels: Channels,
  { kind, payload }: MessageOf<Kind>,
): Promise<RequestView | undefined> {
  const answer = await ways[kind].send({ temporal, channels }, payload);
  return typeof answer === 'object' ? answer : undefined;
}
