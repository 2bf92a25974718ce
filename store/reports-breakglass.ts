/** The register of break-glass with its reviews, whole. */
import { instantIn, nameOf, type Report } from './reports.ts';
import { owedFrom } from './reviews.ts';

export const breakGlassReport: Report = {
  name: 'breakglass',
  rowsAre: ['break-glass', 'break-glasses'],
  note: 'Access for incidents without prior approval, opened in the period, also what was opened by hand and recorded later. A review is owed from a day after the end at the latest.',
  none: 'Nobody broke glass.',
  readsLog: true,
  takes: ['fromAt', 'toAt', 'target', 'person'],
  columns: [
    { name: 'request', brief: true },
    { name: 'how', brief: true },
    { name: 'entry' },
    { name: 'person_id' },
    { name: 'person', brief: true },
    { name: 'target', brief: true },
    { name: 'role', brief: true },
    { name: 'incident', brief: true },
    { name: 'incident_known' },
    { name: 'reason' },
    { name: 'opened_at', is: 'instant', brief: true },
    { name: 'announced', is: 'list' },
    { name: 'granted_at', is: 'instant' },
    { name: 'end_at', is: 'instant' },
    { name: 'ended_at', is: 'instant', brief: true },
    { name: 'ended_as' },
    { name: 'review', brief: true },
    { name: 'reviewer_id' },
    { name: 'reviewer', brief: true },
    { name: 'reviewed_at', is: 'instant', brief: true },
    { name: 'owed_from', is: 'instant' },
    { name: 'note' },
  ],
  sql: `
    select r.id as request, 'through Curfew' as how, b.entry, r.person::text as person_id, ${nameOf('r.person::text')} as person, r.target, r.role,
      r.ticket as incident, b.incident = 'holds' as incident_known,
      (select t.body from curfew.personal t where t.kind = 'reason' and t.id = r.id::text) as reason,
      r.opened_at,
      array(select format('%s committed %s, delivered %s', a.channel,
          to_char(a.committed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          coalesce(to_char(a.delivered_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'never'))
        from curfew.announcement a where a.request_id = r.id order by a.channel) as announced,
      g.granted_at, g.end_at, g.ended_at, coalesce(p.outcome, 'not ended') as ended_as,
      case when v.request_id is not null then v.verdict
        when g.request_id is null then 'nothing was granted'
        when ${owedFrom('r', 'g')} <= clock_timestamp() then 'OWED'
        when g.ended_at is null then 'not over' else 'waits' end as review,
      v.person as reviewer_id, ${nameOf('v.person::text')} as reviewer, v.reviewed_at,
      case when g.request_id is not null and v.request_id is null then ${owedFrom('r', 'g')} end as owed_from,
      (select t.body from curfew.personal t where t.kind = 'review' and t.id = r.id::text) as note
    from curfew.request r
    left join curfew.break_glass b on b.request_id = r.id
    left join curfew.projection p on p.request_id = r.id
    left join curfew.access_grant g on g.request_id = r.id
    left join curfew.review v on v.request_id = r.id
    where r.kind = 'break-glass' and r.opened_at >= $1::timestamptz and r.opened_at < $2::timestamptz
      and ($3::text is null or r.target = $3::text) and ($4::uuid is null or r.person = $4::uuid)
    union all
    select null, 'by hand', e.id, array_to_string(w.ids, '; '), array_to_string(w.names, '; '), x.body ->> 'target',
      x.body ->> 'role', x.body ->> 'incident', null, null, x.opened_at, '{}', null, null, x.ended_at, 'recorded later',
      'recorded by ' || e.actor, null, null, null, null, null
    from audit.entry e
    cross join lateral (select convert_from(e.body, 'UTF8')::jsonb as body) b
    cross join lateral (select b.body, coalesce(${instantIn("b.body ->> 'openedAt'")}, e.at) as opened_at,
      ${instantIn("b.body ->> 'endedAt'")} as ended_at) x
    cross join lateral (select array_agg(p.id order by p.place) as ids,
      array_agg(coalesce(${nameOf('p.id')}, '-') order by p.place) as names
      from jsonb_array_elements_text(case jsonb_typeof(x.body -> 'by') when 'array' then x.body -> 'by' else '[]' end)
        with ordinality p (id, place)) w
    where e.kind = 'breakglass.recorded' and x.opened_at >= $1::timestamptz and x.opened_at < $2::timestamptz
      and ($3::text is null or x.body ->> 'target' = $3::text)
      and ($4::uuid is null or $4::uuid::text = any (w.ids))
    order by opened_at, request, entry`,
  sums: (rows) => {
    const count = (review: string): number => rows.filter((row) => row.review === review).length;
    const reviewed = rows.filter((row) => row.reviewer_id !== null).length;
    const byHand = rows.filter((row) => row.how === 'by hand').length;
    return [
      `${reviewed} reviewed, ${count('OWED')} owed, ${count('waits') + count('not over')} wait; ${byHand} by hand.`,
    ];
  },
};
