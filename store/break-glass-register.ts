/** Every break-glass with what became of it: what an auditor asks for first. */
import type { PersonId, RequestId, RoleName, TargetName } from '../domain/ids.ts';
import type { AnnouncementChannel, IncidentKnown } from './announcements.ts';
import type { Db } from './pool.ts';
import { owedFrom, type ReviewVerdict } from './reviews.ts';

/** Instants in epoch ms; null where it has not happened. */
export type RegisterRow = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly target: TargetName;
  readonly role: RoleName;
  readonly incident: string | null;
  /** Null: from before incidents were checked. */
  readonly incidentKnown: IncidentKnown | null;
  readonly openedAt: number;
  readonly state: string;
  readonly announced: readonly {
    readonly channel: AnnouncementChannel;
    readonly committedAt: number;
    readonly deliveredAt: number | null;
  }[];
  readonly grantedAt: number | null;
  readonly endAt: number | null;
  readonly endedAt: number | null;
  readonly review: {
    readonly person: PersonId;
    readonly verdict: ReviewVerdict;
    readonly reviewedAt: number;
  } | null;
  /** From when it is, or will be, review debt; null where nothing was granted, or it is reviewed. */
  readonly owedFromAt: number | null;
};

/**
 * `open`: not closed yet. `owed`: was granted, is over, and nobody has reviewed it. Both false: all of them.
 * `fromAt` and `toAt` bound when it was opened; the end does not count in. At most 1,000, newest first.
 */
export type RegisterFilter = {
  readonly only?: 'open' | 'owed';
  readonly fromAt?: number;
  readonly toAt?: number;
};

const msOf = (instant: string): string => `floor(extract(epoch from ${instant}) * 1000)`;

const registerText = `
  select r.id as "requestId", r.person, r.target, r.role, r.ticket as incident, b.incident as "incidentKnown",
    r.opened_at as "openedAt", coalesce(p.state, 'requested') as state,
    coalesce((select jsonb_agg(jsonb_build_object('channel', a.channel, 'committedAt', ${msOf('a.committed_at')},
        'deliveredAt', ${msOf('a.delivered_at')}) order by a.channel)
      from curfew.announcement a where a.request_id = r.id), '[]') as announced,
    g.granted_at as "grantedAt", g.end_at as "endAt", g.ended_at as "endedAt",
    case when v.request_id is null then null else jsonb_build_object('person', v.person, 'verdict', v.verdict,
      'reviewedAt', ${msOf('v.reviewed_at')}) end as review,
    case when g.request_id is null or v.request_id is not null then null else ${owedFrom('r', 'g')} end as "owedFromAt"
  from curfew.request r left join curfew.break_glass b on b.request_id = r.id
  left join curfew.projection p on p.request_id = r.id left join curfew.access_grant g on g.request_id = r.id
  left join curfew.review v on v.request_id = r.id
  where r.kind = 'break-glass' and ($1::timestamptz is null or r.opened_at >= $1)
    and ($2::timestamptz is null or r.opened_at < $2)
    and ($3::text is distinct from 'open' or p.state is distinct from 'closed')
    and ($3::text is distinct from 'owed' or (v.request_id is null and g.request_id is not null
      and coalesce(g.ended_at, g.end_at) <= clock_timestamp()))
  order by r.opened_at desc, r.id limit 1000`;

export const register = (db: Db, { only, fromAt, toAt }: RegisterFilter): Promise<readonly RegisterRow[]> =>
  db.query(registerText, [instant(fromAt), instant(toAt), only ?? null]);

const instant = (at: number | undefined): Date | null => (at === undefined ? null : new Date(at));
