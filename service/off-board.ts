/** What ends in the very transaction in which somebody's leaving or suspension is learned (I9). */
import { randomUUID } from 'node:crypto';
import { absenceEnded } from '../domain/events/people.ts';
import { endAsked } from '../domain/events/grant.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import * as absences from '../store/absences.ts';
import { appendAll } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import * as intents from '../store/intents.ts';
import type { IntentScope } from '../store/intents.ts';
import type { Db } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as taints from '../store/taints.ts';
import type { OutboxMessage } from '../temporal/messages.ts';

export type Leaving = {
  readonly state: 'left' | 'suspended';
  /** A person's id, or a login's name. */
  readonly actor: string;
  /** The delivery's id: part of the Workflow's. */
  readonly event: string;
  /** Epoch ms. */
  readonly learnedAt: number;
};

export type OffBoarded = {
  readonly requests: readonly RequestId[];
  readonly voided: number;
  readonly tainted: readonly RequestId[];
  /** For the Workflows, which only keep books. */
  readonly messages: readonly OutboxMessage[];
  /** For theirs too, where they are many: told once all is ended and recorded together, or else a moment later. */
  readonly later: readonly OutboxMessage[];
};

/** Whoever has more open has it ended and recorded together; less than that their Workflows do in a moment. */
const many = 25;

/**
 * Ends one account of whoever leaves: an intent for all that it holds and one for each open request, claimed or not;
 * what it approved, or a delegate in its place, and is not granted yet is void; it delegates to nobody and decides for nobody any more.
 * As many statements for a thousand requests as for one: their grants are to end within a second.
 */
export async function offBoard(tx: Db, leaving: Leaving, person: PersonId): Promise<OffBoarded> {
  const { state, actor, event, learnedAt } = leaving;
  const open = await requests.openIdsOf(tx, person);
  await askForTheEnd(tx, leaving, person, open);
  const tainted = await taints.findAll(tx, person, { cause: state, event }, actor);
  const voided = await decisions.voidAllOf(tx, person, state, actor);
  await endAbsences(tx, leaving, person);
  const cause = state === 'left' ? 'the person left' : 'the person was suspended';
  const isMany = open.length > many;
  const told = open.map(({ id }) => ({ kind: 'revoke', payload: { requestId: id, input: { actor, cause } } }) as const);
  const messages: readonly OutboxMessage[] = [
    {
      kind: 'leave',
      payload: { personId: person, event, cause: state, learnedAt, ...(isMany ? { many: true as const } : {}) },
    },
    ...(isMany ? [] : told),
    ...voided.map(
      ({ id, requestId, person: personId }) =>
        ({ kind: 'void', payload: { requestId, decisionId: id, input: { personId } } }) as const,
    ),
  ];
  const resting = [...new Set(tainted.map(({ requestId }) => requestId))];
  return {
    requests: open.map(({ id }) => id),
    messages,
    later: isMany ? told : [],
    voided: voided.length,
    tainted: resting,
  };
}

/** They decide for nobody any more, and nobody for them (I9). */
async function endAbsences(tx: Db, { actor, state, event }: Leaving, person: PersonId): Promise<void> {
  const ended = await absences.endAllWith(tx, person);
  await appendAll(
    tx,
    ended.map(({ person: subject, delegate, fromAt, untilAt }) =>
      absenceEnded(actor, subject, { delegate, fromAt, untilAt, cause: state, event }),
    ),
  );
}

/** One intent for the person, which each target's ledger answers, and one for each request: its grant may be under way. */
async function askForTheEnd(
  tx: Db,
  { state: cause, actor, event }: Leaving,
  person: PersonId,
  open: readonly requests.OpenRequest[],
): Promise<void> {
  const scopes: readonly IntentScope[] = [
    { kind: 'person', person },
    ...open.map(({ id, target }) => ({ kind: 'grant', requestId: id, target }) as const),
  ];
  await intents.insertAll(
    tx,
    scopes.map((scope) => ({ id: randomUUID(), scope, actor, cause })),
  );
  await appendAll(
    tx,
    scopes.map((scope) =>
      scope.kind === 'person'
        ? endAsked(actor, person, { cause, event, requests: open.length })
        : endAsked(actor, scope.requestId, { cause, event }),
    ),
  );
}
