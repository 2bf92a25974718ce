import type { Conditions } from '../domain/condition.ts';
import type { PersonId, RequestId, TargetName, TemplateName } from '../domain/ids.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import type { Store } from '../store/pool.ts';
import type { Temporal } from '../temporal/connection.ts';

/** What the API knows of a target: where a claimant's psql goes, and no credential. */
export type TargetPlace = {
  readonly name: TargetName;
  /** Targets of one cluster share its install, its ledger and its ticket key. */
  readonly cluster: string;
  /** Names the task queue of the workers beside it. */
  readonly zone: string;
  readonly host: string;
  readonly port: number;
};

/** What a grant's ticket is made over; `endAt` in whole epoch milliseconds. */
export type TicketOrder = {
  readonly requestId: RequestId;
  readonly person: PersonId;
  readonly template: TemplateName;
  readonly verifier: string;
  readonly endAt: number;
};

/** The key's id and the HMAC; a secret. */
export type Ticket = { readonly keyId: string; readonly mac: Buffer };

/**
 * The API's half of the two-key rule. Given from outside, because the use cases know no kind of target: what a
 * verifier looks like and what a ticket is made of is the target's business.
 */
export type Tickets = {
  /** Would the target take this verifier? */
  accepts(verifier: string): boolean;
  /** @returns undefined if this process holds no key for the target's cluster */
  make(cluster: string, order: TicketOrder): Ticket | undefined;
  /** The same for a later end of a grant that is there. */
  extend(cluster: string, order: Omit<TicketOrder, 'verifier'>): Ticket | undefined;
};

/** As pino's: an object of ids and codes first (no names, no reasons, no secrets), then a sentence. */
export type Log = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** Everything that a use case may touch. Made once, by a composition root. */
export type Context = {
  /** The login `curfew_api`. */
  readonly store: Store;
  /** The login `curfew_directory`; only processes that take HR events hold it. */
  readonly directory?: Store;
  readonly temporal: Temporal;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** The current policy; throws `CurfewError('NotRecorded')` when the store does not answer. */
  readonly policy: () => Promise<LoadedPolicy>;
  readonly targets: readonly TargetPlace[];
  readonly tickets: Tickets;
  /** Whoever knows of incidents, tickets and shifts. */
  readonly conditions: Conditions;
  /** Origin of the claim page as people reach it, without a slash at its end. */
  readonly publicUrl: string;
  /** Are requests painted in Slack? */
  readonly slackEnabled: boolean;
  /** How long before the end its holder is told; 0: not at all. */
  readonly noticeMs: number;
  readonly log: Log;
};

/** What a use case needs that only looks. */
export type Reading = Pick<Context, 'store' | 'clock' | 'log'>;
