import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { codeMinted, codeRefused } from '../domain/events/grant.ts';
import { append } from '../store/audit.ts';
import * as claims from '../store/claims.ts';
import type { Db } from '../store/pool.ts';
import { answering, refused } from './answering.ts';
import { codeLifeMs, makeCode } from './codes.ts';
import type { Context } from './context.ts';
import type { Mine, Minted } from './contract.ts';
import { claimable } from './claim-judgement.ts';
import { activePerson } from './planning.ts';
import { standingOf, takeTurn } from './standing.ts';

/**
 * A one-time code for the requester, and nobody else, of an approved request. It lives 15 minutes at most, and never
 * past the use-by; a new one replaces those before it. Whoever holds it can claim, so it is shown to them alone.
 * @returns `NotAllowed` for somebody else, `NotPending`, `UnknownRequest`, `NotRecorded`
 */
export const mintCode = (ctx: Context, { requestId, person }: Mine): Promise<Minted | Refusal> =>
  answering(ctx, 'mintCode', () =>
    ctx.store.transaction(async (tx) => {
      const minted = await mint(ctx, tx, { requestId, person });
      return isRefusal(minted) ? refused(tx, (code) => codeRefused(person, requestId, { code }), minted) : minted;
    }),
  );

async function mint(ctx: Context, tx: Db, { requestId, person }: Mine): Promise<Minted | Refusal> {
  await takeTurn(tx, requestId);
  const standing = await standingOf(tx, requestId);
  if (isRefusal(standing)) return standing;
  if (standing.row.person !== person) return refuse('NotAllowed', 'Only the person who asked can claim this.');
  const requester = await activePerson(tx, person);
  if (isRefusal(requester)) return requester;
  const mintedAt = ctx.clock();
  const wrong = claimable(standing, mintedAt);
  if (wrong) return wrong;
  if (await claims.of(tx, standing.row.id)) return refuse('NotPending', 'This was claimed already.');
  const expiresAt = Math.min(mintedAt + codeLifeMs, standing.useByAt ?? Number.POSITIVE_INFINITY);
  const { shown, hash } = makeCode();
  await claims.mint(tx, { hash, requestId: standing.row.id, person, mintedAt, expiresAt });
  await append(tx, codeMinted(person, requestId, { expiresAt }));
  return { code: shown, url: `${ctx.publicUrl}/claim#${shown}`, expiresAt };
}
