/** What lives on the approval of somebody who has left or is suspended, or on one given in their place: found, asked, answered, settled; once each. */
import { taintFound } from '../domain/events/review.ts';
import type { ExtensionId, PersonId, RequestId, TaintId } from '../domain/ids.ts';
import type { ApproverFacts } from '../domain/decision.ts';
import type { LeaverApprovals } from '../domain/taint.ts';
import { appendAll } from './audit.ts';
import type { Db } from './pool.ts';

/** `unanswered` ended it as well; `lifted`: whoever was suspended is back; `over`: it ended by itself meanwhile. */
export type TaintOutcome = 'kept' | 'ended' | 'unanswered' | 'lifted' | 'over';

export type Taint = {
  readonly id: TaintId;
  readonly requestId: RequestId;
  /** Null: the approval was of the request itself. */
  readonly extensionId: ExtensionId | null;
  readonly decisionId: string;
  readonly stage: number;
  /** Who approved and is gone, or in whose place it was approved. */
  readonly person: PersonId;
  readonly cause: 'left' | 'suspended';
  readonly foundAt: number;
  /** Null until the policy was asked, and for somebody who is suspended. */
  readonly rule: LeaverApprovals | null;
  readonly answerByAt: number | null;
  readonly outcome: TaintOutcome | null;
  readonly settledAt: number | null;
  readonly answer: { readonly person: PersonId; readonly verdict: 'keep' | 'end'; readonly madeAt: number } | null;
};

const columns = `t.id, t.request_id as "requestId", t.extension_id as "extensionId", t.decision_id as "decisionId", t.stage,
  t.person, t.cause, t.found_at as "foundAt", t.rule, t.answer_by as "answerByAt", t.outcome,
  t.settled_at as "settledAt", case when a.person is not null then jsonb_build_object('person', a.person,
    'verdict', a.verdict, 'madeAt', floor(extract(epoch from a.made_at) * 1000)) end as answer`;
const from = 'curfew.taint t left join curfew.taint_answer a on a.taint_id = t.id';

export type FoundTaint = Pick<Taint, 'id' | 'requestId' | 'decisionId'>;

/**
 * Notes what lives, or is about to, on the approvals of this person, and on those given in their place; each with its entry `taint.found`. Call it before
 * their decisions are voided. What was noted before is not noted again.
 */
export async function findAll(
  tx: Db,
  person: PersonId,
  { cause, event }: { readonly cause: Taint['cause']; readonly event: string },
  actor: string,
): Promise<readonly FoundTaint[]> {
  const found = await tx.query<FoundTaint>(
    'select id, request_id as "requestId", decision_id as "decisionId" from curfew.taint_all($1, $2, $3)',
    [person, cause, event],
  );
  await appendAll(
    tx,
    found.map(({ id, requestId, decisionId }) =>
      taintFound(actor, requestId, { taint: id, decision: decisionId, person, cause, event }),
    ),
  );
  return found;
}

/**
 * What something is to be done about now, oldest first, at most `limit`, each with where its request is and how its
 * approver is now. What only waits is left out: however much of it there is, it holds up nothing that is to end.
 * @param now epoch ms
 */
export const toFollow = (db: Db, now: number, limit: number): Promise<readonly OpenTaint[]> =>
  db.query(
    `with approver (id, back) as materialized (
       select k.person, not exists (select from curfew.person x where x.state <> 'active'
                                      and x.id in (select curfew.accounts_of(k.person)))
       from (select distinct person from curfew.taint where outcome is null) k)
     select * from (
       select ${columns}, p.state = 'closed' as closed, w.back,
         exists (select from curfew.taint k where k.decision_id = t.decision_id and k.person = t.person
                   and k.cause = 'left' and t.cause = 'suspended') as superseded,
         exists (select from curfew.decision_void v where v.decision_id = t.decision_id) as void,
         exists (select from curfew.access_grant g where g.request_id = t.request_id) as granted
       from ${from} join approver w on w.id = t.person left join curfew.projection p on p.request_id = t.request_id
       where t.outcome is null) o
     where o.closed or o.superseded
       or case when o.void then o.granted when o.cause = 'suspended' then o.back
          else o.rule is null or o.answer is not null or o."answerByAt" <= $1 end
     order by o."foundAt", o.id limit $2`,
    [new Date(now), limit],
  );
export type OpenTaint = Taint & {
  readonly closed: boolean | null;
  readonly back: boolean;
  readonly superseded: boolean;
  readonly void: boolean;
  readonly granted: boolean;
};

export async function byId(db: Db, id: TaintId): Promise<Taint | undefined> {
  const [row] = await db.query<Taint>(`select ${columns} from ${from} where t.id = $1`, [id]);
  return row;
}

/** All of a leaver's, or of everybody; newest first, at most `limit`. */
export const list = (
  db: Db,
  { openOnly, limit }: { readonly openOnly: boolean; readonly limit: number },
): Promise<readonly Taint[]> =>
  db.query(`select ${columns} from ${from} where not $1 or t.outcome is null order by t.found_at desc, t.id limit $2`, [
    openOnly,
    limit,
  ]);

/** How many of what this event has found. */
export async function countOf(db: Db, person: PersonId, event: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'select count(*) as count from curfew.taint where person = $1 and event = $2',
    [person, event],
  );
  return row?.count ?? 0;
}

/**
 * Whoever else has had their word on the same thing, the request or the extension: who approved it, and who kept it in
 * another leaver's place. N approvals stay N people's (I6).
 */
export async function approversOf(db: Db, { id, requestId, extensionId }: Taint): Promise<readonly PersonId[]> {
  const rows = await db.query<{ person: PersonId }>(
    `select d.person from curfew.decision d where $2::uuid is null and d.request_id = $1 and d.verdict = 'approve'
       and not exists (select from curfew.decision_void v where v.decision_id = d.id)
     union
     select d.person from curfew.extension_decision d where d.extension_id = $2 and d.verdict = 'approve'
     union
     select a.person from curfew.taint k join curfew.taint_answer a on a.taint_id = k.id
     where k.request_id = $1 and k.extension_id is not distinct from $2 and k.id <> $3 and a.verdict = 'keep'`,
    [requestId, extensionId, id],
  );
  return rows.map(({ person }) => person);
}

/** What the policy says of it. @returns false where it is settled, or was asked before; the entry is the caller's */
export async function ask(tx: Db, id: TaintId, rule: LeaverApprovals, answerByAt: number | null): Promise<boolean> {
  const rows = await tx.query(
    `update curfew.taint set rule = $2, answer_by = $3 where id = $1 and rule is null and outcome is null returning 1`,
    [id, rule, answerByAt === null ? null : new Date(answerByAt)],
  );
  return rows.length > 0;
}

/** @returns false where it was settled before; the entry is the caller's */
export async function settle(tx: Db, id: TaintId, outcome: TaintOutcome): Promise<boolean> {
  const rows = await tx.query(
    `update curfew.taint set outcome = $2, settled_at = clock_timestamp() where id = $1 and outcome is null returning 1`,
    [id, outcome],
  );
  return rows.length > 0;
}

/** The first word on it holds. @returns false where there is one; the entry is the caller's */
export async function answer(
  tx: Db,
  id: TaintId,
  said: {
    readonly person: PersonId;
    readonly verdict: 'keep' | 'end';
    readonly facts: ApproverFacts;
    readonly madeAt: number;
  },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into curfew.taint_answer (taint_id, person, verdict, facts, made_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing returning 1`,
    [id, said.person, said.verdict, JSON.stringify(said.facts), new Date(said.madeAt)],
  );
  return rows.length > 0;
}
