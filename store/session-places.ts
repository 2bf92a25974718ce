/** How far each node's log was read: its row is there before the first look, so that a node that never answers is missed. */
import type { Db } from './pool.ts';

/** One node of one cluster, and the cluster's targets. */
export type LoggedNode = { readonly cluster: string; readonly node: string; readonly targets: readonly string[] };

/** `file` null: nothing was read yet. */
export type LogPlace = { readonly file: string | null; readonly head: Buffer | null; readonly next: number };

/** What was read, but for its lines. */
export type ReadOn = {
  readonly place: LogPlace;
  /** Before it was read; epoch ms, the target's clock. */
  readonly askedAt: number;
  /** There is more already. */
  readonly more: boolean;
  /** Something that was not read, or could not be kept, is gone. */
  readonly lost: boolean;
  /** Whether the server logs who comes and who goes. */
  readonly connections: boolean;
};

/** How far a node's log was read, the beginning where it never was; from now on it is one that has to be read. */
export async function placeOf(db: Db, { cluster, node, targets }: LoggedNode): Promise<LogPlace> {
  const [row] = await db.query<LogPlace>(
    `insert into curfew.session_cursor (cluster, node, targets, next) values ($1, $2, $3, 0)
     on conflict (cluster, node) do update set targets = excluded.targets, gone_at = null
     returning file, head, next`,
    [cluster, node, targets],
  );
  if (!row) throw new Error('curfew.session_cursor gave no row');
  return row;
}

/** Nobody reads the logs of a cluster's other nodes any more. NB. Whoever does takes it back with the next piece. */
export async function forgetOthers(db: Db, cluster: string, nodes: readonly string[]): Promise<void> {
  await db.query(
    `update curfew.session_cursor set gone_at = clock_timestamp()
     where cluster = $1 and node <> all ($2::text[]) and gone_at is null`,
    [cluster, nodes],
  );
}

export type HeldPlace = {
  /** What is older came with a copy of another node's folder; epoch ms. */
  readonly ownSince: number | null;
  /** Nothing of the log was ever read. */
  readonly isNew: boolean;
};

/** Locks how far the node's log was read. @returns undefined where that is another place by now */
export async function holdPlace(tx: Db, node: LoggedNode, from: LogPlace): Promise<HeldPlace | undefined> {
  const [held] = await tx.query<HeldPlace>(
    `select own_since as "ownSince", file is null and read_to is null as "isNew" from curfew.session_cursor
     where cluster = $1 and node = $2 and file is not distinct from $3::text
       and head is not distinct from $4::bytea and next = $5 for update`,
    [node.cluster, node.node, from.file, from.head, from.next],
  );
  return held;
}

/** NB. Nothing is whole whose beginning nobody saw: `whole_since` is when the reading began, and begins again after a gap. */
export const movePlace = (
  tx: Db,
  { cluster, node, targets }: LoggedNode,
  { place, askedAt, more, lost, connections }: ReadOn,
  ownSince: number | null,
): Promise<unknown> =>
  tx.query(
    `update curfew.session_cursor c set targets = $3, file = $4::text, head = $5, next = $6, own_since = $11, gone_at = null,
       read_to = case when $8 then c.read_to else greatest(c.read_to, $7) end,
       whole_since = case when not $10 or $4::text is null then null when $9 then $7 else coalesce(c.whole_since, $7) end
     where c.cluster = $1 and c.node = $2`,
    [
      cluster,
      node,
      targets,
      place.file,
      place.head,
      place.next,
      new Date(askedAt),
      more,
      lost,
      connections,
      ownSince === null ? null : new Date(ownSince),
    ],
  );
