/**
 * Which Slack account is whose. An account that comes beside, or in place of, another one approves nothing for a day,
 * unless an older account of the same human confirms it: whoever gets hold of a link code must not be able to approve
 * with it at once.
 */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { linkRefused } from '../domain/events/people.ts';
import { isUuid, type LinkId, type PersonId } from '../domain/ids.ts';
import { sameHuman } from '../domain/person.ts';
import * as links from '../store/link-codes.ts';
import { factsOf } from '../store/people.ts';
import * as codes from '../store/personal-codes.ts';
import type { Db } from '../store/pool.ts';
import { answering, refused } from './answering.ts';
import { hashOfCode } from './codes.ts';
import type { Context } from './context.ts';
import type { GovernanceUseCases, LinkInput } from './contract-governance.ts';
import { queue } from './outbox.ts';

type Linked = Exclude<Awaited<ReturnType<GovernanceUseCases['linkByCode']>>, Refusal>;

/**
 * `/curfew link CODE`: the account that typed it is from now on that of the person for whom an administrator made it.
 * @returns `UnknownCode` for one that is unknown, used or expired; `NotAllowed` where the account is somebody's already
 */
export const linkByCode = (ctx: Context, { code, team, user }: LinkInput): Promise<Linked | Refusal> =>
  answering(ctx, 'linkByCode', () =>
    ctx.store.transaction(async (tx): Promise<Linked | Refusal> => {
      const hash = hashOfCode(code);
      const used = hash ? await links.use(tx, hash, { team, user }) : ({ kind: 'unknown' } as const);
      if (used.kind === 'unknown') return refusedLink(tx, 'slack', unknownCode);
      if (used.kind === 'taken') return refusedLink(tx, used.person, takenAlready);
      if (used.approvesFromAt !== null) await tell(tx, used.link as LinkId, 'made');
      return { person: used.person, approvesFromAt: used.approvesFromAt };
    }),
  );

const unknownCode = refuse(
  'UnknownCode',
  'This code is not known, was used, or has expired: ask an administrator for another.',
);
const takenAlready = refuse(
  'NotAllowed',
  'This Slack account is linked already: an administrator has to take it away first. The code was not used up.',
);

const refusedLink = (tx: Db, subject: string, refusal: Refusal): Promise<Refusal> =>
  refused(tx, (code) => linkRefused('curfew_api', subject, { code }), refusal);

/**
 * The old account's word on a new one: `approve` lets it approve from now on, `deny` takes it away.
 * @returns `NotAllowed` where the account that clicks is not an older one of the same human; `NotPending` where the new
 *   one waits for nobody any more
 */
export const confirmLink = (
  ctx: Context,
  { linkId, person, team, user, verdict }: Parameters<GovernanceUseCases['confirmLink']>[0],
): Promise<{ readonly confirmed: boolean } | Refusal> =>
  answering(ctx, 'confirmLink', () =>
    ctx.store.transaction(async (tx) => {
      const waits = isUuid(linkId) ? await links.waitingLink(tx, linkId) : undefined;
      const no = waits ? await notTheirs(tx, waits.person, person) : over;
      const settled = isRefusal(no) ? undefined : await links.settle(tx, linkId, { team, user }, verdict);
      if (!settled) {
        const refusal = isRefusal(no) ? no : foreign;
        return refused(tx, (code) => linkRefused(person, linkId, { verdict, code }), refusal);
      }
      // The account that is taken away may have asked for a code a moment ago.
      if (verdict === 'deny') await codes.endAll(tx, settled.person, ctx.clock());
      await tell(tx, linkId, 'settled');
      return { confirmed: verdict === 'approve' };
    }),
  );

const over = refuse('NotPending', 'This link waits for nobody any more.');
const foreign = refuse('NotAllowed', 'Only an older account of the same person may say so.');

async function notTheirs(tx: Db, whose: PersonId, person: PersonId): Promise<Refusal | undefined> {
  const [owner, clicker] = [await factsOf(tx, whose), await factsOf(tx, person)];
  return owner && clicker && sameHuman(owner, clicker) ? undefined : foreign;
}

const tell = (tx: Db, linkId: LinkId, step: string): Promise<unknown> =>
  queue(tx, { kind: 'link', payload: { linkId, step } });
