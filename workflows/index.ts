/** Every function exported here is registered as a Workflow under its name: Workflows, and nothing else. */
export { accessRequest } from './access-request.ts';
export { effective } from './effective.ts';
export { leave } from './leave.ts';
export { review } from './review.ts';
export { reconcile } from './reconcile.ts';
