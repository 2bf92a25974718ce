import { finder, type Check } from '../finding.ts';

const found = finder('I11');

/**
 * Rows of the store, and the kinds of entries that say the same: as many of the one as of the other, for each subject and
 * key. `key`: the field of the entry's body that names the row; where it is empty they are only counted. `cause`: only
 * entries that give it, where there are others of the kind that have no row.
 */
type Matter = {
  readonly name: string;
  readonly rows: string;
  readonly kinds: readonly string[];
  readonly key: string;
  readonly cause?: string;
};

const closed = 'close of a request';

const matters: readonly Matter[] = [
  {
    name: 'request',
    rows: 'select id::text as subject, digest as key, opened_at as at from curfew.request',
    kinds: ['request.opened'],
    key: 'digest',
  },
  {
    name: 'decision',
    rows: 'select request_id::text as subject, id as key, made_at as at from curfew.decision',
    kinds: ['decision.made'],
    key: 'decision',
  },
  {
    name: 'void',
    rows: `select d.request_id::text as subject, d.id as key, v.voided_at as at
      from curfew.decision_void v join curfew.decision d on d.id = v.decision_id`,
    kinds: ['decision.voided'],
    key: 'decision',
  },
  {
    name: 'claim',
    rows: 'select request_id::text as subject, credential_id::text as key, accepted_at as at from curfew.claim',
    kinds: ['claim.accepted'],
    key: 'credential',
  },
  {
    name: 'grant',
    rows: 'select request_id::text as subject, role as key, granted_at as at from curfew.access_grant',
    kinds: ['grant.made'],
    key: 'role',
  },
  {
    name: 'end of a grant',
    rows: `select request_id::text as subject, body ->> 'role' as key, made_at as at from curfew.receipt
      where kind = 'revoke'`,
    kinds: ['grant.ended'],
    key: 'role',
  },
  // One of both says so, or both: what was buried before it was granted may have a receipt later.
  {
    name: closed,
    rows: `select request_id::text as subject, '' as key, changed_at as at from curfew.projection where state = 'closed'`,
    kinds: ['request.closed', 'grant.ended'],
    key: '',
  },
  {
    name: 'intent',
    rows: `select coalesce(request_id, person)::text as subject, '' as key, asked_at as at from curfew.revoke_intent`,
    kinds: ['end.asked', 'condition.ended'],
    key: '',
  },
  {
    name: 'extension',
    rows: 'select request_id::text as subject, id::text as key, asked_at as at from curfew.extension',
    kinds: ['extension.asked'],
    key: 'extension',
  },
  {
    name: 'decision on an extension',
    rows: `select e.request_id::text as subject, d.id as key, d.made_at as at
      from curfew.extension_decision d join curfew.extension e on e.id = d.extension_id`,
    kinds: ['extension.decided'],
    key: 'decision',
  },
  // What was denied is said by the decision that denied it.
  {
    name: 'outcome of an extension',
    rows: `select e.request_id::text as subject, e.id::text as key, o.at
      from curfew.extension_outcome o join curfew.extension e on e.id = o.extension_id where o.kind <> 'denied'`,
    kinds: ['extension.made', 'extension.failed'],
    key: 'extension',
  },
  {
    name: 'review',
    rows: 'select request_id::text as subject, verdict as key, reviewed_at as at from curfew.review',
    kinds: ['review.recorded'],
    key: 'verdict',
  },
  {
    name: 'taint',
    rows: 'select request_id::text as subject, id::text as key, found_at as at from curfew.taint',
    kinds: ['taint.found'],
    key: 'taint',
  },
  {
    name: 'answer on a taint',
    rows: `select t.request_id::text as subject, t.id::text as key, a.made_at as at
      from curfew.taint_answer a join curfew.taint t on t.id = a.taint_id`,
    kinds: ['taint.answered'],
    key: 'taint',
  },
  // What was due is the target's to say; nothing in the store asked for it.
  {
    name: 'end by the reaper that was asked for',
    rows: `select g ->> 'grantId' as subject, g ->> 'verifiedAt' as key, o.ended_at as at
      from curfew.revoke_outcome o cross join lateral jsonb_array_elements(
        case jsonb_typeof(o.evidence -> 'grants') when 'array' then o.evidence -> 'grants' else '[]' end) g
      where o.written_by = 'curfew_reaper' and o.evidence -> 'told' ? (g ->> 'grantId')`,
    kinds: ['reaper.ended'],
    key: 'verifiedAt',
    cause: 'asked',
  },
];

/**
 * In one statement, and so of one instant. A day more is read than is judged, for the two sides were stamped by two
 * clocks. NB. What was retired from the log is older than what is looked at, whoever may say that more was.
 */
const text = `
  with matter (name, kind, key, cause) as (select * from unnest($2::text[], $3::text[], $4::text[], $5::text[])),
  side (name, subject, key, at, made, said) as (
    ${matters.map(({ name, rows }) => `select '${name}', r.subject, r.key, r.at, 1, 0 from (${rows}) r`).join(' union all ')}
    union all
    select m.name, e.subject,
      case m.key when '' then '' else coalesce(convert_from(e.body, 'UTF8')::jsonb ->> m.key, '') end, e.at, 0, 1
    from matter m join audit.entry e on e.kind = m.kind
      and case m.cause when '' then true else convert_from(e.body, 'UTF8')::jsonb ->> 'cause' = m.cause end)
  select name, subject, sum(made)::int as rows, sum(said)::int as entries
  from side where at >= $1::timestamptz - interval '1 day'
  group by name, subject, key
  having min(at) >= $1
    and case name when '${closed}' then sum(said) = 0 else sum(made) <> sum(said) end
  order by min(at), name, subject limit 1000`;

const all = matters.flatMap(({ name, kinds, key, cause = '' }) => kinds.map((kind) => ({ name, kind, key, cause })));

/**
 * Every change of the store has its entry, and every entry its change: written together, so neither is there without
 * the other, whoever may have written past Curfew.
 */
export const eachChangeHasItsEntry: Check = async ({ store, sinceAt }) => {
  const rows = await store.query<{ name: string; subject: string; rows: number; entries: number }>(text, [
    new Date(sinceAt),
    all.map(({ name }) => name),
    all.map(({ kind }) => kind),
    all.map(({ key }) => key),
    all.map(({ cause }) => cause),
  ]);
  return rows.map(({ name, subject, rows: made, entries }) =>
    entries < made
      ? found('no-entry', subject, `A ${name} stands in the store, and the log does not say so.`)
      : found('no-change', subject, `The log speaks of a ${name}, and the store has none like it.`),
  );
};
