/**
 * How a Slack account becomes a person's: an administrator makes a code for the person, and whoever types it in Slack
 * is that person from then on. The store itself sees to it that an account beside, or in place of, another one approves
 * nothing for a day, unless the old account confirms it.
 */
import type { Verdict } from '../domain/decision.ts';
import { linkConfirmed, linkMade } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import { append } from './audit.ts';
import type { Db } from './pool.ts';

export type SlackAccount = { readonly team: string; readonly user: string };

/**
 * Keeps a code (SHA-256, 32 bytes) for this person: one use. Who made it is stamped by the store. The entry
 * `link-code.minted` is the caller's.
 */
export async function mint(
  tx: Db,
  code: { readonly hash: Buffer; readonly person: PersonId; readonly expiresAt: number },
): Promise<void> {
  await tx.query('insert into curfew.link_code (hash, person, expires_at) values ($1, $2, $3)', [
    code.hash,
    code.person,
    new Date(code.expiresAt),
  ]);
}

export type UsedCode =
  | {
      readonly kind: 'linked';
      readonly person: PersonId;
      readonly link: string;
      /** Before this instant it approves nothing; null: it may at once. */
      readonly approvesFromAt: number | null;
    }
  /** The account is somebody's already (also this person's): the code is not used up. */
  | { readonly kind: 'taken'; readonly person: PersonId }
  /** No such code, or it was used, or has expired. */
  | { readonly kind: 'unknown' };

/** Uses the code and links the account, with its entry `link.made`, whose actor is the person. */
export async function use(tx: Db, hash: Buffer, { team, user }: SlackAccount): Promise<UsedCode> {
  const [row] = await tx.query<{
    kind: UsedCode['kind'];
    person: PersonId;
    link: string;
    approvesFromAt: number | null;
  }>('select kind, person, link, approves_from as "approvesFromAt" from curfew.link_by_code($1, $2, $3)', [
    hash,
    team,
    user,
  ]);
  if (!row || row.kind === 'unknown') return { kind: 'unknown' };
  const { kind, person, link, approvesFromAt } = row;
  if (kind === 'taken') return { kind, person };
  await append(tx, linkMade(person, person, { link }));
  return { kind, person, link, approvesFromAt };
}

/** A link that waits for its day to pass, or for the old account's word; undefined where it does not, or is gone. */
export async function waitingLink(
  db: Db,
  link: string,
): Promise<{ readonly person: PersonId; readonly approvesFromAt: number } | undefined> {
  const [row] = await db.query<{ person: PersonId; approvesFromAt: number }>(
    `select person, approves_from as "approvesFromAt" from curfew.personal
     where kind = 'link' and id = $1 and approves_from > clock_timestamp()`,
    [link],
  );
  return row;
}

/** The accounts of this human whose word counts: who is asked whether a new link is theirs. */
export const settled = (db: Db, person: PersonId): Promise<readonly SlackAccount[]> =>
  db.query(
    `select slack_team as team, slack_user as "user" from curfew.personal
     where kind = 'link' and person in (select curfew.accounts_of($1))
       and (approves_from is null or approves_from <= clock_timestamp()) order by slack_team, slack_user`,
    [person],
  );

/**
 * The old account's word on a new link: `approve` lets it approve at once, `deny` takes it away. With its entry
 * `link.confirmed`, whose actor is the person.
 * @param by the account that clicked: one of the same human whose own word counts
 * @returns the person, or undefined where the link does not wait, or it is not this account's to say
 */
export async function settle(
  tx: Db,
  link: string,
  by: SlackAccount,
  verdict: Verdict,
): Promise<{ readonly person: PersonId } | undefined> {
  const [row] = await tx.query<{ person: PersonId | null }>('select curfew.settle_link($1, $2, $3, $4) as person', [
    link,
    by.team,
    by.user,
    verdict,
  ]);
  const person = row?.person;
  if (!person) return undefined;
  await append(tx, linkConfirmed(person, person, { link, verdict }));
  return { person };
}
