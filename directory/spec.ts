/** What is configured of a source of people: how its deliveries are signed and read, and how it is asked. */
import type { PersonState } from '../domain/person.ts';

/**
 * How a delivery is signed. `content` is what the HMAC is over: `{body}`, `{timestamp}` and `{id}` stand for the raw body
 * and the two headers. `standard` is Standard Webhooks, as its own package has it.
 */
export type Signature =
  | { readonly kind: 'standard'; readonly secrets: readonly string[] }
  | {
      readonly kind: 'hmac';
      /** Any of them holds, so that one can be replaced without a gap. */
      readonly keys: readonly Buffer[];
      readonly header: string;
      readonly algorithm: 'sha256' | 'sha512';
      readonly encoding: 'hex' | 'base64';
      /** Before the signature, e.g. `sha256=`; may be empty. */
      readonly prefix: string;
      readonly content: string;
      readonly id?: string;
      readonly timestamp?: { readonly header: string; readonly unit: 's' | 'ms'; readonly toleranceMs: number };
    };

/** Where in the body something stands: JSON pointers. */
export type EventShape = {
  /** A list of events in one delivery; absent: the body is one. The others begin at each of its entries. */
  readonly each?: string;
  readonly handle?: string;
  readonly id?: string;
  readonly type: string;
  /** A type that is not here is passed over. */
  readonly types: ReadonlyMap<string, PersonState>;
  readonly version?: string;
  readonly effectiveAt?: string;
  readonly delivery?: string;
  /** When a day begins that comes without a time. */
  readonly days: { readonly zone: string; readonly at: string };
};

export type Hook = { readonly signature: Signature; readonly event: EventShape };
export type OktaHook = {
  /** Values of the header Authorization; any of them holds. */
  readonly authorization: readonly string[];
  readonly types: ReadonlyMap<string, PersonState>;
};

export type Ask =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly token?: string;
      readonly timeoutMs: number;
      /** Pointers: the list, and in each of its entries. */
      readonly list: string;
      readonly handle: string;
      readonly state: string;
      readonly states: ReadonlyMap<string, PersonState>;
      readonly manager?: string;
      readonly groups?: string;
    };

/** `missingPercent`: of those whom it listed, as many may be missing from an answer; of more, nothing is believed. */
export type Pull = { readonly everyMs: number; readonly missingPercent: number };

export type SourceSpec = {
  readonly name: string;
  /** Taken away from the end of handles: `ada@acme.example` is `ada`. */
  readonly domain?: string;
  readonly hook?: Hook;
  readonly okta?: OktaHook;
  readonly ask?: Ask;
  readonly pull?: Pull;
};

/**
 * The handle that a source's name of somebody stands for. Handles are of small letters, and composed: a source that
 * writes `Ada` means nobody else, and whoever is not found keeps what they have.
 */
export function handleOf({ domain }: Pick<SourceSpec, 'domain'>, name: string): string {
  const whole = name.normalize('NFC').trim().toLowerCase();
  return domain !== undefined && whole.endsWith(`@${domain}`) ? whole.slice(0, -domain.length - 1) : whole;
}
