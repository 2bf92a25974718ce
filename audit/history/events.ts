/**
 * A Workflow's history as it is kept: Temporal's own JSON (proto3 JSON of `temporal.api.history.v1.History`), in RFC
 * 8785 order, payloads in the clear. What is read out of it here is what is compared with the log.
 */

import { createHash } from 'node:crypto';

/** Loose on purpose: an event has other fields, and another server has other events. */
export type HistoryEvent = {
  readonly eventId: string;
  readonly eventTime: string;
  readonly eventType: string;
  readonly [attributes: string]: unknown;
};
export type History = { readonly events: readonly HistoryEvent[] };

/** @throws TypeError where it is no history */
export function parseHistory(bytes: Uint8Array): History {
  const parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Partial<History> | null;
  const events = parsed?.events;
  if (!Array.isArray(events) || events.length === 0) throw new TypeError('a history has events');
  for (const { eventType, eventId, eventTime = '' } of events as readonly Partial<HistoryEvent>[])
    if (typeof eventType !== 'string' || typeof eventId !== 'string' || Number.isNaN(Date.parse(eventTime)))
      throw new TypeError('an event of a history has an id, a time and a type');
  return { events: events as readonly HistoryEvent[] };
}

/** The event's own fields, whatever its kind: `timerStartedEventAttributes` of a started timer. */
export function attributesOf(event: HistoryEvent): Readonly<Record<string, unknown>> {
  const key = Object.keys(event).find((name) => name.endsWith('EventAttributes'));
  const value = key === undefined ? undefined : event[key];
  return isRecord(value) ? value : {};
}

/** A field, and a field of that, where there is one. */
export const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((within, key) => (isRecord(within) ? within[key] : undefined), value);

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What stands in a list of payloads (`{payloads: [...]}`): JSON as it was given, undefined for anything else. */
export function valuesOf(payloads: unknown): readonly unknown[] {
  const list = at(payloads, 'payloads');
  return Array.isArray(list) ? list.map(valueOf) : [];
}

function valueOf(payload: unknown): unknown {
  const encoding = at(payload, 'metadata', 'encoding');
  const data = at(payload, 'data');
  if (typeof encoding !== 'string' || typeof data !== 'string') return undefined;
  if (Buffer.from(encoding, 'base64').toString('utf8') !== 'json/plain') return undefined;
  try {
    return JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * What a worker tells Temporal that it is, and Temporal writes into the history with each task that it completes.
 * @param script the code of its Workflows. NB. The library's own default is no use: it hashes the script only after it has
 *   put its working folder into it (`parseWorkflowCode` in `@temporalio/worker`).
 */
export const buildIdOf = (script: string): string => `curfew+${createHash('sha256').update(script).digest('hex')}`;

/**
 * Scripts that ran the Workflow, by hash, each once, in their order.
 * @returns `last`: the one that completed the last task; undefined where nobody completed any, or did not say by what
 */
export function bundlesOf({ events }: History): { readonly all: readonly string[]; readonly last: string | undefined } {
  const named = events.flatMap((event) => {
    if (event.eventType !== 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED') return [];
    const build = at(attributesOf(event), 'workerVersion', 'buildId');
    return [typeof build === 'string' ? /^curfew\+([0-9a-f]{64})$/.exec(build)?.[1] : undefined];
  });
  return { all: [...new Set(named.filter((hash) => hash !== undefined))], last: named.at(-1) };
}

/** Did anybody complete a task of it, whether or not it was said by what script? */
export const wasRun = ({ events }: History): boolean =>
  events.some(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED');

/** Whether a round of looks did anything: it failed somewhere, or says of itself that something changed. */
export function didSomething({ events }: History): boolean {
  return events.some((event) => {
    switch (event.eventType) {
      case 'EVENT_TYPE_ACTIVITY_TASK_FAILED':
      case 'EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT':
      case 'EVENT_TYPE_ACTIVITY_TASK_CANCELED':
      case 'EVENT_TYPE_WORKFLOW_TASK_FAILED':
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED':
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT':
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED':
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED':
        return true;
      case 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED': {
        const changed = at(valuesOf(attributesOf(event)['result'])[0], 'changed');
        return typeof changed === 'number' && changed > 0;
      }
      default:
        return false;
    }
  });
}
