/**
 * What Slack says of an account: guest, bot, stranger, deactivated. Read when Review opens and kept for a minute, so
 * that the decision that follows need not wait for Slack; older than that it is not known, and is asked again.
 */
import type { AccountFacts } from '../domain/person.ts';
import { minuteMs } from '../domain/time.ts';
import { within } from './within.ts';
import type { Accounts, Log, SlackAccount } from './service.ts';

/** The part of `users.info` that counts. https://docs.slack.dev/reference/objects/user-object */
export type SlackUser = {
  readonly id?: string;
  readonly team_id?: string;
  readonly deleted?: boolean;
  readonly is_bot?: boolean;
  readonly is_app_user?: boolean;
  readonly is_restricted?: boolean;
  readonly is_ultra_restricted?: boolean;
  readonly is_stranger?: boolean;
  /** IANA name of the time zone that they chose. */
  readonly tz?: string;
};

export type AccountsOptions = {
  /** Asks Slack; undefined where Slack knows no such user. May throw. */
  readonly ask: (user: string) => Promise<SlackUser | undefined>;
  readonly clock: () => number;
  readonly log: Log;
  /** How long a click may wait for Slack's answer; it has three seconds in all. */
  readonly waitMs?: number;
  readonly maxAgeMs?: number;
};

/** More people than click within a minute; beyond it the oldest are forgotten and asked for again. */
const mostKept = 5_000;

/** An answer serves for `maxAgeMs`; one that takes longer than `waitMs` is none. */
export function cachedAccounts({ ask, clock, log, waitMs = 800, maxAgeMs = minuteMs }: AccountsOptions): Accounts {
  const kept = new Map<string, Known>();
  const asking = new Map<string, Promise<Known | undefined>>();

  async function readAgain(account: SlackAccount, key: string): Promise<Known | undefined> {
    // Before the question, not after the answer: facts may not look younger than they are.
    const readAt = clock();
    try {
      const user = await ask(account.user);
      const read = { facts: factsFrom(user, account, readAt), zone: user?.tz ?? 'UTC' };
      kept.delete(key);
      kept.set(key, read);
      const oldest = kept.keys().next().value;
      if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
      return read;
    } catch (error) {
      log.warn({ err: error }, 'Slack did not say who this account is');
      return undefined;
    } finally {
      asking.delete(key);
    }
  }

  async function known(account: SlackAccount): Promise<Known | undefined> {
    const key = `${account.team}/${account.user}`;
    const before = kept.get(key);
    if (before && clock() - before.facts.readAt <= maxAgeMs) return before;
    const answer = asking.get(key) ?? readAgain(account, key);
    asking.set(key, answer);
    return await within(answer, waitMs);
  }

  return {
    factsOf: async (account) => (await known(account))?.facts,
    zoneOf: async (account) => (await known(account))?.zone,
  };
}

/**
 * Adds what the store says of the link: an account that came beside another one is `fresh` until its day is over, or the
 * old one has confirmed it. Never kept, because it may have changed since Slack was asked.
 */
export const withLinks = (
  accounts: Accounts,
  approvesFromOf: (account: SlackAccount) => Promise<number | null>,
  clock: () => number,
): Accounts => ({
  ...accounts,
  async factsOf(account) {
    const [facts, from] = await Promise.all([accounts.factsOf(account), approvesFromOf(account)]);
    return facts && from !== null && from > clock() ? { ...facts, fresh: true } : facts;
  },
});

type Known = { readonly facts: AccountFacts; readonly zone: string };

/** A user whom Slack does not know, or of another workspace, is a stranger. */
export function factsFrom(user: SlackUser | undefined, account: SlackAccount, readAt: number): AccountFacts {
  return {
    deleted: user?.deleted === true,
    bot: user?.is_bot === true || user?.is_app_user === true || account.user === 'USLACKBOT',
    restricted: user?.is_restricted === true || user?.is_ultra_restricted === true,
    stranger:
      user === undefined || user.is_stranger === true || user.id !== account.user || user.team_id !== account.team,
    readAt,
  };
}
