/** Histories of closed Workflows, and the scripts that ran them. Both are kept for ever, and neither is ever changed. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { historyExported } from '../domain/events/history.ts';
import type { RequestId } from '../domain/ids.ts';
import { append } from './audit.ts';
import type { Db, Store } from './pool.ts';

const packed = promisify(gzip);
const unpacked = promisify(gunzip);
/** Temporal ends a Workflow at 50 MB of history, and a bundle is one or two. */
const mostBytes = 128 * 1024 * 1024;

/** One run of one Workflow: its id alone names several, where somebody reset it. */
export type RunKey = { readonly workflowId: string; readonly runId: string };

export type HistoryRow = RunKey & {
  /** The Workflow's type. */
  readonly kind: string;
  readonly requestId: RequestId | null;
  readonly events: number;
  /** SHA-256, hex: of `bytes`, and of the same JSON with its payloads as Temporal has them. */
  readonly sha256: string;
  readonly originalSha256: string;
  /** SHA-256 of the script that ran it last; null where none did. */
  readonly bundle: string | null;
  /** Of all that ran a part of it, in their order. */
  readonly bundles: readonly string[];
  /** Epoch ms. */
  readonly closedAt: number;
};
/** `bytes`: canonical JSON (RFC 8785) with payloads in the clear; or whatever somebody put there: see `unpackedBytes`. */
export type KeptHistory = HistoryRow & { readonly bytes: Buffer };

/**
 * Keeps a script under its hash, once.
 * @returns SHA-256 of its text, as Temporal's library names it in each history (`@temporalio/worker`, `buildId`)
 */
export async function keepBundle(db: Db, code: string): Promise<string> {
  const hash = createHash('sha256').update(code).digest('hex');
  const [there] = await db.query('select from curfew.bundle where hash = $1', [hash]);
  if (there) return hash;
  await db.query('insert into curfew.bundle (hash, bytes) values ($1, $2) on conflict do nothing', [
    hash,
    await packed(code),
  ]);
  return hash;
}

/** The script's bytes, or what somebody put there (see `unpackedBytes`); undefined where nobody kept it. */
export async function bundleOf(db: Db, hash: string): Promise<Buffer | undefined> {
  const [row] = await db.query<{ bytes: Buffer }>('select bytes from curfew.bundle where hash = $1', [hash]);
  return row && unpackedBytes(row.bytes);
}

/** Those of these scripts that nobody kept. */
export const unknownBundles = async (db: Db, hashes: readonly string[]): Promise<readonly string[]> =>
  (
    await db.query<{ hash: string }>(
      `select w.hash from unnest($1::text[]) as w (hash)
       where not exists (select from curfew.bundle b where b.hash = w.hash)`,
      [hashes],
    )
  ).map(({ hash }) => hash);

/** Those of these runs whose history is not kept, in the order given. */
export const notKept = async <Run extends RunKey>(db: Db, runs: readonly Run[]): Promise<readonly Run[]> => {
  if (runs.length === 0) return [];
  const rows = await db.query<{ place: number }>(
    `select w.place::int from unnest($1::text[], $2::text[]) with ordinality as w (workflow_id, run_id, place)
     where not exists (select from curfew.history h where h.workflow_id = w.workflow_id and h.run_id = w.run_id)
     order by w.place`,
    [runs.map(({ workflowId }) => workflowId), runs.map(({ runId }) => runId)],
  );
  return rows.flatMap(({ place }) => runs[place - 1] ?? []);
};

/**
 * Row and entry `history.exported` in one transaction (I11).
 * @param subject what the entry is about: the request's or the person's id, else the Workflow's
 * @returns `there` where it was kept before, by this process or another: then nothing is written
 */
export async function keep(store: Store, history: KeptHistory, subject: string): Promise<'kept' | 'there'> {
  const bytes = await packed(history.bytes);
  return store.transaction(async (tx) => {
    const inserted = await tx.query(
      `insert into curfew.history (workflow_id, run_id, kind, request_id, events, bytes, sha256, original_sha256,
         bundle_hash, bundles, closed_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text[], $11) on conflict do nothing returning run_id`,
      [
        history.workflowId,
        history.runId,
        history.kind,
        history.requestId,
        history.events,
        bytes,
        history.sha256,
        history.originalSha256,
        history.bundle,
        history.bundles,
        new Date(history.closedAt),
      ],
    );
    if (inserted.length === 0) return 'there';
    const { workflowId: workflow, runId: run, kind: type, events, sha256, originalSha256: original } = history;
    const { bundle, bundles } = history;
    const body = { workflow, run, type, events, sha256, original, bundle, bundles };
    await append(tx, historyExported('curfew_worker', subject, body));
    return 'kept';
  });
}

const columns = `workflow_id as "workflowId", run_id as "runId", kind, request_id as "requestId", events, sha256,
  original_sha256 as "originalSha256", bundle_hash as bundle, bundles, closed_at as "closedAt"`;

/** All that is kept about one request, in the order in which it closed. Admin and auditor only. */
export const historiesOf = (db: Db, requestId: RequestId): Promise<readonly KeptHistory[]> =>
  inTheClear(
    db.query<KeptHistory>(
      `select ${columns}, bytes from curfew.history where request_id = $1 order by closed_at, run_id`,
      [requestId],
    ),
  );

/** One history. Admin and auditor only. */
export const historyOf = async (db: Db, { workflowId, runId }: RunKey): Promise<KeptHistory | undefined> =>
  (
    await inTheClear(
      db.query<KeptHistory>(`select ${columns}, bytes from curfew.history where workflow_id = $1 and run_id = $2`, [
        workflowId,
        runId,
      ]),
    )
  )[0];

const inTheClear = async (rows: Promise<readonly KeptHistory[]>): Promise<readonly KeptHistory[]> =>
  Promise.all((await rows).map(async (row) => ({ ...row, bytes: await unpackedBytes(row.bytes) })));

/**
 * What was stored. What is no gzip any more is given back as it stands: by its hash whoever reads it sees that it is not
 * what was kept, and by its entry which one that is.
 */
export const unpackedBytes = (stored: Buffer): Promise<Buffer> =>
  unpacked(stored, { maxOutputLength: mostBytes }).catch(() => stored);

/** A request that closed, by the store's word; `at`: when that was learned, epoch ms. */
export type Settled = { readonly id: RequestId; readonly at: number };

/**
 * Requests that closed in the span, by the store's word, and have no history; oldest first. Not those that closed before
 * histories were kept, and not those of which it was said before that theirs is lost.
 * @param last of the page before this one
 */
export const withoutHistory = (
  db: Db,
  { after, before, limit }: { readonly after: number; readonly before: number; readonly limit: number },
  last: Settled | undefined,
): Promise<readonly Settled[]> =>
  db.query<Settled>(
    `select p.request_id as id, p.changed_at as at from curfew.projection p
     where p.state = 'closed' and p.changed_at < $2
       and p.changed_at > greatest($1, (select applied_at from migration.applied where name = '0015-histories.sql'))
       and ($4::timestamptz is null or (p.changed_at, p.request_id) > ($4, $5::uuid))
       and not exists (select from curfew.history h where h.request_id = p.request_id
                       and h.workflow_id = 'access-request/' || p.request_id)
       and not exists (select from curfew.alarm a where a.key = 'history-lost/' || p.request_id)
     order by p.changed_at, p.request_id limit $3`,
    [new Date(after), new Date(before), limit, last ? new Date(last.at) : null, last?.id ?? null],
  );

/** Until when Temporal's list was gone through, undefined before the first time; and the store's own clock. Epoch ms. */
export async function through(db: Db): Promise<{ readonly mark: number | undefined; readonly storeAt: number }> {
  const [row] = await db.query<{ mark: number | null; storeAt: number }>(
    'select (select through from curfew.history_mark) as mark, clock_timestamp() as "storeAt"',
  );
  if (!row) throw new Error('a select without a table has one row');
  return { mark: row.mark ?? undefined, storeAt: row.storeAt };
}

/**
 * Only ever forward: of two processes the one that is behind has still to look for itself. And never past the store's own
 * clock: a process whose clock is ahead would have nobody look at what closes until then.
 */
export async function moveThrough(db: Db, at: number): Promise<void> {
  await db.query(
    `insert into curfew.history_mark as m (through) values (least($1, clock_timestamp()))
     on conflict (one) do update set through = excluded.through where m.through < excluded.through`,
    [new Date(at)],
  );
}
