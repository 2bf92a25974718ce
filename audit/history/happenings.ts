/** What a request's Workflow did and was told, read out of its history: what the log must say as well. */
import { at, attributesOf, isRecord, valuesOf, type History, type HistoryEvent } from './events.ts';

type Of = Readonly<Record<string, unknown>>;

/**
 * `told`: an Update or a Signal, by its name, with what it said; `refusedBy`: the Workflow's own no to an Update, its
 * failure's type. `called`: an activity that came to an end, with what it was asked and, where it was done, what it
 * answered. `ended`: `outcome` is the Workflow's own word, and there is one only where it ended by itself.
 */
export type Happening = {
  /** The event's number in the history. */
  readonly event: number;
  /** Epoch ms, by Temporal's clock. */
  readonly at: number;
} & (
  | { readonly kind: 'started'; readonly input: Of }
  | {
      readonly kind: 'told';
      readonly name: string;
      readonly said: Of;
      readonly state?: string;
      readonly refusedBy?: string;
    }
  | { readonly kind: 'asked'; readonly activity: string; readonly input: Of }
  | { readonly kind: 'called'; readonly activity: string; readonly input: Of; readonly answer: Of | undefined }
  | { readonly kind: 'ended'; readonly how: string; readonly outcome?: string }
);

const endings: Readonly<Record<string, string>> = {
  EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: 'completed',
  EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: 'failed',
  EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: 'timed out',
  EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: 'cancelled',
  EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: 'terminated',
  EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: 'continued',
};

/** In the order of the history; tasks and timers, which say nothing to anybody, are left out. */
export function happeningsOf({ events }: History): readonly Happening[] {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const completed = new Map(
    events.flatMap((event) =>
      event.eventType === 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED'
        ? [[text(attributesOf(event)['acceptedEventId']), attributesOf(event)] as const]
        : [],
    ),
  );
  const before = (id: unknown): HistoryEvent | undefined => byId.get(text(id));
  return events.flatMap((event): readonly Happening[] => {
    const of = attributesOf(event);
    const when = { event: Number(event.eventId), at: Date.parse(event.eventTime) };
    switch (event.eventType) {
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED':
        return [{ ...when, kind: 'started', input: first(of['input']) }];
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED': {
        const input = at(of, 'acceptedRequest', 'input');
        const answer = completed.get(event.eventId);
        const told = { kind: 'told', name: text(at(input, 'name')), said: first(at(input, 'args')) } as const;
        return [{ ...when, ...told, ...answered(answer) }];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED':
        return [{ ...when, kind: 'told', name: text(of['signalName']), said: first(of['input']) }];
      case 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED':
        return [{ ...when, kind: 'asked', ...activityOf(event) }];
      case 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED':
      case 'EVENT_TYPE_ACTIVITY_TASK_FAILED':
      case 'EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT':
      case 'EVENT_TYPE_ACTIVITY_TASK_CANCELED': {
        const done = event.eventType === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED';
        const answer = done ? first(of['result']) : undefined;
        return [{ ...when, kind: 'called', ...activityOf(before(of['scheduledEventId'])), answer }];
      }
      default: {
        const how = endings[event.eventType];
        const outcome = how === 'completed' ? valuesOf(of['result'])[0] : undefined;
        return how === undefined
          ? []
          : [{ ...when, kind: 'ended', how, ...(typeof outcome === 'string' && { outcome }) }];
      }
    }
  });
}

/** To an Update: the state that it left the Workflow in, or why it was refused. */
function answered(answer: Of | undefined): { readonly state?: string; readonly refusedBy?: string } {
  const failure = at(answer, 'outcome', 'failure');
  if (failure !== undefined) return { refusedBy: text(at(failure, 'applicationFailureInfo', 'type')) || 'a failure' };
  const state = at(valuesOf(at(answer, 'outcome', 'success'))[0], 'state', 'kind');
  return typeof state === 'string' ? { state } : {};
}

function activityOf(scheduled: HistoryEvent | undefined): { readonly activity: string; readonly input: Of } {
  const of = scheduled ? attributesOf(scheduled) : {};
  return { activity: text(at(of, 'activityType', 'name')), input: first(of['input']) };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function first(payloads: unknown): Of {
  const [value] = valuesOf(payloads);
  return isRecord(value) ? value : {};
}
