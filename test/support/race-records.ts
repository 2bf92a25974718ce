/** What is left of a request after a race: read from store, audit log and the target's ledger, and from nowhere else. */
import type { RequestState } from '../../domain/request.ts';
import type { Db } from '../../store/pool.ts';
import type { Postgres } from './postgres.ts';

export type RaceRecord = {
  readonly id: string;
  /** As its Workflow said last. */
  readonly state: RequestState;
  readonly outcome: string | null;
  readonly decisions: readonly {
    readonly id: string;
    readonly person: string;
    readonly verdict: 'approve' | 'deny';
    readonly voided: boolean;
  }[];
  /** Entries of the audit log, a count a kind. */
  readonly entries: Readonly<Record<string, number>>;
  /** Codes of the refusals in the audit log. */
  readonly refused: readonly string[];
  readonly intents: readonly string[];
  readonly claimedEndAt: number | null;
  readonly grant: {
    readonly endAt: number;
    readonly startedAt: number | null;
    readonly verifiedAt: number | null;
  } | null;
  readonly extensions: readonly { readonly endAt: number; readonly outcome: string | null }[];
  readonly ledger: {
    readonly state: string;
    readonly endAt: number | null;
    readonly revokedAt: number | null;
    readonly canLogin: boolean;
  } | null;
};

const ms = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::int8`;

const storeText = `select r.id::text, p.view -> 'state' as state, p.outcome,
    coalesce((select jsonb_agg(jsonb_build_object('id', d.id, 'person', d.person, 'verdict', d.verdict, 'voided', v.decision_id is not null))
      from curfew.decision d left join curfew.decision_void v on v.decision_id = d.id where d.request_id = r.id), '[]') as decisions,
    coalesce((select jsonb_object_agg(kind, n) from (select kind, count(*) as n from audit.entry
      where subject = r.id::text group by kind) e), '{}') as entries,
    coalesce((select jsonb_agg(convert_from(body, 'UTF8')::jsonb ->> 'code') from audit.entry
      where subject = r.id::text and kind like '%.refused'), '[]') as refused,
    coalesce((select jsonb_agg(cause order by cause) from curfew.revoke_intent i where i.request_id = r.id), '[]') as intents,
    (select ${ms('c.end_at')} from curfew.claim c where c.request_id = r.id) as "claimedEndAt",
    (select jsonb_build_object('endAt', ${ms('g.end_at')}, 'startedAt', (t.body ->> 'startedAt')::int8, 'verifiedAt', (t.body ->> 'verifiedAt')::int8)
      from curfew.access_grant g left join curfew.receipt t on t.request_id = g.request_id and t.kind = 'revoke'
      where g.request_id = r.id) as grant,
    coalesce((select jsonb_agg(jsonb_build_object('endAt', ${ms('e.end_at')}, 'outcome', o.kind))
      from curfew.extension e left join curfew.extension_outcome o on o.extension_id = e.id where e.request_id = r.id), '[]') as extensions
  from curfew.request r join curfew.projection p on p.request_id = r.id`;

const ledgerText = `select grant_id::text as id, l.state, ${ms('l.until')} as "endAt", ${ms('l.revoked_at')} as "revokedAt",
    coalesce(r.rolcanlogin, false) as "canLogin"
  from curfew.ledger l left join pg_roles r on r.rolname = l.role`;

export async function readRecords(store: Db, target: Postgres): Promise<ReadonlyMap<string, RaceRecord>> {
  type Ledger = { id: string; state: string; endAt: string | null; revokedAt: string | null; canLogin: boolean };
  const rows = await target.query<Ledger>('control', ledgerText);
  const ledger = new Map(rows.map(({ id, ...row }) => [id, row]));
  const records = await store.query<Omit<RaceRecord, 'ledger'>>(storeText);
  return new Map(
    records.map((record) => {
      const row = ledger.get(record.id);
      return [
        record.id,
        { ...record, ledger: row ? { ...row, endAt: at(row.endAt), revokedAt: at(row.revokedAt) } : null },
      ];
    }),
  );
}

/** The target's client reads int8 as text. */
const at = (text: string | null): number | null => (text === null ? null : Number(text));
