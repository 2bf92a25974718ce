/** What Slack's listeners are given: the use cases, and the little that they read beside them. */
import type { AuditEntry } from '../domain/events.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import type { UseCases } from '../service/contract.ts';
import type { SlackPort } from './views/message.ts';
import type { Profile } from './views/model.ts';

/** The use cases that have a place in Slack. */
export type SlackService = Pick<
  UseCases,
  | 'open'
  | 'preview'
  | 'options'
  | 'reviewModel'
  | 'decide'
  | 'mintCode'
  | 'release'
  | 'withdraw'
  | 'revoke'
  | 'review'
  | 'status'
>;

/** What Slack reads of the store and writes to it itself. */
export type Records = {
  /** By linked Slack account only; undefined: nobody's. */
  personOf(account: SlackAccount): Promise<PersonId | undefined>;
  profiles(people: readonly PersonId[]): Promise<ReadonlyMap<PersonId, Profile>>;
  /** The request whose message stands there; undefined: none of ours. */
  requestAt(channel: string, ts: string): Promise<RequestId | undefined>;
  audit(entry: AuditEntry): Promise<void>;
  /** Takes a delivery on, once; see `store/deliveries.ts`. */
  begin(key: string): Promise<'new' | 'busy' | { readonly answer: unknown }>;
  answer(key: string, answer: unknown): Promise<void>;
  answerOf(key: string): Promise<{ readonly answer: unknown } | undefined>;
};

export type SlackAccount = { readonly team: string; readonly user: string };

/** What Slack says of the account behind a click. */
export type Accounts = {
  /**
   * At most a minute old; asks Slack where it is older.
   * @returns undefined where Slack did not answer in time
   */
  factsOf(account: SlackAccount): Promise<AccountFacts | undefined>;
};

/** As pino's: ids and codes first, then a sentence. */
export type Log = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export type Desk = {
  readonly service: SlackService;
  readonly records: Records;
  readonly accounts: Accounts;
  readonly port: SlackPort;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly log: Log;
};
