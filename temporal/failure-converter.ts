import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Messages and stack traces of failures go through the codec like every other payload; a failure's *type* does not, so
 * types are codes and nothing else. Loaded by path, by clients, by workers and into the Workflow bundle alike.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
