import type { AuditEntry, AuditKind } from '../../domain/events.ts';

/**
 * An entry as no constructor makes one: what a test plants or forges, and what an older version wrote.
 * @param body whatever
 */
export const oddEntry = (entry: {
  readonly kind: AuditKind;
  readonly actor: string;
  readonly subject: string;
  readonly body: object;
}): AuditEntry => entry as unknown as AuditEntry;

/** Of a grant, saying no more than whose it is. */
export const grantEntry = (subject: string): AuditEntry =>
  oddEntry({ kind: 'grant.made', actor: 'curfew_worker', subject, body: {} });
