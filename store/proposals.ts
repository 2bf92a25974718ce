/** Policies that somebody proposed, and what was said of them. Who may say it is judged by whoever writes it here. */
import type { ApproverFacts, Verdict } from '../domain/decision.ts';
import type { PersonId, PolicyHash, ProposalId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import { takeTurn } from './turns.ts';

export type ProposalState = 'open' | 'adopted' | 'denied' | 'superseded';

export type PolicyDecision = {
  readonly proposal: ProposalId;
  readonly person: PersonId;
  /** Of the text that was shown. */
  readonly hash: PolicyHash;
  readonly verdict: Verdict;
  readonly facts: ApproverFacts;
  readonly madeAt: number;
};

export type Proposal = {
  readonly id: ProposalId;
  readonly hash: PolicyHash;
  readonly text: string;
  /** What held when it was proposed; null: nothing did. */
  readonly base: { readonly number: number; readonly hash: PolicyHash; readonly text: string } | null;
  /** What its proposer says that its text says; the text is what counts. */
  readonly onePerson: boolean;
  readonly changes: readonly string[];
  /** A login of the store. */
  readonly proposedBy: string;
  /** Who stands behind that login, as far as that counts (`curfew.adopt_policy`); null: nobody can say. */
  readonly proposer: PersonId | null;
  readonly proposedAt: number;
  readonly state: ProposalState;
  /** How many other people it takes. */
  readonly need: number;
  /** Oldest first. */
  readonly decisions: readonly PolicyDecision[];
};

/** Lets everybody who proposes, decides or adopts take turns until the end of the transaction. */
export const takePolicyTurn = (tx: Db): Promise<unknown> => takeTurn(tx, 'policy');

/** NB. The same as `curfew.adopt_policy` has it: first what can never change again. */
const stateText = `
  case when exists (select from curfew.policy_version v where v.proposal = p.id) then 'adopted'
    when exists (select from curfew.policy_decision d where d.proposal = p.id and d.verdict = 'deny') then 'denied'
    when p.base is distinct from (select max(v.number) from curfew.policy_version v) then 'superseded'
    else 'open' end`;

type ProposalRow = Omit<Proposal, 'base' | 'need' | 'decisions'> & {
  readonly baseNumber: number | null;
  readonly baseHash: PolicyHash | null;
  readonly baseText: string | null;
};

export async function byId(db: Db, id: ProposalId): Promise<Proposal | undefined> {
  const [row] = await db.query<ProposalRow>(
    `select p.id, p.hash, p.text, p.one_person as "onePerson", p.changes, p.proposed_by as "proposedBy",
       p.proposed_at as "proposedAt", b.number as "baseNumber", b.hash as "baseHash", b.text as "baseText",
       (select o.person from curfew.operator_login o where o.login = p.proposed_by
          and o.linked_by <> o.login and o.linked_at < p.proposed_at) as proposer, ${stateText} as state
     from curfew.policy_proposal p left join curfew.policy_version b on b.number = p.base where p.id = $1`,
    [id],
  );
  if (!row) return undefined;
  const { baseNumber, baseHash, baseText, ...rest } = row;
  const base =
    baseNumber === null || baseHash === null || baseText === null
      ? null
      : { number: baseNumber, hash: baseHash, text: baseText };
  return { ...rest, base, need: rest.proposer === null ? 2 : 1, decisions: await decisionsOf(db, id) };
}

const decisionsOf = (db: Db, id: ProposalId): Promise<readonly PolicyDecision[]> =>
  db.query(
    `select proposal, person, hash, verdict, facts, made_at as "madeAt" from curfew.policy_decision
     where proposal = $1 order by made_at, person`,
    [id],
  );

/** Those that still wait for somebody, oldest first. */
export async function open(db: Db): Promise<readonly ProposalId[]> {
  const rows = await db.query<{ id: ProposalId }>(
    `select p.id from curfew.policy_proposal p where ${stateText} = 'open' order by p.proposed_at, p.id limit 100`,
  );
  return rows.map(({ id }) => id);
}

/** API only; once a person. The entry `policy.decided` is the caller's. */
export async function insertDecision(tx: Db, decision: PolicyDecision): Promise<void> {
  await tx.query(
    `insert into curfew.policy_decision (proposal, person, hash, verdict, facts, made_at) values ($1, $2, $3, $4, $5, $6)`,
    [
      decision.proposal,
      decision.person,
      decision.hash,
      decision.verdict,
      JSON.stringify(decision.facts),
      new Date(decision.madeAt),
    ],
  );
}

/**
 * A message `proposal` for each step of a proposal that was not told yet: proposed, another approval, and how it ended.
 * Whoever proposes may not write to the outbox, so it is made of the proposal itself. One that held at once is told
 * nobody; one that is over was told of only where it had been told of before.
 */
export async function enqueueSteps(db: Db): Promise<void> {
  await db.query(
    `insert into curfew.outbox (kind, key, payload)
     select 'proposal', s.id || ':' || s.step, jsonb_build_object('proposalId', s.id, 'step', s.step)
     from (select p.id::text as id, case ${stateText} when 'open' then 'open-' ||
             (select count(*) from curfew.policy_decision d where d.proposal = p.id) else ${stateText} end as step
           from curfew.policy_proposal p where p.proposed_at > clock_timestamp() - interval '90 days') s
     where not exists (select from curfew.outbox o where o.kind = 'proposal' and o.key = s.id || ':' || s.step)
       and (s.step like 'open-%' or exists (select from curfew.outbox o where o.kind = 'proposal' and o.key = s.id || ':open-0'))
     on conflict (kind, key) do nothing`,
  );
}
