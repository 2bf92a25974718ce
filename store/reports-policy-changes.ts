/** The policy's versions, and proposals that did not become one: who proposed, who said yes, what changed. */
import { nameOf, type Report } from './reports.ts';

export const policyChangesReport: Report = {
  name: 'policy-changes',
  rowsAre: ['change', 'changes'],
  note: 'Policies that were proposed or began to hold in the period. `one_person`: the policy that held before let one person change it, or nothing held.',
  none: 'Nobody proposed a policy.',
  takes: ['fromAt', 'toAt', 'person'],
  columns: [
    { name: 'version', brief: true },
    { name: 'hash', brief: true },
    { name: 'state', brief: true },
    { name: 'proposal' },
    { name: 'proposed_by', brief: true },
    { name: 'proposer_id' },
    { name: 'proposer', brief: true },
    { name: 'proposed_at', is: 'instant', brief: true },
    { name: 'decided', is: 'list', brief: true },
    { name: 'applied_by' },
    { name: 'applied_at', is: 'instant', brief: true },
    { name: 'one_person' },
    { name: 'before' },
    { name: 'changes', is: 'list' },
  ],
  sql: `
    select v.number as version, coalesce(v.hash, p.hash) as hash,
      case when v.number is not null then 'held from then on'
        when exists (select from curfew.policy_decision d where d.proposal = p.id and d.verdict = 'deny') then 'denied'
        when p.base is distinct from (select max(n.number) from curfew.policy_version n) then 'overtaken'
        else 'waits' end as state,
      p.id as proposal, coalesce(p.proposed_by, v.applied_by)::text as proposed_by, o.person as proposer_id,
      ${nameOf('o.person::text')} as proposer, p.proposed_at,
      array(select format('%s by %s (%s)', d.verdict, d.person, coalesce(${nameOf('d.person::text')}, '-'))
        from curfew.policy_decision d where d.proposal = p.id order by d.made_at, d.person) as decided,
      v.applied_by::text as applied_by, v.applied_at, coalesce(b.one_person, true) as one_person, b.hash as before,
      coalesce(array(select jsonb_array_elements_text(p.changes)), '{}') as changes
    from curfew.policy_version v
    full join curfew.policy_proposal p on p.id = v.proposal
    left join curfew.policy_version b on b.number = coalesce(p.base,
      (select max(n.number) from curfew.policy_version n where n.number < v.number))
    left join curfew.operator_login o on o.login = coalesce(p.proposed_by, v.applied_by)
    where (v.applied_at >= $1::timestamptz and v.applied_at < $2::timestamptz
        or p.proposed_at >= $1::timestamptz and p.proposed_at < $2::timestamptz)
      and ($3::uuid is null or o.person = $3::uuid
        or exists (select from curfew.policy_decision d where d.proposal = p.id and d.person = $3::uuid))
    order by coalesce(v.applied_at, p.proposed_at), v.number, p.id`,
  sums: (rows) => [`${rows.filter((row) => row.version !== null).length} began to hold.`],
};
