import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { isUuid, type ExtensionId, type PersonId } from '../domain/ids.ts';
import { stagesOf } from '../domain/plan.ts';
import { tally } from '../policy/tally.ts';
import { textOf } from '../store/erasable-texts.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import type { ExtensionDecision } from '../store/extension-decisions.ts';
import type { ExtensionRow } from '../store/extensions.ts';
import { factsOfMany } from '../store/people.ts';
import type { Db } from '../store/pool.ts';
import { answering } from './answering.ts';
import { namedIn } from './claim-judgement.ts';
import type { Context } from './context.ts';
import type { ExtensionModel } from './contract.ts';
import { heldNow } from './extension.ts';
import { modelOf, wouldSit } from './review-model.ts';
import type { Sitting } from './seat.ts';
import { standingOf, type Standing } from './standing.ts';

/** Everything that an approver of an extension is shown, from the store and nothing else. */
export const extensionModel = (
  ctx: Context,
  { extensionId, person }: { readonly extensionId: ExtensionId; readonly person: PersonId },
): Promise<ExtensionModel | Refusal> =>
  answering(ctx, 'extensionModel', async () => {
    const extension = await extensionOf(ctx.store, extensionId);
    const standing = isRefusal(extension) ? extension : await standingOf(ctx.store, extension.requestId);
    if (isRefusal(extension)) return extension;
    if (isRefusal(standing)) return standing;
    const { id, endAt, fromAt, digest, plan } = extension;
    const made = await extensionDecisions.of(ctx.store, id);
    const sitting = await sittingIn(ctx.store, extension, standing, made);
    const [facts] = await factsOfMany(ctx.store, [person]);
    const chosen = await wouldSit(ctx, sitting, facts);
    const over = (await whyOver(ctx.store, extension, sitting)) ?? (await notHeld(ctx, standing));
    return {
      extensionId: id,
      request: await modelOf(ctx, standing, person),
      endAt,
      fromAt,
      reason: (await textOf(ctx.store, 'extension', id)) ?? null,
      digest,
      plan,
      open: sitting.open,
      you: isRefusal(chosen) && chosen.code !== 'NotPending' ? chosen : (over ?? null),
    };
  });

async function notHeld(ctx: Context, standing: Standing): Promise<Refusal | undefined> {
  const held = await heldNow(ctx.store, standing, ctx.clock());
  return isRefusal(held) ? held : undefined;
}

export const noExtension = refuse('UnknownRequest', 'There is no such extension.');

/** @param id as it came: whatever is no id of an extension is refused like one that there is not */
export async function extensionOf(db: Db, id: string): Promise<ExtensionRow | Refusal> {
  const row = isUuid(id) ? await extensions.byId(db, id as ExtensionId) : undefined;
  return row ?? noExtension;
}

/** Who sits where, by the directory of now: whoever may not decide any more does not count. */
export async function sittingIn(
  db: Db,
  { digest, plan, askedAt }: ExtensionRow,
  { requester }: Standing,
  made: readonly ExtensionDecision[],
): Promise<Sitting & { readonly denied: boolean }> {
  const of = { requester, digest, stages: stagesOf(plan), openedAt: askedAt };
  const facts = new Map((await factsOfMany(db, namedIn(made))).map((one) => [one.id, one]));
  const { approvals, humans, open, denied } = tally(of, made, facts);
  return { ...of, approvals, counted: humans, open, denied };
}

/** Why nothing more can be decided of it. */
export async function whyOver(
  db: Db,
  { id, kind }: ExtensionRow,
  { open }: Pick<Sitting, 'open'>,
): Promise<Refusal | undefined> {
  const outcome = await extensions.outcomeOf(db, id);
  if (outcome) return refuse('NotPending', `This extension is ${outcome.kind}.`);
  return kind === 'automatic' || open.length === 0 || (await extensions.ticketOf(db, id))
    ? refuse('NotPending', 'This extension is approved already.')
    : undefined;
}
