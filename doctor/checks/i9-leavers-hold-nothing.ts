import { finder, type Check } from '../finding.ts';

const found = finder('I9');
const boundMs = 60_000;

/**
 * A minute after somebody left or was suspended they hold no login and no session, and nothing of theirs is open, in any
 * of their accounts.
 */
export const leaversHoldNothing: Check = async ({ store, targets, now }) => {
  const gone = await store.query<{ id: string }>(
    `with recursive gone (id) as (
         select id from curfew.person where state <> 'active' and changed_at <= $1
       union
         select case when a.person = g.id then a.alias else a.person end
         from gone g join curfew.person_alias a on g.id in (a.person, a.alias))
     select id::text from gone`,
    [new Date(now - boundMs)],
  );
  const ids = new Set(gone.map((row) => row.id));
  const held = targets.flatMap((target) =>
    target.ledger
      .filter((row) => row.person !== null && ids.has(row.person))
      .filter((row) => {
        const login = target.roles.some(
          (role) => role.canLogin && (role.name === row.role || role.oid === row.roleOid),
        );
        const session = target.sessions.some(
          (one) => one.role === row.role || (row.roleOid !== null && one.roleOid === row.roleOid),
        );
        return login || session;
      })
      .map((row) => found('held', row.person ?? row.grantId, 'Somebody who is not active holds a login or a session.')),
  );
  const open = await store.query<{ id: string }>(
    `select r.id::text from curfew.request r left join curfew.projection p on p.request_id = r.id
     where r.person = any ($1::uuid[]) and p.state is distinct from 'closed' and r.opened_at <= $2`,
    [[...ids], new Date(now - boundMs)],
  );
  const standing = await store.query<{ id: string }>(
    `select distinct d.request_id::text as id from curfew.decision d join curfew.projection p on p.request_id = d.request_id
     where d.person = any ($1::uuid[]) and p.state in ('requested', 'awaiting', 'approved')
       and not exists (select from curfew.decision_void v where v.decision_id = d.id)`,
    [[...ids]],
  );
  return [
    ...held,
    ...open.map(({ id }) => found('open', id, 'A request of somebody who is not active is open.')),
    ...standing.map(({ id }) => found('approval', id, 'A decision of somebody who is not active still counts.')),
  ];
};
