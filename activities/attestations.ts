import type { Attestation } from '../domain/grant.ts';
import type { TargetCheck } from '../store/target-checks.ts';

/** What operators vouched for at the target's last check, as a receipt prints it. */
export function attestationsOf(check: TargetCheck | undefined): readonly Attestation[] {
  const { attestations } = (check?.result ?? {}) as { attestations?: unknown };
  if (!check || !Array.isArray(attestations)) return [];
  return (attestations as readonly { code: string; says: string; by: string }[]).map(({ code, says, by }) => ({
    code,
    says,
    operator: by,
    at: check.checkedAt,
  }));
}
