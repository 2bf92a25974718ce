/** What the request form says, read from its state: the same when it is painted again and when it is sent. */
import { parseSpan, secondMs } from '../../domain/time.ts';
import { actions, blocks } from '../ids.ts';
import type { Field } from './form-values.ts';

/** Null: nothing that can be read as a span. */
export type AskedFields = {
  readonly target: string;
  readonly role: string;
  readonly durationMs: number | null;
  readonly reason: string;
  readonly ticket?: string;
  readonly startAt?: number;
};

export function askedFields(field: Field): AskedFields {
  const ticket = field(blocks.ticket, actions.ticket);
  const start = field(blocks.start, actions.start);
  return {
    target: field(blocks.target, actions.target),
    role: field(blocks.role, actions.role),
    durationMs: parseSpan(field(blocks.duration, actions.duration)) ?? null,
    reason: field(blocks.reason, actions.reason),
    ...(ticket === '' ? {} : { ticket }),
    ...(/^\d{1,12}$/.test(start) ? { startAt: Number(start) * secondMs } : {}),
  };
}
