/** Reads what closed Workflows did, for whoever keeps it: Temporal forgets a history after its namespace's retention. */
import { isGrpcServiceError, type WorkflowExecutionInfo } from '@temporalio/client';
import { NamespaceNotFoundError, WorkflowNotFoundError, type Payload, type PayloadCodec } from '@temporalio/common';
import { historyToJSON, type History } from '@temporalio/common/lib/proto-utils.js';
import canonicalize from 'canonicalize';
import { secondMs } from '../domain/time.ts';
import { accessRequestType, effectiveType, leaveType, reviewType } from '../workflows/contract.ts';
import { createCodec } from './codec.ts';
import type { TemporalSettings } from './connection.ts';
import { withoutCallers } from './history-callers.ts';
import { openLine } from './line.ts';

/** One run of a Workflow that is over, however it ended. */
export type ClosedRun = {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  /** Temporal's word for how, e.g. COMPLETED. */
  readonly how: string;
  /** Epoch ms. */
  readonly closedAt: number;
};

/**
 * The same history twice: with payloads in the clear and without its callers (`history-callers.ts`), and as Temporal has
 * it. Canonical JSON (RFC 8785), UTF-8.
 */
export type FetchedHistory = { readonly clear: Buffer; readonly original: Buffer };

export type Histories = {
  /**
   * Runs that closed after `at`, in pages; all that Temporal still has where it is undefined. By Temporal's list, which
   * lags: look again at what closed a while ago.
   * @param types the Workflows' types
   */
  closedAfter(at: number | undefined, types: readonly string[]): AsyncIterable<readonly ClosedRun[]>;
  /** The newest run of one Workflow. `gone`: Temporal does not know it (any more). */
  find(workflowId: string): Promise<ClosedRun | 'running' | 'gone'>;
  /**
   * @returns undefined where Temporal does not have it any more
   * @throws where Temporal does not answer, or a payload was written with a key that is not there
   */
  fetch(run: Pick<ClosedRun, 'workflowId' | 'runId'>): Promise<FetchedHistory | undefined>;
  /** For how long after the close Temporal keeps a history, ms. */
  retentionMs(): Promise<number>;
  close(): Promise<void>;
};

/** Whose histories are kept; of a reconcile round, only where it did something. */
export const keptTypes: readonly string[] = [accessRequestType, leaveType, reviewType, effectiveType];

const grpcNotFound = 5;
const listMs = 30 * secondMs;
const fetchMs = 30 * secondMs;
const callMs = 5 * secondMs;
const listPage = 1_000;

/** Connects with the first call. */
export function createHistories(settings: TemporalSettings): Histories {
  const { connection, lister: client, within } = openLine(settings);
  const { namespace } = settings;
  const codec = createCodec(settings.codecKeys);

  const find: Histories['find'] = (workflowId) =>
    within(callMs, () => client.workflow.getHandle(workflowId).describe()).then(
      (info) => runOf(info) ?? 'running',
      (error: unknown) => {
        // A namespace that is not there says nothing of its Workflows.
        if (error instanceof WorkflowNotFoundError && !(error instanceof NamespaceNotFoundError)) return 'gone';
        throw error;
      },
    );

  return {
    async *closedAfter(at, types) {
      const listed = client.workflow.list({ query: queryOf(at, types), pageSize: listPage })[Symbol.asyncIterator]();
      const next = async (): Promise<readonly WorkflowExecutionInfo[]> => {
        const infos: WorkflowExecutionInfo[] = [];
        while (infos.length < listPage) {
          const one = await listed.next();
          if (one.done === true) break;
          infos.push(one.value);
        }
        return infos;
      };
      for (let infos = await within(listMs, next); infos.length > 0; infos = await within(listMs, next))
        yield infos.flatMap((info) => runOf(info) ?? []);
    },
    find,
    fetch: ({ workflowId, runId }) =>
      within(fetchMs, () => client.workflow.getHandle(workflowId, runId).fetchHistory()).then(
        async (history) => ({
          clear: canonical(withoutCallers(historyToJSON(await inTheClear(history, codec)))),
          original: canonical(JSON.parse(historyToJSON(history))),
        }),
        async (error: unknown) => {
          // A namespace that is not there has no histories either: `find` throws of it.
          if (isNotFound(error) && (await find(workflowId))) return undefined;
          throw error;
        },
      ),
    retentionMs: () =>
      within(callMs, async () => {
        const { config } = await connection.workflowService.describeNamespace({ namespace });
        return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * secondMs;
      }),
    close: () => connection.close(),
  };
}

function isNotFound(error: unknown): boolean {
  if (!isGrpcServiceError(error)) return false;
  const code: number = error.code;
  return code === grpcNotFound;
}

function queryOf(at: number | undefined, types: readonly string[]): string {
  const named = types.map((type) => `'${type}'`).join(', ');
  const closed = at === undefined ? 'CloseTime IS NOT NULL' : `CloseTime > '${new Date(at).toISOString()}'`;
  return `WorkflowType IN (${named}) AND ${closed}`;
}

type Listed = Pick<WorkflowExecutionInfo, 'workflowId' | 'runId' | 'type' | 'status'> & {
  readonly closeTime?: Date | undefined;
};

const runOf = ({ workflowId, runId, type, status, closeTime }: Listed): ClosedRun | undefined =>
  closeTime && { workflowId, runId, type, how: status.name, closedAt: closeTime.getTime() };

function canonical(history: unknown): Buffer {
  const text = canonicalize(history);
  if (text === undefined) throw new TypeError('a history that is no JSON');
  return Buffer.from(text, 'utf8');
}

/** A copy whose payloads are those that the Workflow saw, wherever in an event they stand. */
export const inTheClear = async (history: History, codec: PayloadCodec): Promise<History> =>
  (await decoded(history, codec)) as History;

async function decoded(value: unknown, codec: PayloadCodec): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((one) => decoded(one, codec)));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (isPayload(value)) return (await codec.decode([value]))[0];
  const copy = Object.create(Object.getPrototypeOf(value) as object) as Record<string, unknown>;
  for (const [key, field] of Object.entries(value)) copy[key] = await decoded(field, codec);
  return copy;
}

const isPayload = (value: object): value is Payload =>
  'metadata' in value && typeof value.metadata === 'object' && value.metadata !== null && 'encoding' in value.metadata;
