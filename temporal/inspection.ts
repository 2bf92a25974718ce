/** What Temporal says of Workflows, for whoever compares it with the store; and the Schedule by which that is done. */
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import { NamespaceNotFoundError, WorkflowNotFoundError } from '@temporalio/common';
import { isUuid, type RequestId } from '../domain/ids.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import type { RequestView } from '../domain/view.ts';
import {
  accessRequestId,
  accessRequestType,
  mainQueue,
  reconcileScheduleId,
  reconcileType,
  status,
  type WorkflowFate,
} from '../workflows/contract.ts';
import type { TemporalSettings } from './connection.ts';
import { openLine } from './line.ts';

export type Inspection = {
  /**
   * Requests whose Workflow runs, by Temporal's list. It lags, and may lack or keep one: what follows from an absence is
   * asked of the Workflow itself.
   */
  running(): Promise<ReadonlySet<RequestId>>;
  /** `unknown` where Temporal does not answer: nothing follows from that. */
  fateOf(id: RequestId): Promise<WorkflowFate>;
  /** What the Workflow says of itself, also after its end; undefined where it cannot be asked. */
  viewOf(id: RequestId): Promise<RequestView | undefined>;
  /** Asks a Workflow to end, by its own clean-up. @returns false where it could not be asked */
  cancel(id: RequestId): Promise<boolean>;
  /**
   * Makes the Schedule where there is none. @throws where Temporal does not answer
   * @param anew whatever there is, it becomes what it should be
   */
  ensureSchedule(anew: boolean): Promise<'made' | 'there'>;
  close(): Promise<void>;
};

const callMs = 5_000;
/** 50,000 open Workflows are fifty pages. */
const listMs = 20_000;
const listPage = 1_000;

const ended: Readonly<Record<string, WorkflowFate>> = {
  COMPLETED: { kind: 'completed' },
  CONTINUED_AS_NEW: { kind: 'running' },
  RUNNING: { kind: 'running' },
  PAUSED: { kind: 'running' },
  TERMINATED: { kind: 'gone', how: 'terminated' },
  CANCELLED: { kind: 'gone', how: 'terminated' },
  FAILED: { kind: 'gone', how: 'failed' },
  TIMED_OUT: { kind: 'gone', how: 'failed' },
};

/** Connects with the first call. */
export function createInspection(settings: TemporalSettings): Inspection {
  const { connection, client, lister, within } = openLine(settings);
  const { workflow: listed } = lister;
  const handleOf = (id: RequestId) => client.workflow.getHandle(accessRequestId(id));

  return {
    running: () =>
      within(listMs, async () => {
        const found = new Set<RequestId>();
        const query = `WorkflowType = '${accessRequestType}' AND ExecutionStatus = 'Running'`;
        for await (const { workflowId } of listed.list({ query, pageSize: listPage })) {
          const id = idOf(workflowId);
          if (id) found.add(id);
        }
        return found;
      }),
    fateOf: (id) =>
      within(callMs, () => listed.getHandle(accessRequestId(id)).describe()).then(
        ({ status: { name } }): WorkflowFate => ended[name] ?? { kind: 'unknown' },
        (error: unknown): WorkflowFate => (isLost(error) ? { kind: 'gone', how: 'lost' } : { kind: 'unknown' }),
      ),
    viewOf: (id) => within(callMs, () => handleOf(id).query(status)).catch(() => undefined),
    cancel: (id) =>
      within(callMs, () => handleOf(id).cancel()).then(
        () => true,
        () => false,
      ),
    ensureSchedule: (anew) => within(callMs, () => ensure(client, settings.queue ?? mainQueue, anew)),
    close: () => connection.close(),
  };
}

/** NB. A namespace that is not there says nothing of its Workflows: the address, or the namespace, is wrong. */
const isLost = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError && !(error instanceof NamespaceNotFoundError);

function idOf(workflowId: string): RequestId | undefined {
  const id = workflowId.slice(accessRequestId('' as RequestId).length);
  return isUuid(id) && accessRequestId(id as RequestId) === workflowId ? (id as RequestId) : undefined;
}

/**
 * Every minute, never two at once, and what was missed is not made up for: a look at now is worth more than ten at then.
 */
const scheduleFor = (queue: string) =>
  ({
    scheduleId: reconcileScheduleId,
    spec: { intervals: [{ every: minuteMs }] },
    action: { type: 'startWorkflow', workflowType: reconcileType, workflowId: 'reconcile', args: [], taskQueue: queue },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 10 * secondMs, pauseOnFailure: false },
  }) satisfies ScheduleOptions;

async function ensure(client: Client, queue: string, anew: boolean): Promise<'made' | 'there'> {
  const wanted = scheduleFor(queue);
  const handle = client.schedule.getHandle(wanted.scheduleId);
  try {
    // Whoever paused it on purpose has it paused still.
    if (anew) await handle.update(({ state }) => ({ ...wanted, state }));
    else await handle.describe();
    return 'there';
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  try {
    await client.schedule.create(wanted);
    return 'made';
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return 'there';
    throw error;
  }
}
