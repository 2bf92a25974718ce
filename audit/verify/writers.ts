import { auditKinds, logins, type AuditKind } from '../../domain/events.ts';

const kinds = new Map<string, readonly string[]>(Object.entries(auditKinds));
const own = new Set<string>(logins);

/** Operators append with logins of their own what the administrator's or the directory's may (`audit.append`). */
const operators: readonly string[] = ['curfew_admin', 'curfew_directory'];

export const isKind = (kind: string): kind is AuditKind => kinds.has(kind);

/** @returns why this login may not write entries of this kind; undefined where it may */
export function whyNotWriter(kind: string, login: string): string | undefined {
  const may = kinds.get(kind);
  if (!may) return 'Nothing of this kind is ever written.';
  if (may.includes(login)) return undefined;
  const operator = !own.has(login) && may.some((one) => operators.includes(one));
  return operator ? undefined : `${login} may not write this: only ${may.join(', ')} may.`;
}
