import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger } from '@temporalio/worker';
import { failureConverterPath } from '../temporal/codec.ts';

export type WorkflowBundle = { readonly code: string };

const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

/**
 * The Workflows as one script for the isolate. It holds `workflows/`, the domain, `policy/eligibility` and Temporal's
 * own API, and nothing that reads a file, a clock or the network.
 * @param path another file of Workflows, for tests
 */
export const bundleWorkflows = ({
  path = workflowsPath,
  logger = quiet,
}: { readonly path?: string; readonly logger?: Logger } = {}): Promise<WorkflowBundle> =>
  bundleWorkflowCode({ workflowsPath: path, failureConverterPath, logger });

/** The bundler tells its size and time at every start; only what goes wrong is of interest, and that is thrown. */
const quiet: Logger = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
