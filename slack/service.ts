/** What Slack's listeners are given: the use cases, and the little that they read beside them. */
import type { AuditEntry } from '../domain/events.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import type { UseCases } from '../service/contract.ts';
import type { Homes } from './home.ts';
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
  | 'extend'
  | 'extensionModel'
  | 'decideExtension'
  | 'away'
  | 'back'
  | 'overview'
  | 'personalCode'
  | 'linkByCode'
  | 'confirmLink'
  | 'answerTaint'
  | 'proposalModel'
  | 'decideProposal'
>;

/** What Slack reads of the store and writes to it itself. */
export type Records = {
  /** By linked Slack account only; undefined: nobody's. */
  personOf(account: SlackAccount): Promise<PersonId | undefined>;
  profiles(people: readonly PersonId[]): Promise<ReadonlyMap<PersonId, Profile>>;
  /** The request whose message stands there; undefined: none of ours. */
  requestAt(channel: string, ts: string): Promise<RequestId | undefined>;
  /** What the message that stands there is about, where that is no request: `proposal/<id>`, `link/<id>`. */
  noticeAt(channel: string, ts: string): Promise<string | undefined>;
  /** Until when an account that is linked beside another approves nothing, epoch ms; null: it may. */
  approvesFromOf(account: SlackAccount): Promise<number | null>;
  audit(entry: AuditEntry): Promise<void>;
  /** Takes a delivery on, once; see `store/deliveries.ts`. */
  begin(key: string): Promise<'new' | 'busy' | { readonly answer: unknown }>;
  answer(key: string, answer: unknown): Promise<void>;
  answerOf(key: string): Promise<{ readonly answer: unknown } | undefined>;
  readonly homes: HomeRows;
};

/** Who opened their App Home, and a hash of what was published there. */
export type HomeRows = {
  /** Of these people, those who ever opened it. */
  openedBy(people: readonly PersonId[]): Promise<readonly PersonId[]>;
  paintedOf(person: PersonId): Promise<string | undefined>;
  put(person: PersonId, painted: string): Promise<void>;
};

export type SlackAccount = { readonly team: string; readonly user: string };

/** What Slack says of the account behind a click. */
export type Accounts = {
  /**
   * At most a minute old; asks Slack where it is older.
   * @returns undefined where Slack did not answer in time
   */
  factsOf(account: SlackAccount): Promise<AccountFacts | undefined>;
  /** The IANA name of the time zone that the account chose; as old. UTC where Slack names none, undefined where it does not answer. */
  zoneOf(account: SlackAccount): Promise<string | undefined>;
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
  readonly homes: Homes;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly log: Log;
};
