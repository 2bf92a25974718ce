import { finder, type Check } from '../finding.ts';

const found = finder('I21');

/** Each session of a grantee joins to exactly one request, and to those who approved it. */
export const sessionsHaveARequest: Check = ({ targets, records }) =>
  targets.flatMap((target) =>
    target.sessions.flatMap((session) => {
      const subject = session.role ?? `${target.cluster}/${session.node}/${session.pid}`;
      const rows = target.ledger.filter((row) => row.role === session.role || row.roleOid === session.roleOid);
      if (rows.length !== 1)
        return [found('no-grant', subject, `A session on ${session.node} joins to ${rows.length} grants.`)];
      const record = records.get(rows[0]?.grantId ?? '');
      if (!record) return [found('no-request', subject, `A session on ${session.node} joins to no request.`)];
      const approvers = record.decisions.filter((decision) => decision.verdict === 'approve');
      return record.plan.verdict === 'approvals' && approvers.length === 0
        ? [found('no-approver', subject, `A session on ${session.node} joins to nobody who approved it.`)]
        : [];
    }),
  );
