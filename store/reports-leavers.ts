/** Who left, against the verified end of everything they held. */
import { nameOf, type Report, type ReportRow } from './reports.ts';

/**
 * A row for each grant that somebody held when the word came that they had left or were suspended, by any of their
 * accounts, and for each that was made while they were gone; a row without a grant where they held nothing (I9).
 */
export const leaversReport: Report = {
  name: 'leavers',
  rowsAre: ['row', 'rows'],
  note: 'People whom a source said to have left or to be suspended in the period, with what they held then. Seconds run from the word to the verified end on every node.',
  none: 'Nobody left, and nobody was suspended.',
  readsLog: true,
  takes: ['fromAt', 'toAt', 'target', 'person'],
  columns: [
    { name: 'left_at', is: 'instant', brief: true },
    { name: 'word', brief: true },
    { name: 'person_id', brief: true },
    { name: 'person', brief: true },
    { name: 'entry' },
    { name: 'request', brief: true },
    { name: 'account_id' },
    { name: 'target', brief: true },
    { name: 'login' },
    { name: 'granted_at', is: 'instant' },
    { name: 'end_at', is: 'instant' },
    { name: 'ended_at', is: 'instant', brief: true },
    { name: 'seconds', brief: true },
    { name: 'became', brief: true },
  ],
  sql: `
    with recursive said as materialized (
      select e.id, e.at, case when pg_input_is_valid(e.subject, 'uuid') then e.subject::uuid end as person, b.body ->> 'state' as word,
        (select min(n.at) from audit.entry n
          where n.subject = e.subject and n.id > e.id and n.kind = 'person.changed'
            and convert_from(n.body, 'UTF8')::jsonb ->> 'state' = 'active') as back_at
      from audit.entry e cross join lateral (select convert_from(e.body, 'UTF8')::jsonb as body) b
      where e.kind = 'person.changed' and e.at >= $1::timestamptz and e.at < $2::timestamptz
        and b.body ->> 'state' in ('left', 'suspended') and b.body ->> 'before' is distinct from b.body ->> 'state'
        and ($4::uuid is null or e.subject = $4::uuid::text)),
    account (entry, id) as (
      select s.id, s.person from said s
      union
      select a.entry, case when p.person = a.id then p.alias else p.person end
      from account a join curfew.person_alias p on a.id in (p.person, p.alias)),
    held as (
      select s.id as entry, g.* from said s join account a on a.entry = s.id
      join curfew.access_grant g on g.person = a.id
      where ($3::text is null or g.target = $3::text)
        and case when g.granted_at <= s.at then g.ended_at is null or g.ended_at > s.at
          else g.granted_at < coalesce(s.back_at, 'infinity') end)
    select s.at as left_at, s.word, s.person as person_id, ${nameOf('s.person::text')} as person, s.id as entry,
      h.request_id as request, h.person as account_id, h.target, h.role as login, h.granted_at, h.end_at, h.ended_at,
      round(extract(epoch from h.ended_at - greatest(s.at, h.granted_at)), 3)::float8 as seconds,
      case when h.request_id is null then 'held nothing'
        when h.granted_at > s.at then 'GRANTED AFTERWARDS'
        when h.ended_at is null then 'NOT ENDED'
        else 'ended' end as became
    from said s left join held h on h.entry = s.id
    where $3::text is null or h.request_id is not null
    order by (h.granted_at > s.at) desc nulls last, (h.request_id is not null and h.ended_at is null) desc,
      seconds desc nulls last, s.at, s.id, h.request_id`,
  sums: (rows) => [
    `Words that somebody left or was suspended: ${new Set(rows.map((row) => row.entry)).size}. Grants that they held: ${rows.filter((row) => row.request !== null).length}.`,
    worst(rows),
  ],
};

function worst(rows: readonly ReportRow[]): string {
  const bad = rows.filter((row) => row.became === 'GRANTED AFTERWARDS' || row.became === 'NOT ENDED');
  if (bad.length > 0)
    return `The worst: ${bad.map((row) => `${row.became as string} ${row.request as string}`).join(', ')}.`;
  const [slowest] = rows
    .filter((row) => typeof row.seconds === 'number')
    .toSorted((one, other) => Number(other.seconds) - Number(one.seconds));
  return slowest === undefined
    ? 'None of them held anything.'
    : `The worst: ${String(slowest.seconds)} s, request ${String(slowest.request)}.`;
}
