import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import * as claims from '../store/claims.ts';
import type { CodeRow } from '../store/claims.ts';
import type { Db } from '../store/pool.ts';
import { answering } from './answering.ts';
import { hashOfCode } from './codes.ts';
import type { Context } from './context.ts';
import type { Peeked } from './contract.ts';

/** One sentence for every code that is not one of ours: who guesses learns nothing from it. */
export const unknownCode = refuse('UnknownCode', 'There is no such code. Press Claim in Slack for a new one.');

/** What a code is for. Reads, and changes nothing: link scanners and people who look twice do no harm. */
export const peek = (ctx: Context, { code }: { readonly code: string }): Promise<Peeked | Refusal> =>
  answering(ctx, 'peek', async () => {
    const found = await findCode(ctx.store, code);
    if (isRefusal(found)) return found;
    const spent = whySpent(found.row, ctx.clock());
    if (spent) return spent;
    const { id, target, databases, role, durationMs } = found.row.request;
    return { requestId: id, target, databases, role, durationMs, expiresAt: found.row.expiresAt };
  });

export type FoundCode = { readonly hash: Buffer; readonly row: CodeRow };

export async function findCode(db: Db, shown: string): Promise<FoundCode | Refusal> {
  const hash = hashOfCode(shown);
  const row = hash && (await claims.code(db, hash));
  return hash && row ? { hash, row } : unknownCode;
}

/** Whoever shows one of our codes held it once, so they may know what became of it. */
export function whySpent(row: CodeRow, now: number): Refusal | undefined {
  if (row.replacedAt !== null)
    return refuse('CodeSpent', 'A newer code has replaced this one: use the newest link in Slack.');
  if (row.usedAt !== null)
    return refuse('CodeSpent', 'This code was used already. Not by you? Press End now in Slack.');
  return now >= row.expiresAt
    ? refuse('CodeSpent', 'This code has expired: press Claim in Slack for a new one.')
    : undefined;
}
