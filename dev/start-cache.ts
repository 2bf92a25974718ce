/** What makes the next start faster. It lies beside the packages, goes with them, and may be removed at any time. */
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'node_modules', '.cache', 'curfew');

/** Where a worker of the embedded stack keeps the Workflow bundle. */
export const bundleCache = join(folder, 'workflows');

/** Node keeps what it compiled, types stripped: half of a process's start. `launch.mjs` says the same to its child. */
export const compileCache = { NODE_COMPILE_CACHE: join(folder, 'node') } as const;
