/** What people decided on extensions. Rows are only added. */
import type { Decision } from '../domain/decision.ts';
import { CurfewError } from '../domain/errors.ts';
import type { ExtensionId } from '../domain/ids.ts';
import { keepText, type SaltedText } from './erasable-texts.ts';
import { byId as extensionById } from './extensions.ts';
import type { Db } from './pool.ts';

/** As a request's: `tally` takes both. `digest` is the extension's. */
export type ExtensionDecision = Decision & { readonly extensionId: ExtensionId };

/**
 * Inserts a decision, and a denial's reason. The entry `extension.decided` is the caller's, where the answer is `recorded`.
 * @returns `repeated`: the very same decision is there; `other`: this person decided otherwise, and that one stands
 * @throws StoreError 23514 for the requester's own decision, 23503 for another digest than the extension's;
 *   CurfewError `UnknownRequest`
 */
export async function insert(
  tx: Db,
  decision: ExtensionDecision,
  denialReason?: SaltedText,
): Promise<'recorded' | 'repeated' | 'other'> {
  const made = await tx.query(
    `insert into curfew.extension_decision (id, extension_id, requester, digest, stage, person, verdict, facts, made_at)
     select $1, e.id, e.requester, $3, $4, $5, $6, $7, $8 from curfew.extension e where e.id = $2
     on conflict do nothing returning 1`,
    [
      decision.id,
      decision.extensionId,
      decision.digest,
      decision.stage,
      decision.person,
      decision.verdict,
      JSON.stringify(decision.facts),
      new Date(decision.madeAt),
    ],
  );
  if (made.length === 0) return whyNot(tx, decision);
  if (denialReason) {
    await keepText(tx, { kind: 'extension-denial', id: decision.id, person: decision.person, ...denialReason });
  }
  return 'recorded';
}

async function whyNot(tx: Db, { id, extensionId }: ExtensionDecision): Promise<'repeated' | 'other'> {
  if (!(await extensionById(tx, extensionId))) throw new CurfewError('UnknownRequest', 'There is no such extension.');
  const same = await tx.query('select from curfew.extension_decision where id = $1', [id]);
  return same.length > 0 ? 'repeated' : 'other';
}

/**
 * Every decision on an extension that counts, oldest first. NB. Somebody who has left or was suspended since they made
 * theirs may be back by now: it stays void (I9). The intent of that day says so, for each of their accounts.
 */
export const of = (db: Db, id: ExtensionId): Promise<readonly ExtensionDecision[]> =>
  db.query(
    `select d.id, d.extension_id as "extensionId", e.request_id as "requestId", d.digest, d.stage, d.person, d.verdict,
       d.facts, d.made_at as "madeAt"
     from curfew.extension_decision d join curfew.extension e on e.id = d.extension_id
     where d.extension_id = $1 and not exists (
       select from curfew.revoke_intent i
       where i.person = d.person and i.cause in ('left', 'suspended') and i.asked_at >= d.made_at)
     order by d.made_at, d.stage, d.id`,
    [id],
  );
