/** The steps of one request, in words. */
import type { WorkflowHandle } from '@temporalio/client';
import type { PersonFacts } from '../../domain/person.ts';
import type { ExtensionId } from '../../domain/ids.ts';
import type { StateKind } from '../../domain/request.ts';
import {
  accessRequestId,
  status,
  type AccessRequestInput,
  type DecideInput,
  type ExtendInput,
  type RequestView,
} from '../../workflows/contract.ts';
import { decision, newCredentialId, newExtensionId, person } from './requests.ts';
import { eventually } from './eventually.ts';
import type { Place, TestTemporal } from './temporal.ts';

export type Running = {
  readonly input: AccessRequestInput;
  readonly handle: WorkflowHandle;
  approve(by?: PersonFacts, fields?: Partial<DecideInput>): Promise<RequestView>;
  deny(by?: PersonFacts): Promise<RequestView>;
  claim(): Promise<RequestView>;
  /** One step of an extension; without an id of a new one. */
  extend(step: ExtendInput['step'], endAt: number, id?: ExtensionId): Promise<RequestView>;
  view(): Promise<RequestView>;
  /** Waits until its Workflow says that it is there. */
  is(kind: StateKind): Promise<RequestView>;
  /** Waits until nothing is under way: what comes next is a task of its own, so that events can be counted. */
  settled(): Promise<unknown>;
  outcome(): Promise<unknown>;
};

export function running({ client }: TestTemporal, temporal: Place['temporal'], input: AccessRequestInput): Running {
  const id = input.requestId;
  const handle = client.workflow.getHandle(accessRequestId(id));
  const view = (): Promise<RequestView> => handle.query(status);
  return {
    input,
    handle,
    view,
    extend: (step, endAt, extensionId = newExtensionId()) => temporal.extend(id, { extensionId, step, endAt }),
    approve: (by = person(), fields = {}) => temporal.decide(id, decision(input, by, fields)),
    deny: (by = person()) => temporal.decide(id, decision(input, by, { verdict: 'deny' })),
    claim: () => temporal.claim(id, { credentialId: newCredentialId() }),
    is: (kind) =>
      eventually(`${id} is ${kind}`, async () => {
        const seen = await view();
        return seen.state.kind === kind && seen;
      }),
    settled: () =>
      eventually(`${id} is quiet`, async () => {
        const { pendingActivities, pendingWorkflowTask } = (await handle.describe()).raw;
        return (pendingActivities ?? []).length === 0 && !pendingWorkflowTask;
      }),
    outcome: () => handle.result(),
  };
}
