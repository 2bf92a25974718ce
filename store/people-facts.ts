/** What must be known of people to judge: read in one look, all of one instant, the store's. */
import type { PersonId } from '../domain/ids.ts';
import type { Delegator, PersonFacts } from '../domain/person.ts';
import type { Selector } from '../domain/plan.ts';
import type { Db } from './pool.ts';
import { reciprocalOf } from './reciprocity.ts';
import { owedFrom } from './reviews.ts';

/**
 * All aliases of one human, over any number of steps and from either side: A is an alias of B, and B of C, then A and
 * C are one person (I6). Their state is one too, the strictest of all their accounts': whoever left has left (I9).
 *
 * `deputy`: who decides for whom now. Depth 1: a delegate stands in for those who named them, not for those whom these
 * stand in for. Two people who named each other stand in for neither; and so nobody for another account of their own,
 * whose delegation is its own answer.
 */
const factsText = `
  with recursive
  now (at) as materialized (select clock_timestamp()),
  asked (id) as (select distinct x from unnest($1::uuid[]) as x),
  held as materialized (
    select a.person, a.delegate, a.made_by, a.made_at from curfew.absence a
    where a.ended_at is null and a.from_at <= (select at from now) and a.until_at > (select at from now)),
  wanted (id) as (select id from asked union select h.person from held h where h.delegate in (select id from asked)),
  human (person, id) as (
      select w.id, w.id from wanted w
    union
      select h.person, case when a.person = h.id then a.alias else a.person end
      from human h join curfew.person_alias a on h.id in (a.person, a.alias)),
  account as materialized (
    select p.id, p.kind, p.manager,
      (select m.manager from curfew.person m where m.id = p.manager) as managers_manager,
      (select one.state from human h join curfew.person one on one.id = h.id where h.person = p.id
       order by array_position(array['left', 'suspended', 'active'], one.state) limit 1) as state,
      array(select distinct g.name collate "C" from curfew.person_group g where g.person = p.id order by 1) as groups,
      array(select distinct g.name collate "C" from human h join curfew.person_group g on g.person = h.id
            where h.person = p.id and h.id <> p.id and not exists (
              select from curfew.person_group own where own.person = p.id and own.name = g.name)
            order by 1) as other_groups,
      array(select h.id::text from human h where h.person = p.id and h.id <> p.id order by h.id) as aliases,
      coalesce((select jsonb_agg(jsonb_build_object('group', g.name, 'by', g.added_by) order by g.name collate "C", g.added_by)
                from (select distinct g.name, g.added_by from curfew.person_group g
                      where g.person = p.id and g.added_by is not null) g), '[]') as added_by,
      array(select distinct s.schedule collate "C" from curfew.on_call_shift s
            where s.person = p.id and s.from_at <= (select at from now) and s.until_at > (select at from now)
            order by 1) as on_call,
      exists (select from human h join curfew.request r on r.person = h.id and r.kind = 'break-glass'
              join curfew.access_grant g on g.request_id = r.id
              where h.person = p.id and ${owedFrom('r', 'g')} <= (select at from now)
                and not exists (select from curfew.review v where v.request_id = r.id)) as review_debt
    from curfew.person p where p.id in (select id from wanted)),
  deputy as (
    select distinct on (h.delegate, h.person) h.delegate, h.person, h.made_by from held h
    where h.delegate in (select id from asked)
      and not exists (select from held back join human d on d.id = back.person join human a on a.id = back.delegate
                      where d.person = h.delegate and a.person = h.person)
    order by h.delegate, h.person, h.made_at desc, h.made_by)
  select p.id, p.state, p.kind, p.manager, p.groups, p.aliases, p.added_by as "addedBy",
    p.managers_manager as "managersManager", p.on_call as "onCall", p.other_groups as "otherGroups",
    p.review_debt as "reviewDebt", exists (select from human h join held a on a.person = h.id where h.person = p.id) as away,
    coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'state', d.state, 'kind', d.kind, 'manager', d.manager,
        'groups', to_jsonb(d.groups), 'otherGroups', to_jsonb(d.other_groups), 'aliases', to_jsonb(d.aliases), 'addedBy', d.added_by,
        'onCall', to_jsonb(d.on_call), 'reviewDebt', d.review_debt, 'by', y.made_by) order by d.id)
      from deputy y join account d on d.id = y.person where y.delegate = p.id), '[]') as "standsInFor",
    (select at from now) as now
  from account p where p.id in (select id from asked)`;

type FactsRow = Required<Omit<PersonFacts, 'reciprocal' | 'reviewDebt'>> & {
  readonly reviewDebt: boolean;
  readonly now: number;
};

/** In any order; unknown ids are left out. What is nothing, nobody or no is left out of the facts as well. */
export async function factsOfMany(db: Db, ids: readonly PersonId[]): Promise<readonly PersonFacts[]> {
  const rows = await db.query<FactsRow>(factsText, [ids]);
  const [first] = rows;
  if (!first) return [];
  // Of those in whose place somebody decides as well: their pair is the pair of the seat.
  const deputised = rows.flatMap(({ standsInFor }) => standsInFor.map(({ id }) => id));
  const reciprocal = await reciprocalOf(db, [...new Set([...ids, ...deputised])], first.now);
  return rows.map((row) => {
    const others = reciprocal.get(row.id);
    const facts = factsIn(row);
    const delegators = facts.standsInFor?.map((one) => ({ ...one, ...paired(reciprocal.get(one.id)) }));
    return { ...facts, ...paired(others), ...(delegators ? { standsInFor: delegators } : {}) };
  });
}

/** Without what is known of their approvals: what the directory itself says of somebody. */
export async function directoryFactsOf(db: Db, id: PersonId): Promise<PersonFacts | undefined> {
  const [row] = await db.query<FactsRow>(factsText, [[id]]);
  return row && factsIn(row);
}

export async function factsOf(db: Db, id: PersonId): Promise<PersonFacts | undefined> {
  const [facts] = await factsOfMany(db, [id]);
  return facts;
}

const factsIn = ({
  managersManager,
  onCall,
  otherGroups,
  away,
  standsInFor,
  reviewDebt,
  ...row
}: Omit<FactsRow, 'now'>): PersonFacts => ({
  id: row.id,
  state: row.state,
  kind: row.kind,
  manager: row.manager,
  groups: row.groups,
  aliases: row.aliases,
  addedBy: row.addedBy,
  ...(managersManager === null ? {} : { managersManager }),
  ...(onCall.length > 0 ? { onCall } : {}),
  ...(otherGroups.length > 0 ? { otherGroups } : {}),
  ...(away ? { away } : {}),
  ...(standsInFor.length > 0 ? { standsInFor: standsInFor.map(delegatorIn) } : {}),
  ...(reviewDebt ? { reviewDebt } : {}),
});

const paired = (others: readonly PersonId[] | undefined) => (others ? { reciprocal: others } : {});

type DelegatorRow = Omit<Delegator, 'reviewDebt'> & { readonly reviewDebt?: boolean };

const delegatorIn = ({ onCall, otherGroups, reviewDebt, ...row }: DelegatorRow): Delegator => ({
  ...row,
  ...(reviewDebt === true ? { reviewDebt } : {}),
  ...(otherGroups && otherGroups.length > 0 ? { otherGroups } : {}),
  ...(onCall && onCall.length > 0 ? { onCall } : {}),
});

/**
 * Active people whom any of the selectors names, and those who stand in for one of them now, in order of their ids.
 * Whether one may decide is `eligibility`'s to say.
 */
export async function peopleMatching(db: Db, selectors: readonly Selector[]): Promise<readonly PersonId[]> {
  const rows = await db.query<{ id: PersonId }>(
    `with named (id) as (
         select unnest($1::uuid[])
       union
         select g.person from curfew.person_group g where g.name = any ($2::text[])
       union
         select s.person from curfew.on_call_shift s where s.schedule = any ($3::text[])
           and s.from_at <= clock_timestamp() and s.until_at > clock_timestamp()),
     deputy (id) as (
       select a.delegate from curfew.absence a where a.person in (select id from named) and a.delegate is not null
         and a.ended_at is null and a.from_at <= clock_timestamp() and a.until_at > clock_timestamp())
     select p.id from curfew.person p where p.state = 'active'
       and (p.id in (select id from named) or p.id in (select id from deputy)) order by p.id`,
    [
      selectors.flatMap((selector) => (selector.kind === 'person' ? [selector.person] : [])),
      selectors.flatMap((selector) => (selector.kind === 'group' ? [selector.group] : [])),
      selectors.flatMap((selector) => (selector.kind === 'on-call' ? [selector.schedule] : [])),
    ],
  );
  const gone = new Set(
    await goneOf(
      db,
      rows.map((row) => row.id),
    ),
  );
  return rows.flatMap(({ id }) => (gone.has(id) ? [] : [id]));
}

/** Those of these people of whom another account is not active any more. */
async function goneOf(db: Db, ids: readonly PersonId[]): Promise<readonly PersonId[]> {
  const rows = await db.query<{ id: PersonId }>(
    `with recursive human (person, id) as (
         select x, x from unnest($1::uuid[]) as x
       union
         select h.person, case when a.person = h.id then a.alias else a.person end
         from human h join curfew.person_alias a on h.id in (a.person, a.alias))
     select distinct h.person as id from human h join curfew.person p on p.id = h.id where p.state <> 'active'`,
    [ids],
  );
  return rows.map(({ id }) => id);
}
