/**
 * Temporal's replayer, made before it is given what to run: its native half wants threads and descriptors, and there are
 * none left once something is run that came from elsewhere.
 */
import { Worker, type Logger, type ReplayWorkerOptions } from '@temporalio/worker';
import type { CompiledWorkerOptions } from '@temporalio/worker/lib/worker-options.js';
import type { WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { WorkflowBundleWithSourceMapAndFilename } from '@temporalio/worker/lib/workflow/workflow-worker-thread/input.js';

type Script = WorkflowBundleWithSourceMapAndFilename;

let loaded: ((code: string) => Promise<void>) | undefined;

/** Runs the first history with the script of its options, and each one after `load` with the one that was loaded. */
class LateWorker extends Worker {
  protected static override async createWorkflowCreator(
    script: Script,
    options: CompiledWorkerOptions,
    logger: Logger,
  ): Promise<WorkflowCreator> {
    const make = (of: Script): Promise<WorkflowCreator> => super.createWorkflowCreator(of, unwatched(options), logger);
    let current = await make(script);
    loaded = async (code) => {
      const parsed = await super.getOrCreateBundle({ ...options, workflowBundle: { code } }, logger);
      if (parsed) current = await make(parsed);
    };
    return { createWorkflow: (input) => current.createWorkflow(input), destroy: () => current.destroy() };
  }
}

/**
 * NB. Node watches over a time limit of `node:vm` with a loop of its own, descriptors and all, and dies where it gets
 * none. Whoever started this process ends it when it takes too long.
 */
const unwatched = (options: CompiledWorkerOptions): CompiledWorkerOptions => ({
  ...options,
  isolateExecutionTimeoutMs: undefined as unknown as number,
});

export type HistoryOf = { readonly workflowId: string; readonly history: unknown };

/**
 * @param options with a script for the first history: all that Temporal's library loads only when it is used is loaded
 *   by that
 */
export const replayLate = (options: ReplayWorkerOptions, histories: AsyncIterable<HistoryOf>) =>
  LateWorker.runReplayHistories(options, histories);

/** @throws where the script cannot be read, or there was no first history */
export async function load(code: string): Promise<void> {
  if (!loaded) throw new Error('the replayer is not there');
  await loaded(code);
}
