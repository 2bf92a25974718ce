/** Who said yes or no to what: requests, extensions, policies, reviews of break-glass, and what rests on a leaver's word. */
import { nameOf, type Report } from './reports.ts';

export const approversReport: Report = {
  name: 'approvers',
  rowsAre: ['decision', 'decisions'],
  note: 'Every word that somebody gave on what somebody else asked for, by who gave it. One that does not count any more says why.',
  none: 'Nobody decided anything.',
  takes: ['fromAt', 'toAt', 'target', 'person'],
  columns: [
    { name: 'approver_id', brief: true },
    { name: 'approver', brief: true },
    { name: 'decided_at', is: 'instant', brief: true },
    { name: 'what', brief: true },
    { name: 'verdict', brief: true },
    { name: 'stage' },
    { name: 'subject', brief: true },
    { name: 'requester_id' },
    { name: 'requester', brief: true },
    { name: 'target', brief: true },
    { name: 'role', brief: true },
    { name: 'counts', brief: true },
    { name: 'void_because' },
  ],
  sql: `
    select a.person as approver_id, ${nameOf('a.person::text')} as approver, a.made_at as decided_at, a.what, a.verdict,
      a.stage, a.subject, a.requester as requester_id, ${nameOf('a.requester::text')} as requester, a.target, a.role,
      a.void_because is null as counts, a.void_because
    from (
      select d.person, d.made_at, 'request' as what, d.verdict, r.plan -> 'stages' -> d.stage ->> 'name' as stage,
        d.request_id::text as subject, d.requester, r.target, r.role, v.cause as void_because
      from curfew.decision d join curfew.request r on r.id = d.request_id
      left join curfew.decision_void v on v.decision_id = d.id
      union all
      select d.person, d.made_at, 'extension', d.verdict, e.plan -> 'stages' -> d.stage ->> 'name',
        e.request_id::text, d.requester, r.target, r.role, null
      from curfew.extension_decision d join curfew.extension e on e.id = d.extension_id
      join curfew.request r on r.id = e.request_id
      union all
      select d.person, d.made_at, 'policy', d.verdict, null, d.hash, o.person, null, null, null
      from curfew.policy_decision d join curfew.policy_proposal p on p.id = d.proposal
      left join curfew.operator_login o on o.login = p.proposed_by
      union all
      select v.person, v.reviewed_at, 'review of break-glass', v.verdict, null, v.request_id::text, v.requester,
        r.target, r.role, null
      from curfew.review v join curfew.request r on r.id = v.request_id
      union all
      select w.person, w.made_at, 'rests on a leaver', w.verdict, r.plan -> 'stages' -> k.stage ->> 'name',
        k.request_id::text, r.person, r.target, r.role, null
      from curfew.taint_answer w join curfew.taint k on k.id = w.taint_id join curfew.request r on r.id = k.request_id) a
    where a.made_at >= $1::timestamptz and a.made_at < $2::timestamptz
      and ($3::text is null or a.target = $3::text) and ($4::uuid is null or a.person = $4::uuid)
    order by approver, approver_id, decided_at, subject, what, stage`,
  sums: (rows) => {
    const people = new Set(rows.map((row) => row.approver_id)).size;
    const approvals = rows.filter((row) => row.verdict === 'approve').length;
    return [`Approvals: ${approvals}. People who decided: ${people}.`];
  },
};
