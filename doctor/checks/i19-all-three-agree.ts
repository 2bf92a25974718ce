import { roleOf, type RequestId } from '../../domain/ids.ts';
import { finder, type Check } from '../finding.ts';
import type { GrantRecord } from '../records.ts';
import type { LedgerRow } from '../target-facts.ts';

const found = finder('I19');
/** One reconcile period. */
const periodMs = 60_000;

/** Enabled logins, active ledger rows and active grants in the store are the same set, with the same ends, for every target. */
export const allThreeAgree: Check = ({ targets, records, now }) => {
  const findings = targets.flatMap((target) => {
    const old = (at: number | null): boolean => at === null || at + periodMs <= target.now;
    const enabled = new Set(target.roles.filter((role) => role.canLogin).map((role) => role.name));
    const strangers = [...enabled].filter((name) => !target.ledger.some((row) => row.role === name));
    const active = target.ledger.filter((row) => row.state === 'active');
    return [
      ...strangers.map((name) => found('stranger', name, 'It can log in, and the ledger does not know it.')),
      ...active
        .filter((row) => !enabled.has(row.role))
        .map((row) => found('no-login', row.grantId, 'The ledger has it active, and it cannot log in.')),
      ...active
        .filter((row) => old(row.grantedAt) && !wasActive(records.get(row.grantId)?.grant ?? null, now))
        .map((row) => found('not-recorded', row.grantId, 'The target has it active, and the store does not.')),
      ...active
        .filter((row) => endsApart(row, records.get(row.grantId), now))
        .map((row) => found('end', row.grantId, 'Its target and the store have two ends for it.')),
    ];
  });
  const here = new Set(targets.flatMap((target) => target.targets as readonly string[]));
  for (const record of records.values()) {
    if (!here.has(record.target) || !record.grant || record.grant.endedAt !== null) continue;
    const role = roleOf(record.id as RequestId);
    const row = targets.flatMap((target) => target.ledger).find((one) => one.role === role);
    const goneAt = row ? row.revokedAt : record.grant.grantedAt;
    if (row?.state !== 'active' && (goneAt ?? 0) + periodMs <= now) {
      findings.push(found('not-there', record.id, 'The store has it active, and its target does not.'));
    }
  }
  return findings;
};

/** An extension moves the target's end first and the store's right after: only what stays apart is a contradiction. */
function endsApart(row: LedgerRow, record: GrantRecord | undefined, now: number): boolean {
  const { grant, extensions = [] } = record ?? {};
  if (!grant || grant.endedAt !== null || row.endAt === null || row.endAt === grant.endAt) return false;
  return !extensions.some(({ signedAt, outcomeAt }) => Math.max(signedAt ?? 0, outcomeAt ?? 0) + 2 * periodMs > now);
}

/** What ended while this look was taken was active when the target was read. */
const wasActive = (grant: { readonly endedAt: number | null } | null, now: number): boolean =>
  grant !== null && (grant.endedAt === null || grant.endedAt >= now);
