import { approvedEndOf, mayBeGranted } from '../approved.ts';
import { finder, type Check } from '../finding.ts';
import { letsIn } from '../target-facts.ts';

const found = finder('I1');

/** Whoever can log in has an active ledger row, time left, and a claimed request with the approvals that its plan wants. */
export const loginIsGranted: Check = ({ targets, records }) =>
  targets.flatMap((target) =>
    target.roles
      .filter((role) => letsIn(role, target.now))
      .flatMap((role) => {
        const row = target.ledger.find((one) => one.role === role.name);
        if (!row || row.state !== 'active')
          return [found('not-active', role.name, 'It can log in, and no active ledger row says so.')];
        if (row.endAt === null || row.endAt <= target.now)
          return [found('over', role.name, 'It can log in after its end.')];
        const record = records.get(row.grantId);
        if (!record?.claim)
          return [found('no-request', role.name, 'It can log in, and the store has no claimed request for it.')];
        if (!mayBeGranted(record))
          return [found('not-approved', role.name, 'It can log in without the approvals that its plan wants.')];
        return row.endAt > (approvedEndOf(record) ?? 0)
          ? [found('longer', role.name, 'It can log in for longer than anybody approved.')]
          : [];
      }),
  );
