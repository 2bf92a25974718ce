import { roleOf, type RequestId } from '../../domain/ids.ts';
import { finder, type Check } from '../finding.ts';

const found = finder('I5');

/** One login role a grant, under the name that its id gives, with the oid that the ledger noted; in one cluster only. */
export const oneRoleAGrant: Check = ({ targets, records }) => {
  const homes = new Map<string, Set<string>>();
  const findings = targets.flatMap((target) =>
    target.ledger.flatMap((row) => {
      if (row.roleOid !== null) homes.set(row.grantId, (homes.get(row.grantId) ?? new Set()).add(target.cluster));
      const named = target.roles.find((role) => role.name === row.role);
      const noted = target.roles.find((role) => role.oid === row.roleOid);
      return [
        ...(row.role === roleOf(row.grantId as RequestId)
          ? []
          : [found('name', row.grantId, 'Its role has not the name that its id gives.')]),
        ...(named && row.roleOid !== null && named.oid !== row.roleOid
          ? [found('reused', row.grantId, "Another role bears the name of this grant's.")]
          : []),
        ...(noted && noted.name !== row.role ? [found('renamed', row.grantId, 'Its role was renamed.')] : []),
      ];
    }),
  );
  for (const [grantId, clusters] of homes) {
    if (clusters.size > 1) findings.push(found('twice', grantId, `It was granted in ${clusters.size} clusters.`));
  }
  for (const record of records.values()) {
    if (record.grant && record.grant.role !== roleOf(record.id as RequestId)) {
      findings.push(found('record', record.id, 'The store has another role for it than its id gives.'));
    }
  }
  return findings;
};
