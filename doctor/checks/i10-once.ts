import type { AuditKind } from '../../domain/events.ts';
import { finder, type Check } from '../finding.ts';

const found = finder('I10');

/** What can happen to one request once. */
const once: readonly AuditKind[] = [
  'request.opened',
  'breakglass.announced',
  'claim.accepted',
  'grant.made',
  'grant.ended',
  'request.closed',
  'review.recorded',
];

/** However often it was delivered, it happened once: one entry a request and kind, one a decision and an extension. */
export const happenedOnce: Check = async ({ store }) => {
  const repeated = await store.query<{ subject: string; kind: string; times: number }>(
    `select subject, kind, count(*) as times from audit.entry where kind = any ($1::text[])
     group by subject, kind having count(*) > 1`,
    [once],
  );
  const decided = await store.query<{ subject: string; times: number }>(
    `select subject, count(*) as times from audit.entry where kind = 'decision.made'
     group by subject, convert_from(body, 'UTF8')::jsonb ->> 'decision' having count(*) > 1`,
  );
  const moved = await store.query<{ subject: string; times: number }>(
    `select subject, count(*) as times from audit.entry where kind = 'extension.made'
     group by subject, convert_from(body, 'UTF8')::jsonb ->> 'extension' having count(*) > 1`,
  );
  return [
    ...moved.map(({ subject, times }) => found('extended', subject, `One extension is in the log ${times} times.`)),
    ...repeated.map(({ subject, kind, times }) => found('repeated', subject, `${kind} is in the log ${times} times.`)),
    ...decided.map(({ subject, times }) => found('decided', subject, `One decision is in the log ${times} times.`)),
  ];
};
