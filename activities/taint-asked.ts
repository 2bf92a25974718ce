/** Who is asked whether something stays that a leaver had approved, and what they are shown. */
import { CurfewError } from '../domain/errors.ts';
import type { PersonId, TaintId } from '../domain/ids.ts';
import { ableToAnswer, stageToAnswer } from '../policy/taint.ts';
import type { TaintNotice } from '../slack/views/taint.ts';
import * as extensions from '../store/extensions.ts';
import * as grants from '../store/grants.ts';
import { factsOf, factsOfMany, peopleMatching, profiles } from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import * as taints from '../store/taints.ts';

export type Asked =
  | { readonly kind: 'open'; readonly people: readonly PersonId[]; readonly notice: TaintNotice }
  | { readonly kind: 'settled'; readonly notice: TaintNotice };

/** As it stands now, so that a message that comes late asks nobody in vain. @throws CurfewError `UnknownRequest` */
export async function askedOf(store: Store, id: TaintId): Promise<Asked> {
  const taint = await taints.byId(store, id);
  const row = taint && (await requests.byId(store, taint.requestId));
  if (!taint || !row) throw new CurfewError('UnknownRequest', 'The store has nothing of the kind.');
  if (taint.outcome !== null || taint.answerByAt === null) {
    const kept = taint.outcome === 'kept' || taint.outcome === 'lifted';
    return { kind: 'settled', notice: { kind: 'settled', kept } };
  }
  const approved = taint.extensionId === null ? row : await extensions.byId(store, taint.extensionId);
  const stage = approved && stageToAnswer(approved.plan, taint.stage);
  const requester = await factsOf(store, row.person);
  const counted = await factsOfMany(store, [...(await taints.approversOf(store, taint)), taint.person]);
  const named = stage ? await factsOfMany(store, await peopleMatching(store, stage.from)) : [];
  const able = stage && requester ? ableToAnswer(stage, requester, counted, named) : [];
  const shown = await profiles(store, [row.person, taint.person]);
  const grant = await grants.byId(store, row.id);
  const notice = {
    kind: 'asked',
    taintId: id,
    approver: shown.get(taint.person)?.name ?? null,
    holder: shown.get(row.person)?.name ?? null,
    target: row.target,
    role: row.role,
    endAt: grant?.endAt ?? null,
    answerByAt: taint.answerByAt,
  } as const;
  return { kind: 'open', people: able.map((one) => one.id), notice };
}
