import { createHash, createHmac } from 'node:crypto';
import { isUuid } from '../../domain/ids.ts';

/** What a ticket is made of. `endAt` is the end that is asked for, epoch ms; an extension binds no verifier. */
export type TicketFields = {
  readonly grantId: string;
  readonly personId: string;
  readonly template: string;
  readonly endAt: number;
} & ({ readonly op: 'grant'; readonly verifier: string } | { readonly op: 'extend' });

/** 32 bytes at least: the target refuses to register a shorter key. */
export const shortestTicketKey = 32;

/**
 * The text under the HMAC, as `curfew.check_ticket` in sql/install.sql builds it:
 * `curfew-ticket-1|op|grant id|person|template|hex of SHA-256 of the verifier|end in microseconds since 1970`.
 * PostgreSQL's instants count microseconds and Curfew's milliseconds, hence times 1,000; the digest of an extension is
 * empty. Only the template could hold a bar, and what stands on either side of it has a fixed form.
 */
export function ticketText(fields: TicketFields): string {
  if (!isUuid(fields.grantId) || !isUuid(fields.personId)) throw new Error('a ticket names lower-case UUIDs');
  if (!Number.isSafeInteger(fields.endAt)) throw new Error('a ticket names a finite end in whole milliseconds');
  const digest = fields.op === 'grant' ? createHash('sha256').update(fields.verifier, 'utf8').digest('hex') : '';
  const microseconds = BigInt(fields.endAt) * 1_000n;
  return ['curfew-ticket-1', fields.op, fields.grantId, fields.personId, fields.template, digest, microseconds].join(
    '|',
  );
}

/**
 * The API's half of the two-key rule: HMAC-SHA-256 (RFC 2104) with the target's ticket key. Without it the target's
 * `grant` and `extend` refuse (CF013), so that neither the worker's login nor the Temporal namespace can make a login.
 */
export function makeTicket({ key, ...fields }: { readonly key: Uint8Array } & TicketFields): Buffer {
  if (key.byteLength < shortestTicketKey) throw new Error(`a ticket key has at least ${shortestTicketKey} bytes`);
  return createHmac('sha256', key).update(ticketText(fields), 'utf8').digest();
}
