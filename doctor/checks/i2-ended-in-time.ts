import { finder, type Check } from '../finding.ts';

const found = finder('I2');
const graceMs = 30_000;

/** Thirty seconds after its end or its revoke a grant has no login, no template and no session, on any node. */
export const endedInTime: Check = ({ targets }) =>
  targets.flatMap((target) =>
    target.ledger
      .filter((row) => {
        const overAt = Math.min(row.endAt ?? Infinity, row.revokedAt ?? Infinity);
        return overAt + graceMs <= target.now;
      })
      .flatMap((row) => {
        const roles = target.roles.filter((role) => role.name === row.role || role.oid === row.roleOid);
        const sessions = target.sessions.filter(
          (session) => session.role === row.role || (row.roleOid !== null && session.roleOid === row.roleOid),
        );
        return [
          ...(roles.some((role) => role.canLogin) ? [found('login', row.grantId, 'It is over and can log in.')] : []),
          ...(roles.some((role) => role.memberships.length > 0)
            ? [found('membership', row.grantId, 'It is over and is in a template.')]
            : []),
          ...sessions.map((session) =>
            found('session', row.grantId, `It is over and has a session on ${session.node}.`),
          ),
        ];
      }),
  );
