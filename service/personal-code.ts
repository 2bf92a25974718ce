import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { personalCodeMinted } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import { minuteMs } from '../domain/time.ts';
import { append } from '../store/audit.ts';
import * as codes from '../store/personal-codes.ts';
import { answering } from './answering.ts';
import { hashOfCode, makeCode } from './codes.ts';
import type { Context } from './context.ts';
import type { PersonalCode } from './contract-people.ts';
import { activePerson } from './planning.ts';

const lifeMs = 10 * minuteMs;

/**
 * A code by which somebody proves to the command line who they are: 128 random bits, of which the store has the hash,
 * for ten minutes; a new one replaces the one before. Only a full member of the workspace gets one.
 * @returns `NotAllowed`, `UnknownPerson`
 */
export const personalCode = (
  ctx: Context,
  { person, account }: { readonly person: PersonId; readonly account: AccountFacts },
): Promise<PersonalCode | Refusal> =>
  answering(ctx, 'personalCode', () =>
    ctx.store.transaction(async (tx) => {
      const facts = await activePerson(tx, person);
      if (isRefusal(facts)) return facts;
      if (account.deleted || account.bot || account.restricted || account.stranger) {
        return refuse('NotAllowed', 'Only full members of this workspace may do this.');
      }
      const { shown, hash } = makeCode();
      const mintedAt = ctx.clock();
      const expiresAt = mintedAt + lifeMs;
      await codes.mint(tx, { hash, person, account, mintedAt, expiresAt });
      await append(tx, personalCodeMinted(person, person, { expiresAt }));
      return { code: shown, expiresAt };
    }),
  );

/** Whoever guesses learns nothing from it: a code that is over and one that never was are told apart by nobody. */
const unknownCode = refuse('UnknownCode', 'That code is not valid. Get a new one in Slack with /curfew code.');

/**
 * Whose code this is. It may be used again until it is over, so that several commands go with one.
 * @returns `UnknownCode`; `NotAllowed` where its person is not active any more
 */
export const personOfCode = (
  ctx: Context,
  { code }: { readonly code: string },
): Promise<{ readonly person: PersonId } | Refusal> =>
  answering(ctx, 'personOfCode', async () => {
    const hash = hashOfCode(code);
    const row = hash && (await codes.valid(ctx.store, hash, ctx.clock()));
    if (!row) return unknownCode;
    const facts = await activePerson(ctx.store, row.person);
    return isRefusal(facts) ? facts : { person: row.person };
  });
