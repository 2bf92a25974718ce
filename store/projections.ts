/** The newest view of each request. Writers race and repeat; the higher version wins (I10). */
import type { RequestId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import type { Db } from './pool.ts';

export async function viewOf(db: Db, id: RequestId): Promise<RequestView | undefined> {
  const [row] = await db.query<{ view: RequestView }>('select view from curfew.projection where request_id = $1', [id]);
  return row?.view;
}

/**
 * Keeps the view if it is newer than what is kept. What is closed stays closed, also where an operator's reset makes a
 * Workflow run once more; the store itself refuses everything else.
 * @param at when it was learned, epoch ms
 * @returns false where a view of this or a higher version is there already, or the request is closed
 */
export async function save(db: Db, id: RequestId, view: RequestView, at: number): Promise<boolean> {
  const { state } = view;
  const endAt = state.kind === 'active' || state.kind === 'revoking' ? state.endAt : undefined;
  const kept = await db.query(
    `insert into curfew.projection as kept (request_id, version, state, outcome, view, end_at, changed_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (request_id) do update set version = excluded.version, state = excluded.state,
       outcome = excluded.outcome, view = excluded.view, end_at = coalesce(excluded.end_at, kept.end_at),
       changed_at = excluded.changed_at
     where kept.version < excluded.version and (kept.state <> 'closed' or excluded.state = 'closed') returning 1`,
    [
      id,
      view.version,
      state.kind,
      state.kind === 'closed' ? state.outcome : null,
      JSON.stringify(view),
      endAt === undefined ? null : new Date(endAt),
      new Date(at),
    ],
  );
  return kept.length > 0;
}

/**
 * The same of many, which nobody changes until the transaction is over; those without one are left out. Whoever also takes
 * turns for these (`store/grants.ts`) does that first, as everybody who writes both.
 */
export async function viewsToChange(tx: Db, ids: readonly RequestId[]): Promise<ReadonlyMap<RequestId, RequestView>> {
  const rows = await tx.query<{ id: RequestId; view: RequestView }>(
    `select request_id as id, view from curfew.projection where request_id = any ($1::uuid[])
     order by request_id for update`,
    [ids],
  );
  return new Map(rows.map(({ id, view }) => [id, view]));
}

/** `save` of many closed views, in one statement. */
export async function closeAll(
  db: Db,
  views: ReadonlyMap<RequestId, RequestView & { readonly state: { readonly kind: 'closed' } }>,
  at: number,
): Promise<void> {
  const all = [...views];
  await db.query(
    `update curfew.projection as kept set version = n.version, state = 'closed', outcome = n.view -> 'state' ->> 'outcome',
       view = n.view, changed_at = $4
     from unnest($1::uuid[], $2::int[], $3::jsonb[]) as n (id, version, view)
     where kept.request_id = n.id and kept.version < n.version`,
    [
      all.map(([id]) => id),
      all.map(([, { version }]) => version),
      all.map(([, view]) => JSON.stringify(view)),
      new Date(at),
    ],
  );
}
