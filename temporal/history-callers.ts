/**
 * What a history says of whoever called a Workflow: the account and the machine of the operator who terminated, cancelled
 * or reset it, and the words that came with that. It is not kept, because what is kept is never erased; and nothing that
 * a Workflow does rests on it, so that it replays without. What Temporal had of it is in the hash of the original.
 */

/** Of each event's own fields, what an operator may write into. */
const words: Readonly<Record<string, readonly string[]>> = {
  workflowExecutionTerminatedEventAttributes: ['reason', 'details'],
  workflowExecutionCancelRequestedEventAttributes: ['cause'],
  workflowExecutionPausedEventAttributes: ['reason'],
  workflowExecutionUnpausedEventAttributes: ['reason'],
  // Of a reset, whose failure is its reason; why a task failed otherwise is the worker's to say.
  workflowTaskFailedEventAttributes: ['failure'],
};
const byReset = 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW';

/** @param json Temporal's JSON of a history, as text. @returns it, parsed, without what is said above */
export const withoutCallers = (json: string): unknown =>
  JSON.parse(json, (key, value: unknown) => {
    if (key === 'identity' && typeof value === 'string') return undefined;
    const said = words[key];
    if (said === undefined || typeof value !== 'object' || value === null) return value;
    if (key === 'workflowTaskFailedEventAttributes' && (value as { cause?: unknown }).cause !== byReset) return value;
    return Object.fromEntries(Object.entries(value).filter(([name]) => !said.includes(name)));
  });
