/** What the recorder keeps of a Web API call. */
import type { Fault } from './faults.ts';

export type SlackCall = {
  /** Counts from 1, in order of arrival. */
  readonly seq: number;
  readonly at: number;
  /** Such as `chat.postMessage`. */
  readonly method: string;
  /** Arguments without the token; `blocks`, `view`, `attachments` and `metadata` as values, not as JSON text. */
  readonly args: Readonly<Record<string, unknown>>;
  /** What the validator found wrong; such a call is refused as Slack would refuse it. */
  readonly problems: readonly string[];
  /** The fault that it met, if any. */
  readonly fault: Fault['kind'] | null;
  /** Slack's; null where the call did not get there. */
  readonly reply: SlackReply | null;
};

export type SlackReply = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

const jsonArguments = ['blocks', 'view', 'attachments', 'metadata'] as const;

/** Arguments of a call, however they were sent. A JSON argument that does not parse stays text, for the validator. */
export const parseArguments = (contentType: string, body: string): Record<string, unknown> => {
  const args = contentType.includes('json') ? parseJson(body) : Object.fromEntries(new URLSearchParams(body));
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return {};
  const { token: _token, ...rest } = args as Record<string, unknown>;
  for (const name of jsonArguments) if (typeof rest[name] === 'string') rest[name] = parseJson(rest[name]);
  return rest;
};

/** The value of JSON text, or the text itself where it is none. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};
