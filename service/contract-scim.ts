/** What a SCIM source may do to people and groups, as the HTTP surface calls it. */
import type { Refusal } from '../domain/errors.ts';
import type { PersonFacts } from '../domain/person.ts';
import type { ScimGroupRow } from '../store/scim-groups.ts';
import type { ScimToken } from '../store/scim-tokens.ts';
import type { ScimUserRow, ScimUserSearch } from '../store/scim-users.ts';

/** Whoever showed a token that holds. */
export type ScimCaller = Pick<ScimToken, 'id' | 'source' | 'scopes' | 'inactive'>;

/** One call: all that it changes is one event of its source, at one place in the order of what SCIM sources say. */
export type ScimCall = {
  readonly caller: ScimCaller;
  /** `scim/` and a UUID. */
  readonly event: string;
  /** The next 999 numbers are this call's. */
  readonly turn: number;
};

/** What SCIM has a word for, RFC 7644 section 3.12; anything else is a Refusal. */
export type ScimRefusal = {
  readonly kind: 'scim-refusal';
  readonly why: 'uniqueness' | 'invalidValue' | 'mutability' | 'unknown';
  readonly message: string;
};
export type ScimAnswer<Value> = Value | ScimRefusal | Refusal;

/** What a source says of somebody. Undefined: it does not say. */
export type ScimUserFields = {
  readonly userName: string;
  readonly externalId: string | null;
  /** Only in so many words does anybody become active. */
  readonly active?: boolean;
  readonly name?: string;
  readonly email?: string;
  readonly kind?: PersonFacts['kind'];
  /** A person's id as the source has it; null: nobody. */
  readonly manager?: string | null;
};

/** `replace`: these and nobody else, before the others are added and removed. */
export type ScimMembers = {
  readonly replace?: readonly string[];
  readonly add: readonly string[];
  readonly remove: readonly string[];
};

export type ScimGroupFields = {
  readonly display?: string;
  readonly externalId?: string | null;
  readonly members?: ScimMembers;
};

/** `id`: as the address has it, whatever that is; `userName`: as the body has it, where it has one. */
export type ScimSubject = { readonly id?: string; readonly userName?: string };

export type ScimPage = { readonly offset: number; readonly limit: number };

export type ScimUseCases = {
  /** The caller behind a token; undefined for every token that does not hold, whatever the reason. */
  authenticate(shown: string): Promise<ScimCaller | undefined>;
  /** Writes down that a token did not hold or did not reach. */
  refuseToken(source: string | undefined): Promise<void>;
  begin(caller: ScimCaller): Promise<ScimCall>;
  /**
   * Ends all that somebody has, before anything else of the call is looked at. Of somebody unknown it keeps the word and
   * alarms.
   */
  offBoard(call: ScimCall, subject: ScimSubject, state: 'inactive' | 'deleted'): Promise<Refusal | undefined>;
  /** Does anybody have this userName, whoever made them? */
  isKnown(call: ScimCall, userName: string): Promise<boolean>;
  /** Of a change that off-boards nobody: alarms where nobody has this id. */
  note(call: ScimCall, subject: ScimSubject): Promise<Refusal | undefined>;
  user(caller: ScimCaller, id: string): Promise<ScimAnswer<ScimUserRow>>;
  /** Those who may fit; `total` counts all that the source made. */
  users(
    caller: ScimCaller,
    search: ScimUserSearch & { readonly userName?: string },
    page: ScimPage,
  ): Promise<ScimAnswer<{ readonly rows: readonly ScimUserRow[]; readonly total: number }>>;
  createUser(call: ScimCall, fields: ScimUserFields): Promise<ScimAnswer<ScimUserRow>>;
  changeUser(call: ScimCall, id: string, fields: ScimUserFields): Promise<ScimAnswer<ScimUserRow>>;
  removeUser(call: ScimCall, id: string): Promise<ScimAnswer<undefined>>;
  group(caller: ScimCaller, id: string): Promise<ScimAnswer<ScimGroupRow>>;
  groups(
    caller: ScimCaller,
    search: { readonly members: boolean; readonly display?: string },
  ): Promise<ScimAnswer<readonly ScimGroupRow[]>>;
  createGroup(call: ScimCall, fields: ScimGroupFields): Promise<ScimAnswer<ScimGroupRow>>;
  changeGroup(call: ScimCall, id: string, fields: ScimGroupFields): Promise<ScimAnswer<ScimGroupRow>>;
  removeGroup(call: ScimCall, id: string): Promise<ScimAnswer<undefined>>;
};

export const isScimRefusal = (value: unknown): value is ScimRefusal =>
  (value as { kind?: unknown } | undefined)?.kind === 'scim-refusal';

export const scimRefuse = (why: ScimRefusal['why'], message: string): ScimRefusal => ({
  kind: 'scim-refusal',
  why,
  message,
});
