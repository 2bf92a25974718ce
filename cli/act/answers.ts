/** What the API answers to commands that act for a person, as far as they show it. */
import { z } from 'zod';
import { formatInstant } from '../../domain/time.ts';

const state = z.looseObject({ kind: z.string(), outcome: z.string().optional(), cause: z.string().optional() });
const requestStatus = z.looseObject({
  requestId: z.string(),
  requester: z.string(),
  target: z.string(),
  role: z.string(),
  durationMs: z.number(),
  openedAt: z.number(),
  view: z.looseObject({ state, useByAt: z.number().nullable().optional() }),
  endAt: z.number().nullable(),
  loginsStopAt: z.number().nullish(),
});
export type RequestStatus = z.output<typeof requestStatus>;

/** `; new logins until ...` where they stop before the end; else nothing. */
export const landing = ({ endAt, loginsStopAt }: Pick<RequestStatus, 'endAt' | 'loginsStopAt'>): string =>
  loginsStopAt == null || loginsStopAt === endAt ? '' : `; new logins until ${formatInstant(loginsStopAt)}`;

const names = z.record(z.string(), z.string());
export const oneStatus = requestStatus.extend({ names });

const list = z.array(requestStatus);
export const overview = z.looseObject({ grants: list, requests: list, recent: list, waiting: list, names });

export const opened = z.looseObject({
  requestId: z.string(),
  repeated: z.boolean(),
  confirmed: z.boolean(),
  plan: z.looseObject({ verdict: z.string(), rule: z.string() }),
});
export const decided = z.looseObject({ decided: z.enum(['recorded', 'repeated']), confirmed: z.boolean() });
export const ended = z.looseObject({ already: z.boolean(), confirmed: z.boolean() });
export const extended = z.looseObject({
  kind: z.enum(['automatic', 'asked']),
  endAt: z.number(),
  confirmed: z.boolean(),
});

export const reviewed = z.looseObject({
  requestId: z.string(),
  requester: z.string(),
  target: z.string(),
  databases: z.array(z.string()),
  role: z.string(),
  template: z.string(),
  durationMs: z.number(),
  ticket: z.string().nullable(),
  startAt: z.number().nullable(),
  reason: z.string().nullable(),
  digest: z.string(),
  openedAt: z.number(),
  plan: z.looseObject({ rule: z.string() }),
  decisions: z.array(z.looseObject({ person: z.string(), verdict: z.string(), madeAt: z.number() })),
  held: z.array(z.looseObject({ target: z.string(), role: z.string(), endAt: z.number() })),
  adds: z.array(z.string()),
  privileges: z.looseObject({ checkedAt: z.number() }).nullable(),
  you: z.looseObject({ message: z.string() }).nullable(),
  names,
});
export type Reviewed = z.output<typeof reviewed>;
