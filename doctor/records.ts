/** What the store says of everything that was ever claimed or granted, or is on a target: one record a request. */
import type { RevokeReceipt } from '../domain/grant.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { GrantablePlan } from '../domain/plan.ts';
import type { ApproverFacts } from '../domain/decision.ts';
import type { Db } from '../store/pool.ts';

export type DecisionRecord = {
  readonly person: string;
  readonly stage: number;
  readonly verdict: 'approve' | 'deny';
  readonly digest: string;
  readonly facts: ApproverFacts;
  readonly madeAt: number;
  readonly voidedAt: number | null;
};

/** A later end that was asked for. `signedAt`: when the API made a ticket for it; null: it has not. */
export type ExtensionRecord = {
  readonly id: string;
  readonly number: number;
  readonly kind: 'automatic' | 'asked';
  readonly endAt: number;
  readonly plan: GrantablePlan;
  readonly digest: string;
  readonly askedAt: number;
  readonly signedAt: number | null;
  readonly outcome: 'extended' | 'denied' | 'failed' | null;
  readonly outcomeAt: number | null;
  readonly decisions: readonly DecisionRecord[];
};

export type GrantRecord = {
  readonly id: string;
  readonly kind: 'access' | 'break-glass';
  readonly person: string;
  readonly target: string;
  readonly template: string;
  readonly durationMs: number;
  readonly openedAt: number;
  readonly plan: GrantablePlan;
  readonly policyHash: string;
  readonly digest: string;
  readonly claim: { readonly endAt: number; readonly acceptedAt: number } | null;
  readonly grant: {
    readonly target: string;
    readonly person: string;
    readonly template: string;
    readonly role: string;
    readonly grantedAt: number;
    readonly endAt: number;
    readonly endedAt: number | null;
  } | null;
  readonly revoked: RevokeReceipt | null;
  readonly state: string | null;
  readonly outcome: string | null;
  readonly changedAt: number | null;
  readonly decisions: readonly DecisionRecord[];
  /** The first one first. */
  readonly extensions: readonly ExtensionRecord[];
  /** When its end was asked for because an approver of it had left. */
  readonly taintedAt?: number | null;
  /** The requester's other accounts, now. */
  readonly aliases: PersonFacts['aliases'];
};

/** jsonb holds no instants: they are epoch milliseconds, whole. */
const ms = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::int8`;

const text = `select r.id, r.kind, r.person, r.target, r.template, r.duration_ms as "durationMs", ${ms('r.opened_at')} as "openedAt", r.plan, r.policy_hash as "policyHash", r.digest,
    (select jsonb_build_object('endAt', ${ms('c.end_at')}, 'acceptedAt', ${ms('c.accepted_at')}) from curfew.claim c where c.request_id = r.id) as claim,
    (select jsonb_build_object('target', g.target, 'person', g.person, 'template', g.template, 'role', g.role,
       'grantedAt', ${ms('g.granted_at')}, 'endAt', ${ms('g.end_at')}, 'endedAt', ${ms('g.ended_at')})
     from curfew.access_grant g where g.request_id = r.id) as grant,
    (select t.body from curfew.receipt t where t.request_id = r.id and t.kind = 'revoke') as revoked,
    p.state, p.outcome, ${ms('p.changed_at')} as "changedAt",
    coalesce((select jsonb_agg(jsonb_build_object('person', d.person, 'stage', d.stage, 'verdict', d.verdict, 'digest', d.digest,
       'facts', d.facts, 'madeAt', ${ms('d.made_at')}, 'voidedAt', ${ms('v.voided_at')}) order by d.made_at, d.stage, d.id)
     from curfew.decision d left join curfew.decision_void v on v.decision_id = d.id where d.request_id = r.id), '[]') as decisions,
    coalesce((select jsonb_agg(jsonb_build_object('id', e.id, 'number', e.number, 'kind', e.kind, 'endAt', ${ms('e.end_at')}, 'plan', e.plan,
       'digest', e.digest, 'askedAt', ${ms('e.asked_at')}, 'outcome', o.kind, 'outcomeAt', ${ms('o.at')},
       'signedAt', (select ${ms('t.made_at')} from curfew.extension_ticket t where t.extension_id = e.id),
       'decisions', coalesce((select jsonb_agg(jsonb_build_object('person', x.person, 'stage', x.stage, 'verdict', x.verdict, 'digest', x.digest,
          'facts', x.facts, 'madeAt', ${ms('x.made_at')}, 'voidedAt', (select min(${ms('i.asked_at')}) from curfew.revoke_intent i
            where i.person = x.person and i.cause in ('left', 'suspended') and i.asked_at >= x.made_at)) order by x.made_at)
        from curfew.extension_decision x where x.extension_id = e.id), '[]')) order by e.number)
     from curfew.extension e left join curfew.extension_outcome o on o.extension_id = e.id where e.request_id = r.id), '[]') as extensions,
    (select ${ms('min(i.asked_at)')} from curfew.revoke_intent i where i.request_id = r.id and i.cause = 'tainted') as "taintedAt",
    array(select a.alias::text from curfew.person_alias a where a.person = r.person
          union select a.person::text from curfew.person_alias a where a.alias = r.person) as aliases
  from curfew.request r left join curfew.projection p on p.request_id = r.id
  where r.id = any ($1::uuid[]) or exists (select from curfew.claim c where c.request_id = r.id and c.accepted_at >= $2)
    or exists (select from curfew.access_grant g where g.request_id = r.id and (g.ended_at is null or g.granted_at >= $2))`;

/**
 * @param ids requests that a target knows of, whatever their age
 * @param sinceAt how far back else, epoch ms
 */
export async function readRecords(
  db: Db,
  ids: readonly string[],
  sinceAt: number,
): Promise<ReadonlyMap<string, GrantRecord>> {
  const rows = await db.query<GrantRecord>(text, [ids, new Date(sinceAt)]);
  return new Map(rows.map((row) => [row.id, row]));
}
