/** Every function exported here is registered as a Workflow under its name: Workflows, and nothing else. */
export { accessRequest } from './access-request.ts';
export { leave } from './leave.ts';
