import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type BundleOptions, type Logger } from '@temporalio/worker';
import { failureConverterPath } from '../temporal/codec.ts';

export type WorkflowBundle = { readonly code: string };

const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));

/**
 * The Workflows as one script for the isolate. It holds `workflows/`, the domain, `policy/eligibility` and Temporal's
 * own API, and nothing that reads a file, a clock or the network. With its source map, so that stack traces name our
 * lines.
 * @param path another file of Workflows, for tests and the bench
 */
export const bundleWorkflows = ({
  path = workflowsPath,
  logger = quiet,
}: { readonly path?: string; readonly logger?: Logger } = {}): Promise<WorkflowBundle> =>
  bundleWorkflowCode({ workflowsPath: path, failureConverterPath, logger, webpackConfigHook: asWritten });

type Webpack = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];
type Loader = { loader?: string; options?: { jsc?: object; minify?: boolean } };

/**
 * The isolate runs what Node runs, so private fields and the like stay as they are written instead of becoming calls
 * to helpers; and comments and the names of local variables stay here, for every cached Workflow would keep its copy. The names of
 * functions and classes stay, for stack traces.
 */
function asWritten(config: Webpack): Webpack {
  for (const rule of config.module?.rules ?? []) {
    const use = typeof rule === 'object' && rule ? (rule.use as Loader | undefined) : undefined;
    if (!use?.options?.jsc) continue;
    const mangle = { toplevel: false, keep_fnames: true, keep_classnames: true };
    const minify = { compress: false, mangle, format: { comments: false } };
    use.options = { ...use.options, minify: true, jsc: { ...use.options.jsc, target: 'es2022', minify } };
  }
  return { ...config, optimization: { ...config.optimization, concatenateModules: true, usedExports: true } };
}

/** The bundler tells its size and time at every start; only what goes wrong is of interest, and that is thrown. */
const quiet: Logger = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
