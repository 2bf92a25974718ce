import { setTimeout as pause } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import {
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type UpdateDefinition,
} from '@temporalio/common';
import type { CredentialId, DecisionId, PersonId, RequestId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import {
  accessRequestId,
  accessRequestType,
  claim,
  decide,
  extend,
  effectiveId,
  effectiveType,
  leaveId,
  leaveType,
  reviewId,
  reviewType,
  type ReviewStart,
  type RevokeInput,
  mainQueue,
  release,
  requesterKey,
  revoke,
  targetKey,
  reviewed,
  voidDecisions,
  withdraw,
  type AccessRequestInput,
  type DecideInput,
  type EffectiveInput,
  type ExtendInput,
  type LeaveInput,
} from '../workflows/contract.ts';
import type { CodecKey } from './codec.ts';
import { notConfirmed, toCurfewError } from './failures.ts';
import { openLine } from './line.ts';

/** PEM. Without `ca` the system's authorities count. */
export type TemporalTls = { readonly ca?: Buffer; readonly client?: { readonly cert: Buffer; readonly key: Buffer } };

export type TemporalSettings = {
  /** host:port */
  readonly address: string;
  readonly namespace: string;
  /** The first one writes, all of them read. */
  readonly codecKeys: readonly CodecKey[];
  /** What histories call this process. */
  readonly identity: string;
  readonly tls?: TemporalTls;
  readonly apiKey?: string;
  /** Of each call, in ms; 2,000 where absent, so that Slack hears an answer within its three seconds. */
  readonly deadlineMs?: number;
  /** Where Workflows run; the contract's queue where absent. Tests have a queue each. */
  readonly queue?: string;
};

export type Started = 'started' | 'already-there';

/**
 * Everything that is said to Workflows. Each call is keyed by what it is about, so that sending it twice is harmless:
 * Updates answer their first outcome for ever, also after the close; Signals' handlers are idempotent.
 *
 * Each has a deadline. It throws `CurfewError`: `NotConfirmed` where the answer is not known (send it again under the
 * same id), `NotPending` where the request is closed, else what the Workflow refused with.
 */
export type Temporal = {
  /** A request that runs, or ran and is closed, is not started again. */
  startRequest(input: AccessRequestInput): Promise<Started>;
  decide(id: RequestId, input: DecideInput): Promise<RequestView>;
  claim(id: RequestId, input: { readonly credentialId: CredentialId }): Promise<RequestView>;
  extend(id: RequestId, input: ExtendInput): Promise<RequestView>;
  release(id: RequestId, input: { readonly actor: PersonId }): Promise<RequestView>;
  withdraw(id: RequestId, input: { readonly actor: PersonId }): Promise<RequestView>;
  /** Taken even with no worker up. */
  revoke(id: RequestId, input: RevokeInput): Promise<void>;
  voidDecisions(id: RequestId, input: { readonly personId: PersonId; readonly decisionId?: DecisionId }): Promise<void>;
  startLeave(input: LeaveInput): Promise<Started>;
  startReview(input: ReviewStart): Promise<Started>;
  /** @throws CurfewError `NotPending` and the like where nobody asks for it any more, or nobody did yet */
  reviewed(id: RequestId): Promise<void>;
  startEffective(input: EffectiveInput): Promise<Started>;
  close(): Promise<void>;
};

/** Connects with the first call, and again whenever the line is lost. */
export function createTemporal(settings: TemporalSettings): Temporal {
  const { deadlineMs = 2_000, queue = mainQueue } = settings;
  const { connection, client, within } = openLine(settings);

  /** Calls that nobody may be waiting for any more, and that the SDK may be about to try again. */
  const underWay = new Set<Promise<unknown>>();

  /** The SDK asks for the deadline between its own retries, and may sleep past it; whoever clicked does not wait for that. */
  async function inTime<T>(work: () => Promise<T>): Promise<T> {
    const answered = new AbortController();
    const tooLate = pause(deadlineMs, undefined, { signal: answered.signal }).then(() => {
      throw notConfirmed(new Error(`no answer within ${deadlineMs} ms`));
    });
    const call = within(deadlineMs, work);
    underWay.add(call);
    call.finally(() => underWay.delete(call)).catch(() => undefined);
    try {
      return await Promise.race([call, tooLate]);
    } finally {
      answered.abort();
    }
  }

  /** NB. Closed under a retry, the connection would throw out of the SDK's timer, where nobody can catch it. */
  async function close(): Promise<void> {
    await Promise.allSettled(underWay);
    await connection.close();
  }

  async function start(workflowType: string, options: StartOptions): Promise<Started> {
    try {
      await inTime(() => client.workflow.start(workflowType, { ...options, taskQueue: queue, ...once }));
      return 'started';
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already-there';
      throw toCurfewError(error);
    }
  }

  async function tell<T>(id: RequestId, work: (handle: WorkflowHandle) => Promise<T>): Promise<T> {
    const handle = client.workflow.getHandle(accessRequestId(id));
    try {
      return await inTime(() => work(handle));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError && !(await isKnown(handle))) throw notConfirmed(error);
      throw toCurfewError(error);
    }
  }

  /**
   * "Not found" is said of a closed run and of one that was never started alike. Where its start is still on its way,
   * as after a process died, what came for it must be sent again and not be taken for refused.
   */
  const isKnown = (handle: WorkflowHandle): Promise<boolean> =>
    inTime(() => handle.describe()).then(
      () => true,
      () => false,
    );

  const update = <Input>(
    id: RequestId,
    definition: UpdateDefinition<RequestView, [Input]>,
    updateId: string,
    input: Input,
  ) => tell(id, (handle) => handle.executeUpdate(definition, { updateId, args: [input] }));

  return {
    startRequest: (input) =>
      start(accessRequestType, {
        workflowId: accessRequestId(input.requestId),
        args: [input],
        typedSearchAttributes: new TypedSearchAttributes([
          { key: targetKey, value: input.target },
          { key: requesterKey, value: input.requester.id },
        ]),
      }),
    decide: (id, input) => update(id, decide, input.decisionId, input),
    claim: (id, input) => update(id, claim, `claim:${input.credentialId}`, input),
    extend: (id, input) => update(id, extend, extendKey(input), input),
    release: (id, input) => update(id, release, `release:${id}`, input),
    withdraw: (id, input) => update(id, withdraw, `withdraw:${id}`, input),
    revoke: (id, input) => tell(id, (handle) => handle.signal(revoke, input)),
    voidDecisions: (id, input) => tell(id, (handle) => handle.signal(voidDecisions, input)),
    startLeave: (input) => start(leaveType, { workflowId: leaveId(input.personId, input.event), args: [input] }),
    startEffective: (input) =>
      start(effectiveType, { workflowId: effectiveId(input.source, input.event), args: [input] }),
    startReview: (input) => start(reviewType, { workflowId: reviewId(input.requestId), args: [input] }),
    reviewed: async (id) => {
      const handle = client.workflow.getHandle(reviewId(id));
      await inTime(() => handle.signal(reviewed)).catch((error: unknown) => {
        throw toCurfewError(error);
      });
    },
    close,
  };
}

/** Each step of an extension is one Update. */
export const extendKey = ({ extensionId, step }: ExtendInput): string => `extend:${extensionId}:${step}`;

type StartOptions = {
  readonly workflowId: string;
  readonly args: unknown[];
  readonly typedSearchAttributes?: TypedSearchAttributes;
};

/** A retry starts nothing new: running, it is the same run; closed, it is refused and taken as "already there". */
const once = {
  workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
  workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
} as const;
