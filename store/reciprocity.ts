/**
 * Reciprocal approvals: two people who mostly approve each other. Counted by humans, not accounts, over approvals of
 * requests and extensions that are not void. The numbers of the rule are `reciprocityRule`'s.
 */
import { dayMs, minuteMs } from '../domain/time.ts';
import type { PersonId } from '../domain/ids.ts';
import type { Db } from './pool.ts';
import { rerunnable } from './reports.ts';

/** Each approved the other this often in this time, and gave this share of all approvals that the other one got. */
export const reciprocityRule = { withinMs: 90 * dayMs, atLeast: 3, share: 0.5 } as const;

/** Two people who approved each other at least once; `one` and `other` stand for all accounts of each. */
export type Pair = {
  readonly one: PersonId;
  readonly other: PersonId;
  /** How often `one` approved what `other` asked for, and the reverse. */
  readonly oneApproved: number;
  readonly otherApproved: number;
  /** How many approvals each of them got in all, from whomever. */
  readonly oneGot: number;
  readonly otherGot: number;
  readonly reciprocal: boolean;
};

export type Period = { readonly fromAt: number; readonly toAt: number };

/** Who stands for an account: the same one for all accounts of a human. People without aliases stand for themselves. */
const standsFor = `
  linked (id, other) as (
      select x.id, x.other from curfew.person_alias a cross join lateral (values (a.person, a.alias), (a.alias, a.person)) x (id, other)
    union
      select l.id, case when a.person = l.other then a.alias else a.person end
      from linked l join curfew.person_alias a on l.other in (a.person, a.alias)),
  stands (id, human) as (select id, min(other::text)::uuid from linked group by id)`;

/** Approvals from $1 until $2, by human; `where` narrows whose requests are looked at. */
const approvals = (where: string): string => `
  select coalesce(r.human, d.requester) as requester, coalesce(p.human, d.person) as approver
  from (select d.requester, d.person from curfew.decision d
        where d.verdict = 'approve' and d.made_at >= $1 and d.made_at < $2 ${where}
          and not exists (select from curfew.decision_void v where v.decision_id = d.id)
        union all
        select d.requester, d.person from curfew.extension_decision d
        where d.verdict = 'approve' and d.made_at >= $1 and d.made_at < $2 ${where}) d
  left join stands r on r.id = d.requester left join stands p on p.id = d.person`;

/** How often who approved whom: `given`, and how often whose requests were approved: `got`. */
const counted = (name: string, where: string): string => `
  ${name}_given as materialized (
    select requester, approver, count(*) as times from (${approvals(where)}) a group by 1, 2),
  ${name}_got as materialized (select requester, sum(times)::bigint as times from ${name}_given group by 1)`;

const reciprocal = `least(a.times, b.times) >= $3 and a.times >= ga.times * $4::float8 and b.times >= gb.times * $4::float8`;

const rule = [reciprocityRule.atLeast, reciprocityRule.share];

const pairsText = `
    with recursive ${standsFor}, ${counted('all', '')}
    select b.approver as one, b.requester as other, b.times as "oneApproved", a.times as "otherApproved",
      ga.times as "oneGot", gb.times as "otherGot", ${reciprocal} as reciprocal
    from all_given a join all_given b on b.requester = a.approver and b.approver = a.requester
    join all_got ga on ga.requester = a.requester join all_got gb on gb.requester = b.requester
    where a.requester < b.requester
    order by reciprocal desc, a.times + b.times desc, one, other`;

/** Every pair that approved each other in a period, the closest first. Complete: nothing is cut off. */
export const pairs = (db: Db, period: Period): Promise<readonly Pair[]> => db.query(pairsText, pairsValues(period));

const pairsValues = ({ fromAt, toAt }: Period): readonly (Date | number)[] => [
  new Date(fromAt),
  new Date(toAt),
  ...rule,
];

/** The statement that lists the pairs of a period, to be run again. */
export const pairsQuery = (period: Period): string => rerunnable(pairsText, pairsValues(period));

/** Whose name all accounts of a human go by in a pair: this account's own, where there is no other. */
export async function standsForHuman(db: Db, id: PersonId): Promise<PersonId> {
  const [row] = await db.query<{ human: PersonId }>(
    `with recursive ${standsFor} select human from stands where id = $1::uuid`,
    [id],
  );
  return row?.human ?? id;
}

/** How many approvals a period has in all, and how many people gave or got one: what the pairs are a part of. */
export async function population(
  db: Db,
  { fromAt, toAt }: Period,
): Promise<{ readonly approvals: number; readonly people: number }> {
  const [row] = await db.query<{ approvals: number; people: number }>(
    `with recursive ${standsFor}, approval as (${approvals('')})
     select (select count(*) from approval) as approvals,
       (select count(*) from (select requester from approval union select approver from approval) p) as people`,
    [new Date(fromAt), new Date(toAt)],
  );
  return row ?? { approvals: 0, people: 0 };
}

/**
 * With whom each of these people is in a reciprocal pair at `at` (epoch ms): all accounts of the other one, sorted.
 * Looks only at what they got and at what those got who approved them often enough.
 */
export async function reciprocalOf(
  db: Db,
  people: readonly PersonId[],
  at: number,
): Promise<ReadonlyMap<PersonId, readonly PersonId[]>> {
  const rows = await db.query<{ id: PersonId; other: PersonId }>(
    `with recursive ${standsFor},
       asked (id, human) as materialized (
         select x.id, coalesce(s.human, x.id) from unnest($5::uuid[]) as x (id) left join stands s on s.id = x.id),
       account (id) as (select id from asked union select s.id from stands s where s.human in (select human from asked)),
       ${counted('asked', 'and d.requester in (select id from account)')},
       close (human) as (select distinct approver from asked_given where times >= $3),
       closer (id) as (select human from close union select s.id from stands s where s.human in (select human from close)),
       ${counted('close', 'and d.requester in (select id from closer)')},
       pair as (
         select a.requester as one, a.approver as other
         from asked_given a join close_given b on b.requester = a.approver and b.approver = a.requester
         join asked_got ga on ga.requester = a.requester join close_got gb on gb.requester = b.requester
         where ${reciprocal})
     select x.id, y.id as other from asked x join pair p on p.one = x.human
     cross join lateral (select p.other as id union select s.id from stands s where s.human = p.other) y
     order by x.id, y.id`,
    [new Date(at - reciprocityRule.withinMs), new Date(at + minuteMs), ...rule, people],
  );
  const others = new Map<PersonId, PersonId[]>();
  for (const { id, other } of rows) others.set(id, [...(others.get(id) ?? []), other]);
  return others;
}
