/** What each channel is told of each alarm, once; whoever does not take it is told again without end. */
import {
  escalatesAfterMs,
  escalatesEveryMs,
  floodCode,
  floodKey,
  floodWindowMs,
  newsCodes,
  newsLastsMs,
  type CodeCounts,
} from '../domain/alarms.ts';
import type { OpenAlarm } from './alarms.ts';
import type { Db } from './pool.ts';

/** `level`: how often it escalated by then. */
export type Step =
  { readonly kind: 'raised' } | { readonly kind: 'escalated'; readonly level: number } | { readonly kind: 'resolved' };

export type DueDelivery = Omit<OpenAlarm, 'id'> & {
  readonly alarm: string;
  readonly channel: string;
  readonly step: Step;
  /** How often it was tried, this time included. */
  readonly attempts: number;
  readonly resolvedAt: number | null;
};

/** Of every code with an alarm that nobody was told of, or with a flood. */
export async function countsByCode(db: Db): Promise<readonly CodeCounts[]> {
  return db.query<CodeCounts>(
    `with open as (
       select a.code, count(*) as open, count(*) filter (where not exists (
           select from curfew.alarm_delivery d where d.alarm = a.id and d.step = 'raised')) as untold
         from curfew.alarm a where a.resolved_at is null and a.code <> $1 group by a.code),
     flood as (select substr(f.key, length($3) + 1) as code from curfew.alarm f where f.code = $1 and f.resolved_at is null),
     codes as (select code from open where untold > 0 union select code from flood)
     select c.code, coalesce(o.open, 0) as open, coalesce(o.untold, 0) as untold,
       (select count(*) from curfew.alarm a where a.code = c.code and a.raised_at > clock_timestamp() - $2 * interval '1 ms'
          and exists (select from curfew.alarm_delivery d where d.alarm = a.id and d.step = 'raised')) as recent,
       exists (select from flood f where f.code = c.code) as flooding
     from codes c left join open o on o.code = c.code order by c.code`,
    [floodCode, floodWindowMs, floodKey('')],
  );
}

/** Has the oldest alarms of a code, of which nobody was told, told to all these channels. */
export async function tell(db: Db, channels: readonly string[], code: string, limit: number): Promise<void> {
  await db.query(
    `insert into curfew.alarm_delivery (alarm, channel, step)
     select a.id, c.name, 'raised' from (
       select a.id from curfew.alarm a where a.code = $2 and a.resolved_at is null
         and not exists (select from curfew.alarm_delivery d where d.alarm = a.id and d.step = 'raised')
       order by a.raised_at limit $3) a cross join unnest($1::text[]) as c (name)
     on conflict do nothing`,
    [channels, code, limit],
  );
}

/**
 * What follows for those that were told: a channel that is new is told too, what goes on escalates, what is over is said
 * to be over. What a channel has not taken and is out of date by then is passed over: a newer escalation takes its
 * place, and of an alarm that was over before anybody tried to say it nothing is said.
 */
export async function follow(db: Db, channels: readonly string[]): Promise<void> {
  await db.query(
    `insert into curfew.alarm_delivery (alarm, channel, step)
     select a.id, c.name, 'raised' from curfew.alarm a cross join unnest($1::text[]) as c (name)
      where a.resolved_at is null and exists (select from curfew.alarm_delivery d where d.alarm = a.id and d.step = 'raised')
        and not exists (select from curfew.alarm_delivery d where d.alarm = a.id and d.step = 'raised' and d.channel = c.name)
     on conflict do nothing`,
    [channels],
  );
  await db.query(
    `insert into curfew.alarm_delivery (alarm, channel, step)
     select d.alarm, d.channel, 'escalated:' || (1 + floor((x.age - $2) / $3))::int
       from curfew.alarm a join curfew.alarm_delivery d on d.alarm = a.id and d.step = 'raised' and d.channel = any($1::text[])
       cross join lateral (select extract(epoch from clock_timestamp() - a.raised_at) * 1000 as age) x
      where a.resolved_at is null and x.age >= $2 and d.delivered_at is not null and a.code <> all ($4::text[])
     on conflict do nothing`,
    [channels, escalatesAfterMs, escalatesEveryMs, newsCodes],
  );
  await db.query(
    `update curfew.alarm_delivery d set passed_at = clock_timestamp() from curfew.alarm a
      where a.id = d.alarm and d.delivered_at is null and d.passed_at is null
        and ((a.resolved_at is not null and (d.step like 'escalated:%' or d.step = 'raised' and d.attempts = 0))
          or (d.step like 'escalated:%' and exists (select from curfew.alarm_delivery n
               where n.alarm = d.alarm and n.channel = d.channel and n.step like 'escalated:%'
                 and substr(n.step, 11)::int > substr(d.step, 11)::int)))`,
  );
  await db.query(
    `insert into curfew.alarm_delivery (alarm, channel, step)
     select d.alarm, d.channel, 'resolved' from curfew.alarm a join curfew.alarm_delivery d on d.alarm = a.id and d.step = 'raised'
      where a.resolved_at > clock_timestamp() - interval '30 days' and d.passed_at is null and d.channel = any($1::text[])
        and not exists (select from curfew.alarm_delivery r where r.alarm = d.alarm and r.channel = d.channel and r.step = 'resolved')
     on conflict do nothing`,
    [channels],
  );
}

/**
 * Keys of open alarms that are news, and no news any more: told for an hour, by themselves or as a part of a flood. What
 * some channel has still to take stays, so that nothing is over unheard.
 */
export async function oldNews(db: Db): Promise<readonly string[]> {
  const rows = await db.query<{ key: string }>(
    `select a.key from curfew.alarm a
      where a.resolved_at is null and a.code = any ($1::text[]) and a.raised_at < clock_timestamp() - $2 * interval '1 ms'
        and not exists (select from curfew.alarm_delivery d
          where d.alarm = a.id and d.step = 'raised' and d.delivered_at is null and d.passed_at is null)
        and exists (select from curfew.alarm_delivery d join curfew.alarm t on t.id = d.alarm
          where (t.id = a.id or (t.code = $3 and t.subject = a.code and t.resolved_at is null))
            and d.step = 'raised' and d.delivered_at < clock_timestamp() - $2 * interval '1 ms')
      limit 1000`,
    [newsCodes, newsLastsMs, floodCode],
  );
  return rows.map(({ key }) => key);
}

type DueRow = Omit<DueDelivery, 'step'> & { readonly step: string };

/**
 * Takes what is due for one channel, oldest first; of each alarm its first step that is not done. A taker that dies
 * delays it by the lease; two never take the same.
 */
export async function take(db: Db, channel: string, limit: number, leaseMs: number): Promise<readonly DueDelivery[]> {
  const rows = await db.query<DueRow>(
    `with due as (
       select d.alarm, d.step from curfew.alarm_delivery d join curfew.alarm a on a.id = d.alarm
        where d.channel = $1 and d.delivered_at is null and d.passed_at is null and d.next_at <= clock_timestamp()
          and not exists (select from curfew.alarm_delivery e where e.alarm = d.alarm and e.channel = d.channel
            and e.delivered_at is null and e.passed_at is null and ${place('e')} < ${place('d')})
        order by a.raised_at, d.step limit $2 for update of d skip locked)
     update curfew.alarm_delivery d set attempts = d.attempts + 1, next_at = clock_timestamp() + $3 * interval '1 ms'
       from due, curfew.alarm a
      where d.alarm = due.alarm and d.step = due.step and d.channel = $1 and a.id = d.alarm
     returning d.alarm, d.channel, d.step, d.attempts, a.key, a.code, a.subject, a.detail, a.raised_by as "raisedBy",
       a.raised_at as "raisedAt", a.resolved_at as "resolvedAt"`,
    [channel, limit, leaseMs],
  );
  return rows.map((row) => ({ ...row, step: stepOf(row.step) })).sort((a, b) => a.raisedAt - b.raisedAt);
}

const place = (row: string): string =>
  `(case ${row}.step when 'raised' then 0 when 'resolved' then 1000000 else substr(${row}.step, 11)::int end)`;

/** As it stands in the table. */
export const stepText = (step: Step): string => (step.kind === 'escalated' ? `escalated:${step.level}` : step.kind);

function stepOf(text: string): Step {
  if (text === 'raised' || text === 'resolved') return { kind: text };
  return { kind: 'escalated', level: Number(text.slice('escalated:'.length)) };
}

type Which = Pick<DueDelivery, 'alarm' | 'channel' | 'step'>;

export async function delivered(db: Db, { alarm, channel, step }: Which): Promise<void> {
  await db.query(
    `update curfew.alarm_delivery set delivered_at = clock_timestamp(), last_error = null
     where alarm = $1 and channel = $2 and step = $3 and delivered_at is null`,
    [alarm, channel, stepText(step)],
  );
}

/** @param error a code or a sentence without secrets; shown by `curfew alarms` */
export async function failed(db: Db, { alarm, channel, step }: Which, error: string, againMs: number): Promise<void> {
  await db.query(
    `update curfew.alarm_delivery set last_error = $4, next_at = clock_timestamp() + $5 * interval '1 ms'
     where alarm = $1 and channel = $2 and step = $3 and delivered_at is null`,
    [alarm, channel, stepText(step), error.slice(0, 300), againMs],
  );
}

/** Keys of open alarms of a code that all these channels have taken, or that are older than `patienceMs`. */
export async function heardBy(
  db: Db,
  channels: readonly string[],
  code: string,
  patienceMs: number,
): Promise<readonly string[]> {
  const rows = await db.query<{ key: string }>(
    `select a.key from curfew.alarm a where a.code = $2 and a.resolved_at is null
      and (a.raised_at <= clock_timestamp() - $3 * interval '1 ms'
        or (select count(*) from curfew.alarm_delivery d where d.alarm = a.id and d.step = 'raised'
             and d.channel = any($1::text[]) and d.delivered_at is not null) = cardinality($1::text[]))`,
    [channels, code, patienceMs],
  );
  return rows.map(({ key }) => key);
}

export type ListedAlarm = OpenAlarm & {
  readonly resolvedAt: number | null;
  readonly deliveries: readonly {
    readonly channel: string;
    readonly step: string;
    readonly attempts: number;
    readonly deliveredAt: number | null;
    readonly passedAt: number | null;
    readonly error: string | null;
  }[];
};

const ms = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::int8`;

/**
 * Alarms with what each channel was told: the open ones, oldest first; or, with `all`, the newest first. At most 1,000.
 * @param key of one alarm alone
 */
export const listed = (db: Db, all: boolean, key?: string): Promise<readonly ListedAlarm[]> =>
  db.query(
    `select a.id, a.key, a.code, a.subject, a.detail, a.raised_by as "raisedBy", a.raised_at as "raisedAt",
       a.resolved_at as "resolvedAt",
       coalesce((select jsonb_agg(jsonb_build_object('channel', d.channel, 'step', d.step, 'attempts', d.attempts,
           'deliveredAt', ${ms('d.delivered_at')}, 'passedAt', ${ms('d.passed_at')}, 'error', d.last_error)
           order by d.channel, ${place('d')})
         from curfew.alarm_delivery d where d.alarm = a.id), '[]') as deliveries
     from curfew.alarm a where ($1 or a.resolved_at is null) and ($2::text is null or a.key = $2)
     order by case when $1 then - extract(epoch from a.raised_at) else extract(epoch from a.raised_at) end limit 1000`,
    [all, key ?? null],
  );
