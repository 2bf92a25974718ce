/** The least that Temporal's replayer takes: a script that does nothing, and a history whose first task fails with it. */

const map = JSON.stringify({ version: 3, file: 'none.js', sources: [], names: [], mappings: '' });

/** Bundles carry their source map. */
export const noScript = `0;\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`;

const started = {
  workflowType: { name: 'none' },
  taskQueue: { name: 'none' },
  originalExecutionRunId: 'none',
};
const attributes: Readonly<Record<string, object>> = {
  WORKFLOW_EXECUTION_STARTED: { workflowExecutionStartedEventAttributes: started },
  WORKFLOW_TASK_SCHEDULED: { workflowTaskScheduledEventAttributes: {} },
  WORKFLOW_TASK_STARTED: { workflowTaskStartedEventAttributes: { scheduledEventId: '2' } },
};

export const noHistory = {
  events: Object.entries(attributes).map(([kind, own], index) => ({
    eventId: String(index + 1),
    eventTime: '2026-01-01T00:00:00Z',
    eventType: `EVENT_TYPE_${kind}`,
    ...own,
  })),
};
