/** What is held, or about to be, under a condition. */
import type { PersonId, RequestId, TargetName } from '../domain/ids.ts';
import type { Condition } from '../domain/plan.ts';
import type { Db } from './pool.ts';

export type Bound = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly person: PersonId;
  /** As the request's plan has it, pinned. */
  readonly until: Condition;
};

const columns = `r.id as "requestId", r.target, r.person, r.plan -> 'until' as until`;

/** Grants that nobody has seen ended and whose end nobody asked for because of it, oldest first, at most 10,000. */
export const live = (db: Db): Promise<readonly Bound[]> =>
  db.query(
    `select ${columns} from curfew.access_grant g join curfew.request r on r.id = g.request_id
     where g.ended_at is null and r.plan -> 'until' is not null and not exists (
       select from curfew.revoke_intent i where i.request_id = r.id and i.cause = 'condition')
     order by g.granted_at, r.id limit 10000`,
  );

/** Everything that was claimed under this condition and is not over; what is being granted just now included. */
export const claimedUnder = (db: Db, { kind, key }: Pick<Condition, 'kind' | 'key'>): Promise<readonly Bound[]> =>
  db.query(
    `select ${columns} from curfew.claim c join curfew.request r on r.id = c.request_id
     left join curfew.access_grant g on g.request_id = r.id left join curfew.projection p on p.request_id = r.id
     where r.plan -> 'until' ->> 'kind' = $1 and r.plan -> 'until' ->> 'key' = $2 and g.ended_at is null
       and (p.state is distinct from 'closed' or g.request_id is not null)
     order by c.accepted_at, r.id limit 10000`,
    [kind, key],
  );
