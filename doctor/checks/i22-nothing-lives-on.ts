import { finder, type Check } from '../finding.ts';

const found = finder('I22');

/**
 * What a grantee made runs with nothing after the revoke. Before cleaning it is owned by a role that is in no other and
 * that nobody else is in; afterwards by the quarantine, which may do nothing and shares nothing.
 */
export const nothingLivesOn: Check = ({ targets }) =>
  targets.flatMap((target) => [
    ...target.roles
      .filter(
        (role) => role.owns > 0 && target.ledger.some((row) => row.roleOid === role.oid && row.state !== 'active'),
      )
      .flatMap((role) => [
        ...(role.memberships.length > 0
          ? [found('owner-in-role', role.name, 'It is over, owns objects, and is in a role.')]
          : []),
        ...(role.members.length > 0
          ? [found('owner-has-members', role.name, 'It is over, owns objects, and others are in it.')]
          : []),
      ]),
    ...target.excess
      .filter(({ role }) => role === 'curfew_quarantine')
      .map(({ what }) => found('quarantine', `${target.cluster}/curfew_quarantine`, `The quarantine ${what}.`)),
    ...target.shared.map(({ database, what }) =>
      found('shared', `${target.cluster}/${database}`, `Others may use what is in quarantine: ${what}.`),
    ),
  ]);
