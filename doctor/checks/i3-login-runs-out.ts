import { finder, type Check } from '../finding.ts';

const found = finder('I3');

/** VALID UNTIL alone, with every process dead, stops new logins at the end that the ledger has, or its grace before that. */
export const loginRunsOut: Check = ({ targets }) =>
  targets.flatMap((target) =>
    target.roles
      .filter((role) => role.canLogin)
      .flatMap((role) => {
        if (role.validUntilAt === null) return [found('never', role.name, 'Its login never runs out.')];
        const row = target.ledger.find((one) => one.role === role.name);
        return row?.endAt != null && role.validUntilAt > row.endAt - row.graceMs
          ? [found('later', role.name, 'Its login runs out later than its ledger row says.')]
          : [];
      }),
  );
