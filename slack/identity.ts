/**
 * What Slack says of an account: guest, bot, stranger, deactivated. Read when Review opens and kept for a minute, so
 * that the decision that follows need not wait for Slack; older than that it is not known, and is asked again.
 */
import type { AccountFacts } from '../domain/person.ts';
import { minuteMs } from '../domain/time.ts';
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

export function cachedAccounts({ ask, clock, log, waitMs = 800, maxAgeMs = minuteMs }: AccountsOptions): Accounts {
  const kept = new Map<string, AccountFacts>();
  const asking = new Map<string, Promise<AccountFacts | undefined>>();

  async function read(account: SlackAccount, key: string): Promise<AccountFacts | undefined> {
    // Before the question, not after the answer: facts may not look younger than they are.
    const readAt = clock();
    try {
      const facts = factsFrom(await ask(account.user), account, readAt);
      kept.delete(key);
      kept.set(key, facts);
      const oldest = kept.keys().next().value;
      if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
      return facts;
    } catch (error) {
      log.warn({ err: error }, 'Slack did not say who this account is');
      return undefined;
    } finally {
      asking.delete(key);
    }
  }

  return {
    async factsOf(account) {
      const key = `${account.team}/${account.user}`;
      const known = kept.get(key);
      if (known && clock() - known.readAt <= maxAgeMs) return known;
      const answer = asking.get(key) ?? read(account, key);
      asking.set(key, answer);
      return await within(answer, waitMs);
    },
  };
}

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

async function within<T>(answer: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
