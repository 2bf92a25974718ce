import { finder, type Check, type Finding } from '../finding.ts';

const found = finder('I13');
const hourMs = 3_600_000;
/** Sixty seconds, and what raising the alarm itself may take. */
const loudMs = 75_000;
/** Between the clocks of whoever writes an instant. */
const apartMs = 5_000;
const kinds = ['slack', 'webhook'] as const;

type Announced = { readonly channel: string; readonly committedAt: number; readonly deliveredAt: number | null };
type Alarm = { readonly raisedAt: number; readonly resolvedAt: number | null; readonly key: string };
type Row = {
  readonly id: string;
  readonly grantedAt: number;
  readonly endAt: number;
  readonly loggedAt: number | null;
  readonly announced: readonly Announced[];
  readonly alarms: readonly Alarm[];
  readonly ownReview: boolean;
  /** What its human did with review debt: instants of approvals, reviews, and of glass broken again. */
  readonly despiteDebt: number;
};

const ms = (instant: string): string => `floor(extract(epoch from ${instant}) * 1000)::int8`;

/** Written anew from the design, and not shared with the code that it checks. */
const text = `
  with recursive glass as (
    select r.id, r.person, g.granted_at, g.end_at, v.person as reviewer, v.reviewed_at,
      coalesce(g.ended_at, g.end_at) + interval '24 hours' as owed_from
    from curfew.request r join curfew.access_grant g on g.request_id = r.id left join curfew.review v on v.request_id = r.id
    where r.kind = 'break-glass' and r.id = any ($1::uuid[])),
  human (request, id) as (
      select id, person from glass
    union
      select h.request, case when a.person = h.id then a.alias else a.person end
      from human h join curfew.person_alias a on h.id in (a.person, a.alias)),
  done (request, at) as (
      select h.request, d.made_at from human h join curfew.decision d on d.person = h.id and d.verdict = 'approve'
    union all
      select h.request, d.made_at from human h join curfew.extension_decision d on d.person = h.id and d.verdict = 'approve'
    union all
      select h.request, v.reviewed_at from human h join curfew.review v on v.person = h.id
    union all
      select h.request, r.opened_at from human h join curfew.request r on r.person = h.id and r.kind = 'break-glass')
  select g.id, ${ms('g.granted_at')} as "grantedAt", ${ms('g.end_at')} as "endAt",
    (select ${ms('min(e.at)')} from audit.entry e where e.subject = g.id::text and e.kind = 'breakglass.announced') as "loggedAt",
    coalesce((select jsonb_agg(jsonb_build_object('channel', a.channel, 'committedAt', ${ms('a.committed_at')},
      'deliveredAt', ${ms('a.delivered_at')})) from curfew.announcement a where a.request_id = g.id), '[]') as announced,
    coalesce((select jsonb_agg(jsonb_build_object('key', m.key, 'raisedAt', ${ms('m.raised_at')},
      'resolvedAt', ${ms('m.resolved_at')})) from curfew.alarm m
      where m.key in ('breakglass/' || g.id || '/slack', 'breakglass/' || g.id || '/webhook',
        'breakglass/slack', 'breakglass/webhook')), '[]') as alarms,
    exists (select from human h where h.request = g.id and h.id = g.reviewer) as "ownReview",
    (select count(*) from done d where d.request = g.id and d.at > g.owed_from + interval '5 seconds'
      and (g.reviewed_at is null or d.at < g.reviewed_at)) as "despiteDebt"
  from glass g`;

/**
 * Break-glass is short, was in the log and announced for both kinds of channel before its credential, was heard of or
 * alarmed within a minute, and whoever owes a review has not decided or broken glass in the meantime.
 */
export const breakGlassIsLoud: Check = async ({ store, records, now }) => {
  const ids = [...records.values()].filter(({ kind, grant }) => kind === 'break-glass' && grant).map(({ id }) => id);
  const rows = await store.query<Row>(text, [ids]);
  return rows.flatMap((row) => [...bounded(row), ...announced(row, now), ...reviewed(row)]);
};

const bounded = ({ id, grantedAt, endAt }: Row): readonly Finding[] =>
  endAt - grantedAt > hourMs + apartMs ? [found('long', id, 'Break-glass for longer than an hour.')] : [];

function announced(row: Row, now: number): readonly Finding[] {
  const { id, grantedAt, loggedAt } = row;
  const logged =
    loggedAt !== null && loggedAt <= grantedAt + apartMs
      ? []
      : [found('unlogged', id, 'The log did not say before the grant that glass was broken.')];
  return [
    ...logged,
    ...kinds.flatMap((channel): readonly Finding[] => {
      const one = row.announced.find((each) => each.channel === channel);
      if (!one || one.committedAt > grantedAt + apartMs)
        return [found('unannounced', id, `Nothing was committed for ${channel} before the grant.`)];
      const late = (one.deliveredAt ?? now) - one.committedAt > loudMs;
      return late && !wasAlarmed(row, one)
        ? [found('quiet', id, `${channel} heard of it late, without an alarm.`)]
        : [];
    }),
  ];
}

/** Its own alarm, or the one that says that there is no such channel, which must have been open at some time since. */
const wasAlarmed = ({ id, alarms }: Row, { channel, committedAt }: Announced): boolean =>
  alarms.some(
    ({ key, resolvedAt }) =>
      key === `breakglass/${id}/${channel}` ||
      (key === `breakglass/${channel}` && (resolvedAt === null || resolvedAt >= committedAt)),
  );

const reviewed = ({ id, ownReview, despiteDebt }: Row): readonly Finding[] => [
  ...(ownReview ? [found('own-review', id, 'It was reviewed by whoever broke the glass.')] : []),
  ...(despiteDebt > 0
    ? [found('debt', id, 'Nobody has reviewed it in time, and its holder approved, or broke glass, all the same.')]
    : []),
];
