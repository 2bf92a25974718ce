/** Every grant of a period, from the request to the verified end. */
import { nameOf, type Report } from './reports.ts';

/**
 * Granted in the period. `as_approved`: what the target said was granted is what was approved, and it was to end no later
 * than approved: the claim's time plus the duration, or the end of an extension that was made. `approvers`: whose word stood when it was
 * granted. `used`: whether the target's
 * own log has a session of it; `not known` where that log was not read whole from the grant's beginning to its end.
 */
export const grantsReport: Report = {
  name: 'grants',
  rowsAre: ['grant', 'grants'],
  note: 'Access that was granted in the period, whenever it was asked for and whenever it ended.',
  none: 'Nothing was granted.',
  takes: ['fromAt', 'toAt', 'target', 'person'],
  columns: [
    { name: 'request', brief: true },
    { name: 'kind', brief: true },
    { name: 'person_id' },
    { name: 'person', brief: true },
    { name: 'target', brief: true },
    { name: 'databases', is: 'list' },
    { name: 'role', brief: true },
    { name: 'template' },
    { name: 'login' },
    { name: 'reason' },
    { name: 'ticket', brief: true },
    { name: 'policy' },
    { name: 'rule' },
    { name: 'verdict' },
    { name: 'approver_ids', is: 'list', brief: true },
    { name: 'approvers', is: 'list' },
    { name: 'asked_at', is: 'instant' },
    { name: 'approved_at', is: 'instant' },
    { name: 'claimed_at', is: 'instant' },
    { name: 'granted_at', is: 'instant', brief: true },
    { name: 'end_at', is: 'instant', brief: true },
    { name: 'ended_at', is: 'instant', brief: true },
    { name: 'ended_as', brief: true },
    { name: 'extensions' },
    { name: 'late_s' },
    { name: 'as_approved', brief: true },
    { name: 'used', brief: true },
    { name: 'sessions' },
    { name: 'statements' },
    { name: 'first_session_at', is: 'instant' },
    { name: 'last_session_at', is: 'instant' },
  ],
  sql: `
    select g.request_id as request, r.kind, g.person as person_id, ${nameOf('g.person::text')} as person,
      g.target, r.databases, r.role, g.template, g.role as login,
      (select t.body from curfew.personal t where t.kind = 'reason' and t.id = g.request_id::text) as reason,
      r.ticket, r.policy_hash as policy, r.plan ->> 'rule' as rule, r.plan ->> 'verdict' as verdict,
      a.ids as approver_ids, a.names as approvers,
      r.opened_at as asked_at, a.last_at as approved_at, c.accepted_at as claimed_at,
      g.granted_at, g.end_at, g.ended_at, coalesce(p.outcome, 'not ended') as ended_as, x.made as extensions,
      greatest(round(extract(epoch from g.ended_at - g.end_at), 3), 0)::float8 as late_s,
      coalesce(v.body ->> 'template' = r.template and v.body ->> 'target' = r.target and v.body ->> 'role' = g.role
        and c.end_at <= c.accepted_at + r.duration_ms * interval '1 millisecond'
        and g.end_at <= greatest(c.end_at, x.last_end), false) as as_approved,
      u.usage as used, u.sessions, u.statements, u.first_at as first_session_at, u.last_at as last_session_at
    from curfew.access_grant g
    join curfew.request r on r.id = g.request_id
    left join curfew.claim c on c.request_id = g.request_id
    left join curfew.projection p on p.request_id = g.request_id
    left join curfew.grant_use u on u.request_id = g.request_id
    left join curfew.receipt v on v.request_id = g.request_id and v.kind = 'grant'
    cross join lateral (
      select coalesce(array_agg(d.person::text order by d.made_at, d.id), '{}') as ids,
        coalesce(array_agg(coalesce(${nameOf('d.person::text')}, '-') order by d.made_at, d.id), '{}') as names,
        max(d.made_at) as last_at
      from curfew.decision d
      where d.request_id = g.request_id and d.verdict = 'approve'
        and not exists (select from curfew.decision_void o where o.decision_id = d.id and o.voided_at <= g.granted_at)) a
    cross join lateral (
      select count(*) as made, max(e.end_at) as last_end
      from curfew.extension e join curfew.extension_outcome o on o.extension_id = e.id and o.kind = 'extended'
      where e.request_id = g.request_id) x
    where g.granted_at >= $1::timestamptz and g.granted_at < $2::timestamptz
      and ($3::text is null or g.target = $3::text) and ($4::uuid is null or g.person = $4::uuid)
    order by g.granted_at, g.request_id`,
  sums: (rows) => {
    const [open, odd] = [rows.filter((row) => row.ended_at === null), rows.filter((row) => row.as_approved !== true)];
    return [
      `${open.length} of them not known to have ended.`,
      `${rows.filter((row) => row.used === 'unused').length} never used; of ${rows.filter((row) => row.used === 'not known').length} it is not known.`,
      odd.length === 0
        ? 'Each is what was approved, and no longer.'
        : `${odd.length} NOT AS APPROVED: ${odd.map((row) => String(row.request)).join(', ')}.`,
    ];
  },
};
