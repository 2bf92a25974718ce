/** What was tried and refused, as the log has it. */
import { nameOf, type Report } from './reports.ts';

export const refusalsReport: Report = {
  name: 'refusals',
  rowsAre: ['refusal', 'refusals'],
  note: 'Attempts that were refused: deciding on what is one’s own (SelfApproval), without a seat (ApproverNotEligible), against the policy (PolicyDenied), a delivery without a signature (signature, BadSignature), and the like. Deliveries without a signature are counted by the minute: times.',
  none: 'Nothing was refused.',
  readsLog: true,
  takes: ['fromAt', 'toAt', 'target', 'person'],
  columns: [
    { name: 'at', is: 'instant', brief: true },
    { name: 'entry' },
    { name: 'kind', brief: true },
    { name: 'code', brief: true },
    { name: 'times' },
    { name: 'actor', brief: true },
    { name: 'person', brief: true },
    { name: 'subject', brief: true },
    { name: 'target', brief: true },
    { name: 'requester_id' },
    { name: 'login' },
    { name: 'body' },
  ],
  sql: `
    select e.at, e.id as entry, e.kind, coalesce(b.body ->> 'code', b.body ->> 'why') as code,
      case when pg_input_is_valid(b.body ->> 'count', 'int') then (b.body ->> 'count')::int else 1 end as times, e.actor, ${nameOf('e.actor')} as person, e.subject,
      coalesce(r.target, b.body ->> 'target') as target, r.person as requester_id, e.login,
      convert_from(e.body, 'UTF8') as body
    from audit.entry e
    cross join lateral (select convert_from(e.body, 'UTF8')::jsonb as body) b
    left join curfew.request r on r.id = case
      when e.subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then e.subject::uuid end
    where e.kind like '%.refused' and e.at >= $1::timestamptz and e.at < $2::timestamptz
      and ($3::text is null or coalesce(r.target, b.body ->> 'target') = $3::text)
      and ($4::uuid is null or e.actor = $4::uuid::text)
    order by e.at, e.id`,
  sums: (rows) => {
    const codes = Map.groupBy(rows, (row) => String(row.code));
    return [...codes]
      .map(([code, all]) => ({ code, times: all.reduce((sum, row) => sum + Number(row.times), 0) }))
      .toSorted((one, other) => other.times - one.times)
      .map(({ code, times }) => `${code}: ${times}.`);
  },
};
