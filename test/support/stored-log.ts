/** A log made by hand, in a real store: each entry by the login that may write it, and signed. */
import { checkpointText } from '../../audit/checkpoint.ts';
import { parseLine } from '../../audit/entry-line.ts';
import { rootOf } from '../../audit/merkle.ts';
import { signNote } from '../../audit/signed-note.ts';
import { isRefusal } from '../../domain/errors.ts';
import type { Login } from '../../domain/events.ts';
import { keepCheckpoint, readNodes, sequence, sizeOf } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';
import { canonical, policy, policyText, type Keys, type SampleLog } from './evidence.ts';
import type { TestStore } from './store.ts';

/** Puts a log made by hand into the store, each entry by the login that may write it, and what its entries name beside it. */
export async function putLog(store: TestStore, log: SampleLog): Promise<void> {
  const instants: string[] = [];
  for (const line of log.lines) {
    const read = parseLine(line);
    if (isRefusal(read)) throw new Error(read.message);
    const { kind, actor, subject, body, login, at } = read;
    instants.push(at);
    await store.as[login as Login].query('select audit.append($1, $2, $3, $4)', [
      kind,
      actor,
      subject,
      canonical(body),
    ]);
  }
  await pastRules(store, async (db) => {
    // Each was written when it says that it was.
    await db.query(
      `update audit.entry e set at = n.at from (
         select row_number() over (order by x.id) as place, x.id from audit.entry x) o
       join unnest($1::timestamptz[]) with ordinality as n (at, place) on n.place = o.place where e.id = o.id`,
      [instants],
    );
    for (const receipt of log.receipts) {
      const { requestId, kind, extension } = JSON.parse(String(receipt)) as Record<string, string>;
      if (kind === 'extension')
        await db.query(
          `insert into curfew.extension_outcome (extension_id, kind, evidence, written_by) values ($1, 'extended', $2, 'curfew_worker')`,
          [extension, String(receipt)],
        );
      else
        await db.query('insert into curfew.receipt (request_id, kind, body, made_at) values ($1, $2, $3, now())', [
          requestId,
          kind,
          String(receipt),
        ]);
    }
    await db.query(`insert into curfew.policy_version (hash, text) values ($1, $2)`, [policy.hash, policyText]);
  });
}

/** Past every rule of the store. */
export const pastRules = (store: TestStore, work: (db: Db) => Promise<unknown>): Promise<void> =>
  store.admin.transaction(async (tx) => {
    await tx.query('set local session_replication_role = replica');
    await tx.query('alter table audit.entry disable trigger all');
    await tx.query('alter table audit.leaf disable trigger all');
    await tx.query('alter table audit.checkpoint disable trigger all');
    await work(tx);
  });

/** Signs all of a store's log. @returns the checkpoint */
export async function signStore(store: TestStore, keys: Keys): Promise<string> {
  const worker = store.as.curfew_worker;
  await sequence(worker, 1_000);
  const size = await sizeOf(worker);
  const root = await rootOf(size, (nodes) => readNodes(worker, nodes));
  const at = Date.now();
  const note = signNote(checkpointText({ origin: 'curfew/1', size, root, at }), [keys.signer]);
  return (await keepCheckpoint(worker, { size, epoch: 1, note, at })).note;
}
