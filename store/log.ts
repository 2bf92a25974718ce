/**
 * The log as a tree: which place each entry has, the hashes of complete subtrees, and the signed checkpoints. What is
 * here is as the store has it, and believed by nobody: whoever signs or verifies computes roots from it and holds them
 * against what was signed before.
 */
import { StoreError } from './failures.ts';
import type { Db } from './pool.ts';

/** A complete subtree of 2^level leaves, the `index`-th of its level; as `audit/merkle.ts` names them. */
type TreeNode = { readonly level: number; readonly index: number };

/** @returns from the first to before the last place that was given; undefined where another one is at it */
export type Sequenced = { readonly from: number; readonly to: number };

/**
 * Gives places to at most `limit` entries that have none. Entries that are written while it runs come next time; the
 * order is that of their ids as far as they are committed, and each has one place for ever. The worker only.
 * NB. A statement of its own: inside a longer transaction it still gives places, and never again looks at less.
 */
export async function sequence(db: Db, limit: number): Promise<Sequenced | undefined> {
  const [row] = await db.query<{ from: number | null; to: number | null }>(
    'select first as "from", next as "to" from audit.sequence($1)',
    [limit],
  );
  if (!row) throw new Error('audit.sequence answered nothing');
  return row.from === null || row.to === null ? undefined : { from: row.from, to: row.to };
}

/** How many entries have their places. */
export async function sizeOf(db: Db): Promise<number> {
  const [row] = await db.query<{ size: number }>('select coalesce(max(index) + 1, 0) as size from audit.leaf');
  return row?.size ?? 0;
}

/** The same with the epoch that the log is in. */
export async function reachOf(db: Db): Promise<{ readonly size: number; readonly epoch: number }> {
  const [row] = await db.query<{ size: number; epoch: number }>(
    `select (select coalesce(max(index) + 1, 0) from audit.leaf) as size, (select max(number) from audit.epoch) as epoch`,
  );
  if (!row) throw new Error('the log did not say how far it is');
  return row;
}

/**
 * How many entries wait for their places (100,000 stands for that and more), since when the oldest does (epoch ms), and
 * how long that is by the store's own clock, which stamped it; null: none waits.
 */
export async function waiting(
  db: Db,
): Promise<{ readonly entries: number; readonly oldestAt: number | null; readonly waitedMs: number | null }> {
  const [row] = await db.query<{ entries: number; oldestAt: number | null; waitedMs: number | null }>(
    `select entries, oldest_at as "oldestAt",
       (extract(epoch from clock_timestamp() - oldest_at) * 1000)::float8 as "waitedMs" from audit.waiting()`,
  );
  if (!row) throw new Error('audit.waiting answered nothing');
  return row;
}

/** A subtree that is asked for is not there: the log is shorter than it was, or its rows were changed. */
export class TreeIncomplete extends Error {
  override readonly name = 'TreeIncomplete';
}

/**
 * Hashes of complete subtrees, in the order in which they are asked for.
 * @throws TreeIncomplete where leaves or nodes are missing
 */
export async function readNodes(db: Db, nodes: readonly TreeNode[]): Promise<Buffer[]> {
  if (nodes.length === 0) return [];
  const rows = await db.query<{ hash: Buffer | null }>(
    'select hash from audit.nodes($1::int[], $2::bigint[]) order by place',
    [nodes.map(({ level }) => level), nodes.map(({ index }) => index)],
  );
  return rows.map(({ hash }, place) => {
    if (hash === null)
      throw new TreeIncomplete(`subtree ${nodes[place]?.index} of level ${nodes[place]?.level} is not whole`);
    return hash;
  });
}

/** What one leaf stands for: the line whose hash it is. `line` is null where the entry is gone, e.g. with its partition. */
export type PlacedLine = {
  readonly index: number;
  readonly entry: number;
  readonly hash: Buffer;
  readonly line: Buffer | null;
};

/** Leaves from `from` to before `to` with their lines, in order, at most `limit`. Admin and auditor only. */
export const linesBetween = (db: Db, from: number, to: number, limit: number): Promise<readonly PlacedLine[]> =>
  db.query<PlacedLine>(
    `select l.index, l.entry, l.hash, case when e.id is null then null else audit.line(e) end as line
     from audit.leaf l left join audit.entry e on e.id = l.entry
     where l.index >= $1 and l.index < $2 order by l.index limit $3`,
    [from, to, limit],
  );

/** Places of all entries about one request, person, target or policy, in order. Admin and auditor only. */
export const indexesOf = async (db: Db, subject: string): Promise<readonly number[]> =>
  (
    await db.query<{ index: number }>(
      'select l.index from audit.entry e join audit.leaf l on l.entry = e.id where e.subject = $1 order by l.index',
      [subject],
    )
  ).map(({ index }) => index);

/** A signed checkpoint, as it was given out. */
export type StoredCheckpoint = {
  readonly size: number;
  readonly epoch: number;
  readonly note: string;
  /** Epoch ms: when it was signed. */
  readonly at: number;
};

const checkpointColumns = 'size, epoch, note, at';

/** Checkpoints of more than `after` entries, smallest first, at most `limit`. */
export const checkpoints = (db: Db, after: number, limit: number): Promise<readonly StoredCheckpoint[]> =>
  db.query<StoredCheckpoint>(
    `select ${checkpointColumns} from audit.checkpoint where size > $1 order by size limit $2`,
    [after, limit],
  );

export async function newestCheckpoint(db: Db): Promise<StoredCheckpoint | undefined> {
  const [row] = await db.query<StoredCheckpoint>(
    `select ${checkpointColumns} from audit.checkpoint order by size desc limit 1`,
  );
  return row;
}

/** It is not of the log as it is now; said by the store. */
export const notOfThisLog = 'CFA07';

/**
 * Keeps what was signed. The worker only.
 * @returns what stands now: another worker's where that was first, of this size or a larger one
 * @throws StoreError `CFA07` for one of more entries than there are, of an epoch that is over, or of a time to come
 */
export async function keepCheckpoint(db: Db, made: StoredCheckpoint): Promise<StoredCheckpoint> {
  const { size, epoch, note, at } = made;
  const refused = await db
    .query(
      'insert into audit.checkpoint (size, epoch, note, at) values ($1, $2, $3, $4) on conflict (size) do nothing',
      [size, epoch, note, new Date(at)],
    )
    .then(() => undefined)
    .catch((error: unknown) => {
      if (error instanceof StoreError && error.sqlstate === notOfThisLog) return error;
      throw error;
    });
  const [kept] = await db.query<StoredCheckpoint>(
    `select ${checkpointColumns} from audit.checkpoint where size = $1 or (size > $1 and epoch = $2) order by size limit 1`,
    [size, epoch],
  );
  if (kept) return kept;
  throw refused ?? new Error('a checkpoint that was written is gone');
}
