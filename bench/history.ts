/**
 * What a Workflow cost, counted from its fetched history. Works on histories as the client gives them and on their
 * JSON alike, since it looks at which attributes an event has and at nothing else.
 */
type Event = {
  readonly workflowExecutionStartedEventAttributes?: object | null;
  readonly timerStartedEventAttributes?: object | null;
  readonly workflowExecutionSignaledEventAttributes?: object | null;
  readonly workflowExecutionUpdateAcceptedEventAttributes?: object | null;
  readonly activityTaskStartedEventAttributes?: { readonly attempt?: number | null } | null;
  readonly upsertWorkflowSearchAttributesEventAttributes?: object | null;
  readonly signalExternalWorkflowExecutionInitiatedEventAttributes?: object | null;
  readonly startChildWorkflowExecutionInitiatedEventAttributes?: object | null;
  readonly markerRecordedEventAttributes?: object | null;
};

export type CountedHistory = { readonly events?: readonly Event[] | null };

export const countEvents = ({ events }: CountedHistory): number => events?.length ?? 0;

/**
 * Billed actions (docs.temporal.io/cloud/actions): a start, a timer, a signal, an Update, an attempt at an activity, an
 * upsert of search attributes, a child, a marker. Attributes at the start, completions and Workflow tasks are free.
 *
 * NB. Queries and rejected Updates are billed and leave no event, so whoever compares must drive without them.
 */
export const countActions = ({ events }: CountedHistory): number =>
  (events ?? []).reduce((sum, event) => sum + actionsOf(event), 0);

function actionsOf(event: Event): number {
  // Only the last attempt leaves an event, and it says which it was.
  if (event.activityTaskStartedEventAttributes) return event.activityTaskStartedEventAttributes.attempt ?? 1;
  const billed = [
    event.workflowExecutionStartedEventAttributes,
    event.timerStartedEventAttributes,
    event.workflowExecutionSignaledEventAttributes,
    event.workflowExecutionUpdateAcceptedEventAttributes,
    event.upsertWorkflowSearchAttributesEventAttributes,
    event.signalExternalWorkflowExecutionInitiatedEventAttributes,
    event.startChildWorkflowExecutionInitiatedEventAttributes,
    event.markerRecordedEventAttributes,
  ];
  return billed.some((attributes) => attributes !== undefined && attributes !== null) ? 1 : 0;
}
