import { finder, type Check } from '../finding.ts';

const found = finder('I4');

/** What is a tombstone on a target, or ended in the store, cannot log in. */
export const revokedIsFinal: Check = ({ targets, records, now }) =>
  targets.flatMap((target) =>
    target.ledger.flatMap((row) => {
      const canLogin = target.roles.some(
        (role) => role.canLogin && (role.name === row.role || role.oid === row.roleOid),
      );
      if (row.state !== 'active')
        return canLogin ? [found('tombstone', row.grantId, 'It is a tombstone and can log in.')] : [];
      const record = records.get(row.grantId);
      // What ended while this look was taken is no contradiction.
      const endedAt = record?.revoked?.verifiedAt ?? record?.grant?.endedAt ?? Infinity;
      return endedAt < now
        ? [found('came-back', row.grantId, 'The store has it ended, and the ledger has it active.')]
        : [];
    }),
  );
