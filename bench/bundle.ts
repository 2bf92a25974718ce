import { fileURLToPath } from 'node:url';
import { bundleWorkflows, type WorkflowBundle } from '../workers/bundle.ts';

/** Sizes in bytes, without source maps. */
export type BundleSizes = { readonly own: number; readonly trivial: number; readonly ratio: number };

/** How much the product's Workflows add to what any Workflow carries: Temporal's own API is nearly all of both. */
export async function measureBundle(own?: WorkflowBundle): Promise<BundleSizes> {
  const path = fileURLToPath(new URL('./trivial-workflow.ts', import.meta.url));
  const sizes = { own: sizeOf(own ?? (await bundleWorkflows())), trivial: sizeOf(await bundleWorkflows({ path })) };
  return { ...sizes, ratio: sizes.own / sizes.trivial };
}

/** The source map is one comment line at the end, several times the size of the code. */
const sizeOf = ({ code }: WorkflowBundle): number =>
  Buffer.byteLength(code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
